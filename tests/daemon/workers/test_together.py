"""Bounds of accounts over two processes, here two planes in one, each of which hears what the other tells."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.workers.together import LATE, OPEN, TICK, Row, Together, packed, unpacked
from meshd.passing.caps import Caps
from meshd.proxy.shares import Shares
from meshd.topology import Limits
from meshd.usage.throttle import Pace
from meshd.values.bounds import Bounds
from meshd.values.terms import Group, terms
from tests.support.live import settings

ANNA, BERTA = 1, 2
RATE = 40
"""Tunnels a second of one account, by the settings."""
GROUP = terms((Group(BERTA, Bounds(requests_per_second=RATE)),), ())


class Process:
    """As much of one as there is to tell of."""

    def __init__(self, number: int, clock: Clock, told: list[bytes]) -> None:
        live = settings(Limits(tunnels_per_account=64, new_tunnels_per_second=RATE, requests_per_second=0))
        self.allowances: dict[int, Any] = {}
        self.ledger = SimpleNamespace(
            behind=0.0,
            at_work=lambda: list(self.allowances.values()),
            find=self.allowances.get,
            tunnels=lambda account_id: 0,
            tunnels_of_family=lambda account_id: 0,
        )
        self.caps = Caps(live, 100)
        self.shares = Shares(live, self.caps, self.ledger)
        wheel = SimpleNamespace(seconds=clock.seconds)
        self.plane = SimpleNamespace(caps=self.caps, shares=self.shares, wheel=wheel)
        self.live = live
        self._clock = clock
        self.together = Together(clock, self, 2, told.append)  # type: ignore[arg-type]
        self.together.start()

    def account(self, account_id: int, opened: int = 0, below: int = 0, **more: Any) -> Any:
        facts = {"meters": [None] * opened, "visits": 0, "below": below, "elsewhere": 0, "below_elsewhere": 0}
        found = SimpleNamespace(standing=SimpleNamespace(account_id=account_id), pace=None, bounded=True, **facts)
        self.allowances[account_id] = found
        vars(found).update(more)
        return found

    def begin(self, tries: int) -> int:
        """How many tunnels of anna's are let in of so many."""
        return sum(self.caps.start(ANNA, 0, self._clock.seconds(), tunnel=True) is None for _ in range(tries))

    def begin_in_group(self, tries: int) -> int:
        """How many requests of berta's are let in of so many."""
        return sum(self.shares.start(GROUP, BERTA, self._clock.seconds(), tunnel=False) is None for _ in range(tries))


class TogetherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.told: tuple[list[bytes], list[bytes]] = ([], [])
        self.one, self.other = (Process(number, self.clock, self.told[number]) for number in range(2))

    def pass_on(self) -> None:
        """Let a tick pass, and each hear what the other tells."""
        self.clock.advance(TICK)
        for at, process in enumerate((self.one, self.other)):
            for rows in self.told[1 - at]:
                process.together.heard(1 - at, rows)
        for each in self.told:
            each.clear()

    def test_starts_are_one_bucket_over_time(self) -> None:
        """At the first moment each has a whole one; from then on both together begin what the account may."""
        self.assertEqual((self.one.begin(100), self.other.begin(100)), (RATE, RATE))
        begun, seconds = 0, 20
        for _ in range(int(seconds / TICK)):
            self.pass_on()
            begun += self.one.begin(100) + self.other.begin(100)
        self.assertLessEqual(begun, RATE * seconds)
        self.assertGreater(begun, RATE * (seconds - 3))

    def test_who_is_at_one_process_alone_has_all(self) -> None:
        begun = 0
        for _ in range(8):
            self.pass_on()
            begun += self.one.begin(100)
        self.assertEqual(begun, RATE + 7 * RATE * TICK)

    def test_a_group_is_bounded_in_the_same_way(self) -> None:
        self.assertEqual((self.one.begin_in_group(100), self.other.begin_in_group(100)), (RATE, RATE))
        begun, seconds = 0, 20
        for _ in range(int(seconds / TICK)):
            self.pass_on()
            begun += self.one.begin_in_group(100) + self.other.begin_in_group(100)
        self.assertLessEqual(begun, RATE * seconds)
        self.assertGreater(begun, RATE * (seconds - 3))

    def test_what_is_open_elsewhere_counts_until_it_is_not(self) -> None:
        here, there = self.one.account(ANNA), self.other.account(ANNA, opened=5, below=2)
        self.pass_on()
        self.assertEqual((here.elsewhere, here.below_elsewhere), (5, 2))
        self.assertEqual((there.elsewhere, there.below_elsewhere), (0, 0))
        there.meters.clear()
        there.below = 0
        self.pass_on()
        self.assertEqual((here.elsewhere, here.below_elsewhere), (0, 0))

    def test_what_a_dead_process_had_open_counts_no_more(self) -> None:
        here = self.one.account(ANNA)
        self.other.account(ANNA, opened=5)
        self.pass_on()
        self.one.together.heard(1, b"")
        self.assertEqual(here.elsewhere, 0)

    def test_how_long_counts_wait(self) -> None:
        """Is told while it is long, and no more once the process is level or dead; a moment is not."""
        for behind, heard in ((LATE - 1, 0), (LATE + 7.5, LATE + 7), (0, 0), (60, 60)):
            self.other.ledger.behind = behind
            self.pass_on()
            self.assertEqual((self.one.together.behind, self.other.together.behind), (heard, 0))
        self.one.together.heard(1, b"")
        self.assertEqual(self.one.together.behind, 0)

    def test_what_is_far_from_its_bound_is_not_told(self) -> None:
        """An account with a few tunnels that only the settings bound, and a start or two."""
        self.one.account(ANNA, opened=2, bounded=False)
        self.one.begin(1)
        self.clock.advance(TICK)
        self.assertEqual(self.told[0], [])
        self.one.account(ANNA, opened=10, bounded=False)
        self.clock.advance(TICK)
        self.assertEqual(unpacked(self.told[0][0]), [Row(OPEN, ANNA, 10, 0)])

    def test_a_rate_of_bytes_is_shared_by_use(self) -> None:
        """Who is alone has all; two that want all have half each; who wants little leaves the rest."""
        paces = [Pace(SimpleNamespace(seconds=self.clock.seconds)) for _ in range(2)]  # type: ignore[arg-type]
        for process, pace in zip((self.one, self.other), paces, strict=True):
            process.account(ANNA, pace=pace)
            pace.set(0, 1000)
        wanted = [[1000, 0], [1000, 1000], [1000, 100]]
        found = []
        for wants in wanted:
            for _ in range(16):
                for pace, want in zip(paces, wants, strict=True):
                    pace.moved_down += int(min(want, pace.down.rate) * TICK)
                self.pass_on()
            found.append([min(want, pace.down.rate) for pace, want in zip(paces, wants, strict=True)])
        self.assertEqual([[round(rate) for rate in rates] for rates in found], [[1000, 0], [500, 500], [900, 100]])
        self.assertEqual([pace.up.rate for pace in paces], [0, 0])

    def test_a_rate_holds_however_many_processes_use_it(self) -> None:
        """Some of many processes, all of which see the same room, take together what there is, and no more."""
        for processes, active in ((4, 3), (8, 4), (8, 8), (16, 8), (32, 16), (64, 1)):
            paces = [Pace(SimpleNamespace(seconds=self.clock.seconds)) for _ in range(active)]  # type: ignore[arg-type]
            for pace in paces:
                pace.set(0, 1000)
            total = []
            for _ in range(200):
                rates = [pace.down.rate for pace in paces]
                total.append(sum(rates))
                for pace, own in zip(paces, rates, strict=True):
                    pace.leave(0, sum(rates) - own, processes)
            self.assertLess(max(total[1:]), 1001, (processes, active))
            self.assertGreater(total[-1], 950, (processes, active))

    def test_rows_that_make_no_sense_are_none(self) -> None:
        rows = [Row(OPEN, ANNA, 5, 2), Row(OPEN, BERTA, 0, 2**40)]
        self.assertEqual(unpacked(packed(rows)), rows)
        for wrong in (packed(rows)[:-1], b"x", packed([Row(OPEN, ANNA, -1, 0)])):
            self.assertEqual(unpacked(wrong), [])
