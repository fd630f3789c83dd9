"""What this process tells all others of itself: that it is there, its version, and what it listens at."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.running.regularly import Regularly
from meshd.store.interface import Store, StoreError
from meshd.store.statements import nodes
from meshd.values.version import version

log = Logger()

SECONDS = 5.0
"""Between two words; operators take a process for gone after a minute without any."""
LISTENERS, LENGTH = 100, 300
"""Listeners that are told, and characters of one: what the settings have beyond that, they have."""


class Presence:
    """Writes the row of this process, and takes it away at its end."""

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        now: Callable[[], float],
        node: str,
        listeners: Callable[[], Iterable[tuple[str, str]]],
    ) -> None:
        """node: this process's name in the store; listeners: those of now: a proxy, or "" for the API; an endpoint."""
        self._store = store
        self._now = now
        self._node = node
        self._listeners = listeners
        self._version = version()
        self._started_at = int(now())
        self._told = self._doubled = False
        """Whether it has told of itself, and has found that another process does so under its name."""
        self._words = Regularly(
            clock,
            self._tell,
            lambda: SECONDS,
            log=log,
            away="that this process is there is not told",
            back="that this process is there is told again",
            expected=(StoreError,),
        )

    def start(self) -> None:
        self._words.start(at_once=True)

    async def stop(self) -> None:
        """Take leave, unless nothing was ever told."""
        if not self._words.running:
            return
        await self._words.stop()
        try:
            await self._store.run(nodes.gone, self._node)
        except StoreError as error:
            log.warn("that this process ends is not told: {error}", error=str(error))

    async def _tell(self) -> None:
        told = [f"{name or 'api'} {endpoint}"[:LENGTH] for name, endpoint in self._listeners()][:LISTENERS]
        started = self._started_at
        before = await self._store.run(nodes.seen, self._node, self._version, told, started, int(self._now()))
        if self._told and before not in (0, started) and not self._doubled:
            self._doubled = True
            text = "another process is called {node} too: give each a host name or a data folder of its own"
            log.warn(text, node=self._node)
        self._told = True
