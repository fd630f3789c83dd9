"""Restarts and reloads again and again under load: nobody is refused, nothing is lost, and nothing grows."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from statistics import median

from twisted.trial.unittest import SynchronousTestCase

from tests.load.world import LISTED, People
from tests.support.daemon import LiveDaemon
from tests.support.echoes import Echoes
from tests.support.figures import figure, percentile, sized
from tests.support.load import Book, Client, crowd
from tests.support.succession import SucceededDaemon, descriptors, resident, settled

RESTARTS = sized(4, 200)
RELOADS = sized(20, 1_000)
CLIENTS = 24
PAUSE = 0.1
"""Seconds that each client waits between two exchanges."""
MIB = 1024 * 1024
SLACK = sized(32, 12) * MIB
"""Of memory, by which a process may differ from another that does the same, or from itself a while ago; few reloads are
over before the clients' caches are warm.
"""
SETTINGS = "[limits]\ntunnels_per_account = 0\n[timeouts]\ndrain = 30\n"


class Load:
    """Clients of all kinds, which tunnel and keep connections, until they are told to stop."""

    def __init__(self, daemon: LiveDaemon, people: People, origin: Echoes) -> None:
        self.book = Book()
        self._going = True
        address = ("127.0.0.1", daemon.proxy_port)
        self._clients = [
            Client(self.book, address, origin, people.credentials, random.Random(seed), source=LISTED, tunnels=0.25)
            for seed in range(CLIENTS)
        ]

    async def during(self, work: Callable[[], None]) -> list[str]:
        """Work in a thread while clients are served; how those ended that did not end well."""
        clients = asyncio.ensure_future(crowd(self._clients, lambda: self._going, PAUSE))
        try:
            await asyncio.to_thread(work)
        finally:
            self._going = False
        return await clients


class RestartsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = SucceededDaemon(self, SETTINGS)
        self.people, self.origin = People(self.daemon), Echoes(self)
        self.load = Load(self.daemon, self.people, self.origin)

    def check_books(self) -> None:
        """What clients counted, the store's totals and the sum of the log, which are all three the same."""
        self.assertEqual((self.load.book.wrong, self.load.book.open), ([], set()))
        self.daemon.finish()
        clients = self.people.with_parents(self.load.book.totals())
        stored, logged = self.people.stored(), self.people.with_parents(self.people.logged())
        figure(
            "books",
            exchanges=len(self.load.book.done),
            clients=sum(clients.values()),
            store=sum(stored.values()),
            log=sum(logged.values()),
        )
        self.assertEqual(stored, clients)
        self.assertEqual(logged, clients)
        self.assertNotIn("Traceback", self.daemon.log_text())

    def test_restarts(self) -> None:
        """Every exchange is answered; the last process is no larger than the first that took over."""
        took: list[float] = []
        memory: list[int] = []
        open_: list[int] = []

        def restart_all() -> None:
            for _ in range(RESTARTS):
                began = time.monotonic()
                old = self.daemon.hand_on()
                took.append(time.monotonic() - began)
                self.daemon.wait_for(old)
                memory.append(resident(self.daemon.pid))
                open_.append(descriptors(self.daemon.pid))

        ended = asyncio.run(self.load.during(restart_all))
        book = self.load.book
        figure(
            "restarts",
            count=len(took),
            refused_or_cut=len(ended),
            median=f"{median(took):.2f}s",
            longest=f"{max(took):.2f}s",
            longest_wait_for_200=f"{max(book.seconds, default=0.0):.2f}s",
            p99_wait_for_200=f"{percentile(book.seconds):.3f}s",
            first_mib=f"{median(memory[:3]) / MIB:.1f}",
            last_mib=f"{median(memory[-3:]) / MIB:.1f}",
            descriptors=f"{min(open_)} to {max(open_)}",
        )
        self.assertEqual(ended, [])
        self.assertLess(median(memory[-3:]), median(memory[:3]) + SLACK)
        self.assertLessEqual(settled(self.daemon.pid, open_[0]), max(open_[:3]) + CLIENTS)
        self.check_books()

    def test_reloads(self) -> None:
        """One process through all of them, as large at the end as when it had warmed up."""
        pid = self.daemon.pid
        sizes: list[int] = []
        open_: list[int] = []

        def reload_all() -> None:
            for number in range(RELOADS):
                line = self.daemon.reload(f"{SETTINGS}idle = {300 + number}\n")
                self.assertIn("settings reloaded", line)
                sizes.append(resident(pid))
                open_.append(descriptors(pid))

        ended = asyncio.run(self.load.during(reload_all))
        tenth = max(1, RELOADS // 10)
        warm, last = median(sizes[tenth : 2 * tenth]), median(sizes[-tenth:])
        figure(
            "reloads",
            count=len(sizes),
            refused_or_cut=len(ended),
            warm_mib=f"{warm / MIB:.1f}",
            last_mib=f"{last / MIB:.1f}",
            descriptors=f"{median(open_[:tenth])} to {median(open_[-tenth:])}",
        )
        self.assertEqual(ended, [])
        self.assertEqual(self.daemon.pid, pid)
        self.assertLess(last, warm + SLACK)
        self.check_books()
