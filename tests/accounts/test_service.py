from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts import subaccounts, tokens
from meshd.accounts.attempt import perform_blocking, published
from meshd.accounts.errors import AccountError, NotYours, Taken
from meshd.accounts.profile import NewAccount
from meshd.accounts.service import Accounts
from meshd.running.cause import Cause
from meshd.store.drive import drive
from meshd.store.interface import Conflict, StoreUnavailable
from meshd.store.statements import accounts, audit, changes
from meshd.store.unit import Statement, Unit
from meshd.values.published import HOSTS
from tests.accounts.support import NOON, AccountsCase


class SlowStore:
    """Answers when it is told to; until then it counts who waits."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run
        self.waiting: list[Deferred[None]] = []
        self.failures: list[Exception] = []

    async def run(self, unit: Callable[..., Unit[Any]], /, *args: Any, **kwargs: Any) -> Any:
        turn: Deferred[None] = Deferred()
        self.waiting.append(turn)
        await turn
        if self.failures:
            raise self.failures.pop(0)
        return self._run(unit, *args, **kwargs)

    def go_on(self) -> None:
        self.waiting.pop(0).callback(None)


class PerformTests(AccountsCase):
    def setUp(self) -> None:
        super().setUp()
        self.slow = SlowStore(self.store.run)
        self.announced: list[int] = []
        self.accounts = Accounts(self.slow, lambda: NOON + 0.5, self.announced.append)  # type: ignore[arg-type]

    def perform(self, unit: Callable[..., Unit[Any]], *args: Any, **kwargs: Any) -> Deferred[Any]:
        return ensureDeferred(self.accounts.perform(unit, *args, **kwargs))

    def test_result_and_announcement(self) -> None:
        """A change answers with its result once it is kept, and tells this process whose it was."""
        done = self.perform(subaccounts.deactivate, self.alice.id, "kid", now=self.accounts.now())
        self.assertNoResult(done)
        self.slow.go_on()
        self.assertFalse(self.successResultOf(done).account.active)
        self.assertEqual([self.kid.id], self.announced)

    def test_what_is_published_is_announced_to_nobody(self) -> None:
        """No account's rights have changed."""

        def told() -> Unit[None]:
            yield from changes.publish(HOSTS)
            yield from changes.publish(self.kid.id)

        done = self.perform(told)
        self.slow.go_on()
        self.successResultOf(done)
        self.assertEqual([self.kid.id], self.announced)

    def test_reading_announces_nothing(self) -> None:
        """What publishes nothing is told to nobody."""
        done = self.perform(tokens.listing, self.alice.id, None)
        self.slow.go_on()
        self.assertEqual([], self.successResultOf(done))
        self.assertEqual([], self.announced)

    def test_refusals_come_through(self) -> None:
        """The unit's own exception, and a store's; neither announces."""
        done = self.perform(tokens.listing, self.alice.id, "nobody")
        self.slow.go_on()
        self.failureResultOf(done, NotYours)
        self.slow.failures.append(StoreUnavailable("away"))
        done = self.perform(subaccounts.deactivate, self.alice.id, "kid", now=NOON)
        self.slow.go_on()
        self.failureResultOf(done, StoreUnavailable)
        self.assertEqual([], self.announced)

    def test_the_client_goes_away(self) -> None:
        """Whoever waits is cancelled; the change is made all the same, and announced."""
        done = self.perform(subaccounts.deactivate, self.alice.id, "kid", now=NOON)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        stopped = ensureDeferred(self.accounts.stop())
        self.assertNoResult(stopped)
        self.slow.go_on()
        self.successResultOf(stopped)
        account = self.account("kid")
        self.assertFalse(account.active)
        self.assertEqual([self.kid.id], self.announced)

    def test_failures_without_a_client(self) -> None:
        """What the store could not do is logged when nobody is left to be told; a refusal is nobody's fault."""
        for failure, logged in ((StoreUnavailable("away"), 1), (NotYours(), 0)):
            self.slow.failures.append(failure)
            done = self.perform(tokens.listing, self.alice.id, None)
            done.cancel()
            self.failureResultOf(done, CancelledError)
            self.slow.go_on()
            self.assertEqual(logged, len(self.flushLoggedErrors(StoreUnavailable)))

    def test_a_race_for_a_name(self) -> None:
        """The one that lost looks again, and is refused in the words of the rule."""
        self.slow.failures.append(Conflict("this username is taken already"))
        new = NewAccount(username="kid")
        done = self.perform(subaccounts.create, self.alice.id, new, plans=self.plans, now=NOON)
        self.slow.go_on()
        self.assertNoResult(done)
        self.slow.go_on()
        self.failureResultOf(done, Taken)

    def test_without_announcement(self) -> None:
        """Nobody needs to listen."""
        quiet = Accounts(self.slow, lambda: NOON)  # type: ignore[arg-type]
        done = ensureDeferred(quiet.perform(subaccounts.deactivate, self.alice.id, "kid", now=NOON))
        self.slow.go_on()
        self.successResultOf(done)


def _publishing(*account_ids: int) -> Unit[str]:
    for account_id in account_ids:
        yield from changes.publish(account_id)
    return "done"


class AttemptTests(SynchronousTestCase):
    def execute(self, statement: Statement) -> list[tuple[Any, ...]]:
        return [(1,)]

    def test_seen(self) -> None:
        """The accounts of a unit's changes, in order, and what the unit returns."""
        seen = [99]
        self.assertEqual("done", drive(published(seen, Cause(), _publishing, 7, 8), self.execute))
        self.assertEqual([7, 8], seen)

    def test_run_again(self) -> None:
        """A unit that a store begins anew is not told twice."""
        seen: list[int] = []
        for _ in range(2):
            drive(published(seen, Cause(), _publishing, 7), self.execute)
        self.assertEqual([7], seen)

    def test_what_is_recorded_tells_its_cause(self) -> None:
        """And nothing else is changed of it; the command says so of itself."""
        sent: list[Statement] = []

        def execute(statement: Statement) -> list[tuple[Any, ...]]:
            if "into audit" in statement.sql:
                sent.append(statement)
            return []

        unit = partial(audit.record, NOON, "alice", "token.create", 7, "token 3")
        drive(unit(), execute)
        drive(published([], Cause("api", "r-1"), unit), execute)
        perform_blocking(lambda made, *args: drive(made(*args), execute), unit)
        plain = sent[0].params
        self.assertEqual((plain["way"], plain["request"]), ("", ""))
        self.assertEqual(sent[1].params, {**plain, "way": "api", "request": "r-1"})
        self.assertEqual(sent[2].params, {**plain, "way": "cli"})

    def test_empty_unit(self) -> None:
        """One that yields nothing returns all the same."""
        self.assertEqual("done", drive(published([], Cause(), _publishing), self.execute))

    def test_conflict_twice(self) -> None:
        """A second Conflict is the caller's to hear of, since no look has explained it."""
        calls = []

        def run(unit: Any, *args: Any) -> None:
            calls.append(args)
            raise Conflict("taken")

        self.assertRaises(Conflict, perform_blocking, run, accounts.by_id, 1)
        self.assertEqual([(1,), (1,)], calls)

    def test_refusals_are_not_tried_again(self) -> None:
        """A rule says no once."""
        calls = []

        def run(unit: Any, *args: Any) -> None:
            calls.append(args)
            raise AccountError("no")

        self.assertRaises(AccountError, perform_blocking, run, accounts.by_id, 1)
        self.assertEqual(1, len(calls))
