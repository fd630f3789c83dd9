from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Exchange
from meshd.store.interface import StoreUnavailable
from meshd.store.statements import activity
from meshd.topology import Limits
from meshd.usage.activity import AT_ONCE, PRUNE_SECONDS, PRUNED, WAITING, Activity
from tests.usage.support import NOON, exchange, now


class Notes:
    """A store that writes down what it is asked to do."""

    def __init__(self) -> None:
        self.added: list[list[Exchange]] = []
        self.pruned: list[tuple[list[int], int, int]] = []
        self.away = False

    async def run(self, unit: Callable[..., Any], /, *args: Any) -> None:
        if self.away:
            raise StoreUnavailable("gone")
        if unit is activity.add:
            self.added.append(args[0])
        else:
            self.pruned.append(args)  # type: ignore[arg-type]


class ActivityTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = Notes()
        self.clock = Clock()
        self.limits = Limits(activity_per_account=7, activity_seconds=100)
        self.activity = Activity(self.store, self.clock, lambda: NOON, lambda: self.limits)  # type: ignore[arg-type]

    def end(self, account_id: int, number: int = 0) -> Exchange:
        ended = exchange(account_id=account_id, id=f"r-{number}")
        self.activity.add(ended)
        return ended

    def write(self) -> None:
        now(self.activity.write())

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
        self.write()
        (written,) = self.store.added
        self.assertEqual(len(written), WAITING)
        self.assertIn(newest, written)
        self.assertNotIn(WAITING + 1, {each.account_id for each in written})

    def test_what_an_outage_takes_is_told_and_given_up(self) -> None:
        """The next writing is of what came later."""
        self.end(1)
        self.store.away = True
        self.write()
        self.store.away = False
        late = self.end(1)
        self.write()
        self.assertEqual(self.store.added, [[late]])

    def test_none_are_kept_where_the_operator_wants_none(self) -> None:
        """What was kept before is cleared by its age."""
        self.limits = Limits(activity_per_account=0, activity_seconds=100)
        self.end(1)
        self.write()
        self.assertEqual(self.store.added, [])
        self.assertEqual(self.store.pruned, [([], 0, (NOON - 100) * 1000)])

    def test_surplus_is_cleared_once_a_minute(self) -> None:
        """Of the accounts that were written since."""
        self.write()
        self.end(3)
        self.write()
        self.clock.advance(PRUNE_SECONDS)
        self.write()
        self.clock.advance(PRUNE_SECONDS)
        self.write()
        self.assertEqual([ids for ids, _, _ in self.store.pruned], [[], [3], []])
        self.assertEqual(self.store.pruned[1][1:], (7, (NOON - 100) * 1000))

    def test_many_accounts_are_cleared_in_several_turns(self) -> None:
        """Turn after turn, without waiting a minute between them."""
        self.write()
        for account_id in range(1, PRUNED + 2):
            self.end(account_id)
        self.write()
        self.clock.advance(PRUNE_SECONDS)
        self.write()
        self.write()
        self.assertEqual([len(ids) for ids, _, _ in self.store.pruned], [0, PRUNED, 1])
