"""What takes many milliseconds of the processor is made in a thread of its own, one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from meshd.auth.passwords import Busy

T = TypeVar("T")

WAITING = 64
"""Pieces of work that may wait for the thread: two seconds of its time, by the slowest of them, an invoice."""


class Aside:
    """Does work while the thread of the proxy does its own."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._thread = ThreadPool(0, 1, "meshd-aside")
        self._waiting = 0

    def stop(self) -> None:
        """Wait for what is being made."""
        if self._thread.started:
            self._thread.stop()

    async def done(self, work: Callable[[], T]) -> T:
        """What the work makes, which shares nothing with anybody else.  Its exceptions are raised; raises: Busy."""
        if self._waiting >= WAITING:
            raise Busy
        if not self._thread.started:
            self._thread.start()
        self._waiting += 1
        try:
            made: T = await deferToThreadPool(self._reactor, self._thread, work)
        finally:
            self._waiting -= 1
        return made
