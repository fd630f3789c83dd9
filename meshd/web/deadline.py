"""One absolute deadline: what it bounds must end by then, however busily it drips."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Deadline:
    """At most one at a time; starting another replaces it."""

    __slots__ = ("_call", "_clock")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._call: IDelayedCall | None = None

    def start(self, seconds: float, late: Callable[[], None]) -> None:
        self.stop()
        self._call = self._clock.callLater(seconds, self._end, late)

    def stop(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _end(self, late: Callable[[], None]) -> None:
        self._call = None
        late()
