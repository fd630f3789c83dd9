"""What takes many milliseconds of the processor is made in a thread of its own, one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from meshd.auth.passwords import Busy
from meshd.running.cause import ASKER
from meshd.running.rows import Rows

T = TypeVar("T")

WAITING = 64
"""Pieces of work that may wait for the thread: two seconds of its time, by the slowest of them, an invoice."""


class Aside:
    """Does work while the thread of the proxy does its own, in turns of those on whose request it is done."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._thread = ThreadPool(0, 1, "meshd-aside")
        self._rows: Rows[Deferred[None]] = Rows(lambda: WAITING, _refuse)
        self._works = self._stopped = False

    def stop(self) -> None:
        """Wait for what is being made, and refuse what waits."""
        self._stopped = True
        while (turn := self._rows.take()) is not None:
            _refuse(turn)
        if self._thread.started:
            self._thread.stop()

    async def done(self, work: Callable[[], T]) -> T:
        """What the work makes, which shares nothing with anybody else.  Its exceptions are raised; raises: Busy."""
        if self._stopped:
            raise Busy
        if self._works:
            turn: Deferred[None] = Deferred()
            self._rows.put(ASKER.get(), turn)
            await turn
        self._works = True
        try:
            if not self._thread.started:
                self._thread.start()
            made: T = await deferToThreadPool(self._reactor, self._thread, work)
        finally:
            self._next()
        return made

    def _next(self) -> None:
        """Let the next one in that is waited for still."""
        self._works = False
        while not self._works and (turn := self._rows.take()) is not None:
            if not turn.called:
                self._works = True
                turn.callback(None)


def _refuse(turn: Deferred[None]) -> None:
    if not turn.called:
        turn.errback(Busy())
