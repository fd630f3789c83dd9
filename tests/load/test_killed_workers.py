"""kill -9 of one worker after the other under load: its own exchanges end, and no byte is lost or counted twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tests.load.world import LISTED, People
from tests.support import crews, stores
from tests.support.daemon import LiveDaemon
from tests.support.echoes import Echoes
from tests.support.figures import figure, sized
from tests.support.load import Book, Bytes, Client, Link, basic, crowd

KILLS = sized(4, 10)
CLIENTS = 24
ONE_WRITE = 100_700
"""The largest answer or echo here: between the kernel's taking bytes and their counting there is one write at most."""


class KilledWorkersTests(SynchronousTestCase):
    store = ""

    def test_books_balance_and_others_are_untouched(self) -> None:
        """After all kills: store and log agree, and lie between what clients saw and what was in flight."""
        daemon = LiveDaemon(self, "workers = 2\n[limits]\ntunnels_per_account = 0\n", store=self.store)
        people, origin = People(daemon), Echoes(self)
        self.bystander = basic("bystander", "bystander", daemon.account("bystander"))
        book, pauses = Book(), list[float]()
        asyncio.run(self._kill(daemon, people, origin, book, pauses))
        least = Counter(people.with_parents(book.totals()))
        most = least + Counter(people.with_parents(book.in_flight()))
        self.assertEqual(daemon.terminate(), 0)
        stored = people.stored()
        difference = {name: stored[name] - least[name] for name in people.names}
        figure(
            f"{KILLS} kills of workers ({self.store.partition(':')[0] or 'sqlite'})",
            exchanges=len(book.done),
            in_flight=len(book.open),
            store_beyond_clients=difference,
            filled_within_at_most=f"{max(pauses):.2f} s",
        )
        self.assertEqual([], book.wrong)
        for name in people.names:
            self.assertLessEqual(least[name] - KILLS * ONE_WRITE, stored[name], f"bytes of {name} are lost")
            self.assertLessEqual(stored[name], most[name], f"bytes of {name} are counted twice")
        self.assertEqual(stored, people.with_parents(people.logged()))
        daemon.restart()
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(stored, people.stored(), "nothing is billed again later")
        self.assertNotIn("Traceback", daemon.log_text())

    async def _kill(self, daemon: LiveDaemon, people: People, origin: Echoes, book: Book, pauses: list[float]) -> None:
        address, loop, going = ("127.0.0.1", daemon.proxy_port), asyncio.get_running_loop(), [True]
        crowds = [asyncio.ensure_future(self._come_again(book, address, origin, people, going, n)) for n in range(4)]
        by_worker = await self._tunnels(daemon, origin)
        for number in range(1, KILLS + 1):
            victim, spared = number % 2 + 1, 2 - number % 2
            await asyncio.sleep(0.2 + random.Random(number).random() / 2)
            before, began = crews.kill(daemon, victim), loop.time()
            link, counted = by_worker[spared]
            await link.echo(b"untouched", counted)
            await asyncio.to_thread(crews.filled, daemon, victim, before)
            pauses.append(loop.time() - began)
            by_worker[victim] = (await self._tunnels(daemon, origin, victim))[victim]
        going[0] = False
        await asyncio.gather(*crowds)
        for link, counted in by_worker.values():
            await link.finish(counted)

    async def _come_again(
        self, book: Book, address: tuple[str, int], origin: Echoes, people: People, going: list[bool], seed: int
    ) -> None:
        """A quarter of the clients, each of which comes again where a worker has died with its connection."""
        draw = random.Random(seed)
        while going[0]:
            clients = [
                Client(book, address, origin, people.credentials, draw, source=LISTED, tunnels=0.25)
                for _ in range(CLIENTS // 4)
            ]
            await crowd(clients, lambda: going[0])

    async def _tunnels(self, daemon: LiveDaemon, origin: Echoes, wanted: int = 0) -> dict[int, tuple[Link, Bytes]]:
        """A tunnel at each worker, or at the one that is wanted; of one who does nothing else."""
        found: dict[int, tuple[Link, Bytes]] = {}
        while set(found) != ({wanted} if wanted else {1, 2}):
            link = await Link.open(Book(), ("127.0.0.1", daemon.proxy_port))
            head, counted = await link.connect(self.bystander, origin.raw)
            self.assertEqual(head.status, 200, head)
            await link.send(b"E", counted)
            number = crews.owner(daemon, daemon.proxy_port, link.sock.getsockname()[1])
            if number in found or (wanted and number != wanted):
                await link.finish(counted)
            else:
                found[number] = link, counted
        return found


class PostgresKilledWorkersTests(KilledWorkersTests):
    """The same on PostgreSQL."""

    def setUp(self) -> None:
        self.store = stores.postgres_url(self)
