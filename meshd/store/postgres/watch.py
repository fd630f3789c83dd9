"""Whether connections that do not answer wait for a slow server, or for none: a new connection tells.

A pooler goes on taking questions while the server behind it is gone, and so does a machine that has frozen: nothing
ends such a connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall

from meshd.store.interface import StoreUnavailable
from meshd.store.postgres.link import Link

SILENT_SECONDS = 5.0
"""How long an answer may take before a new connection is tried; again after as long, while it still takes."""


class Watch:
    """Over the connections of a pool."""

    def __init__(
        self, reactor: Any, connect: Callable[[], Awaitable[Link]], links: Callable[[], Iterable[Link]]
    ) -> None:
        self._reactor = reactor
        self._connect = connect
        self._links = links
        self._looking: Deferred[None] | None = None
        self._looks = LoopingCall(self._look)
        self._looks.clock = reactor

    def start(self) -> None:
        self._looks.start(SILENT_SECONDS, now=False)

    def stop(self) -> None:
        if self._looks.running:
            self._looks.stop()
        if self._looking is not None:
            self._looking.cancel()

    def _look(self) -> Deferred[None]:
        """The next one waits for the end of this."""
        self._looking = looking = Deferred.fromCoroutine(self._judge())
        return looking.addErrback(lambda failure: failure.trap(CancelledError) and None)

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
