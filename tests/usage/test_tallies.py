"""Slots that are given back, and the turns that others have while a flush works for many accounts."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Refusal
from meshd.running import turns
from meshd.usage import ledger, tallies
from meshd.usage.allowance import QUOTA_PARENT
from meshd.usage.meter import Meter
from tests.usage.support import Desk, MemoryStore, account, now, sums_of

ACCOUNTS = range(1, 10)


class TurnTests(SynchronousTestCase):
    """With steps of two accounts, each of them as long as a turn may take."""

    def setUp(self) -> None:
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.patch(turns, "SLICE", 0.0)
        self.patch(ledger, "AT_ONCE", 2)
        self.patch(tallies, "AT_ONCE", 2)
        self.desk = Desk(folder, MemoryStore(*map(account, ACCOUNTS)), slots=len(ACCOUNTS))

    def flush(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.desk.ledger.flush())

    def turn(self) -> None:
        """One of the reactor's.  (A Clock does what was asked for meanwhile in the same turn.)"""
        call = self.desk.clock.calls.pop(0)
        self.assertEqual(call.getTime(), self.desk.clock.seconds())
        call.called = 1
        call.func(*call.args, **call.kw)

    def finish(self, flush: Deferred[None]) -> int:
        """Let it come to its end; how many turns that took."""
        taken = 0
        while not flush.called:
            self.turn()
            taken += 1
        self.successResultOf(flush)
        return taken

    def test_others_have_their_turn(self) -> None:
        """Five steps to judge nine accounts, five to free them, and after each the reactor does what else there is."""
        for each in ACCOUNTS:
            self.desk.close(self.desk.meter(each))
        self.assertEqual(self.finish(self.flush()), 10)
        self.assertEqual(self.finish(self.flush()), 0)

    def test_every_slot_is_given_back(self) -> None:
        """As many accounts may work afterwards as before, though the journal has no slot to spare."""
        for _ in range(3):
            for each in ACCOUNTS:
                self.desk.meter(each).sent_up(each)
            for meter in self.desk.ledger.open_of(0):
                self.desk.close(meter)
            self.finish(self.flush())
        self.assertEqual(self.desk.ledger.open_of(0), [])
        self.assertEqual(
            {each: self.desk.store.own[each, 0] for each in ACCOUNTS}, {n: [3 * n, 0, 3] for n in ACCOUNTS}
        )

    def test_what_begins_and_ends_meanwhile_is_counted_once(self) -> None:
        """An account may come back before, between and after the steps that judge and free it."""
        for each in ACCOUNTS:
            self.desk.close(self.desk.meter(each))
        for before in range(10):
            flush = self.flush()
            for _ in range(before):
                self.turn()
            for each in ACCOUNTS:
                meter = self.desk.meter(each)
                meter.sent_down(each)
                self.desk.close(meter)
            self.finish(flush)
        for _ in range(2):
            self.finish(self.flush())
        counted = {(each, 0): [0, 10 * each, 11] for each in ACCOUNTS}
        self.assertEqual(dict(self.desk.store.own), counted)
        self.assertEqual(sums_of(self.desk.lines()), counted)

    def test_a_limit_that_is_reached_meanwhile(self) -> None:
        """An account that is judged last is judged by what it has moved until then."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.desk = Desk(folder, MemoryStore(*(account(each, total=1000) for each in ACCOUNTS)))
        meters = [self.desk.meter(each) for each in ACCOUNTS]
        for meter in meters:
            meter.sent_up(100)
        flush = self.flush()
        for meter in meters:
            meter.sent_up(900)
        self.finish(flush)
        self.finish(self.flush())
        self.desk.clock.advance(0)
        self.assertEqual({refusal.reason for refusal in self.desk.stopped.values()}, {"quota-total"})
        self.assertEqual(set(self.desk.stopped), set(meters))


class RestTests(SynchronousTestCase):
    """Of a journal with slots to spare."""

    def setUp(self) -> None:
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.desk = Desk(folder, MemoryStore(*map(account, ACCOUNTS)), slots=len(ACCOUNTS) * 2 + 2)
        self.by_key = self.desk.ledger._tallies.by_key

    def visit(self, *accounts: int) -> None:
        for each in accounts:
            self.desk.close(self.desk.meter(each))

    def test_who_comes_back_is_not_begun_anew(self) -> None:
        """Who has had nothing open for a while is freed, and who was here meanwhile stays."""
        self.visit(1, 2)
        self.desk.flush()
        one = self.by_key[1, 0, None]
        self.desk.clock.advance(tallies.REST)
        self.desk.flush()
        self.visit(1)
        self.desk.clock.advance(tallies.REST)
        self.desk.flush()
        self.assertEqual({(1, 0, None): one}, self.by_key)
        self.desk.rest()
        self.assertEqual({}, self.by_key)

    def test_not_while_something_is_open(self) -> None:
        meter = self.desk.meter(1)
        self.visit(1)
        self.desk.rest()
        self.assertIn((1, 0, None), self.by_key)
        self.desk.close(meter)
        self.desk.rest()
        self.assertEqual({}, self.by_key)

    def test_where_slots_are_few(self) -> None:
        """Each flush frees them."""
        self.visit(*ACCOUNTS)
        self.desk.flush()
        self.assertEqual(len(ACCOUNTS), len(self.by_key))
        others = [self.desk.meter(each, token_id=1) for each in (1, 2)]
        self.desk.flush()
        self.assertEqual({(1, 1, None), (2, 1, None)}, self.by_key.keys())
        self.assertEqual(2, len(others))

    def test_another_parent(self) -> None:
        """Of a sub-account that was moved the new parent pays, and bounds it, though it was counted a moment ago."""
        accounts = self.desk.store.accounts
        accounts[9] = account(9, parent=1)
        self.visit(9)
        self.desk.flush()
        accounts[2], accounts[9] = account(2, total=100), account(9, parent=2)
        self.desk.changed(9)
        meter = self.desk.meter(9)
        meter.sent_up(60)
        meter.sent_down(40)
        self.desk.clock.advance(0)
        self.assertEqual({meter: QUOTA_PARENT}, self.desk.stopped)
        self.assertEqual([meter], self.desk.ledger.open_of(2))
        self.assertEqual([], self.desk.ledger.open_of(1))
        self.desk.close(meter)
        self.desk.flush()
        self.assertEqual({1: 0, 2: 100, 9: 100}, {each: self.desk.store.totals[each][0] for each in (1, 2, 9)})
        self.desk.rest()
        self.assertEqual(([], {}), (self.desk.ledger.at_work(), self.by_key))

    def test_the_former_parent_again(self) -> None:
        """A move that is undone a moment later leaves nothing out of the parent's sight, though nothing is begun."""
        accounts = self.desk.store.accounts
        accounts[1] = account(1, total=1000)
        for parent in (1, 2):
            accounts[9] = account(9, parent=parent)
            self.visit(9)
            self.desk.flush()
        accounts[9] = account(9, parent=1)
        self.desk.changed(9)
        meter = self.desk.meter(9)
        self.assertEqual(([meter], []), (self.desk.ledger.open_of(1), self.desk.ledger.open_of(2)))
        meter.sent_up(1000)
        self.desk.clock.advance(0)
        self.assertEqual({meter: QUOTA_PARENT}, self.desk.stopped)

    def test_two_parents_at_a_time(self) -> None:
        """Where a remembered credential names the former parent for a moment, each parent sees, and ends, its own."""
        accounts = self.desk.store.accounts
        accounts[1], accounts[2] = account(1, total=100), account(2, total=100)
        meters = {}
        for parent in (2, 1):
            accounts[9] = account(9, parent=parent)
            meters[parent] = self.desk.meter(9, token_id=parent)
        for parent, meter in meters.items():
            self.assertEqual([meter], self.desk.ledger.open_of(parent))
        self.assertEqual({*meters.values()}, {*self.desk.ledger.open_of(9)})
        self.desk.close(meters[1])
        self.desk.rest()
        self.assertEqual([meters[2]], self.desk.ledger.open_of(2))
        meters[1] = self.desk.meter(9, token_id=1)
        meters[2].sent_up(100)
        self.desk.clock.advance(0)
        self.assertEqual({meters[2]: QUOTA_PARENT}, self.desk.stopped)
        for meter in meters.values():
            self.desk.close(meter)
        self.desk.rest()
        self.assertEqual(([], {}), (self.desk.ledger.at_work(), self.by_key))

    def test_at_the_end(self) -> None:
        """All that can be is freed, with a line for what has none."""
        self.visit(1)
        now(self.desk.ledger.flush(last=True))
        self.assertEqual({}, self.by_key)


