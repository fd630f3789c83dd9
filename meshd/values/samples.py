"""What a service tells of itself in numbers."""

from __future__ import annotations

Sample = tuple[str, tuple[tuple[str, str], ...], float]
"""One number of a service at this moment: its name, its labels with their values, and what it is."""
