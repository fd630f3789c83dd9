"""The end of what is open when the daemon stops: first by itself, then, when patience is over, at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.task import deferLater

from meshd.model import Refusal
from meshd.passing.plane import Plane
from meshd.usage.ledger import Ledger

BEAT = 0.1
"""Seconds between two looks."""


async def drain(reactor: Any, planes: Iterable[Plane], ledger: Ledger, seconds: float) -> None:
    """Wait until nothing is open on any plane, for so many seconds; then end what is."""
    planes = tuple(planes)
    for plane in planes:
        for connection in list(plane.connections):
            connection.drain()
    waited = 0.0
    while (any(plane.connections for plane in planes) or ledger.open_of(0)) and waited < seconds:
        await deferLater(reactor, BEAT)
        waited += BEAT
    for plane in planes:
        for connection in list(plane.connections):
            connection.stop()
    for meter in ledger.open_of(0):
        meter.stop(Refusal("overloaded", "shutting down"))
