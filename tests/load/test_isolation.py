"""Many clients, whose connections change the account with every request: nothing is booked to another."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tests.load.world import LISTED, People
from tests.support.daemon import LiveDaemon
from tests.support.echoes import Echoes
from tests.support.figures import figure, milliseconds, percentile, sized
from tests.support.load import Book, Client, countdown, crowd

CLIENTS = 64
REQUESTS = sized(6_000, 200_000)


class IsolationTests(SynchronousTestCase):
    def test_no_answer_and_no_byte_is_anothers(self) -> None:
        """Store = exchange log = what the clients counted, account by account and exchange by exchange."""
        daemon = LiveDaemon(self, "[limits]\ntunnels_per_account = 0\n")
        people, origin, book = People(daemon), Echoes(self), Book()
        address = ("127.0.0.1", daemon.proxy_port)

        async def load() -> list[str]:
            clients = [
                Client(book, address, origin, people.credentials, random.Random(seed), source=LISTED)
                for seed in range(CLIENTS)
            ]
            return await crowd(clients, countdown(REQUESTS))

        began = time.monotonic()
        ended = asyncio.run(load())
        took = time.monotonic() - began
        expected = people.with_parents(book.totals())
        stored = people.settle(expected)
        self.assertEqual(daemon.terminate(), 0)
        logged = people.with_parents(people.logged())
        figure(
            "mixed requests",
            clients=CLIENTS,
            exchanges=len(book.done),
            seconds=took,
            rate=len(book.done) / took,
            p50=milliseconds(percentile(book.seconds, 0.5)),
            p99=milliseconds(percentile(book.seconds)),
            mixed_up=len(book.wrong),
        )
        for name in people.names:
            figure(f"bytes of {name}", clients=expected[name], store=stored[name], log=logged[name])
        self.assertEqual(([], [], set()), (book.wrong, ended, book.open))
        self.assertGreaterEqual(len(book.done), REQUESTS)
        self.assertEqual(expected, stored)
        self.assertEqual(expected, logged)
        self.assertEqual(Counter(book.done), _of_log(daemon))
        self.assertNotIn("Traceback", daemon.log_text())


def _of_log(daemon: LiveDaemon) -> Counter[tuple[str, str, int, int]]:
    return Counter((line["username"], line["method"], line["up"], line["down"]) for line in daemon.exchanges())
