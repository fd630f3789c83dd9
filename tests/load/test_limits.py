"""A limit of 10 MB, pulled through by twenty tunnels at once."""

from __future__ import annotations

import asyncio
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.support import stores
from tests.support.daemon import LiveDaemon, until
from tests.support.echoes import Echoes
from tests.support.figures import FULL, figure, milliseconds
from tests.support.load import Book, Bytes, Credential, Head, Link, basic, ended_at
from tests.web.api.sentences import says

LIMIT = 10_000_000
GB_OF_IT = "0.01"
TUNNELS = 20
SLICE = 4 * 1024 * 1024
"""By which one process may overshoot."""
WITHIN = 1.0
"""Seconds: what is promised of tunnels past a limit, judged where nothing else runs on the machine."""


class LimitTests(SynchronousTestCase):
    store = ""

    def setUp(self) -> None:
        self.daemon = LiveDaemon(self, store=self.store)
        self.origin = Echoes(self)
        self.book = Book()
        self.other = basic("other", "other", self.daemon.account("other"))

    @says(
        "Bandwidth Limits",
        "When a limit is reached, all future requests to a proxy server will return a 509 error code.",
        "Your parent account can also have bandwidth limits that you set manually.",
    )
    def test_a_total_limit_ends_all_tunnels_of_the_account(self) -> None:
        """With 509 and `quota-total` from then on; another account's tunnels run on."""
        who = self._account("limited", total_limit=GB_OF_IT)
        self._pull([who], "quota-total", "limited")

    @says(
        "Bandwidth Limits",
        "When a limit is reached, all future requests to a proxy server will return a 509 error code.",
    )
    def test_a_monthly_limit_does_the_same(self) -> None:
        """With `quota-monthly`."""
        who = self._account("limited", monthly_limit=GB_OF_IT)
        self._pull([who], "quota-monthly", "limited")

    @says(
        "Bandwidth Limits",
        "All sub-account bandwidth usage counts towards your parent account bandwidth usage, so if you set any "
        "bandwidth limits on your parent account, and they are reached, then all sub-accounts will get 509 response "
        "codes from the proxy servers until your parent bandwidth limits are reset or updated.",
    )
    def test_a_parents_limit_ends_its_sub_accounts_tunnels(self) -> None:
        """All of them, with `quota-parent`."""
        self._account("limited", total_limit=GB_OF_IT)
        subs = [self._account(f"sub{number}", parent="limited") for number in range(4)]
        self._pull(subs, "quota-parent", "limited")

    def test_a_limit_that_is_set_below_what_was_used_cuts_what_is_open(self) -> None:
        """The change comes by the feed; nothing has to flow for it to hold."""
        who = self._account("limited")

        async def scenario() -> float:
            link, counted = await self._tunnel(who)
            await link.echo(b"x" * 200_000, counted)
            loop = asyncio.get_running_loop()
            ending = asyncio.ensure_future(ended_at(link, counted))
            await loop.run_in_executor(None, self.daemon.cli, "account", "set", "limited", "--total-limit", "0.0001")
            changed = time.monotonic()
            return (await asyncio.wait_for(ending, 60))[1] - changed

        took = asyncio.run(scenario())
        figure(f"limit lowered ({self._kind})", ended_after=milliseconds(took))
        if FULL:
            self.assertLess(took, WITHIN)

    def _account(self, name: str, **options: object) -> Credential:
        return basic(name, name, self.daemon.account(name, **options))

    @property
    def _kind(self) -> str:
        return self.store.partition(":")[0] or "sqlite"

    async def _tunnel(self, who: Credential, kind: bytes = b"E") -> tuple[Link, Bytes]:
        link = await Link.open(self.book, ("127.0.0.1", self.daemon.proxy_port))
        head, counted = await link.connect(who, self.origin.raw)
        self.assertEqual(200, head.status)
        await link.send(kind, counted)
        return link, counted

    async def _asked(self, who: Credential) -> Head:
        link = await Link.open(self.book, ("127.0.0.1", self.daemon.proxy_port))
        head, _ = await link.get(who, self.origin.http, "/n/10/m")
        link.close()
        return head

    def _pull(self, pulling: list[Credential], reason: str, limited: str) -> None:
        asyncio.run(asyncio.wait_for(self._pull_through_tunnels(pulling, reason), 180))
        received = sum(down for account, _, _, down in self.book.done if account != "other")
        stored = until(lambda: (total := self.daemon.total(limited)) >= LIMIT and total, "the bytes are billed")
        over, what = stored - LIMIT, f"{reason} ({self._kind})"
        figure(what, overshoot=over, store=stored, clients=received, undelivered=stored - received)
        self.assertLessEqual(over, SLICE)
        self.assertLessEqual(received, stored)
        self.assertNotIn("Traceback", self.daemon.log_text())

    async def _pull_through_tunnels(self, pulling: list[Credential], reason: str) -> None:
        bystander, of_other = await self._tunnel(self.other)
        tunnels = [await self._tunnel(pulling[number % len(pulling)], b"") for number in range(TUNNELS)]
        for link, counted in tunnels:
            await link.send(b"P", counted)
        ends = await asyncio.gather(*(ended_at(link, counted) for link, counted in tunnels))
        for _, counted in tunnels:
            self.book.close(counted)
        took = max(closed for _, closed in ends) - max(last for last, _ in ends)
        spread = max(closed for _, closed in ends) - min(closed for _, closed in ends)
        what = f"{reason} ({self._kind})"
        figure(what, last_end_after_last_byte=milliseconds(took), ends_spread=milliseconds(spread))
        if FULL:
            self.assertLess(max(took, spread), WITHIN)
        for who in pulling:
            head = await self._asked(who)
            self.assertEqual(509, head.status)
            self.assertEqual(b"bandwidth limit exceeded", head.field(b"x-proxymesh-error"))
            self.assertIn(reason.encode(), head.field(b"proxy-status"))
        await bystander.echo(b"still here" * 10_000, of_other)
        self.assertEqual(200, (await self._asked(self.other)).status)
        await bystander.finish(of_other)


class PostgresLimitTests(LimitTests):
    """The same on PostgreSQL."""

    def setUp(self) -> None:
        self.store = stores.postgres_url(self)
        super().setUp()
