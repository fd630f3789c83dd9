"""PostgreSQL goes away under load and comes back: who is known does not notice, and no count is lost."""

from __future__ import annotations

import asyncio
import random
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.load.world import LISTED, People
from tests.support import postgres, stores
from tests.support.daemon import LiveDaemon
from tests.support.echoes import Echoes
from tests.support.figures import figure, milliseconds, percentile, sized
from tests.support.load import Book, Client, Link, basic, crowd

AWAY = sized(4.0, 10.0)
CLIENTS = 24
LINES = 26
"""Of the log, from the outage to its end: each part that needs the store says so once, and once that it is back."""


class OutageTests(SynchronousTestCase):
    def test_known_customers_never_notice(self) -> None:
        """Unknown ones get 503 meanwhile; everything counted arrives; the log stays readable."""
        daemon = LiveDaemon(self, "[limits]\ntunnels_per_account = 0\n", store=stores.postgres_url(self))
        people, origin, server = People(daemon), Echoes(self), postgres.server()
        strange = basic("stranger", "stranger", daemon.account("stranger"))
        book, unknown = Book(), Book()
        address = ("127.0.0.1", daemon.proxy_port)
        away, back = False, 0.0

        async def ask_as_a_stranger() -> None:
            while away:
                link = await Link.open(unknown, address)
                await link.get(strange, origin.http, "/n/10/m")
                link.close()
                await asyncio.sleep(0.2)

        async def scenario() -> list[str]:
            nonlocal away, back
            ended = False
            clients = [
                Client(book, address, origin, people.credentials, random.Random(seed), source=LISTED)
                for seed in range(CLIENTS)
            ]
            work = asyncio.ensure_future(crowd(clients, lambda: not ended, 0.02))
            await asyncio.sleep(1.5)
            self.before, book.seconds = book.seconds, []
            await asyncio.to_thread(server.stop, crash=True)
            began, away = time.monotonic(), True
            asking = asyncio.ensure_future(ask_as_a_stranger())
            await asyncio.sleep(AWAY)
            self.during, book.seconds = book.seconds, []
            away = False
            await asking
            await asyncio.to_thread(server.start)
            self.outage, back = time.monotonic() - began, time.monotonic()
            await asyncio.sleep(1.0)
            ended = True
            return await work

        self.addCleanup(lambda: server.running or server.start())
        since = daemon.log_position
        ended = asyncio.run(scenario())
        expected = people.with_parents(book.totals())
        stored = people.settle(expected)
        arrived = time.monotonic() - back
        figure(
            "PostgreSQL away",
            seconds=self.outage,
            known=len(book.done),
            refused=len(book.wrong),
            unknown=dict(unknown.statuses),
            p99_before=milliseconds(percentile(self.before)),
            p99_during=milliseconds(percentile(self.during)),
        )
        said = daemon.log_text().splitlines()[since:]
        figure(
            "PostgreSQL back",
            all_arrived_after=f"{arrived:.1f}s",
            store=sum(stored.values()),
            clients=sum(expected.values()),
            log_lines=len(said),
        )
        self.assertEqual(([], []), (book.wrong, ended))
        self.assertEqual({503}, set(unknown.statuses))
        self.assertEqual(expected, stored)
        self.assertNotIn("Traceback", "\n".join(said))
        self.assertLessEqual(len(said), LINES, "\n".join(said))
        asyncio.run(self._admitted(daemon, strange, origin))
        self.assertEqual(0, daemon.terminate())
        self.assertEqual(expected, people.with_parents(people.logged()))

    async def _admitted(self, daemon: LiveDaemon, who: object, origin: Echoes) -> None:
        book = Book()
        link = await Link.open(book, ("127.0.0.1", daemon.proxy_port))
        head, _ = await link.get(who, origin.http, "/n/10/m")  # type: ignore[arg-type]
        link.close()
        self.assertEqual(200, head.status, "the stranger is served again")
