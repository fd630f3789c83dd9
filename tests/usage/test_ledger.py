"""Meters, flushes, and what the store is told."""

from __future__ import annotations

import os
import shutil
import tempfile

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Refusal
from meshd.store.interface import StoreUnavailable
from meshd.usage.exchangelog import KEPT
from meshd.usage.ledger import OVERLOADED
from meshd.usage.recovery import RecoveryReport
from tests.usage.support import NOON, Desk, MemoryStore, account, exchange, now, sums_of


class LedgerCase(SynchronousTestCase):
    def desk(self, *accounts, store=None, **options) -> Desk:
        """A desk with these accounts, its rounds going."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        desk = Desk(folder, store or MemoryStore(*accounts), **options)
        now(desk.ledger.start())
        return desk


class Counting(LedgerCase):
    def test_bytes_reach_account_and_parent(self) -> None:
        """Each byte is the account's, by token, and its parent's total counts it once."""
        desk = self.desk(account(1), account(2, parent=1))
        meter = desk.meter(2, token_id=5)
        meter.sent_up(10)
        meter.sent_down(700)
        own = desk.meter(1)
        own.sent_up(1)
        desk.close(meter)
        desk.close(own)
        desk.flush()
        self.assertEqual((meter.up, meter.down), (10, 700))
        self.assertEqual(dict(desk.store.own), {(2, 5): [10, 700, 1], (1, 0): [1, 0, 1]})
        self.assertEqual((desk.store.totals[1][0], desk.store.totals[2][0]), (711, 710))

    def test_visitors_are_no_tunnels(self) -> None:
        """What the visitors of a published host have open is counted by the host's own token, and billed, judged and
        ended as all else; but their number leaves the owner's proxies, and those of the owner's parent, alone.
        """
        desk = self.desk(account(1), account(2, parent=1))
        visitors = [desk.meter(2, token_id=9, source="meter") for _ in range(3)]
        own = desk.meter(2)
        counts = desk.ledger
        self.assertEqual((counts.tunnels(2), counts.tunnels_of_family(1), counts.tunnels_of_family(2)), (1, 1, 1))
        self.assertEqual(len(counts.open_of(1)), 4)
        admission = visitors[0].admission
        self.assertEqual((counts.under_way(admission), counts.under_way(own.admission)), (3, 1))
        for meter in (*visitors, own):
            meter.sent_down(10)
            desk.close(meter)
        self.assertEqual((counts.tunnels(2), counts.tunnels_of_family(1), counts.under_way(admission)), (0, 0, 0))
        desk.flush()
        self.assertEqual(dict(desk.store.own), {(2, 9): [0, 30, 3], (2, 0): [0, 10, 1]})

    def test_an_open_tunnel_is_billed_while_it_runs(self) -> None:
        """The rounds bring its bytes to the store every second."""
        desk = self.desk(account(1))
        meter = desk.meter(1)
        for total in (100, 200, 300):
            meter.sent_down(100)
            desk.clock.advance(1)
            self.assertEqual(desk.store.own[1, 0], [0, total, 0])

    def test_nothing_counted_asks_nothing(self) -> None:
        """An idle process leaves the store alone."""
        desk = self.desk(account(1))
        desk.meter(1)
        desk.clock.pump([1] * 5)
        self.assertEqual(desk.store.runs, 0)

    def test_a_closed_meter_counts_nothing(self) -> None:
        """Its slot may be another's by then."""
        desk = self.desk(account(1), account(2), slots=1)
        meter = desk.meter(1)
        desk.close(meter)
        desk.close(meter)
        desk.flush()
        desk.meter(2)
        meter.sent_up(1000)
        desk.flush()
        self.assertEqual(dict(desk.store.own), {(1, 0): [0, 0, 1]})

    def test_bytes_that_move_during_a_flush_go_with_the_next(self) -> None:
        """Counting goes on while the store works."""
        desk = self.desk(account(1))
        meter = desk.meter(1)
        meter.sent_up(1)
        desk.store.gate = Deferred()
        flush = Deferred.fromCoroutine(desk.ledger.flush())
        meter.sent_up(10)
        desk.store.gate.callback(None)
        self.successResultOf(flush)
        self.assertEqual(desk.store.own[1, 0][0], 1)
        desk.flush()
        self.assertEqual(desk.store.own[1, 0][0], 11)

    def test_only_one_flush_at_a_time(self) -> None:
        """A second waits for the first, and brings what was counted since."""
        desk = self.desk(account(1))
        meter = desk.meter(1)
        meter.sent_up(1)
        gate = desk.store.gate = Deferred()
        first = Deferred.fromCoroutine(desk.ledger.flush())
        meter.sent_up(2)
        second = Deferred.fromCoroutine(desk.ledger.flush())
        self.assertEqual(desk.store.runs, 1)
        desk.store.gate = None
        gate.callback(None)
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(desk.store.own[1, 0][0], 3)

    def test_open_meters_by_account(self) -> None:
        """A parent's include its sub-accounts'; the number of tunnels is the account's own."""
        desk = self.desk(account(1), account(2, parent=1), account(3))
        parent, sub, sub_too, other = desk.meter(1), desk.meter(2), desk.meter(2, token_id=4), desk.meter(3)
        self.assertEqual(set(desk.ledger.open_of(1)), {parent, sub, sub_too})
        self.assertEqual(set(desk.ledger.open_of(2)), {sub, sub_too})
        self.assertEqual(set(desk.ledger.open_of(0)), {parent, sub, sub_too, other})
        self.assertEqual([desk.ledger.tunnels(i) for i in (1, 2, 3, 4)], [1, 2, 1, 0])
        desk.close(sub)
        self.assertEqual((desk.ledger.tunnels(2), desk.ledger.open_of(4)), (1, []))

    def test_a_full_journal_refuses_and_soon_has_room(self) -> None:
        """Slots in use are nobody else's; an early round frees those that rest."""
        desk = self.desk(account(1), account(2), slots=1)
        desk.close(desk.meter(1))
        self.assertEqual(desk.open(2), OVERLOADED)
        desk.clock.advance(0.1)
        self.assertNotIsInstance(desk.open(2), Refusal)

    def test_slots_follow_the_accounts_at_work(self) -> None:
        """A thousand accounts pass through a few slots, each billed its own."""
        accounts = [account(i) for i in range(1, 1001)]
        desk = self.desk(*accounts, slots=4)
        for each in accounts:
            meter = desk.meter(each.id)
            meter.sent_up(each.id)
            desk.close(meter)
            if each.id % 4 == 0:
                desk.flush()
        self.assertEqual([desk.store.own[each.id, 0][0] for each in accounts], [each.id for each in accounts])

    def test_lines_that_were_given_up_come_as_one(self) -> None:
        """Where the log could not be written, each account's remainder is in it once it can be."""
        desk = self.desk(account(1), slots=8)
        write = os.write
        self.patch(os, "write", lambda fd, data: 0)
        for _ in range(KEPT + 3):
            meter = desk.meter(1)
            meter.sent_up(2)
            desk.close(meter)
        desk.clock.advance(1)
        self.patch(os, "write", write)
        desk.rest()
        desk.clock.pump([1] * 4)
        self.assertEqual(desk.lines()[-1]["reason"], "recovered")
        self.assertEqual(desk.lines()[-1]["exchanges"], 3)
        self.assertEqual(sums_of(desk.lines()), dict(desk.store.own))

    def test_a_log_that_fails_does_not_stop_the_service(self) -> None:
        """Where slots grow scarce, lines are forgotten rather than accounts refused; the bill is right."""
        desk = self.desk(*(account(i) for i in range(1, 30)), slots=8)
        write = os.write
        self.patch(os, "write", lambda fd, data: 0)
        for i in range(1, 30):
            meter = desk.meter(i)
            meter.sent_up(i)
            desk.close(meter)
            desk.clock.advance(1)
        self.assertEqual([desk.store.own[i, 0] for i in range(1, 30)], [[i, 0, 1] for i in range(1, 30)])
        self.assertEqual(desk.lines(), [])
        self.patch(os, "write", write)
        now(desk.ledger.stop())
        self.assertIn(len({line["account"] for line in desk.lines()}), range(6, 9))
        self.assertEqual([line["up"] for line in desk.lines()], [line["account"] for line in desk.lines()])

    def test_the_log_has_the_sums_of_the_store(self) -> None:
        """Whatever the proxy says of the bytes, the line has those that were counted."""
        desk = self.desk(account(1))
        meter = desk.meter(1)
        meter.sent_up(5)
        desk.ledger.close(meter, exchange(meter, up=99, down=99))
        desk.ledger.refused(exchange(status=407, reason="auth-required"))
        now(desk.ledger.stop())
        self.assertEqual(
            [(line["up"], line["down"], line["status"]) for line in desk.lines()], [(5, 0, 200), (0, 0, 407)]
        )
        self.assertEqual(sums_of(desk.lines()), dict(desk.store.own))


