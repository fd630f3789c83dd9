"""When to flush: regularly, sooner when asked, more rarely while it fails; never two at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from meshd.store.interface import StoreError

GAP = 0.1
"""The most seconds between two rounds that were asked for.  It is as long as the last one took, if that is less: half
of the time is left to the store's other work."""
SHORTEST_GAP = 0.001
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0

_log = Logger()


class Rounds:
    """Runs `work` again and again until it is stopped."""

    def __init__(self, clock: IReactorTime, work: Callable[[], Awaitable[None]], every: Callable[[], float]) -> None:
        self._clock = clock
        self._work = work
        self._every = every
        self._call: IDelayedCall | None = None
        self._running = False
        self._stopping: Deferred[None] | None = None
        self._asked = False
        self._pause = 0.0
        self._gap = GAP

    @property
    def failing(self) -> bool:
        return self._pause > 0

    def start(self) -> None:
        self._call = self._clock.callLater(self._every(), self._begin)

    def hasten(self) -> None:
        """A round soon; not while they fail."""
        self._asked = True
        if self._call is not None and not self.failing and self._call.getTime() > self._clock.seconds() + self._gap:
            self._call.reset(self._gap)

    async def stop(self) -> None:
        """After the round that is under way."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._running:
            self._stopping = Deferred()
            await self._stopping

    def _begin(self) -> None:
        self._call = None
        self._running = True
        self._asked = False
        Deferred.fromCoroutine(self._round())

    async def _round(self) -> None:
        begun = self._clock.seconds()
        try:
            await self._work()
        except StoreError as error:
            self._failed(error)
        # Whatever it is: no round ever again would mean that nothing is billed and no limit kept.
        except Exception:
            _log.failure("usage cannot be flushed")
            self._pause = LONGEST_PAUSE
        else:
            self._succeeded()
        self._gap = min(max(self._clock.seconds() - begun, SHORTEST_GAP), GAP)
        self._running = False
        if self._stopping is None:
            self._call = self._clock.callLater(self._delay(), self._begin)
        else:
            self._stopping.callback(None)

    def _delay(self) -> float:
        if self.failing:
            return self._pause
        return min(self._gap, self._every()) if self._asked else self._every()

    def _failed(self, error: StoreError) -> None:
        if not self.failing:
            _log.warn("usage waits in the journal, the store is away: {error}", error=str(error))
        self._pause = min(self._pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)

    def _succeeded(self) -> None:
        if self.failing:
            _log.info("usage reaches the store again")
        self._pause = 0.0
