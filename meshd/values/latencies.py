"""How long probes take through an exit.  Pure."""

from __future__ import annotations

from typing import NamedTuple


class Latency(NamedTuple):
    """What one process has measured."""

    node: str
    """The process: `host:data folder`."""
    exit: str
    milliseconds: int
    """From the beginning of a probe to its answer, smoothed over the last few."""
    at: int
    """When that was noted; seconds since the epoch."""


class MeanLatency(NamedTuple):
    """What all processes have measured."""

    exit: str
    milliseconds: int
    processes: int
    at: int
    """When the latest was noted."""