class Outages(LedgerCase):
    def test_counts_wait_for_the_store(self) -> None:
        """What is counted while the store is away arrives when it is back, once."""
        desk = self.desk(account(1))
        meter = desk.meter(1)
        desk.store.away = True
        for _ in range(10):
            meter.sent_up(1)
            desk.clock.advance(1)
        self.assertEqual(dict(desk.store.own), {})
        desk.store.away = False
        desk.clock.pump([1] * 6)
        self.assertEqual(desk.store.own[1, 0][0], 10)

    def test_a_lost_answer_does_not_bill_twice(self) -> None:
        """A batch that was applied although the store seemed away is known by its number; limits are still judged."""
        desk = self.desk(account(1, total=100))
        meter = desk.meter(1)
        meter.sent_up(60)
        desk.store.add(1, 60)  # by another node
        desk.store.answers_lost = 1
        self.assertRaises(StoreUnavailable, desk.flush)
        self.assertEqual(desk.stopped, {})
        desk.flush()
        self.assertEqual(desk.store.own[1, 0], [60, 0, 0])
        desk.clock.advance(0)
        self.assertEqual(desk.stopped[meter].reason, "quota-total")

    def test_stop_without_store_leaves_the_journal(self) -> None:
        """The next start bills it, and says so."""
        desk = self.desk(account(1))
        meter = desk.meter(1)
        meter.sent_up(3)
        meter.sent_down(4)
        desk.close(meter)
        desk.store.away = True
        now(desk.ledger.stop())
        desk.store.away = False
        next_ = Desk(desk.folder, desk.store)
        self.assertEqual(now(next_.ledger.start()), RecoveryReport(journals=1, up=3, down=4))
        self.assertEqual(desk.store.own[1, 0], [3, 4, 1])

    def test_an_orphan_waits_for_the_store_too(self) -> None:
        """A start without the store counts, and replays the dead process's journal as soon as it can."""
        desk = self.desk(account(1))
        desk.meter(1).sent_up(3)
        desk.die()
        desk.store.away = True
        next_ = Desk(desk.folder, desk.store)
        self.assertEqual(now(next_.ledger.start()).waiting, 1)
        desk.store.away = False
        next_.clock.advance(1)
        self.assertEqual(desk.store.own[1, 0], [3, 0, 0])

    def test_a_sibling_that_dies_is_found_while_running(self) -> None:
        """Within a minute, by whoever lives on; not while it lives."""
        desk = self.desk(account(1))
        other = Desk(desk.folder, desk.store)
        meter = other.meter(1)
        meter.sent_up(3)
        desk.clock.pump([1] * 61)
        self.assertEqual(dict(desk.store.own), {})
        other.die()
        desk.clock.pump([1] * 61)
        self.assertEqual(desk.store.own[1, 0], [3, 0, 0])
        self.assertEqual([line["reason"] for line in desk.lines()], ["recovered"])

    def test_whoever_is_open_at_the_stop_keeps_the_journal(self) -> None:
        """Bytes counted after the final flush are billed by the next start."""
        desk = self.desk(account(1))
        meter = desk.meter(1)
        now(desk.ledger.stop())
        meter.sent_up(8)
        desk.die()
        now(Desk(desk.folder, desk.store).ledger.start())
        self.assertEqual(desk.store.own[1, 0], [8, 0, 0])


