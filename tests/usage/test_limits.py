"""Limits: who is refused, who is cut, and how far a limit can be passed."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from meshd.model import Refusal
from meshd.topology import Limits
from meshd.usage.meter import Meter
from tests.usage.support import Desk, MemoryStore, account, now
from tests.usage.test_ledger import LedgerCase as _LedgerCase

MB = 10**6
SLICE = Limits().slice_bytes
DAY = 86_400


def pull(meters: list[Meter], chunk: int = 65_536) -> int:
    """Each moves what its room lets it, in turn, until nobody may."""
    moved = 0
    for _ in range(20_000):
        step = 0
        for meter in meters:
            n = min(chunk, meter.room)
            meter.sent_down(n)
            step += n
        if step == 0:
            return moved
        moved += step
    raise AssertionError("there is no end to it")


def pull_through(desks: list[Desk], meters: list[Meter], chunk: int = 65_536) -> int:
    """The same, on and on while the store is asked."""
    moved = 0
    for _ in range(1000):
        if all(not meter.open or meter.stopping for meter in meters):
            return moved
        moved += pull(meters, chunk)
        for desk in desks:
            desk.clock.advance(0.1)
    raise AssertionError("there is no end to it")


class Refusals(_LedgerCase):
    def test_reasons(self) -> None:
        """Which limit it was, and whose."""
        table = [
            ("the monthly one", [account(1, monthly=5)], 1, "quota-monthly"),
            ("the total one", [account(1, total=5)], 1, "quota-total"),
            ("both: the one that does not pass", [account(1, total=5, monthly=5)], 1, "quota-total"),
            ("a parent's, for its sub-account", [account(1, monthly=5), account(2, parent=1)], 2, "quota-parent"),
            (
                "its own, although the parent's too",
                [account(1, total=5), account(2, parent=1, total=5)],
                2,
                "quota-total",
            ),
        ]
        for rule, accounts, who, reason in table:
            desk = self.desk(*accounts)
            for each in accounts:
                desk.store.add(each.id, 5)
            refusal = desk.open(who)
            self.assertIsInstance(refusal, Refusal, rule)
            self.assertEqual(refusal.reason, reason, rule)

    def test_one_byte_below_is_let_in(self) -> None:
        """At the limit it is over, below it is not."""
        desk = self.desk(account(1, total=5))
        desk.store.add(1, 4)
        self.assertEqual(desk.meter(1).room, 1)

    def test_who_is_refused_takes_no_slot(self) -> None:
        """Nor does asking often fill the ledger."""
        desk = self.desk(account(1, total=5), account(2), slots=1)
        desk.store.add(1, 5)
        for _ in range(10):
            self.assertIsInstance(desk.open(1), Refusal)
        self.assertIsInstance(desk.open(2), Meter)

    def test_an_older_identity_does_not_let_in_again(self) -> None:
        """What the flush said is remembered when nothing is open any more, whatever a cached identity says."""
        desk = self.desk(account(1, total=10))
        stale = desk.store.admission(1)
        meter = desk.meter(1)
        meter.sent_up(10)
        desk.close(meter)
        desk.flush()
        refusal = desk.ledger.open(stale, lambda refusal: None)
        self.assertIsInstance(refusal, Refusal)

    def test_only_so_many_are_remembered(self) -> None:
        """The oldest go."""
        desk = self.desk(*(account(i, total=1) for i in range(1, 6)), identities=3)
        stale = {i: desk.store.admission(i) for i in range(1, 6)}
        for i in range(1, 6):
            meter = desk.meter(i)
            meter.sent_up(1)
            desk.close(meter)
            desk.rest()
        let_in = [isinstance(desk.ledger.open(stale[i], lambda refusal: None), Meter) for i in range(1, 6)]
        self.assertEqual(let_in, [True, True, False, False, False])


class Cuts(_LedgerCase):
    def test_the_account_ends_and_nobody_else(self) -> None:
        """All its meters, in a later turn of the reactor, with the reason; each once."""
        desk = self.desk(account(1, monthly=100), account(2))
        one, two, other = desk.meter(1), desk.meter(1, token_id=3), desk.meter(2)
        one.sent_down(100)
        self.assertEqual((one.room, two.room, desk.stopped), (0, 0, {}))
        desk.clock.advance(0)
        self.assertEqual(
            {meter: refusal.reason for meter, refusal in desk.stopped.items()},
            dict.fromkeys((one, two), "quota-monthly"),
        )
        desk.stopped.clear()
        one.sent_down(10)
        desk.flush()
        desk.clock.advance(0)
        self.assertEqual(desk.stopped, {})
        self.assertGreater(other.room, 0)

    def test_a_parents_limit_ends_the_family(self) -> None:
        """The parent's own by its reason, its sub-accounts' by theirs."""
        desk = self.desk(account(1, total=100), account(2, parent=1), account(3, parent=1))
        parent, sub, idle = desk.meter(1), desk.meter(2), desk.meter(3)
        sub.sent_down(100)
        desk.clock.advance(0)
        reasons = {meter: refusal.reason for meter, refusal in desk.stopped.items()}
        self.assertEqual(reasons, {parent: "quota-total", sub: "quota-parent", idle: "quota-parent"})
        self.assertEqual(desk.open(3).reason, "quota-parent")

    def test_a_sub_accounts_limit_is_its_own(self) -> None:
        """Its siblings and its parent go on."""
        desk = self.desk(account(1), account(2, parent=1, total=100), account(3, parent=1))
        parent, sub, sibling = desk.meter(1), desk.meter(2), desk.meter(3)
        sub.sent_down(100)
        desk.clock.advance(0)
        self.assertEqual(set(desk.stopped), {sub})
        self.assertTrue(parent.room and sibling.room)

    def test_one_that_closed_meanwhile_is_left_alone(self) -> None:
        """Its stop is not called."""
        desk = self.desk(account(1, total=100))
        meter = desk.meter(1)
        meter.sent_down(100)
        desk.close(meter)
        desk.clock.advance(0)
        self.assertEqual(desk.stopped, {})

    def test_what_others_used_is_found_by_the_flush(self) -> None:
        """The store's total decides, all nodes included."""
        desk = self.desk(account(1, total=1000))
        meter = desk.meter(1)
        desk.store.add(1, 999)
        meter.sent_down(1)
        desk.clock.advance(1)
        desk.clock.advance(0)
        self.assertIn(meter, desk.stopped)

    def test_finish_lets_end_what_is_open(self) -> None:
        """New ones are refused; what is open counts on without limit, and all of it is billed."""
        desk = self.desk(account(1, total=100), on_limit="finish")
        meter = desk.meter(1)
        for _ in range(5):
            meter.sent_down(100)
            desk.clock.advance(1)
            self.assertGreater(meter.room, 10**12)
        self.assertEqual(desk.open(1).reason, "quota-total")
        self.assertEqual((desk.stopped, desk.store.own[1, 0][1]), ({}, 500))


