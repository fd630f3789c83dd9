"""Stores of former schemas, brought up to date with what is in them."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.dialect import POSTGRES, SQLITE, Dialect
from meshd.store.migrate import shipped, upgrade
from meshd.store.postgres.blocking import BlockingPostgres
from meshd.store.sqlite.file import SQLiteFile
from meshd.store.statements import addresses, claims, hostnames, proxies, tokens
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
