"""How late the event loop is: a timer that is due four times a second, and by how much each time comes too late."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from meshd.metrics.histogram import Histogram
from meshd.values.samples import Sample

EVERY = 0.25


class Lag:
    """Measures from `start` to `stop`."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._call: IDelayedCall | None = None
        self._due = 0.0
        self._seen = Histogram("reactor_lag_seconds")

    def start(self) -> None:
        self._due = self._clock.seconds() + EVERY
        self._call = self._clock.callLater(EVERY, self._measure)

    def stop(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def samples(self) -> Iterable[Sample]:
        """The histogram of seconds."""
        return self._seen.samples()

    def _measure(self) -> None:
        self._seen.observe(max(self._clock.seconds() - self._due, 0.0))
        self.start()
