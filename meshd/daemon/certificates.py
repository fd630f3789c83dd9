"""Certificates of published hosts are obtained and renewed while the daemon runs: the loop, its thread, its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from random import random
from threading import Event, Thread
from typing import Any, TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from meshd.accounts.service import Accounts
from meshd.auth.sealing import Seals
from meshd.hosts.acme.obtaining import Obtaining, Parts
from meshd.running.regularly import Regularly
from meshd.store.interface import StoreError
from meshd.topology import Live
from meshd.values.hosting import Acme

LOOK = 10.0
"""Seconds between two looks at what is due; what somebody has changed in this process is looked at sooner."""

T = TypeVar("T")

log = Logger()


class Certificates:
    """Sees to what is due, as long as hosts are published at all."""

    def __init__(
        self,
        reactor: Any,
        accounts: Accounts,
        live: Live,
        seals: Callable[[], Seals],
        refresh: Callable[[], Awaitable[None]],
        node: str,
    ) -> None:
        """refresh: has this process serve what is published by now; node: which one process at a time may be."""
        self._reactor = reactor
        self._live = live
        self._threads = ThreadPool(0, 1, "meshd-acme")
        # An authority that hangs must not keep the process from ending.
        self._threads.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]
        self._stopped = Event()
        parts = Parts(reactor, accounts, self._acme, seals, refresh, node, self._in_thread, self._stopped, random)
        self._obtaining = Obtaining(parts)
        away = "certificates of published hosts wait for the store"
        self._looks = Regularly(reactor, self._look, lambda: LOOK, log=log, away=away, expected=(StoreError,))

    def start(self) -> None:
        self._threads.start()
        self._looks.start()

    def hasten(self) -> None:
        """Look soon: something that is published has changed."""
        self._looks.hasten()

    async def stop(self) -> None:
        """Give up what is under way; another process, or the next start, sees to it."""
        self._stopped.set()
        await self._looks.stop(cut=True)
        self._threads.adjustPoolsize(0, 0)  # stop() would join the thread, which may wait for an authority

    def _acme(self) -> Acme:
        hosts = self._live.topology.hosts
        assert hosts is not None
        return hosts.acme

    async def _look(self) -> None:
        if self._live.topology.hosts is not None:
            await self._obtaining.look()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        done: T = await deferToThreadPool(self._reactor, self._threads, work)
        return done