class Clocks(LedgerCase):
    def test_batches_never_go_back_in_time(self) -> None:
        """Wall time that steps back by a month does not take a batch along."""
        desk = self.desk(account(1))
        meter = desk.meter(1)
        for step in (0, 60, -30 * 86_400, 90):
            desk.wall = NOON + step
            meter.sent_up(1)
            desk.flush()
        self.assertEqual(desk.store.ats, sorted(desk.store.ats))
        self.assertGreaterEqual(desk.store.ats[-1], NOON + 60)

    def test_a_batch_belongs_to_when_it_was_opened(self) -> None:
        """Bytes that waited over midnight are those of the day before; an idle ledger's next ones are not."""
        desk = self.desk(account(1))
        meter = desk.meter(1)
        desk.flush()
        meter.sent_up(1)
        desk.wall += 86_400
        desk.flush()
        desk.wall += 86_400
        desk.flush()
        meter.sent_up(1)
        desk.flush()
        self.assertEqual(desk.store.ats, [NOON, NOON + 2 * 86_400])


class Changes(LedgerCase):
    def test_a_lowered_limit_cuts(self) -> None:
        """The standing is read anew, and who is over ends."""
        desk = self.desk(account(1), account(2))
        meter, other = desk.meter(1), desk.meter(2)
        meter.sent_up(50)
        desk.store.accounts[1] = account(1, total=50)
        desk.changed(1)
        desk.clock.advance(0)
        self.assertEqual({m: r.reason for m, r in desk.stopped.items()}, {meter: "quota-total"})
        self.assertNotIn(other, desk.stopped)

    def test_a_raised_limit_lets_in_again(self) -> None:
        """Also an account that is only remembered."""
        desk = self.desk(account(1, total=10))
        meter = desk.meter(1)
        meter.sent_up(10)
        desk.close(meter)
        desk.rest()
        self.assertEqual(desk.open(1).reason, "quota-total")
        desk.store.accounts[1] = account(1, total=20)
        desk.changed(1)
        self.assertEqual(desk.meter(1).room, 5)

    def test_a_change_of_the_parent_concerns_its_sub_accounts(self) -> None:
        """The parent's new limit ends them."""
        desk = self.desk(account(1), account(2, parent=1), account(3))
        sub, other = desk.meter(2), desk.meter(3)
        desk.store.add(1, 1000)
        desk.store.accounts[1] = account(1, monthly=1000)
        desk.changed(1)
        desk.clock.advance(0)
        self.assertEqual(desk.stopped[sub].reason, "quota-parent")
        self.assertNotIn(other, desk.stopped)

    def test_a_gap_concerns_everybody(self) -> None:
        """Change 0 reads all that are at work."""
        desk = self.desk(account(1), account(2))
        desk.meter(1)
        desk.meter(2)
        for i in (1, 2):
            desk.store.accounts[i] = account(i, total=1)
            desk.store.add(i, 1)
        desk.changed(0)
        desk.clock.advance(0)
        self.assertEqual(len(desk.stopped), 2)

    def test_a_strangers_change_asks_nothing(self) -> None:
        """Nor does it flush."""
        desk = self.desk(account(1), account(2))
        desk.meter(1).sent_up(1)
        desk.changed(2)
        self.assertEqual(desk.store.runs, 0)

    def test_a_change_while_the_store_is_away_is_made_up_for(self) -> None:
        """The next flush that works reads the standing."""
        desk = self.desk(account(1))
        meter = desk.meter(1)
        desk.store.away = True
        desk.store.accounts[1] = account(1, total=1)
        desk.store.add(1, 1)
        desk.changed(1)
        desk.store.away = False
        desk.clock.advance(1)
        desk.clock.advance(0)
        self.assertIn(meter, desk.stopped)
