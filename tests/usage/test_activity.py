from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from meshd.store.interface import StoreUnavailable
from meshd.store.statements import activity
from meshd.topology import Limits
from meshd.usage.activity import AT_ONCE, PRUNED, ROWS, SECONDS, SHARED, SURPLUS, SWEEP_SECONDS, WAITING, Activity
from meshd.values.exchanges import Exchange
from tests.support.live import settings
from tests.usage.support import NOON, exchange, now


class Notes:
    """A store that writes down what it is asked to do."""

    def __init__(self) -> None:
        self.added: list[list[Exchange]] = []
        self.pruned: list[tuple[list[int], int, int]] = []
        self.fails: Exception | None = None
        self.old = 0
        """Sweeps after which there is still something too old."""

    async def run(self, unit: Callable[..., Any], /, *args: Any) -> bool:
        if self.fails is not None:
            raise self.fails
        if unit is activity.add:
            self.added.append(args[0])
        else:
            self.pruned.append(args)  # type: ignore[arg-type]
            self.old -= 1
        return self.old >= 0


class ActivityTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = Notes()
        self.clock = Clock()
        self.live = settings(Limits(activity_per_account=7, activity_seconds=100))
        self.activity = Activity(self.store, self.clock, lambda: NOON, self.live, lambda: None)  # type: ignore[arg-type]

    def end(self, account_id: int, number: int = 0) -> Exchange:
        ended = exchange(account_id=account_id, id=f"r-{number}")
        self.activity.add([ended])
        return ended

    def write(self) -> None:
        """One turn: a stop has one that is not waited for."""
        now(self.activity.stop())

    def test_what_ended_is_written_once(self) -> None:
        """All accounts together, in one unit; and nothing where nothing ended."""
        made = [self.end(1), self.end(2), self.end(1)]
        self.write()
        self.write()
        self.assertEqual(self.store.added, [[made[0], made[2], made[1]]])

    def test_what_is_nobodys_is_not_written(self) -> None:
        """Nobody could look at it."""
        self.end(0)
        self.write()
        self.assertEqual(self.store.added, [])

    def test_of_a_busy_account_the_newest_are_written(self) -> None:
        """And a quiet one beside it loses none."""
        self.end(2)
        made = [self.end(1, number) for number in range(3 * AT_ONCE)]
        self.write()
        (written,) = self.store.added
        self.assertEqual([each for each in written if each.account_id == 1], made[-AT_ONCE:])
        self.assertEqual(len(written), AT_ONCE + 1)

    def test_of_many_accounts_no_more_wait_than_is_allowed(self) -> None:
        """Whoever waits already keeps its place; its newest takes that of its oldest."""
        for account_id in range(1, WAITING + 1):
            self.end(account_id)
        newest = self.end(1, 5)
        self.end(WAITING + 1)
        self.activity.start()
        self.clock.advance(SECONDS)
        (first,) = self.store.added
        self.assertEqual([each.account_id for each in first], list(range(1, ROWS + 1)))
        self.write()
        written = [each for some in self.store.added for each in some]
        self.assertEqual((len(written), max(map(len, self.store.added))), (WAITING, ROWS))
        self.assertIn(newest, written)
        self.assertNotIn(WAITING + 1, {each.account_id for each in written})

    def test_of_busy_accounts_each_has_its_share(self) -> None:
        """The newest of each, and no more in one writing than the database has time for."""
        made = {id_: [self.end(id_, number) for number in range(AT_ONCE)] for id_ in range(1, 101)}
        self.write()
        (written,) = self.store.added
        self.assertEqual(written, [each for ended in made.values() for each in ended[-SHARED // 100 :]])

    def test_what_an_outage_takes_is_told_once_and_given_up(self) -> None:
        """The next writing is of what came later."""
        self.store.fails = StoreUnavailable("gone")
        with capturedLogs() as lines:
            for _ in range(3):
                self.end(1)
                self.write()
            self.store.fails = None
            late = [self.end(1)]
            self.write()
            self.write()
        self.assertEqual(self.store.added, [late])
        self.assertEqual(
            [formatEvent(line) for line in lines], ["activity is not written: gone", "activity is written again"]
        )

    def test_whatever_fails_the_next_turn_comes(self) -> None:
        """A fault of ours is in the log, and no end of it."""
        self.activity.start()
        self.end(1)
        self.store.fails = ZeroDivisionError()
        self.clock.advance(SECONDS)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.store.fails = None
        late = self.end(1)
        self.clock.advance(SECONDS)
        self.assertEqual(self.store.added, [[late]])

    def test_it_has_turns_of_its_own_and_a_last_one(self) -> None:
        """Once a second; what waits at the end is written then."""
        self.activity.start()
        self.end(1)
        self.clock.advance(SECONDS)
        self.assertEqual(len(self.store.added), 1)
        self.end(1)
        now(self.activity.stop())
        self.assertEqual((len(self.store.added), self.clock.getDelayedCalls()), (2, []))

    def test_none_are_kept_where_the_operator_wants_none(self) -> None:
        """What was kept before is too old, all of it."""
        self.live.limits = Limits(activity_per_account=0, activity_seconds=100)
        self.end(1)
        self.write()
        self.assertEqual(self.store.added, [])
        self.assertEqual(self.store.pruned, [([], 0, NOON * 1000)])

    def test_what_is_too_old_is_looked_for_once_a_minute(self) -> None:
        """At once again, where more was found than could be cleared in one turn."""
        self.store.old = 2
        for _ in range(4):
            self.write()
        self.assertEqual(len(self.store.pruned), 3)
        self.clock.advance(SWEEP_SECONDS)
        self.write()
        self.assertEqual(self.store.pruned, [([], 7, (NOON - 100) * 1000)] * 4)

    def test_surplus_is_cleared_once_for_many_rows(self) -> None:
        """Of the account that wrote them, and of no other."""
        self.write()
        for _ in range(SURPLUS // AT_ONCE):
            self.end(2)
            for number in range(AT_ONCE):
                self.end(1, number)
            self.write()
        self.write()
        self.assertEqual([ids for ids, _, _ in self.store.pruned], [[], [1]])

    def test_many_accounts_are_cleared_in_several_turns(self) -> None:
        """So many at a time."""
        for _ in range(ceil(SURPLUS / (SHARED // (PRUNED + 1)))):
            for account_id in range(1, PRUNED + 2):
                for number in range(AT_ONCE):
                    self.end(account_id, number)
            self.write()
        self.write()
        self.assertEqual([len(ids) for ids, _, _ in self.store.pruned], [0, PRUNED, 1])
