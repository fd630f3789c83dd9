"""Whether connections that do not answer wait for a slow server, or for none: a new connection tells.

A pooler goes on taking questions while the server behind it is gone, and so does a machine that has frozen: nothing
ends such a connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from twisted.logger import Logger

from meshd.running.regularly import Regularly
from meshd.store.interface import StoreUnavailable
from meshd.store.postgres.link import Link

SILENT_SECONDS = 5.0
"""How long an answer may take before a new connection is tried; again after as long, while it still takes."""

_log = Logger()


class Watch:
    """Over the connections of a pool."""

    def __init__(
        self, reactor: Any, connect: Callable[[], Awaitable[Link]], links: Callable[[], Iterable[Link]]
    ) -> None:
        self._reactor = reactor
        self._connect = connect
        self._links = links
        away = "silent connections to the database cannot be judged"
        self._looks = Regularly(reactor, self._judge, lambda: SILENT_SECONDS, log=_log, away=away)

    def start(self) -> None:
        self._looks.start()

    def stop(self) -> None:
        self._looks.stop(cut=True)

    async def _judge(self) -> None:
        before = self._reactor.seconds() - SILENT_SECONDS
        silent = {link: link.asked for link in self._links() if link.asked is not None and link.asked <= before}
        if not silent:
            return
        try:
            link = await self._connect()
        except StoreUnavailable as error:
            for link, asked in silent.items():
                if link.asked == asked:
                    link.lose(str(error))
        else:
            link.lose("closed")
