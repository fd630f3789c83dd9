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


async def drain(
    reactor: Any, planes: Iterable[Plane], ledger: Ledger, seconds: float, *, succeeded: bool = False
) -> None:
    """Wait until nothing is open on any plane, for so many seconds; then end what is.

    succeeded: another process serves already.  Then a kept connection on which nothing is under way stays for its next
    request, whose answer closes it: to close it now might meet that request on its way.  Clients of HTTP/2 can be told.
    """
    planes = tuple(planes)
    if succeeded:
        for connection in [each for plane in planes for each in plane.connections]:
            connection.farewell()
    else:
        _leave_out_idle(planes)
    waited = 0.0
    while (_open(planes) or ledger.open_of(0)) and waited < seconds:
        await deferLater(reactor, BEAT)
        waited += BEAT
    if succeeded:
        _leave_out_idle(planes)
    for plane in planes:
        for connection in list(plane.connections):
            connection.stop()
    for meter in ledger.open_of(0):
        meter.stop(Refusal("overloaded", "shutting down"))


def _open(planes: Iterable[Plane]) -> bool:
    """Whether anybody is connected, or has not had all of an answer that has ended."""
    return any(plane.connections or len(plane.relay.deliveries) for plane in planes)


def _leave_out_idle(planes: Iterable[Plane]) -> None:
    for plane in planes:
        for connection in list(plane.connections):
            connection.drain()
