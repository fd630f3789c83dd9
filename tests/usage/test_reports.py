"""What is summed up of exchanges that have ended, how much of it waits, and what an outage of the store does to it."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.proxy.replies import REASONS
from meshd.store.interface import Conflict, StoreError, StoreUnavailable
from meshd.store.statements import tops
from meshd.store.statements.tops import EXIT, OTHER, OUTCOME
from meshd.topology import Limits
from meshd.usage.loglines import RECOVERED
from meshd.usage.outcomes import OUTCOMES
from meshd.usage.reports import AT_ONCE, DAYS_KEPT, FRESH, HOURS_KEPT, SECONDS, SWEEP_SECONDS, WAITING, Reports, Waiting
from meshd.values.times import DAY
from tests.support.live import settings
from tests.usage.support import NOON, exchange, now

TODAY = NOON - NOON % DAY


class Notes:
    """In the place of a store: what was recorded, and which horizons were pruned by."""

    def __init__(self) -> None:
        self.domains: list[Any] = []
        self.traffic: list[Any] = []
        self.sizes: list[int] = []
        self.pruned: list[tuple[int, ...]] = []
        self.fails: Exception | None = None

    async def run(self, unit: object, *args: Any) -> bool:
        if self.fails is not None:
            raise self.fails
        if unit is tops.record:
            self.domains += args[0]
            self.traffic += args[1]
            self.sizes.append(len(args[0]))
        else:
            self.pruned.append(args)
        return False


class ReportsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store, self.clock = Notes(), Clock()
        self.live = settings(Limits(domain_days=9))
        self.reports = Reports(self.store, self.clock, lambda: NOON, self.live, lambda: None)  # type: ignore[arg-type]

    def end(self, **facts: Any) -> None:
        self.reports.add([exchange(**{"account_id": 7, "up": 1, "down": 2, "way": "rack-1", **facts})])

    def stop(self) -> None:
        now(self.reports.stop())

    def test_what_is_summed_up(self) -> None:
        """By account, day and host in lower case; by hour and exit, and by hour and outcome; at the end of each."""
        self.end(host="A.Example")
        self.end(host="a.example", reason="connection-reset", seconds=12 * 3600.0)
        self.end(host="a.example", reason="exit-failed", seconds=3600.0)
        self.stop()
        self.assertEqual(
            self.store.domains,
            [((7, TODAY, "a.example"), [2, 4, 2, 1]), ((7, TODAY + DAY, "a.example"), [1, 2, 1, 1])],
        )
        hours = [NOON, TODAY + DAY, NOON + 3600]
        self.assertEqual(
            self.store.traffic,
            [
                ((OUTCOME, hours[0], "served"), [1, 2, 1, 0]),
                ((EXIT, hours[0], "rack-1"), [1, 2, 1, 0]),
                ((OUTCOME, hours[1], "origin"), [1, 2, 1, 1]),
                ((EXIT, hours[1], "rack-1"), [1, 2, 1, 0]),
                ((OUTCOME, hours[2], "exit"), [1, 2, 1, 1]),
                ((EXIT, hours[2], "rack-1"), [1, 2, 1, 1]),
            ],
        )

    def test_what_was_not_billed_is_nobodys(self) -> None:
        """A stranger's wrong credential is an outcome, and no host of the account that it named."""
        self.end(up=0, down=0, reason="auth-invalid", way="")
        self.stop()
        self.assertEqual(self.store.domains, [])
        self.assertEqual(self.store.traffic, [((OUTCOME, NOON, "auth"), [0, 0, 1, 1])])

    def test_more_than_are_kept_as_they_come(self) -> None:
        """All are counted, whether or not they are like one before."""
        for n in range(2 * FRESH + 1):
            self.end(host=f"{n % (FRESH + 1)}.example")
        self.stop()
        self.assertEqual(sum(cell[2] for _, cell in self.store.domains), 2 * FRESH + 1)
        self.assertEqual(len(self.store.domains), FRESH + 1)

    def test_hosts_are_not_kept_where_the_operator_wants_none(self) -> None:
        """What was kept before is too old, all of it."""
        self.live.limits = Limits(domain_days=0)
        self.end()
        self.stop()
        self.assertEqual(self.store.domains, [])
        self.assertEqual(self.store.pruned, [(NOON + DAY, NOON - HOURS_KEPT, NOON - DAYS_KEPT)])

    def test_written_every_few_seconds_and_swept_once_a_minute(self) -> None:
        """Nothing is written where nothing ended."""
        self.reports.start()
        self.end()
        for _ in range(int(SWEEP_SECONDS / SECONDS)):
            self.clock.advance(SECONDS)
        self.assertEqual(self.store.sizes, [1])
        self.assertEqual(len(self.store.pruned), 1)
        self.clock.advance(SECONDS)
        self.assertEqual(self.store.pruned, [(NOON - 9 * DAY, NOON - HOURS_KEPT, NOON - DAYS_KEPT)] * 2)

    def test_very_many_are_written_in_several_units(self) -> None:
        """So that no other unit waits for long; the last turn writes all that is left."""
        for n in range(2 * AT_ONCE + 1):
            self.end(host=f"{n}.example")
        self.stop()
        self.assertEqual(self.store.sizes, [AT_ONCE, AT_ONCE, 1])

    def test_while_the_store_is_away_all_waits(self) -> None:
        """What comes meanwhile is added to it."""
        self.store.fails = StoreUnavailable("gone")
        self.reports.start()
        self.end()
        self.clock.advance(SECONDS)
        self.end()
        self.stop()
        self.assertEqual(self.store.domains, [])
        self.store.fails = None
        self.stop()
        self.assertEqual(self.store.domains, [((7, TODAY, "example.com"), [2, 4, 2, 0])])

    def test_what_the_store_does_not_take_is_lost(self) -> None:
        """It would be in the way of what comes later."""
        self.reports.start()
        for error, kept in ((StoreError("no"), 0), (Conflict("gone"), 1)):
            self.store.fails = error
            self.end()
            self.clock.advance(SECONDS)
            self.store.fails = None
            self.clock.advance(SECONDS)
            self.assertEqual(len(self.store.domains), kept)

    def test_a_host_that_no_database_can_hold(self) -> None:
        """Is told as well as it can be, and two that are then the same are one."""
        for host in ("a\0.example", "A\ufffd.example"):
            self.end(host=host)
        self.end(host="x" * 300)
        self.stop()
        names = [key[2] for key, _ in self.store.domains]
        self.assertEqual(names, ["a\ufffd.example", "x" * 255])


