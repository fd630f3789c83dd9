"""What happens to a daemon in an hour: reloads, exits that die, a store that goes away, limits that are raised."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from meshd.store.interface import StoreError
from tests.soak.ground import EXITS, Ground
from tests.support import postgres
from tests.support.daemon import CommandError

RELOAD = 60.0
DEATH, DEAD = 45.0, 6.0
RAISE, MORE = 30.0, 3_000_000
OUTAGE, AWAY = 150.0, 4.0
GRACE = 3.0
"""Seconds after an outage in which the daemon may not have found yet that the store is back."""
TOKEN = 20.0


class Disturbances:
    """All of them, each in its own pace, until `ended`; `counts` says how often each came about."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._ended = asyncio.Event()
        self._limit = 2_000_000
        self.counts: dict[str, int] = {}

    def end(self) -> None:
        self._ended.set()

    async def run(self) -> None:
        """One that cannot be done while the store is there is a fault, and the others go on."""
        await asyncio.gather(
            self._every(RELOAD, "reloads", lambda: asyncio.to_thread(self._ground.reload)),
            self._every(DEATH, "deaths of exits", self._death),
            self._every(RAISE, "limits raised", self._raise),
            self._every(OUTAGE, "outages of the store", self._outage),
            self._every(TOKEN, "tokens made and revoked", self._token),
        )

    async def _every(self, seconds: float, name: str, act: Callable[[], Awaitable[None]]) -> None:
        while not await self._pause(seconds):
            try:
                await act()
            except (StoreError, CommandError, AssertionError) as error:
                if not self._ground.away:
                    self._ground.book.wrong.append(f"{name}: {error}")
            else:
                self.counts[name] = self.counts.get(name, 0) + 1

    async def _pause(self, seconds: float) -> bool:
        """Whether it is over."""
        try:
            await asyncio.wait_for(self._ended.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _death(self) -> None:
        first = self.counts.get("deaths of exits", 0) % EXITS
        which = [first, (first + 1) % EXITS]
        await asyncio.to_thread(self._ground.mortals.die, which)
        await self._pause(DEAD)
        await asyncio.to_thread(self._ground.mortals.come_back, which)

    async def _raise(self) -> None:
        await asyncio.to_thread(self._ground.raise_limit, self._limit + MORE)
        self._limit += MORE

    async def _token(self) -> None:
        daemon = self._ground.daemon
        made = await asyncio.to_thread(daemon.new_token, "carl")
        await self._pause(5.0)
        await asyncio.to_thread(daemon.cli, "token", "delete", "carl", str(made["id"]))

    async def _outage(self) -> None:
        self._ground.away = True
        try:
            if self._ground.kind == "postgres":
                await self._restart()
            else:
                await asyncio.to_thread(self._ground.locked, AWAY)
            await self._pause(GRACE)
        finally:
            self._ground.away = False

    async def _restart(self) -> None:
        server = postgres.server()
        crash = self.counts.get("outages of the store", 0) % 2 == 1
        await asyncio.to_thread(server.stop, crash=crash)
        try:
            await self._pause(AWAY)
        finally:
            await asyncio.to_thread(server.start)
