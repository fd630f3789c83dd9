"""The loop that obtains certificates: when it looks, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.published import acme as orders
from meshd.accounts.service import Accounts
from meshd.auth.sealing import KEY_BYTES, Seals
from meshd.daemon.certificates import LOOK, Certificates
from meshd.hosts.acme.network import ANSWER_SECONDS, CONVERSATION
from meshd.store.interface import StoreUnavailable
from meshd.topology import Live, Topology
from meshd.values.hosting import Hosting
from tests.web.support import NOON, result

OFF = Topology({}, (), {})


class Waiting:
    """A reactor as far as the loop needs one."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.seconds, self.callLater = self.clock.seconds, self.clock.callLater

    def callFromThread(self, *_: Any) -> None:
        """Nothing is begun that would come back."""


class Looked:
    """A store that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.away = False

    async def run(self, unit: Any, /, *_: Any, **__: Any) -> Any:
        self.asked.append(unit)
        if self.away:
            raise StoreUnavailable("away")
        return []


class CertificatesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Waiting()
        self.store = Looked()
        self.live = Live(replace(OFF, hosts=Hosting()))
        accounts = Accounts(self.store, lambda: NOON)  # type: ignore[arg-type]
        self.loop = Certificates(
            self.reactor, accounts, self.live, lambda: Seals(b"k" * KEY_BYTES), self.refresh, "node"
        )
        self.loop.start()
        self.addCleanup(self.stop)

    async def refresh(self) -> None:
        raise AssertionError("nothing was obtained")

    def stop(self) -> None:
        result(self.loop.stop())

    def looks(self) -> int:
        return len(self.store.asked)

    def test_it_looks_again_and_again(self) -> None:
        """Sooner where something was changed; also while the store is away for a time."""
        self.assertEqual(self.looks(), 0)
        self.reactor.clock.advance(LOOK)
        self.assertEqual(self.looks(), 1)
        self.loop.hasten()
        self.reactor.clock.advance(0.2)
        self.assertEqual(self.looks(), 2)
        self.store.away = True
        self.reactor.clock.advance(LOOK)
        self.store.away = False
        self.reactor.clock.advance(LOOK)
        self.assertEqual(self.looks(), 4)

    def test_where_nothing_is_published(self) -> None:
        """Nobody is asked; a reload may change that."""
        self.live.swap(OFF)
        self.reactor.clock.advance(LOOK)
        self.assertEqual(self.looks(), 0)
        self.live.swap(replace(OFF, hosts=Hosting()))
        self.reactor.clock.advance(LOOK)
        self.assertEqual(self.looks(), 1)

    def test_after_a_stop(self) -> None:
        """There are no looks any more."""
        self.stop()
        self.reactor.clock.advance(LOOK)
        self.loop.hasten()
        self.reactor.clock.advance(LOOK)
        self.assertEqual(self.looks(), 0)

    def test_a_claim_outlasts_what_is_asked(self) -> None:
        """So that no other process begins while this one is still at it."""
        self.assertGreater(orders.LEASE, CONVERSATION + 2 * ANSWER_SECONDS)
