"""The operator is told: the desk that notices leave by, and looks at what nobody else tells of."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from twisted.logger import Logger

from meshd.auth.passwords import Busy
from meshd.daemon.core import Core
from meshd.daemon.ends import End, of_file, of_rows
from meshd.notify.desk import Desk
from meshd.notify.ending import stage
from meshd.notify.queue import Parts
from meshd.notify.sending import Sender
from meshd.running.regularly import Regularly
from meshd.store.interface import StoreError
from meshd.store.statements import accounts, expiring, notices, published
from meshd.store.unit import Unit
from meshd.values.notices import ACCOUNT_EXPIRED, CERTIFICATE_ENDING, LEDGER_BEHIND, LEDGER_LEVEL
from meshd.values.times import DAY, iso, today

SECONDS = 5.0
"""Between two looks at the ledger and the clock."""
BEHIND = 30.0
"""Seconds for which counts wait, before the operator is told: what limits are judged by is that old."""
HOURLY = 3600.0
"""Between two looks at certificates."""
RANGE = 20_000
"""Account numbers in one query, so that other queries wait for some milliseconds at most."""
PAGE = 100
"""Certificates in one query."""

Aside = Callable[[Callable[[], list[End]]], Awaitable[list[End]]]

log = Logger()


class Telling:
    """All of it, for the process that has the settings of `[notify]`."""

    def __init__(self, core: Core, behind: Callable[[], float], aside: Aside) -> None:
        """behind: seconds for which counts of workers wait for the store; aside: does work in a thread."""
        self._core = core
        self._behind = behind
        self._aside = aside
        send = Sender(core.reactor, core.resolver, lambda: core.config.mail, core.now)
        parts = Parts(core.reactor, core.store, send, core.now, core.node, random.random)
        self._desk = Desk(parts, lambda: core.config.notify)
        self._late = False
        self._day = ""
        """The UTC day of which it was told whose last day was before."""
        self._hour_at = 0.0
        """When, monotonic, certificates are looked at next."""
        clock: Any = core.reactor
        away = "looking at what to tell of failed"
        self._looks = Regularly(clock, self._look, lambda: SECONDS, log=log, away=away, expected=(StoreError, Busy))

    def start(self) -> None:
        self._desk.start()
        self._looks.start()

    def follow(self) -> None:
        """Go by settings that were reloaded."""
        if self._looks.running:
            self._desk.follow()
            self._day, self._hour_at = "", 0.0

    async def stop(self) -> None:
        await self._looks.stop()
        await self._desk.stop()

    def _wants(self, kind: str) -> bool:
        return any(kind in each.kinds for each in self._core.config.notify.targets)

    async def _look(self) -> None:
        await self._look_at_ledger()
        if not self._desk.known:  # what is told once would be told to nobody
            return
        day = today(self._core.now())
        if day != self._day and self._wants(ACCOUNT_EXPIRED):
            await self._tell_expired()
            self._day = day
        seconds = self._core.reactor.seconds()
        if seconds >= self._hour_at:
            await self._look_at_certificates()
            self._hour_at = seconds + HOURLY

    async def _look_at_ledger(self) -> None:
        core = self._core
        behind = max(core.ledger.behind, self._behind())
        if (behind >= BEHIND) == self._late:
            return
        self._late = not self._late
        kind = LEDGER_BEHIND if self._late else LEDGER_LEVEL
        await self._desk.tell(kind, f"node:{core.node}", {"node": core.node, "seconds": int(behind)})

    async def _tell_expired(self) -> None:
        """Raises: StoreError."""
        store, now = self._core.store, int(self._core.now())
        newest = await store.run(accounts.newest)
        for above in range(0, newest, RANGE):
            await store.run(expiring.tell, above, above + RANGE, now)

    async def _look_at_certificates(self) -> None:
        """Raises: StoreError, Busy."""
        if not self._wants(CERTIFICATE_ENDING):
            return
        config = self._core.config
        if config.speaks_tls:
            await self._tell_of(await self._aside(partial(of_file, config.certificate)))
        after = 0
        while config.topology.hosts is not None:
            rows = await self._core.store.run(published.of_kind, "certificates", after, PAGE)
            await self._tell_of(await self._aside(partial(of_rows, rows)))
            if len(rows) < PAGE:
                return
            after = rows[-1].id

    async def _tell_of(self, ends: list[End]) -> None:
        now = int(self._core.now())
        for end in ends:
            at = stage(end.not_before, end.expires, now)
            if at:
                await self._core.store.run(_ending, end, at, now)


def _ending(end: End, at: str, now: int) -> Unit[None]:
    if not (yield from notices.wanted(CERTIFICATE_ENDING)):
        return
    if (yield from notices.once(f"certificate:{end.what}:{end.expires}:{at}", max(end.expires, now) + 30 * DAY)):
        data = {"certificate": end.what, "names": list(end.names), "expires": iso(end.expires) + "Z", "stage": at}
        yield from notices.tell(CERTIFICATE_ENDING, f"certificate:{end.what}", now, data)