class WaitingTests(SynchronousTestCase):
    def test_what_waits_is_bounded_and_adds_up(self) -> None:
        """Beyond the bound a name is counted among the others of its owner; beyond twice the bound it is lost."""
        waiting = Waiting()
        for n in range(WAITING + 5):
            waiting.add((1, 0, f"{n}"), 1, 2, 1, 0)
        self.assertEqual(len(waiting), WAITING + 1)
        self.assertEqual(waiting.take(WAITING + 9)[-1], ((1, 0, OTHER), [5, 10, 5, 0]))
        for n in range(2 * WAITING):
            waiting.add((n, 0, "x"), 1, 2, 1, 0)
        self.assertEqual((len(waiting), waiting.lost), (2 * WAITING, 0))
        waiting.add((WAITING + 1, 0, "y"), 1, 2, 1, 0)
        waiting.add((-1, 0, "y"), 1, 2, 1, 0)
        self.assertEqual((len(waiting), waiting.lost), (2 * WAITING, 1))


class OutcomesTests(SynchronousTestCase):
    def test_every_reason_is_of_a_kind(self) -> None:
        """None is told as something else than it is."""
        self.assertEqual(set(REASONS) - set(OUTCOMES), set())
        self.assertNotIn(RECOVERED, OUTCOMES)
