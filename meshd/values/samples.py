"""What a service tells of itself in numbers."""

from __future__ import annotations

Labels = tuple[tuple[str, str], ...]

Sample = tuple[str, Labels, float]
"""One number of a service at this moment: its name, its labels with their values, and what it is.

The name and the order of the labels are those of the catalogue of metrics.
"""
