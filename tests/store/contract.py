"""What a store promises, run on each database by the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from meshd.model import Account, Token, UsageEntry
from meshd.store.interface import Store
from meshd.store.statements import (
    accounts,
    changes,
    tokens,
    usage,
)
from meshd.store.unit import Statement, Unit
from meshd.values import period

DAY = 86_400
NOW = 1_770_000_000
"""2 February 2026, 02:40 UTC: with billing day 10, in the period from 10 January to 10 February."""

JANUARY = period.start(10, NOW)
FEBRUARY = period.following(10, NOW)


def start(coroutine: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(coroutine)


class ObjectionError(Exception):
    """A unit's own objection."""


def query(sql: str, **params: Any) -> Unit[list[Any]]:
    """One statement as a unit."""
    return (yield Statement(sql, params))


def add_one(account_id: int) -> Unit[None]:
    """Read, then write what follows from it."""
    yield from accounts.lock(account_id)
    account = yield from accounts.by_id(account_id)
    assert account is not None
    yield from accounts.edit(account_id, total_limit=account.total_limit + 1)


def only_one_token(account_id: int, digest: bytes) -> Unit[Token]:
    """A rule over several rows."""
    yield from accounts.lock(account_id)
    if (yield from tokens.count(account_id)) >= 1:
        raise ObjectionError
    return (yield from tokens.create(account_id, digest, "", "", NOW))


def change_limit(account_id: int, limit: int) -> Unit[None]:
    yield from accounts.edit(account_id, total_limit=limit)
    yield from changes.publish(account_id)


class StoreContract(TestCase):
    """Every promise; a subclass says how to make a store."""

    __test__ = False
    timeout = 120

    async def open(self, **options: Any) -> Store:
        """A started store on this test's database; each call is another process, as far as stores can tell."""
        raise NotImplementedError

    def url(self) -> str:
        """Of this test's database."""
        raise NotImplementedError

    async def setUp(self) -> None:
        self.store = await self.open()

    async def create(self, username: str = "bob", parent: Account | None = None, **columns: Any) -> Account:
        columns = {"role": "customer", "plan": "10", "password_hash": "", "billing_day": 10, "now": NOW} | columns
        return await self.store.run(accounts.create, username, parent_id=parent.id if parent else None, **columns)

    async def bill(self, batch: int, *entries: UsageEntry, at: int = NOW, journal: str = "j") -> Any:
        """The standings that it brings; None where it was known."""
        applied = await self.store.run(usage.apply, journal, batch, at, entries)
        return applied.standings if applied is not None else None

    async def fails(self, error: type[Exception], unit: Callable[..., Unit[Any]], *args: Any, **kwargs: Any) -> Any:
        try:
            result = await self.store.run(unit, *args, **kwargs)
        except error as raised:
            return raised
        self.fail(f"{result!r} instead of {error.__name__}")
        return None
