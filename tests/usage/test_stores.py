"""The ledger over the real stores."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from meshd.model import Refusal
from meshd.store.interface import Store
from meshd.store.statements import accounts, changes, identities, series
from meshd.store.statements import usage as statements
from meshd.store.unit import Unit
from meshd.usage.chronicle import Chronicle
from meshd.usage.exchangelog import ExchangeLog
from meshd.usage.journal import Journal
from meshd.usage.layout import HEADER, WORD
from meshd.usage.ledger import Ledger
from meshd.usage.meter import Meter
from meshd.usage.recovery import recover
from tests.support import stores
from tests.support.live import settings
from tests.usage.counting import admitted
from tests.usage.support import NOON, exchange


def create(name: str, parent_id: int | None = None, **limits: int) -> Unit[int]:
    facts: dict[str, Any] = {"role": "customer", "plan": "20", "password_hash": "", "billing_day": 1, "now": NOON}
    account = yield from accounts.create(name, parent_id=parent_id, **facts, **limits)
    return account.id


class _Scenario:
    """What holds on either."""

    def ledger(self, store: Store) -> Ledger:
        clock = Clock()
        journal = Journal(stores.folder(self), slots=8, now=lambda: NOON)
        log = ExchangeLog("", clock)
        return Ledger(
            store,
            journal,
            clock,
            lambda: NOON,
            settings(),
            log,
            Chronicle(store, clock, lambda: NOON, settings(), "here"),
        )

    async def store(self) -> Store:
        raise NotImplementedError

    async def test_two_nodes_one_limit(self) -> None:
        """Bytes of both add up for account and parent; the one that reaches the limit is told of as a change."""
        store = await self.store()
        parent = await store.run(create, "parent", total_limit=1000)
        sub = await store.run(create, "sub", parent)
        admission = await admitted(store, sub)
        nodes = [self.ledger(store), self.ledger(store)]
        meters = [node.open(admission, lambda refusal: None) for node in nodes]
        for node, meter in zip(nodes, meters, strict=True):
            assert isinstance(meter, Meter)
            meter.sent_up(100)
            meter.sent_down(400)
            await node.flush()
        self.assertEqual((await store.run(statements.of_account, parent, NOON)).total_bytes, 1000)
        found = await store.run(
            series.read, sub, 0, NOON + 1, span=series.HOUR, by="total", most=9, made=lambda each: each
        )
        self.assertEqual([row[3:] for row in found or ()], [(200, 800, 0)])
        # The first has not heard of the second yet.
        self.assertEqual([meter.room for meter in meters], [500, 0])
        found = await store.run(changes.since, 0, 10)
        self.assertEqual([change.account_id for change in found], [parent])
        nodes[0].judge(parent)
        await nodes[0].flush()
        self.assertEqual(meters[0].room, 0)
        refusal = nodes[0].open(admission, lambda refusal: None)
        assert isinstance(refusal, Refusal)
        self.assertEqual(refusal.reason, "quota-parent")

    async def test_a_deleted_account(self) -> None:
        """Its last bytes are billed to its parent, and the ledger goes on."""
        store = await self.store()
        parent = await store.run(create, "parent")
        sub = await store.run(create, "sub", parent)
        ledger = self.ledger(store)
        meter = ledger.open(await admitted(store, sub), lambda refusal: None)
        assert isinstance(meter, Meter)
        meter.sent_up(7)
        await store.run(accounts.delete, sub)
        await ledger.flush()
        meter.sent_up(8)
        ledger.close(meter, exchange(meter))
        await ledger.stop()
        self.assertEqual((await store.run(statements.of_account, parent, NOON)).total_bytes, 15)
        self.assertIsNone(await store.run(identities.load, sub, NOON))

    async def test_a_journal_without_its_first_page(self) -> None:
        """What the page said, the store says: nothing is lost, and nothing counts twice when it is found again."""
        store = await self.store()
        account = await store.run(create, "anna")
        ledger = self.ledger(store)
        meter = ledger.open(await admitted(store, account), lambda refusal: None)
        assert isinstance(meter, Meter)
        for sent in (100, 20, 3):
            meter.sent_up(sent)
            if sent > 3:
                await ledger.flush()
        path = ledger._journal._file.path
        ledger._journal.release()
        path.write_bytes(bytes(HEADER * WORD) + path.read_bytes()[HEADER * WORD :])
        for _ in range(2):
            await recover(store, path.parent, ExchangeLog("", Clock(), now=lambda: NOON + 1))
            self.assertEqual((await store.run(statements.of_account, account, NOON)).total_bytes, 123)
            next(path.parent.glob("*.damaged")).rename(path)
        self.flushLoggedErrors()


class OnSQLite(_Scenario, TestCase):
    async def store(self) -> Store:
        return await stores.fresh_sqlite(self)


class OnPostgreSQL(_Scenario, TestCase):
    async def store(self) -> Store:
        return await stores.fresh_postgres(self)
