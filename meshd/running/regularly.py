"""Periodic work: one owner for its timer, for its coroutine, and for what the log hears while the work fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

GAP = 0.1
"""The most seconds between two rounds that were asked for.  The gap is as long as the last round took, if that is less:
half of the time is left to other work."""
SHORTEST_GAP = 0.001


class Regularly:
    """Does `work` again and again until it is stopped, never twice at once.  An exception of the work ends nothing.

    The log hears once when the work begins to fail (`away`), and once when the work succeeds again (`back`).
    """

    def __init__(
        self,
        clock: IReactorTime,
        work: Callable[[], Awaitable[None] | None],
        every: Callable[[], float],
        *,
        log: Logger,
        away: str,
        back: str = "",
        expected: tuple[type[Exception], ...] = (),
        pause: Callable[[float], float] | None = None,
    ) -> None:
        """every: seconds from the end of a round to the next; pause: the same while rounds fail, from the last pause.

        expected: failures that are told in a line; any other is told with its traceback.
        """
        self._clock = clock
        self._work = work
        self._every = every
        self._log = log
        self._away = away
        self._back = back
        self._expected = expected
        self._longer = pause or (lambda _: every())
        self._call: IDelayedCall | None = None
        self._round: Deferred[None] = succeed(None)
        self._busy = False
        self.running = False
        """Between start and stop."""
        self._waiting: list[Deferred[None]] = []
        self._asked = False
        self._pause = 0.0
        self._gap = GAP
        self._failure: type[Exception] | None = None

    @property
    def failing(self) -> bool:
        """Whether the last round failed."""
        return self._failure is not None

    def start(self, *, at_once: bool = False) -> None:
        self.running = True
        if at_once:
            self._begin()
        else:
            self._call = self._clock.callLater(self._every(), self._begin)

    def begin(self) -> None:
        """Begin a round at once; without effect while a round is under way, and after a stop."""
        if self._call is not None:
            self._call.cancel()
            self._begin()

    def hasten(self) -> None:
        """Have a round soon; not while rounds fail."""
        self._asked = True
        if self._call is not None and not self.failing and self._call.getTime() > self._clock.seconds() + self._gap:
            self._call.reset(self._gap)

    def ended(self) -> Deferred[None]:
        """Fires when the round that is under way has ended."""
        if not self._busy:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        return waiter

    def stop(self, *, cut: bool = False) -> Deferred[None]:
        """Begin no further round; fires when the round under way has ended.  cut: cancel that round."""
        self.running = False
        if self._call is not None:
            self._call.cancel()
            self._call = None
        ended = self.ended()
        if cut:
            self._round.cancel()
        return ended

    async def finish(self) -> None:
        """Stop, after a last round."""
        await self.stop()
        self._begin()
        await self.ended()

    def _begin(self) -> None:
        self._call = None
        self._busy = True
        self._asked = False
        self._round = Deferred.fromCoroutine(self._run())

    async def _run(self) -> None:
        begun = self._clock.seconds()
        try:
            done = self._work()
            if done is not None:
                await done
        except Exception as error:
            self._failed(error)
        else:
            self._succeeded()
        self._gap = min(max(self._clock.seconds() - begun, SHORTEST_GAP), GAP)
        self._busy = False
        if self.running:
            self._call = self._clock.callLater(self._delay(), self._begin)
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(None)

    def _delay(self) -> float:
        if self.failing:
            return self._pause
        return min(self._gap, self._every()) if self._asked else self._every()

    def _failed(self, error: Exception) -> None:
        """Tell the log of another kind of failure than the last round's."""
        if not self.running and isinstance(error, CancelledError):
            return
        if type(error) is not self._failure:
            if isinstance(error, self._expected):
                self._log.warn(self._away + ": {error}", error=str(error))
            else:
                self._log.failure(self._away)
        self._failure = type(error)
        self._pause = self._longer(self._pause)

    def _succeeded(self) -> None:
        if self.failing and self._back:
            self._log.info(self._back)
        self._failure = None
        self._pause = 0.0