class Periods(_LedgerCase):
    def test_a_new_period_lets_in_again(self) -> None:
        """By itself, at midnight of the billing day; a clock that steps back does not re-open the old one."""
        desk = self.desk(account(1, monthly=100, day=23))
        meter = desk.meter(1)
        meter.sent_down(100)
        desk.close(meter)
        desk.flush()
        self.assertEqual(desk.open(1).reason, "quota-monthly")
        desk.wall += DAY / 2 - 1
        self.assertEqual(desk.open(1).reason, "quota-monthly")
        desk.wall += 1
        desk.flush()
        again = desk.meter(1)
        again.sent_down(40)
        desk.flush()
        desk.wall -= DAY
        self.assertEqual(again.room + desk.ledger._quotas.find(1).held, 60)
        desk.flush()
        self.assertEqual(desk.store.totals[1][1], 40)

    def test_a_refused_account_at_work_is_let_in_again(self) -> None:
        """Also where the standing did not come anew."""
        desk = self.desk(account(1, monthly=100, day=23), on_limit="finish")
        desk.meter(1).sent_down(100)
        desk.flush()
        self.assertIsInstance(desk.open(1), Refusal)
        desk.wall += DAY
        self.assertIsInstance(desk.open(1), Meter)

    def test_a_step_back_does_not_close_it_again(self) -> None:
        """Once let in by a new period, an account is not judged by the old one any more."""
        desk = self.desk(account(1, monthly=100, day=23))
        meter = desk.meter(1)
        meter.sent_down(100)
        desk.close(meter)
        desk.flush()
        desk.wall += DAY
        self.assertIsInstance(desk.open(1), Meter)
        desk.wall -= DAY
        desk.changed(1)
        desk.clock.advance(0)
        self.assertEqual(desk.stopped, {})
        self.assertIsInstance(desk.open(1), Meter)

    def test_a_total_limit_knows_no_period(self) -> None:
        """It stays reached."""
        desk = self.desk(account(1, total=100, day=23))
        desk.meter(1).sent_down(100)
        desk.wall += 40 * DAY
        desk.flush()
        self.assertEqual(desk.open(1).reason, "quota-total")

    def test_a_sub_accounts_period_is_its_parents(self) -> None:
        """Its own billing day does not count."""
        desk = self.desk(account(1, day=23), account(2, parent=1, monthly=100, day=1))
        desk.store.add(2, 100)
        self.assertEqual(desk.open(2).reason, "quota-monthly")
        desk.wall += DAY
        self.assertIsInstance(desk.open(2), Meter)


