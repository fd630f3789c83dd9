"""`[probes]`: how exits are tried without a customer's request.  Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Probing:
    """How exits are probed, without a customer's request."""

    url: str = ""
    """The URL that is requested through each exit; "" for no probes."""
    every: float = 60
    """Seconds within which each exit is probed once."""
    timeout: float = 10
    """Seconds that an answer may take."""
    at_once: int = 16
