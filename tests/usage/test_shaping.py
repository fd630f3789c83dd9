"""Meters of accounts that are held to a rate."""

from __future__ import annotations

import gc
from dataclasses import replace
from functools import partial

from meshd.auth.terms import terms_of
from meshd.running.ticks import TICK
from meshd.usage.meter import Meter
from meshd.usage.shaping import ShapedMeter
from meshd.usage.throttle import BURST, LEAST
from tests.usage.support import Desk, account
from tests.usage.test_ledger import LedgerCase

KBIT = 8_000
RATE = 1_000_000


def shaped(account_id: int, *, parent: int | None = None, bounds: str = f"kbit_down={KBIT}", total: int = 0):
    return replace(account(account_id, parent=parent, total=total), bounds=bounds)


def pull(meter: Meter, *, up: bool = False) -> None:
    """Move all that the meter has room for."""
    while n := min(meter.room_up if up else meter.room_down, 65_536):
        (meter.sent_up if up else meter.sent_down)(n)


class ShapingCase(LedgerCase):
    def pulling(self, desk: Desk, account_id: int, *, up: bool = False, token_id: int = 0) -> Meter:
        meter = desk.meter(account_id, token_id=token_id)
        meter.resume = partial(pull, meter, up=up)
        pull(meter, up=up)
        return meter

    def after(self, desk: Desk, seconds: float) -> None:
        desk.clock.pump([TICK] * round(seconds / TICK))

    def near(self, found: int, expected: int) -> None:
        self.assertLessEqual(abs(found - expected), RATE * BURST + 4 * LEAST, (found, expected))


class MeterTests(ShapingCase):
    def test_who_has_no_rate_has_the_plain_meter(self) -> None:
        """Whatever else it is held to."""
        desk = self.desk(account(1), shaped(2), shaped(3, bounds="tunnels=5"), account(4, parent=2))
        self.assertEqual([type(desk.meter(each)) for each in (1, 2, 3, 4)], [Meter, ShapedMeter, Meter, ShapedMeter])

    def test_all_that_moves_for_an_account_shares_its_rate(self) -> None:
        """By whatever token, and its sub-accounts' too; the other direction has none."""
        desk = self.desk(shaped(1), account(2, parent=1))
        meters = [self.pulling(desk, 1), self.pulling(desk, 1, token_id=5), self.pulling(desk, 2)]
        self.after(desk, 10)
        self.near(sum(each.down for each in meters), 10 * RATE)
        self.assertGreater(min(each.down for each in meters), 3 * RATE)
        self.assertGreater(meters[0].room_up, 10**9)

    def test_a_sub_accounts_own_rate_holds_beside(self) -> None:
        """And does not raise its family's."""
        desk = self.desk(
            shaped(1), shaped(2, parent=1, bounds="kbit_down=800"), shaped(3, parent=1, bounds="kbit_down=80000")
        )
        slow, fast = self.pulling(desk, 2), self.pulling(desk, 3)
        self.after(desk, 10)
        self.near(slow.down, RATE)
        self.near(slow.down + fast.down, 10 * RATE)

    def test_every_byte_is_billed(self) -> None:
        """As by the plain meter."""
        desk = self.desk(shaped(1, bounds=f"kbit_up={KBIT}"))
        meter = self.pulling(desk, 1, up=True)
        self.after(desk, 2)
        desk.close(meter)
        desk.flush()
        self.assertEqual(desk.store.own[1, 0], [meter.up, 0, 1])

    def test_a_byte_limit_is_met_to_the_byte(self) -> None:
        """The rate only decides when."""
        desk = self.desk(shaped(1, total=500_000))
        meters = [self.pulling(desk, 1) for _ in range(3)]
        self.after(desk, 5)
        self.assertEqual(sum(each.down for each in meters), 500_000)
        self.assertEqual(len(desk.stopped), 3)

    def test_what_cannot_wait_is_paid_back(self) -> None:
        """A request's head is counted at once."""
        desk = self.desk(shaped(1, bounds=f"kbit_up={KBIT}"))
        meter = desk.meter(1)
        self.assertTrue(meter.paid(RATE))
        self.assertEqual(meter.room_up, 0)
        self.after(desk, 1.1)
        self.assertGreater(meter.room_up, 0)

    def test_a_meter_that_ended_while_it_waited(self) -> None:
        """Is passed over; the others go on."""
        desk = self.desk(shaped(1))
        first, second = self.pulling(desk, 1), self.pulling(desk, 1)
        moved = first.down
        desk.close(first)
        self.after(desk, 1)
        self.assertEqual(first.down, moved)
        self.near(second.down, RATE)


class CountTests(ShapingCase):
    def test_what_a_family_has_open(self) -> None:
        """The account's own and its sub-accounts', however they come and go."""
        desk = self.desk(account(1), account(2, parent=1), account(3, parent=1), account(4))
        meters = [desk.meter(each) for each in (1, 2, 2, 3, 4)]
        counts = desk.ledger.tunnels_of_family
        self.assertEqual([counts(each) for each in (1, 2, 3, 4, 5)], [4, 2, 1, 1, 0])
        self.assertEqual([desk.ledger.tunnels(each) for each in (1, 2)], [1, 2])
        for meter in meters[1:3]:
            desk.close(meter)
            desk.close(meter)
        desk.flush()
        self.assertEqual([counts(each) for each in (1, 2, 3, 4)], [2, 0, 1, 1])


class ChangeTests(ShapingCase):
    def test_a_changed_rate_holds_for_what_is_open(self) -> None:
        """Without a new request; none lets all go on."""
        desk = self.desk(shaped(1))
        meter = self.pulling(desk, 1)
        self.after(desk, 1)
        for kbit, rate in ((KBIT // 10, RATE // 10), (KBIT * 2, RATE * 2)):
            changed = shaped(1, bounds=f"kbit_down={kbit}")
            identity = replace(meter.admission.identity, account=changed)
            desk.ledger.adopt(meter, terms_of(identity, {}))
            before = meter.down
            self.after(desk, 5)
            self.assertLessEqual(abs(meter.down - before - 5 * rate), rate * 0.2 + RATE * BURST)
        desk.ledger.adopt(meter, None)
        meter.resume = None
        self.assertGreater(meter.room_down, 10**9)
        self.assertIs(type(desk.meter(1)), ShapedMeter)  # whoever asks by the old terms is held to them again

    def test_an_accounts_first_rate_holds_for_what_is_open(self) -> None:
        """Its sub-accounts' exchanges too; and without a new request."""
        desk = self.desk(account(1), account(2, parent=1))
        own, kids = desk.meter(1), desk.meter(2)
        identity = replace(own.admission.identity, account=shaped(1))
        desk.ledger.adopt(own, terms_of(identity, {}))
        for meter in (own, kids):
            meter.resume = partial(pull, meter)
            pull(meter)
        self.after(desk, 5)
        self.near(own.down + kids.down, 5 * RATE)
        self.assertGreater(min(own.down, kids.down), RATE)

    def test_a_meter_goes_with_its_exchange(self) -> None:
        """Nothing keeps it but who waits."""
        desk = self.desk(shaped(1))
        gc.collect()
        before = self.count()
        meter = self.pulling(desk, 1)
        desk.close(meter)
        meter.stop, meter.resume = desk.stopped.clear, None  # type: ignore[assignment]
        self.after(desk, 1)
        self.assertEqual(self.count(), before + 1)
        del meter
        self.assertEqual(self.count(), before)

    def count(self) -> int:
        return sum(type(each) is ShapedMeter for each in gc.get_objects())