class Leases(_LedgerCase):
    def test_twenty_tunnels_stop_at_the_byte(self) -> None:
        """One process does not pass a limit by one byte, however many pull at once."""
        desk = self.desk(account(1, total=10 * MB))
        self.assertEqual(pull_through([desk], [desk.meter(1, token_id=i) for i in range(20)]), 10 * MB)
        self.assertEqual(len(desk.stopped), 20)

    def test_a_family_stops_at_the_byte(self) -> None:
        """Sub-accounts share what is left of their parent's, whoever comes first; their own limits hold too."""
        subs = [account(i, parent=1, total=MB) for i in range(2, 6)] + [account(6, parent=1)]
        desk = self.desk(account(1, total=10 * MB), *subs)
        moved = pull_through([desk], [desk.meter(each.id) for each in subs])
        self.assertEqual(moved, 10 * MB)
        desk.flush()
        self.assertEqual([desk.store.totals[i][0] for i in (1, 2, 3)], [10 * MB, MB, MB])

    def test_flushes_in_between_change_nothing(self) -> None:
        """What was counted before the seal, after it, and while the store was asked is counted once."""
        desk = self.desk(account(1, total=10 * MB))
        meters = [desk.meter(1, token_id=i) for i in range(20)]
        moved = 0
        for _ in range(100):
            for meter in meters:
                meter.sent_down(n := min(4096, meter.room))
                moved += n
            desk.flush()
        self.assertEqual(moved + pull_through([desk], meters), 10 * MB)

    def test_nor_do_those_that_count_while_they_run(self) -> None:
        """For a parent's limit either, whose sub-accounts move bytes while the store is asked."""
        desk = self.desk(account(1, total=10 * MB), account(2, parent=1), account(3, parent=1))
        meters = [desk.meter(2), desk.meter(3)]
        moved = 0
        for _ in range(500):
            desk.store.gate = Deferred()
            meters[0].sent_down(first := min(4096, meters[0].room))
            flush = Deferred.fromCoroutine(desk.ledger.flush())
            meters[1].sent_down(second := min(8192, meters[1].room))
            desk.store.gate.callback(None)
            self.successResultOf(flush)
            moved += first + second
        self.assertEqual(moved + pull_through([desk], meters), 10 * MB)

    def test_many_processes_pass_a_limit_by_a_lease_each_at_most(self) -> None:
        """Those that know of each other; and all that was moved is billed."""
        store = MemoryStore(account(1, total=1000 * MB))
        desks = [self.desk(store=store) for _ in range(3)]
        meters = [desk.meter(1) for desk in desks for _ in range(5)]
        moved = 0
        for _ in range(4):
            for meter in meters:
                meter.sent_up(1)
                moved += 1
            for desk in desks:
                desk.clock.advance(1)
        moved += pull_through(desks, meters)
        self.assertGreaterEqual(moved, 1000 * MB)
        self.assertLess(moved, 1000 * MB + 3 * SLICE)
        for desk in desks:
            desk.clock.advance(1)
        self.assertEqual(store.totals[1][0], moved)

    def test_who_has_the_store_to_itself_is_lent_all(self) -> None:
        """So that it never waits for the store again, and still stops at the byte."""
        desk = self.desk(account(1, total=1000 * MB), account(2, parent=1))
        meter = desk.meter(2)
        first = pull([meter])
        desk.clock.advance(0.1)
        runs = desk.store.runs
        self.assertEqual((first, meter.room), (SLICE, 1000 * MB - first))
        self.assertEqual(first + pull([meter]), 1000 * MB)
        self.assertEqual(desk.store.runs, runs)
        desk.clock.advance(0)
        self.assertEqual(desk.stopped[meter].reason, "quota-parent")

    def test_who_was_quiet_keeps_a_slice(self) -> None:
        """An old word of the store is none: others may have spent since."""
        desk = self.desk(account(1, total=1000 * MB))
        meter = desk.meter(1)
        pull([meter])
        desk.clock.advance(0.1)
        meter.sent_down(1)
        desk.clock.advance(1)
        self.assertGreater(meter.room, SLICE)
        desk.clock.advance(1)
        self.assertLessEqual(meter.room, SLICE)
        desk.store.add(1, 990 * MB)
        moved = 1 + SLICE + pull_through([desk], [meter])
        self.assertLess(990 * MB + moved, 1000 * MB + SLICE)

    def test_one_that_comes_to_another_waits_until_it_has_heard_of_it(self) -> None:
        """Meanwhile the other may have been lent all; what the new one moves until then is a few slices."""
        store = MemoryStore(account(1, total=1000 * MB))
        one, two = self.desk(store=store), self.desk(store=store)
        first, second = one.meter(1), two.meter(1)
        moved = pull([first])
        one.clock.advance(0.1)
        alone = first.room
        self.assertEqual(alone, 1000 * MB - moved)
        came = 0
        for _ in range(10):  # nearly a second, in which the first does not flush
            came += pull([second])
            two.clock.advance(0.1)
        self.assertLessEqual(came, 3 * SLICE)
        one.clock.advance(1)  # it had nothing to flush: a slice is left to it
        moved += came + pull_through([one, two], [first, second])
        self.assertGreaterEqual(moved, 1000 * MB)
        self.assertLess(moved, 1000 * MB + 4 * SLICE)

    def test_a_waiting_meter_is_resumed(self) -> None:
        """Once the store has answered, and only if it was made to wait."""
        desk = self.desk(account(1, total=100 * MB))
        meter, resumed = desk.meter(1), []
        meter.resume = lambda: resumed.append(meter.room)
        first = pull([meter])
        self.assertEqual((first, resumed), (SLICE, []))
        desk.clock.advance(0.1)
        desk.clock.advance(0)
        self.assertEqual(len(resumed), 1)
        self.assertGreater(resumed[0], 0)

    def test_nobody_waits_while_the_store_is_away(self) -> None:
        """Who is known goes on within what the limits left."""
        desk = self.desk(account(1, total=100 * MB))
        desk.store.away = True
        meter, resumed = desk.meter(1), []
        meter.resume = lambda: resumed.append(meter.room)
        moved = pull([meter])
        desk.clock.advance(0.1)
        desk.clock.advance(0)
        self.assertEqual(len(resumed), 1)
        self.assertEqual(moved + pull([meter]), 100 * MB)

    def test_nearing_a_limit_flushes_sooner(self) -> None:
        """When the first half of a lease is used."""
        desk = self.desk(account(1, total=1000 * MB))
        meter = desk.meter(1)
        desk.clock.advance(0.5)
        self.assertEqual(desk.store.runs, 0)
        meter.sent_down(meter.room)
        desk.clock.advance(0.1)
        self.assertEqual(desk.store.runs, 1)

    def test_without_limits_nobody_asks(self) -> None:
        """Any number of bytes fits until the next round."""
        desk = self.desk(account(1), account(2, parent=1))
        meter = desk.meter(2)
        meter.sent_down(10**15)
        self.assertGreater(meter.room, 10**15)
        desk.clock.advance(0.5)
        self.assertEqual(desk.store.runs, 0)

    def test_a_limit_set_on_a_running_tunnel_counts_what_was_moved(self) -> None:
        """Before it was set, and since the last flush."""
        desk = self.desk(account(1))
        meter = desk.meter(1)
        meter.sent_down(MB)
        desk.flush()
        desk.store.accounts[1] = account(1, total=3 * MB)
        meter.sent_down(MB // 2)
        desk.flush()
        meter.sent_down(MB // 2)
        self.assertEqual(pull([meter]), MB)


class Stopping(_LedgerCase):
    def test_a_restart_goes_on_where_it_was(self) -> None:
        """A limit holds over a restart."""
        desk = self.desk(account(1, total=100))
        meter = desk.meter(1)
        meter.sent_up(60)
        desk.close(meter)
        now(desk.ledger.stop())
        self.assertEqual(list((desk.folder / "journal").iterdir()), [])
        again = Desk(desk.folder, desk.store)
        self.assertEqual(pull([again.meter(1)]), 40)


class Parcels(_LedgerCase):
    """What cannot be parted, a datagram, near the end of a lease."""

    def sent(self, desk: Desk, meter: Meter, count: int, size: int) -> int:
        """How many of so many datagrams have gone, where whoever finds no room waits until it is resumed."""
        resumed, gone = list[int](), 0
        meter.resume = lambda: resumed.append(meter.room)
        for _ in range(count):
            if meter.against(size, upward=True, on_limit="cut") is not None:
                del resumed[:]
                desk.clock.advance(0.2)
                self.assertEqual(len(resumed), 1, "the store was not asked")
            if meter.against(size, upward=True, on_limit="cut") is None:
                meter.sent_up(size)
                gone += 1
        return gone

    def test_a_lease_that_is_too_short_for_one(self) -> None:
        """The store is asked ahead of it, as for a tunnel's bytes; before, all were dropped until the next flush."""
        desk = self.desk(account(1, total=10**9), slice_bytes=4096)
        self.assertEqual(self.sent(desk, desk.meter(1), 100, 1200), 100)

    def test_while_the_store_is_away(self) -> None:
        desk = self.desk(account(1, total=10**9), slice_bytes=4096)
        meter = desk.meter(1)
        desk.store.away = True
        self.assertEqual(self.sent(desk, meter, 100, 1200), 100)

    def test_a_parents_lease(self) -> None:
        desk = self.desk(account(1, total=10**9), account(2, parent=1), slice_bytes=4096)
        self.assertEqual(self.sent(desk, desk.meter(2), 100, 1200), 100)
