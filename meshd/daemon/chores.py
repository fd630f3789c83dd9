"""What a daemon does beside serving clients: lists are fetched, the operator is told, others know that it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshd.daemon.aside import Aside
from meshd.daemon.core import Core
from meshd.daemon.listwatch import ListWatch
from meshd.daemon.moving import Moving
from meshd.daemon.presence import Presence
from meshd.daemon.telling import Telling
from meshd.exits.fetching import Fetcher

WITH_WORKERS = "a daemon with workers cannot exchange its store while it serves: stop it"


class Chores:
    """Of the daemon's own process, whether it has workers or not."""

    def __init__(
        self, reactor: Any, core: Core, aside: Aside, behind: Callable[[], float], busy: Callable[[], str]
    ) -> None:
        """behind: seconds for which counts of workers wait for the store; busy: why the store cannot be exchanged."""
        config, now, plane = core.config, core.now, core.plane
        self._presence = Presence(core.store, reactor, now, core.node, lambda: core.config.listeners)
        refusal = (lambda: WITH_WORKERS) if config.workers > 1 else busy
        self._moving = Moving(reactor, core.switch, config.data_dir, config.store_url, refusal=refusal)
        fetcher = Fetcher(reactor, plane.poller, plane.dialler)
        in_thread = core.exit_watch.in_thread
        self._lists = ListWatch(reactor, lambda: core.config, fetcher, now, in_thread, plane.chance)
        self._telling = Telling(core, behind, aside.done)

    def begin(self) -> None:
        """Begin, once clients are let in."""
        self._lists.start()
        self._presence.start()
        self._telling.start()

    def follow(self) -> None:
        """Go by settings that may be others now."""
        self._telling.follow()

    async def follow_move(self) -> bool:
        """Follow a command that moves the store and waits for this daemon; whether there is one."""
        return await self._moving.begin()

    def moves(self) -> bool:
        """Whether such a command is followed."""
        return self._moving.under_way

    async def settle(self) -> None:
        """Begin nothing more, as what is open is about to be drained; the store is the one that it is now."""
        await self._moving.stop()
        await self._lists.stop()

    async def close(self) -> None:
        """Say the last, while the store is there."""
        await self._telling.stop()
        await self._presence.stop()
