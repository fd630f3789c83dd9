"""The account rules on a real SQLite file, without a reactor."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts import subaccounts, tokens
from meshd.accounts import toplevel as holders
from meshd.accounts.errors import AccountError
from meshd.accounts.ownership import ActorId, ByToken, Operator
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.toplevel import Terms
from meshd.model import Account, Role, Token
from meshd.store.open import BlockingStore
from meshd.store.sqlite.file import SQLiteFile
from meshd.store.statements import accounts, audit, changes
from meshd.store.unit import Statement, Unit
from meshd.topology import PLANS, ExitRule, ProxyHost
from tests.support.stores import migrated_postgres_url, put_migrated

P = ParamSpec("P")
T = TypeVar("T")

NOON = 1768478400
"""2026-01-15T12:00:00 UTC."""
DAY = 86400
OPERATOR = Operator("operator:test")


def proxy(name: str, domain: str) -> ProxyHost:
    return ProxyHost(name, (), domain, ExitRule(), ())


KNOWN = {
    host.name: host
    for host in (
        proxy("us", "us.mesh.example:31280"),
        proxy("world", "world.mesh.example:31281"),
        proxy("open", "open.mesh.example:31282"),
    )
}


@contextmanager
def named(sentence: object) -> Iterator[None]:
    """A row of a table: what fails inside says which it was."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"the row: {sentence}")
        raise


class AccountsCase(SynchronousTestCase):
    """A store with one customer, `alice` on plan 20, and her sub-account `kid`."""

    plans = PLANS

    def setUp(self) -> None:
        self.store = self.made_store()
        self.addCleanup(self.store.close)
        self.store.migrate()
        self.alice = self.customer("alice")
        self.kid = self.below("alice", "kid")

    def made_store(self) -> Any:
        """An empty one, whose migrations setUp runs where it lacks any."""
        folder = tempfile.mkdtemp(prefix="meshd-test-")
        self.addCleanup(shutil.rmtree, folder)
        return SQLiteFile(put_migrated(os.path.join(folder, "meshd.sqlite3")))

    def run_unit(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.store.run(unit, *args, **kwargs)

    def refused(self, kind: type[AccountError], unit: Callable[..., Unit[Any]], /, *args: Any, **kwargs: Any) -> Any:
        """The refusal, of exactly that kind, which changed nothing and told nobody."""
        before = self.dump()
        error = self.assertRaises(kind, self.store.run, unit, *args, **kwargs)
        self.assertIs(kind, type(error))
        self.assertEqual(before, self.dump())
        return error

    def dump(self) -> list[str]:
        """All that the store holds."""
        return list(self.store._connection.iterdump())

    def customer(self, username: str, plan: str = "20", role: Role = "customer", **profile: Any) -> Account:
        return self.run_unit(
            holders.create,
            OPERATOR,
            NewAccount(username=username, password_hash=f"hash of {username}", profile=Profile(**profile)),
            terms=Terms(plan, role, 15),
            plans=self.plans,
            proxies=list(KNOWN),
            now=NOON,
        )

    def below(self, parent: str, username: str, **profile: Any) -> Account:
        new = NewAccount(username=username, password_hash=f"hash of {username}", profile=Profile(**profile))
        return self.run_unit(subaccounts.create, OPERATOR, new, parent=parent, plans=self.plans, now=NOON).account

    def root(self) -> Account:
        made = self.run_unit(holders.bootstrap, "hash of admin", plans=self.plans, proxies=list(KNOWN), now=NOON)
        assert made is not None
        return made

    def token(self, actor: ActorId, username: str | None = None, number: int = 1, expires_on: str = "") -> Token:
        return self.run_unit(
            tokens.create,
            actor,
            username,
            digest=number.to_bytes(32, "big"),
            label=f"token {number}",
            expires_on=expires_on,
            plans=self.plans,
            now=NOON,
        )

    def account(self, username: str) -> Account:
        found = self.run_unit(accounts.by_username, username)
        assert found is not None
        return found

    def at_plan(self, plan: str, **limits: Any) -> None:
        """Other numbers for one plan from now on."""
        self.plans = {**self.plans, plan: replace(self.plans[plan], **limits)}

    def by_token(self, token: Token) -> ByToken:
        """Who signs in with it."""
        return ByToken(token.account_id, token.id, token.confined)

    def confined(self, username: str | None = None, **how: Any) -> Token:
        """A token of alice's or of her sub-account that is for less than its account may do."""
        return self.run_unit(
            tokens.create,
            self.alice.id,
            username,
            digest=os.urandom(32),
            label="",
            expires_on="",
            plans=self.plans,
            known=KNOWN,
            now=NOON,
            **how,
        )

    def history(self, account: Account) -> list[tuple[str, str, str]]:
        """Actor, action and detail of what was done to it, the newest first."""
        entries = self.run_unit(audit.of_account, account.id, 1000)
        return [(entry.actor, entry.action, entry.detail) for entry in entries]

    def told(self) -> tuple[str, str, int]:
        """The last entry of the audit, which must be of the account of the last published change."""
        newest = self.run_unit(changes.newest)
        change = self.run_unit(changes.since, newest - 1, 1)[0]
        entry = self.run_unit(audit.of_account, change.account_id, 1)[0]
        return entry.actor, entry.action, change.account_id


class OnPostgres:
    """Before an AccountsCase among the bases: the same on PostgreSQL."""

    store: Any

    def made_store(self) -> Any:
        return BlockingStore(migrated_postgres_url(self))  # type: ignore[arg-type]

    def dump(self) -> list[str]:
        """All that the store holds."""
        return list(self.store.run(_rows))


def _rows() -> Unit[list[str]]:
    found: list[str] = []
    for (table,) in (yield Statement("select tablename from pg_tables where schemaname = 'public'", {})):
        found += [f"{table} {row!r}" for row in (yield Statement(f"select * from {table}", {}))]
    return sorted(found)


def overtaken(begun: Callable[[], Unit[T]], before: str, other: Callable[[], Unit[Any]]) -> Unit[T]:
    """A unit with another in its midst: before the first of its statements that begins so."""
    met, unit = False, begun()
    statement = next(unit)
    while True:
        if not met and statement.sql.lstrip().startswith(before):
            met = True
            yield from other()
        try:
            statement = unit.send((yield statement))
        except StopIteration as end:
            assert met, f"there is no statement {before!r}"
            return end.value  # type: ignore[no-any-return]
