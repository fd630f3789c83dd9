"""kill -9 under load: nothing that was counted is lost, and nothing is counted twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tests.load.world import LISTED, People
from tests.support.daemon import LiveDaemon
from tests.support.echoes import Echoes
from tests.support.figures import figure, sized
from tests.support.load import Book, Client, crowd

KILLS = sized(3, 10)
CLIENTS = 32
ONE_WRITE = 100_700
"""The largest answer or echo here: between the kernel's taking bytes and their counting there is one write at most."""


class KillTests(SynchronousTestCase):
    def test_a_killed_daemon_bills_what_passed_once(self) -> None:
        """The store's growth from kill to kill lies between what clients saw to its end and what was in flight."""
        daemon = LiveDaemon(self, "[limits]\ntunnels_per_account = 0\n")
        people, origin = People(daemon), Echoes(self)
        before = people.stored()
        for number in range(1, KILLS + 1):
            book = Book()
            asyncio.run(self._load_and_kill(daemon, people, origin, book, 0.3 + random.Random(number).random()))
            daemon.start()
            stored = people.stored()
            self._judge(number, people, book, Counter(stored) - Counter(before))
            logged = people.with_parents(people.logged())
            figure(f"kill {number}", store_in_all=sum(stored.values()), log_in_all=sum(logged.values()))
            self.assertEqual(stored, logged)
            before = stored
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(before, people.stored(), "nothing is billed again later")
        self.assertEqual(before, people.with_parents(people.logged()))
        self.assertNotIn("Traceback", daemon.log_text())

    async def _load_and_kill(
        self, daemon: LiveDaemon, people: People, origin: Echoes, book: Book, seconds: float
    ) -> None:
        address = ("127.0.0.1", daemon.proxy_port)
        clients = [
            Client(book, address, origin, people.credentials, random.Random(seed), source=LISTED, tunnels=0.25)
            for seed in range(CLIENTS)
        ]
        work = asyncio.ensure_future(crowd(clients, lambda: True))
        while len(book.done) < CLIENTS:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await asyncio.sleep(seconds)
        daemon.kill()
        await work

    def _judge(self, number: int, people: People, book: Book, grown: Counter[str]) -> None:
        least = Counter(people.with_parents(book.totals()))
        most = least + Counter(people.with_parents(book.in_flight()))
        figure(
            f"kill {number}",
            exchanges=len(book.done),
            in_flight=len(book.open),
            store=sum(grown.values()),
            clients=sum(least.values()),
            difference=sum(grown.values()) - sum(least.values()),
            in_flight_at_most=sum(most.values()) - sum(least.values()),
        )
        self.assertEqual([], book.wrong)
        for name in people.names:
            self.assertLessEqual(least[name] - ONE_WRITE, grown[name], f"bytes of {name} are lost")
            self.assertLessEqual(grown[name], most[name], f"bytes of {name} are counted twice")
