"""Finding connections whose server is gone: when one has had no answer for long, a new connection is tried.

A pooler goes on accepting statements while the server behind it is gone, and so does a machine that has frozen: TCP
does not end such a connection.  Where the new connection works, the server is taken to be slow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from twisted.logger import Logger

from meshd.running.regularly import Regularly
from meshd.store.interface import StoreUnavailable
from meshd.store.postgres.link import Link

SILENT_SECONDS = 5.0
"""Seconds without an answer after which a new connection is tried; another one each as many seconds."""

_log = Logger()


class Watch:
    """Closes those connections of a pool whose server is gone."""

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
