"""The store in an SQLite file: one thread of its own that carries out one unit after the other.

A whole unit is one hop to the thread and one transaction there; no lock is held across turns of the reactor.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Generic, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from meshd.store.interface import StoreUnavailable
from meshd.store.sqlite.file import SQLiteFile
from meshd.store.unit import Unit

P = ParamSpec("P")
T = TypeVar("T")

QUEUE = 2_000
"""Units that may wait, a second's worth of work: more is not going to be done in time."""


class _Job(Generic[T]):
    """Work for the thread, which either begins it or finds that nobody waits any more."""

    def __init__(self, work: Callable[[], T]) -> None:
        self.work = work
        self.result: Deferred[T] = Deferred(self._withdraw)
        self._claim = Lock()

    def _withdraw(self, result: Deferred[T]) -> None:
        self.claim()

    def deliver(self, result: T | Failure) -> None:
        """Hand the result to the caller, if it still waits."""
        if not self.result.called:
            self.result.callback(result)

    def claim(self) -> bool:
        """True for the first that asks: the thread that begins it, or the caller that withdraws it."""
        return self._claim.acquire(blocking=False)


class SQLiteStore:
    """A Store in a file; `create` makes the file if there is none."""

    def __init__(self, reactor: IReactorFromThreads, path: str, *, create: bool = True) -> None:
        self._reactor = reactor
        self._file = SQLiteFile(path, create=create, published=self._published)
        self._wakes: list[Callable[[], None]] = []
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._thread: Thread | None = None

    async def start(self, *, migrate: bool = True) -> None:
        """Open the file and bring its schema up to date, or without `migrate` refuse one that is not.
        Raises: SchemaError, StoreUnavailable; start() may be called again then.
        """
        if self._thread is None:
            self._stopped: Deferred[None] = Deferred()
            self._thread = Thread(target=self._work, name="sqlite", daemon=True)
            self._thread.start()
        try:
            await self._do(self._file.migrate if migrate else self._file.check)
        except BaseException:
            await self.stop()
            raise

    async def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._do(lambda: self._file.run(unit, *args, **kwargs))

    def on_change(self, wake: Callable[[], None]) -> None:
        """Call wake after each change that this process publishes; the feed's poll finds what other processes do."""
        self._wakes.append(wake)

    async def stop(self) -> None:
        """Finish the units that wait, then close the file."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            await self._stopped
            thread.join()

    async def _do(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise StoreUnavailable("the store is closed")
        if self._jobs.qsize() >= QUEUE:
            raise StoreUnavailable("too much is waiting for the store")
        job = _Job(work)
        self._jobs.put(job)
        return await job.result

    def _work(self) -> None:
        """Carry out one job after the other, in the store's thread."""
        while (job := self._jobs.get()) is not None:
            if job.claim():
                self._begin(job)
        try:
            self._file.close()
        finally:
            self._reactor.callFromThread(self._stopped.callback, None)

    def _begin(self, job: _Job[Any]) -> None:
        """Do the job in the store's thread, and deliver its result in the reactor's."""
        try:
            result = job.work()
        except BaseException:
            self._reactor.callFromThread(job.deliver, Failure())
        else:
            self._reactor.callFromThread(job.deliver, result)

    def _published(self) -> None:
        """Pass on, from the store's thread to the reactor's, that a change was published."""
        self._reactor.callFromThread(self._wake)

    def _wake(self) -> None:
        for wake in tuple(self._wakes):
            wake()
