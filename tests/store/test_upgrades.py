"""Stores of former schemas, brought up to date with what is in them."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.dialect import POSTGRES, SQLITE, Dialect
from meshd.store.migrate import shipped, upgrade
from meshd.store.postgres.blocking import BlockingPostgres
from meshd.store.sqlite.file import SQLiteFile
from meshd.store.statements import accounts, activity, addresses, claims, hostnames, proxies, tokens
from meshd.store.unit import Statement, Unit
from meshd.store.url import PostgresURL, read
from meshd.values.traces import Claim
from tests.support.stores import postgres_url, sqlite_path

BEFORE_CLAIMS = 4
"""The number of the last migration before addresses had claims."""

OLD = (
    "insert into accounts (username, username_key, parent_id, role, plan, billing_day, created_at)"
    " values ('alice', 'alice', null, 'customer', '20', 1, 5)",
    "insert into accounts (username, username_key, parent_id, role, plan, billing_day, created_at)"
    " values ('kid', 'kid', 1, 'customer', '20', 1, 6)",
    "insert into authorized_ips (address, account_id, label, created_at) values ('192.0.2.2', 2, 'second', 8)",
    "insert into authorized_ips (address, account_id, label, created_at) values ('192.0.2.9', 2, 'first', 7)",
    "insert into authorized_hostnames (hostname, account_id, created_at) values ('a.example', 2, 9)",
    "insert into proxy_authorizations (account_id, proxy, created_at) values (1, 'us', 5)",
    "insert into tokens (account_id, digest, created_at, proxies) values (2, 'digest', 10, 'us')",
)


def filled() -> Unit[None]:
    for sql in OLD:
        yield Statement(sql, {})


BEFORE_REPORTS = 12
"""The number of the last migration before exchanges told the name of their exit."""


def one_exchange() -> Unit[None]:
    yield Statement(OLD[0], {})
    yield Statement(
        "insert into activity (account_id, ended, request, family_id, began, token_id, proxy, client, method, host,"
        " port, exit, status, reason, up, down) values (1, 2000, 'r-1', 1, 1000, 0, 'us', '192.0.2.1', 'GET', 'h', 80,"
        " 'rack-1', 200, '', 1, 2)",
        {},
    )


NAMES = {
    "acme-city": 1,
    "my-filter-2": 1,
    "eu-region": 1,
    "a-sid-b": 1,
    "bob-sidney": 0,
    "city-1": 0,
    "x_city": 0,
    "a-ttl": 1,
}
"""Usernames, and whether each can be read as a shorter one and a selection."""


def named() -> Unit[None]:
    insert = (
        "insert into accounts (username, username_key, parent_id, role, plan, billing_day, created_at, twofold)"
        " values (:name, :name, null, 'customer', '20', 1, 5, :twofold)"
    )
    for name in NAMES:
        yield Statement(insert, {"name": name, "twofold": int(name == "a-ttl")})


class UpgradeTests(SynchronousTestCase):
    dialect: Dialect = SQLITE

    def store(self) -> Any:
        """Not migrated, with `_run` for a unit whatever the schema."""
        store = SQLiteFile(sqlite_path(self))  # type: ignore[arg-type]
        self.addCleanup(store.close)
        store._make()
        return store

    def run_raw(self, store: Any, unit: Any, *args: Any) -> None:
        store._run(store._open(), unit, *args)

    def test_what_accounts_had_before_claims(self) -> None:
        """Stays theirs, the oldest first, each with its place; nothing is held back, and nothing is a token's."""
        store = self.store()
        self.run_raw(store, upgrade, self.dialect, shipped()[:BEFORE_CLAIMS], 1)
        self.run_raw(store, filled)
        store.migrate()
        self.assertEqual(["first", "second"], [each.label for each in store.run(addresses.of_account, 2)])
        self.assertEqual(["a.example"], [each.hostname for each in store.run(hostnames.of_account, 2)])
        self.assertEqual([Claim(2, 1, "", 8, 8, 0)], store.run(claims.of_address, "192.0.2.2"))
        self.assertEqual(["us"], store.run(proxies.of_account, 1))
        (token,) = store.run(tokens.of_account, 2)
        self.assertEqual((True, "", ("us",)), (token.active, token.ended_by, token.proxies))

    def test_what_was_done_before_exits_were_named(self) -> None:
        """It is found by what its client was told."""
        store = self.store()
        self.run_raw(store, upgrade, self.dialect, shipped()[:BEFORE_REPORTS], 1)
        self.run_raw(store, one_exchange)
        store.migrate()
        self.assertEqual(["r-1"], [each.request for each in store.run(activity.by_exit, ["rack-1"], 1000, 1000, 9)])

    def test_names_of_before_that_new_words_make_ambiguous(self) -> None:
        """Those that are read as a shorter name and a selection now are known as such, and no others."""
        store = self.store()
        (before,) = [place for place, each in enumerate(shipped()) if each.name.endswith("_gateway_names.sql")]
        self.run_raw(store, upgrade, self.dialect, shipped()[:before], 1)
        self.run_raw(store, named)
        store.migrate()
        self.assertEqual({name for name, twofold in NAMES.items() if twofold}, store.run(accounts.twofold))


class PostgresUpgradeTests(UpgradeTests):
    dialect = POSTGRES

    def store(self) -> Any:
        target = read(postgres_url(self))  # type: ignore[arg-type]
        assert isinstance(target, PostgresURL)
        store = BlockingPostgres(target)
        self.addCleanup(store.close)
        return store

    def run_raw(self, store: Any, unit: Any, *args: Any) -> None:
        store.look(unit, *args)
