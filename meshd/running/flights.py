"""Work that many ask for at once, done once; and work that must be done one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")


class Crowded(Exception):
    """More different things are under way than are allowed to."""


class Landed(NamedTuple, Generic[T]):
    result: T
    led: bool
    """Whether the work was begun for this caller."""


class Flights(Generic[T]):
    """Single flight: callers with one key share one piece of work, and outlive each other."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._waiting: dict[Hashable, dict[Deferred[T], None]] = {}

    async def join(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> Landed[T]:
        """The result of the work under way for this key, else of `work`.  Raises: Crowded, and what the work raises."""
        waiter, led = self.enter(key)
        if led:
            # Owned by all who wait, so that the first may go away.
            Deferred.fromCoroutine(_done(work)).addBoth(partial(self.land, key))
        return Landed(await waiter, led)

    def enter(self, key: Hashable) -> tuple[Deferred[T], bool]:
        """A Deferred of this caller's alone, and whether its work is still to be begun: by the caller, who tells all
        that wait by then what came of it (`land`).  Raises: Crowded.
        """
        waiting = self._waiting.get(key)
        led = waiting is None
        if waiting is None:
            if self.full:
                raise Crowded
            waiting = self._waiting[key] = {}
        waiter: Deferred[T] = Deferred(waiting.pop)
        waiting[waiter] = None
        return waiter, led

    @property
    def full(self) -> bool:
        return len(self._waiting) >= self._bound

    def wanted(self, key: Hashable) -> bool:
        """Whether anybody waits for the work under way for this key."""
        return bool(self._waiting.get(key))

    def land(self, key: Hashable, result: Any) -> None:
        """Tell all who wait for the work under way for this key what came of it: a result, or a Failure."""
        for waiter in list(self._waiting.pop(key, ())):
            if not waiter.called:  # whoever is told may cancel another
                waiter.callback(result)


async def _done(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


class Lines:
    """Locks by key: one holder of a key at a time, in the order of coming."""

    def __init__(self, most: int | None = None) -> None:
        """most: how many may wait for one key; None where whoever holds them bounds their number."""
        self._most = most
        self._lines: dict[Hashable, _Line] = {}

    @asynccontextmanager
    async def hold(self, key: Hashable) -> AsyncIterator[None]:
        """Raises: Crowded."""
        line = self._lines.setdefault(key, _Line())
        if self._most is not None and len(line) >= self._most:
            raise Crowded
        await line.enter()
        try:
            yield
        finally:
            if line.leave():
                del self._lines[key]


class _Line:
    __slots__ = ("_busy", "_passing", "_waiting")

    def __init__(self) -> None:
        self._busy = False
        self._passing = False
        self._waiting: deque[Deferred[None]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    async def enter(self) -> None:
        if not self._busy:
            self._busy = True
            return
        turn: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(turn)
        await turn

    def leave(self) -> bool:
        """Let the next one in; whether the line is empty now.

        Who is let in may leave before callback() returns, so the outermost call lets them in by a loop: nested calls
        for a thousand who are refused at once would exhaust the stack.
        """
        self._busy = False
        if self._passing:
            return False
        self._passing = True
        while self._waiting and not self._busy:
            self._busy = True
            self._waiting.popleft().callback(None)
        self._passing = False
        return not self._busy
