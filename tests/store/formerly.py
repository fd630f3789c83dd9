"""Stores as former versions of meshd have left them, as text: `python -m tests.store.formerly` writes missing ones.

Each is a store that has lived since the first schema: after each migration rows are added to each table that came with
it or was changed by it, so that what is in it was moved by all later ones.  A file that was written stays as it is: it
is what people have.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meshd.store.dialect import POSTGRES, SQLITE
from meshd.store.migrate import shipped, upgrade
from meshd.store.postgres.blocking import BlockingPostgres
from meshd.store.sqlite.file import SQLiteFile
from meshd.store.unit import Statement, Unit
from meshd.store.url import PostgresURL, read
from tests.support import postgres

FOLDER = Path(__file__).with_name("released")
NEWEST = 21
"""The last schema of a version that is out: those of the next one may still change."""
WHEN = 1_700_000_000
"""The clock of whoever made them."""
PASSWORD = "seven swans"
HASH = "$argon2id$v=19$m=19456,t=2,p=1$tA9u3Kd5itEXlTDOI2OUhw$OZpRlKKAjTiSnvFT9WYJvEMFrwkT74WA6cBDeuLS9Uk"
"""Of that password, as the first version made it."""
TOKEN = "pm_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP"
DIGEST = "3d030254e99314407c2d1afff74f2bd8e5b186c480d73318d23322a7d387a616"

ACCOUNT = (
    "insert into accounts (username, username_key, parent_id, role, plan, billing_day, created_at, password_hash)"
    " values (:name, :name, :parent, :role, '20', 3, :at, :hash)"
)
HAND = {
    1: [
        Statement(ACCOUNT, {"name": "admin", "parent": None, "role": "root", "at": WHEN, "hash": HASH}),
        Statement(ACCOUNT, {"name": "alice", "parent": None, "role": "customer", "at": WHEN + 1, "hash": HASH}),
        Statement(ACCOUNT, {"name": "kid", "parent": 2, "role": "customer", "at": WHEN + 2, "hash": HASH}),
        Statement(
            "insert into tokens (account_id, digest, label, created_at) values (2, :digest, 'laptop', :at)",
            {"digest": bytes.fromhex(DIGEST), "at": WHEN + 3},
        ),
        Statement(
            "insert into proxy_authorizations (account_id, proxy, created_at) values (2, 'local', :at)", {"at": WHEN}
        ),
        Statement(
            "insert into proxy_authorizations (account_id, proxy, created_at) values (3, 'local', :at)", {"at": WHEN}
        ),
    ],
    3: [Statement("update tokens set proxies = 'local' where id = 1", {})],
    9: [
        Statement("update accounts set notes = 'pays late', expires_on = '2099-12-31' where id = 2", {}),
        Statement("update tokens set used_at = :at where id = 1", {"at": WHEN + 9}),
    ],
}
"""Rows whose values have to make sense, by the migration after which they are written."""

APART = {"accounts", "tokens", "proxy_authorizations", "schema_migrations", "schema_versions", "sqlite_sequence"}

FIT: dict[str, Any] = {
    "state": "open",
    "transport": "tcp",
    "discount": 0,
    "used": 0,
    "settings": "{}",
    "address": "192.0.2.{}",
    "hostname": "host{}.example",
}
"""Values of columns that do not take any; `{}` is the row's number."""
FIT_IN = {("coupons", "kind"): "percent", ("subscriptions", "state"): "running"}