class FamilyTests(SynchronousTestCase):
    """Of one account with sub-accounts that count by many tokens, and of others."""

    def setUp(self) -> None:
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        accounts = account(1), account(2, parent=1), account(3, parent=1), account(4), account(5, parent=4), account(6)
        self.desk = Desk(folder, MemoryStore(*accounts), slots=16)
        self.opened: list[Meter] = []

    def fill(self, *members: int) -> int:
        """Open by one token after the other as long as there is room for a member; how many that are."""
        begun = len(self.opened)
        for token_id in range(1, 100):
            for each in members:
                meter = self.desk.open(each, token_id=token_id)
                if isinstance(meter, Refusal):
                    self.assertEqual(meter, ledger.OVERLOADED)
                    return len(self.opened) - begun
                meter.sent_up(100 * each + token_id)
                self.opened.append(meter)
        raise AssertionError("there was no end")

    def test_one_leaves_slots_to_others(self) -> None:
        """Whether by its own tokens or by those of its sub-accounts; and the next ones leave some too."""
        for members in ((1,), (2, 3), (1, 2, 3)):
            self.assertEqual(self.fill(*members), 12, members)
            self.assertEqual(self.fill(4, 5), 3)
            self.assertEqual(self.fill(6), 1)
            for each in self.opened:
                self.desk.close(each)
            self.opened.clear()
            self.desk.flush()

    def test_what_counts_goes_on(self) -> None:
        """Who has a slot begins more by it; every byte is billed and logged; and ended ones make room at once."""
        self.fill(2, 3)
        self.assertEqual(self.desk.open(2, token_id=99), ledger.OVERLOADED)
        self.opened.append(self.desk.meter(2, token_id=1))
        self.opened.append(self.desk.meter(6))
        counted = Counter[tuple[int, int]]()
        for each in self.opened:
            each.sent_down(7)
            counted[each.admission.account.id, each.admission.token_id] += each.up + each.down
            self.desk.close(each)
        self.desk.flush()
        self.desk.meter(2, token_id=99)
        billed = {key: up + down for key, (up, down, _) in self.desk.store.own.items()}
        self.assertEqual(billed, dict(counted))
        self.assertEqual(self.desk.store.totals[1][0], sum(n for (each, _), n in counted.items() if each != 6))
        self.assertEqual({key: up + down for key, (up, down, _) in sums_of(self.desk.lines()).items()}, billed)
