"""What plans include, and what was paid for beyond it: at the byte, over periods, with several processes."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from meshd.model import Refusal
from meshd.topology import PLANS
from tests.usage.support import Desk, MemoryStore, account
from tests.usage.test_ledger import LedgerCase as _LedgerCase
from tests.usage.test_limits import pull, pull_through

MONTH = 31 * 86_400


def include(desk: Desk, size: int) -> None:
    """As a reload does, with another number for plan 20, in bytes."""
    plans = MappingProxyType({**PLANS, "20": replace(PLANS["20"], included_gb=size / 10**9)})
    desk.live.swap(replace(desk.live.topology, plans=plans))
    desk.ledger.judge()


class IncludedTests(_LedgerCase):
    def test_it_is_the_limit_of_who_has_none(self) -> None:
        """To the byte; who has a limit keeps that, and a sub-account counts for its parent."""
        desk = self.desk(account(1), account(2, monthly=9), account(3), account(4, parent=3))
        include(desk, 5)
        self.assertEqual([5, 9], [pull([desk.meter(1)], 1), pull([desk.meter(2)], 1)])
        self.assertEqual(5, pull([desk.meter(4)], 1))
        desk.flush()
        refusals = [desk.open(each) for each in (1, 2, 3, 4)]
        reasons = [each.reason for each in refusals if isinstance(each, Refusal)]
        self.assertEqual(["quota-monthly", "quota-monthly", "quota-monthly", "quota-parent"], reasons)

    def test_a_reload(self) -> None:
        """What is open goes on, or ends, by the next flush; whoever was refused is let in."""
        desk = self.desk(account(1), account(2))
        one, other = desk.meter(1), desk.meter(2)
        one.sent_down(7)
        include(desk, 7)
        desk.clock.advance(1)
        self.assertEqual([(one, "quota-monthly")], [(meter, why.reason) for meter, why in desk.stopped.items()])
        self.assertEqual(7, pull([other], 1))
        include(desk, 8)
        desk.clock.advance(1)
        again = desk.meter(1)
        self.assertEqual(1, pull([again], 1))
        include(desk, 0)
        desk.clock.advance(1)
        self.assertGreater(desk.meter(1).room, 10**12)


class PrepaidTests(_LedgerCase):
    def test_at_the_byte(self) -> None:
        """First the period's limit, then what was prepaid, and no byte more."""
        desk = self.desk(account(1, monthly=10))
        desk.store.prepaid[1] = 4
        meter = desk.meter(1)
        self.assertEqual(14, pull([meter], 3))
        desk.flush()
        desk.clock.advance(0)
        self.assertEqual((0, 14), (desk.store.prepaid[1], desk.store.totals[1][0]))
        self.assertEqual("quota-monthly", desk.stopped[meter].reason)

    def test_it_outlives_the_period(self) -> None:
        """What was not used stays for the next one, and after that one's limit."""
        desk = self.desk(account(1, monthly=10))
        desk.store.prepaid[1] = 7
        meter = desk.meter(1)
        meter.sent_down(12)
        desk.flush()
        self.assertEqual(5, desk.store.prepaid[1])
        desk.wall += MONTH
        meter.sent_down(0)
        desk.flush()
        meter.sent_down(1)
        desk.flush()
        self.assertEqual((5, 1), (desk.store.prepaid[1], desk.store.usage(1, int(desk.wall)).period_bytes))
        self.assertEqual(14, pull([meter], 5))
        desk.flush()
        self.assertEqual(0, desk.store.prepaid[1])

    def test_a_top_up_lets_in_again(self) -> None:
        """As soon as the change is told; what was cut may begin anew."""
        desk = self.desk(account(1, monthly=10))
        meter = desk.meter(1)
        pull([meter], 10)
        desk.flush()
        desk.clock.advance(0)
        self.assertIn(meter, desk.stopped)
        desk.close(meter)
        self.assertIsInstance(desk.open(1), Refusal)
        desk.store.prepaid[1] += 3
        desk.changed(1)
        self.assertEqual(3, pull([desk.meter(1)], 1))

    def test_two_processes(self) -> None:
        """Spend the same prepaid bytes once: together no more than there are, but for a lease each."""
        store = MemoryStore(account(1, monthly=1000))
        store.prepaid[1] = 500
        desks = [self.desk(store=store, slice_bytes=64) for _ in range(2)]
        meters = [desk.meter(1) for desk in desks]
        for meter, desk in zip(meters, desks, strict=True):
            meter.resume = lambda: None
            desk.flush()
        moved = pull_through(desks, meters, 16)
        for desk in desks:
            desk.flush()
        self.assertEqual((0, moved), (store.prepaid[1], store.totals[1][0]))
        self.assertTrue(1500 <= moved <= 1500 + 2 * 64, moved)
