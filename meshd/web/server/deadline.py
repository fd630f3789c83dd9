"""An absolute deadline for work that could go on for ever, such as a request that comes byte by byte."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_NOW = 1e-6
"""Seconds by which the arithmetic of a clock may be off."""

LINGER = 2.0
"""Seconds that a refused client may go on sending: after a close at once it would see a reset and not the answer."""
GRACE = 5.0
"""Seconds for the last bytes of a closing connection to leave, before the connection is aborted."""


class Deadline:
    """At most one deadline at a time: `start()` replaces the one before; `end()` when no other will be started.

    Several deadlines are started for every request and hardly one comes due, so the reactor's timer stays where it is
    and is armed anew when it rings too early.
    """

    __slots__ = ("_call", "_clock", "_due", "_late", "_rings")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._call: IDelayedCall | None = None
        self._late: Callable[[], None] | None = None
        self._due = self._rings = 0.0

    def start(self, seconds: float, late: Callable[[], None]) -> None:
        self._late = late
        self._due = self._clock.seconds() + seconds
        if self._call is None:
            self._arm(seconds)
        elif self._due < self._rings:
            self._call.reset(seconds)
            self._rings = self._due

    def stop(self) -> None:
        """Forget the deadline; the timer stays for the next one."""
        self._late = None

    def end(self) -> None:
        """Forget the deadline and cancel the timer."""
        self._late = None
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _arm(self, seconds: float) -> None:
        self._rings = self._clock.seconds() + seconds
        self._call = self._clock.callLater(seconds, self._ring)

    def _ring(self) -> None:
        self._call = None
        if self._late is None:
            return
        left = self._due - self._clock.seconds()
        if left > _NOW:
            self._arm(left)
        else:
            late, self._late = self._late, None
            late()
