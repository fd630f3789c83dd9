"""Three nodes that share PostgreSQL: one limit over all of them, and how soon each hears of what was taken away."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from tests.support import stores
from tests.support.daemon import LiveDaemon, until
from tests.support.echoes import Echoes
from tests.support.figures import FULL, figure, milliseconds, percentile, sized
from tests.support.load import Book, Bytes, Credential, Link, basic, bearer, ended_at

NODES = 3
TRIALS = sized(3, 20)
LIMIT, GB_OF_IT = 20_000_000, "0.02"
SLICE = 1024 * 1024
"""More than a 64th of the limit, so it is each lease."""
NEWCOMER = 3 * SLICE
"""What a node adds until all others have heard of it."""
TUNNELS = 4
"""Of the account through each node."""
WITHIN = 1.0
"""Seconds: what is promised of a right that was taken away, judged where nothing else runs on the machine."""


class NodesTests(SynchronousTestCase):
    def setUp(self) -> None:
        store = stores.postgres_url(self)
        config = f"[limits]\nslice_bytes = {SLICE}\n"
        self.nodes = [LiveDaemon(self, config, store=store) for _ in range(NODES)]
        self.origin = Echoes(self)
        self.book = Book()

    def test_one_limit_over_all(self) -> None:
        """Pulled through by all nodes at once it is passed by a slice of each at most, and all that passed is billed.

        The first time they have not heard of each other yet.
        """
        self.assertLessEqual(self._over("first"), NODES * SLICE + (NODES - 1) * NEWCOMER)
        overs = [self._over(f"limited{number}") for number in range(TRIALS)]
        most = f"{100 * max(overs) / LIMIT:.1f}%"
        figure("one limit over three nodes", trials=TRIALS, least=min(overs), most=max(overs), most_of_it=most)
        self.assertLessEqual(max(overs), NODES * SLICE)
        self._sound()

    def _over(self, name: str) -> int:
        """By how many bytes a new account passes its limit."""
        who = basic(name, name, self.nodes[0].account(name, total_limit=GB_OF_IT))
        received = asyncio.run(asyncio.wait_for(self._pull(who), 180))
        stored = until(partial(self._settled, name, received), "the bytes are billed")
        return stored - LIMIT

    def test_what_is_taken_away_is_gone_everywhere(self) -> None:
        """A token that is deactivated ends its tunnel at each node."""
        name = "person"
        self.nodes[0].account(name)
        token = self.nodes[0].new_token(name)
        who = bearer(name, token["token"])
        took: list[list[float]] = [[] for _ in self.nodes]
        for number in range(TRIALS):
            asker = self.nodes[number % NODES]
            for place, seconds in enumerate(asyncio.run(self._revoked(who, asker, str(token["id"])))):
                took[place].append(seconds)
            asker.cli("token", "activate", name, str(token["id"]))
        each = {f"node{place}": milliseconds(percentile(times)) for place, times in enumerate(took)}
        figure("p99 of a tunnel's end after token deactivated, by node", trials=TRIALS, **each)
        for times in took:
            if FULL:
                self.assertLess(percentile(times), WITHIN)
        self._sound()

    async def _pull(self, who: Credential) -> int:
        """Through each node by several tunnels until all are ended; the bytes that clients had."""
        opened = [await self._tunnel(node, who) for node in self.nodes for _ in range(TUNNELS)]
        for link, counted in opened:
            await link.send(b"P", counted)
        await asyncio.gather(*(ended_at(link, counted) for link, counted in opened))
        for link, _ in opened:
            link.close()
        return sum(counted.down for _, counted in opened)

    async def _revoked(self, who: Credential, asker: LiveDaemon, token: str) -> list[float]:
        """Seconds from the end of the command to the end of the tunnel at each node."""
        opened = [await self._ready(node, who) for node in self.nodes]
        endings = [asyncio.ensure_future(ended_at(link, counted)) for link, counted in opened]
        await asyncio.to_thread(asker.cli, "token", "deactivate", who.account, token)
        changed = time.monotonic()
        ends = [await asyncio.wait_for(ending, 60) for ending in endings]
        for link, _ in opened:
            link.close()
        return [ended - changed for _, ended in ends]

    async def _ready(self, node: LiveDaemon, who: Credential) -> tuple[Link, Bytes]:
        link, counted = await self._tunnel(node, who)
        await link.send(b"E", counted)
        await link.echo(b"here", counted)
        return link, counted

    async def _tunnel(self, node: LiveDaemon, who: Credential) -> tuple[Link, Bytes]:
        """As soon as the node knows that it may: what was given back is heard of as what was taken."""
        while True:
            link = await Link.open(self.book, ("127.0.0.1", node.proxy_port))
            head, counted = await link.connect(who, self.origin.raw)
            if head.status == 200:
                return link, counted
            link.close()
            self.assertEqual(407, head.status)
            await asyncio.sleep(0.05)

    def _settled(self, name: str, received: int) -> int:
        """The account's bytes, once they are what clients had and two looks a flush apart tell the same; 0 before."""
        before = self.nodes[0].total(name)
        time.sleep(2)
        return before if before >= max(LIMIT, received) and before == self.nodes[0].total(name) else 0

    def _sound(self) -> None:
        for node in self.nodes:
            self.assertNotIn("Traceback", node.log_text())
