"""What is published now, as this process knows it: read from the store at the start and whenever somebody changes it.

Whoever serves of it is told of each change, in one turn of the reactor, with what was there before and what is there
now; what is open is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from meshd.store.interface import StoreError
from meshd.values.published import Published

Heard = Callable[[Published, Published], None]
"""Takes what was published before and what is published now."""

log = Logger()


class HostBook:
    """The present state, which starts with nothing."""

    def __init__(self, newer: Callable[[Published], Awaitable[Published]]) -> None:
        """newer: what is published now, given what was known of it; the very same value where nothing is new."""
        self._newer = newer
        self._one = DeferredLock()
        self._listeners: list[Heard] = []
        self._challenges: dict[str, str] = {}
        self.published = Published()

    def on_change(self, heard: Heard) -> None:
        """Have it told of each change from now on."""
        self._listeners.append(heard)

    def challenge(self, token: str) -> str | None:
        """What stands below `/.well-known/acme-challenge/` by this token."""
        return self._challenges.get(token)

    async def refresh(self) -> None:
        """Read what is newer and serve it.  What the store fails with is raised, and nothing has changed."""
        await self._one.acquire()
        try:
            self.take(await self._newer(self.published))
        finally:
            self._one.release()

    async def follow(self) -> None:
        """Serve what was changed just now.  Where the store fails meanwhile, the change is kept all the same, and its
        maker is not told otherwise: the change feed, which asks until the store answers, brings it.
        """
        try:
            await self.refresh()
        except StoreError as error:
            log.warn("what was published just now is served once the store answers: {error}", error=str(error))

    def take(self, published: Published) -> None:
        """Serve this from now on."""
        before = self.published
        if published is before:
            return
        self.published = published
        self._challenges = dict(published.challenges)
        for heard in self._listeners:
            heard(before, published)
