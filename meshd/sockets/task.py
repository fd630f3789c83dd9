"""Runs one coroutine of the data plane.

A coroutine waits by yielding what it waits for: a `Wire` (or another `Waitable`) or a Deferred.  To resume it costs one
`send`, where a Deferred for each wait would cost ten times that.  A task has one owner, who hears how the coroutine
ended and may throw an exception in at any wait.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

TURN = 1024 * 1024
"""Bytes that one connection moves before others get their turn: about a millisecond."""

Again = Callable[[Callable[[], None]], None]
"""Calls its argument in a later turn of the reactor."""

READING = 0
WRITING = 1


class Waitable(Protocol):
    """Where at most one task waits for reading and one for writing."""

    reader: Task | None
    writer: Task | None


@coroutine
def parked(place: Waitable, direction: int) -> Generator[tuple[Waitable, int], None, None]:
    """Wait at `place` until its owner resumes the task; direction: READING or WRITING."""
    yield place, direction


class Pause:
    """Where a task waits for a later turn of the reactor, and for nothing else."""

    __slots__ = ("reader", "writer")

    def __init__(self) -> None:
        self.reader: Task | None = None
        self.writer: Task | None = None

    def over(self) -> None:
        task, self.reader = self.reader, None
        if task is not None:  # or an exception was thrown in, which has ended the wait
            task.resume()


async def next_turn(again: Again) -> None:
    """Wait until others have had their turn."""
    pause = Pause()
    again(pause.over)
    await parked(pause, READING)


class Task:
    """A running coroutine, and where it waits."""

    __slots__ = ("_coroutine", "_deferred", "_direction", "_ended", "_place", "over", "running")

    def __init__(self, work: Coroutine[Any, Any, None], ended: Callable[[BaseException | None], None]) -> None:
        self._coroutine = work
        self._ended = ended
        self._place: Waitable | None = None
        self._direction = READING
        self._deferred: Deferred[Any] | None = None
        self.running = False
        self.over = False

    def resume(self) -> None:
        """Go on from where the coroutine waits; the caller has cleared the place's `reader` or `writer` already."""
        self._place = None
        self._step(self._coroutine.send, None)

    def throw(self, error: BaseException) -> bool:
        """Raise error where the coroutine waits; False, with nothing done, if the coroutine is running now or over."""
        if self.running or self.over:
            return False
        self._unpark()
        self._step(self._coroutine.throw, error)
        return True

    def _unpark(self) -> None:
        if self._place is not None:
            if self._direction == READING:
                self._place.reader = None
            else:
                self._place.writer = None
            self._place = None
        self._deferred = None

    def _step(self, step: Callable[[Any], Any], value: object) -> None:
        self.running = True
        try:
            waits_for = step(value)
        except StopIteration:
            self._finish(None)
        except BaseException as error:
            self._finish(error)
        else:
            self.running = False
            if type(waits_for) is tuple:
                place, direction = waits_for
                self._place, self._direction = place, direction
                if direction == READING:
                    place.reader = self
                else:
                    place.writer = self
            else:
                self._await(waits_for)

    def _finish(self, error: BaseException | None) -> None:
        self.running = False
        self.over = True
        ended, self._ended = self._ended, _heard  # or task and owner would keep each other alive until a collection
        ended(error)

    def _await(self, deferred: Deferred[Any]) -> None:
        self._deferred = deferred
        deferred.addBoth(self._answered, deferred)

    def _answered(self, result: object, deferred: Deferred[Any]) -> None:
        """Go on with what the Deferred gave, unless an exception has ended the wait for that Deferred meanwhile.

        The coroutine takes a result from the Deferred itself, which cannot give a failure while it calls back.
        """
        if self._deferred is deferred:
            self._deferred = None
            if isinstance(result, Failure):
                self._step(self._coroutine.throw, result.value)
            else:
                self._step(self._coroutine.send, None)


def _heard(error: BaseException | None) -> None:
    """Do nothing: the owner has heard of the end already."""
