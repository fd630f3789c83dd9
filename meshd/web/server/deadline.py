"""One absolute deadline: what it bounds must end by then, however busily it drips."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_NOW = 1e-6
"""Seconds that a clock's arithmetic may be off."""

LINGER = 2.0
"""Seconds that a refused client may go on sending: closed at once, it would be told "reset" and never why."""
GRACE = 5.0
"""Seconds for the last bytes to leave, then the connection is cut."""


class Deadline:
    """At most one at a time; starting another replaces it.  `end()` when it will not be used again.

    Several are started for every request and hardly one comes due, so the reactor's timer is left where it stands and
    looks, when it rings, for how long there is still to go.
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
        """Nothing is bounded now."""
        self._late = None

    def end(self) -> None:
        """Leave no timer behind."""
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
