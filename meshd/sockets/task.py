"""Runs one coroutine of the data plane.

A coroutine parks by yielding what it waits for: a `Wire` (or anything with its two waiting places) or a Deferred.  To
resume costs one `send`, where a Deferred for each wait would cost ten times that.  A task has one owner, who hears how
it ended and may throw an exception in at any wait.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

TURN = 1024 * 1024
"""Bytes that one connection moves before others get their turn: about a millisecond."""

READING = 0
WRITING = 1


class Waitable(Protocol):
    """A place where at most one task waits for reading and one for writing."""

    reader: Task | None
    writer: Task | None


@coroutine
def parked(place: Waitable, direction: int) -> Generator[tuple[Waitable, int], None, None]:
    """Wait here until the place's owner resumes us."""
    yield place, direction


class Pause:
    """Where a task waits for no more than its next turn."""

    __slots__ = ("reader", "writer")

    def __init__(self) -> None:
        self.reader: Task | None = None
        self.writer: Task | None = None

    def over(self) -> None:
        task, self.reader = self.reader, None
        if task is not None:  # it may have been thrown out
            task.resume()


async def next_turn(again: Callable[[Callable[[], None]], None]) -> None:
    """Go on when others have had their turn; again: calls back in a later turn of the reactor."""
    pause = Pause()
    again(pause.over)
    await parked(pause, READING)


class Task:
    """A coroutine and where it waits."""

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
        """Go on from where it parked; its place has forgotten it already."""
        self._place = None
        self._step(self._coroutine.send, None)

    def throw(self, error: BaseException) -> bool:
        """Raise error where it waits.  False if it is running now or over: then it must notice for itself."""
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
        ended, self._ended = self._ended, _heard  # or task and owner would keep each other until a collection
        ended(error)

    def _await(self, deferred: Deferred[Any]) -> None:
        self._deferred = deferred
        deferred.addBoth(self._answered, deferred)

    def _answered(self, result: object, deferred: Deferred[Any]) -> None:
        """Go on, unless we were thrown out of that wait: then the answer is nobody's.

        The coroutine takes a result from the Deferred itself, which cannot give a failure while it calls back.
        """
        if self._deferred is deferred:
            self._deferred = None
            if isinstance(result, Failure):
                self._step(self._coroutine.throw, result.value)
            else:
                self._step(self._coroutine.send, None)


def _heard(error: BaseException | None) -> None:
    """The owner knows already."""