class Filling:
    """Finds, on an SQLite store that grows migration by migration, the rows that both databases are given."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:")
        self._database.execute("pragma foreign_keys = on")
        self._known: dict[str, set[str]] = {}
        self._number = 0

    def after(self, number: int, text: str) -> list[Statement]:
        """The rows to write after that migration, whose text is given."""
        self._database.executescript(SQLITE.written(text))
        found = [*HAND.get(number, [])]
        for statement in found:
            self._database.execute(statement.sql, statement.params)
        for table, columns in self._tables().items():
            if self._known.get(table) != columns and table not in APART:
                found += [each for _ in range(2) if (each := self._row(table)) is not None]
            self._known[table] = columns
        return found

    def _tables(self) -> dict[str, set[str]]:
        names = [name for (name,) in self._database.execute("select name from sqlite_master where type = 'table'")]
        return {name: {row[1] for row in self._database.execute(f"pragma table_info({name})")} for name in names}

    def _row(self, table: str) -> Statement | None:
        """Another row, written; None where the table takes no other than it has."""
        self._number += 1
        values = self._values(table)
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        statement = Statement(f"insert into {table} ({names}) values ({marks})", values)
        try:
            self._database.execute(statement.sql, statement.params)
        except sqlite3.IntegrityError:
            return None
        return statement

    def _values(self, table: str) -> dict[str, Any]:
        (sql,) = self._database.execute("select sql from sqlite_master where name = ?", (table,)).fetchone()
        given = "autoincrement" in sql
        values = {
            name: self._value(table, name, kind)
            for _, name, kind, _, _, key in self._database.execute(f"pragma table_info({table})")
            if not (key and given)
        }
        foreign: dict[int, list[tuple[str, str, str]]] = {}
        for key, _, other, here, there, *_ in self._database.execute(f"pragma foreign_key_list({table})"):
            foreign.setdefault(key, []).append((other, here, there))
        for pairs in foreign.values():
            there = ", ".join(each[2] for each in pairs)
            rows = self._database.execute(f"select {there} from {pairs[0][0]} order by {there} desc limit 2").fetchall()
            values |= dict(zip((each[1] for each in pairs), rows[self._number % len(rows)], strict=True))
        return values

    def _value(self, table: str, name: str, kind: str) -> Any:
        fit = FIT_IN.get((table, name), FIT.get(name))
        if fit is not None:
            return fit.format(self._number) if isinstance(fit, str) and "{}" in fit else fit
        match kind:
            case "bytea":
                return bytes([self._number % 256]) * 32
            case "text":
                return f"{name}-{self._number}"
            case "smallint":
                return self._number % 2
        return self._number


def steps() -> Iterator[tuple[int, list[Statement]]]:
    """Each migration's number, and the rows that are written after it."""
    filling = Filling()
    for migration in shipped():
        yield migration.number, filling.after(migration.number, migration.text)


def written(statements: list[Statement]) -> Unit[None]:
    for statement in statements:
        _ = yield statement


def sqlite_texts() -> Iterator[tuple[int, str]]:
    """The dump of each schema."""
    with tempfile.TemporaryDirectory() as folder:
        store = SQLiteFile(f"{folder}/meshd.sqlite3")
        store._make()
        for number, statements in steps():
            store._run(store._open(), upgrade, SQLITE, shipped()[:number], WHEN)
            store._run(store._open(), written, statements)
            yield number, "\n".join(store._open().iterdump()) + "\n"
        store.close()


def postgres_texts() -> Iterator[tuple[int, str]]:
    server = postgres.server()
    database = server.new_database()
    target = read(server.url(database))
    assert isinstance(target, PostgresURL)
    store = BlockingPostgres(target)
    program = [f"{postgres.binaries()}/pg_dump", "--inserts", "--no-owner", "--no-privileges", "--no-comments"]
    where = ["--host", server.folder, "--port", str(server.port), "--username", "meshd", database]
    for number, statements in steps():
        store.look(upgrade, POSTGRES, shipped()[:number], WHEN)
        store.look(written, statements)
        done = subprocess.run([*program, *where], check=True, capture_output=True, text=True)
        yield number, bare(done.stdout)
    store.close()


def bare(dump: str) -> str:
    """Without comments, empty lines, and what one version of the server says and another does not know."""
    dump = re.sub(r"^(--.*|SET .*;|SELECT pg_catalog\.set_config.*;|\\.*)$", "", dump, flags=re.MULTILINE)
    return re.sub(r"\n{2,}", "\n", dump).lstrip()


def released(kind: str) -> dict[int, Path]:
    """The files of that kind of store (sqlite, postgres), by the number of their schema."""
    return {int(file.stem): file for file in sorted((FOLDER / kind).glob("*.sql"))}


def main() -> None:
    for kind, texts in (("sqlite", sqlite_texts), ("postgres", postgres_texts)):
        (FOLDER / kind).mkdir(parents=True, exist_ok=True)
        for number, text in texts():
            file = FOLDER / kind / f"{number:04}.sql"
            if number <= NEWEST and not file.exists():
                file.write_text(text)
                print(file, file=sys.stderr)


if __name__ == "__main__":
    main()
