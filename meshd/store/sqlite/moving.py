"""An SQLite file as one end of a move."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import quote

from meshd.store.dialect import sqlite_text
from meshd.store.interface import StoreUnavailable
from meshd.store.moving.end import LOG, PATIENCE, End, Unique, listed, quoted
from meshd.store.moving.shape import STAY, Column, Kind, Table, kind
from meshd.store.sqlite.file import BUSY_SECONDS, execute, translate
from meshd.store.unit import Row

CACHE = 64_000
"""KiB of pages that are kept in memory: ids come in order, but names and the like do not."""

_WRITES = ("insert", "update", "delete")

_LOG = f"create table {LOG} (n integer primary key autoincrement, name text not null, key text not null)"


class SQLiteEnd(End):
    """One connection to the file."""

    def __init__(self, path: str, place: str) -> None:
        """Raises: StoreUnavailable."""
        self.place = place
        self._path = path
        try:
            self._database = sqlite3.connect(
                f"file:{quote(path)}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_SECONDS
            )
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{path}: {error}") from error
        # Text that is no UTF-8 is read as well, to be told of.
        self._database.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        for pragma in ("synchronous = normal", f"cache_size = -{CACHE}", "temp_store = memory", "foreign_keys = off"):
            execute(self._database, f"pragma {pragma}")

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        text, names = sqlite_text(sql)
        return execute(self._database, text, [(params or {})[name] for name in names])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._begun("begin immediate"):
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self._begun("begin"):
            yield

    @contextmanager
    def locked(self, seconds: float = PATIENCE) -> Iterator[None]:
        execute(self._database, f"pragma busy_timeout = {seconds * 1000:.0f}")
        try:
            with self._begun("begin immediate"):
                yield
        finally:
            execute(self._database, f"pragma busy_timeout = {BUSY_SECONDS * 1000:.0f}")

    @contextmanager
    def _begun(self, begin: str) -> Iterator[None]:
        execute(self._database, begin)
        try:
            yield
            execute(self._database, "commit")
        finally:
            if self._database.in_transaction:
                execute(self._database, "rollback")

    def close(self) -> None:
        self._database.close()

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        names = [str(name) for (name,) in self.execute("select name from sqlite_master where type = 'table'")]
        ours = (name for name in names if name not in STAY and not name.startswith(("sqlite_", "meshd_move")))
        return {name: self._table(name) for name in sorted(ours)}

    def _table(self, name: str) -> Table:
        told = self.execute(f"pragma table_info({quoted(name)})")
        columns = [Column(each[1], _kind(each[2], name, each[1]), not each[3] and not each[5]) for each in told]
        key = [each[1] for each in sorted((each for each in told if each[5]), key=lambda each: int(each[5]))]
        return Table(name, tuple(sorted(columns)), tuple(key))

    def uniques(self, table: Table) -> list[Unique]:
        found = [Unique(table.key, "")] if table.key else []
        for _, name, unique, *_ in self.execute(f"pragma index_list({quoted(table.name)})"):
            if unique:
                columns = tuple(each[2] for each in self.execute(f"pragma index_info({quoted(name)})"))
                found.append(Unique(columns, self._condition(name)))
        return found

    def _condition(self, index: str) -> str:
        ((sql,),) = self.execute("select sql from sqlite_master where type = 'index' and name = :name", {"name": index})
        return (sql or "").partition(" where ")[2]

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        marks = ", ".join("?" * len(table.columns))
        sql = f"insert into {quoted(table.name)} ({listed(table.names)}) values ({marks})"  # noqa: S608 (quoted)
        execute(self._database, "savepoint rows")
        try:
            self._database.executemany(sql, rows)
        except (sqlite3.Error, OverflowError, ValueError) as error:
            execute(self._database, "rollback to rows")
            raise translate(error) from error
        finally:
            execute(self._database, "release rows")

    def sequences(self) -> dict[str, int]:
        return {name: int(last) for name, last in self.execute("select name, seq from sqlite_sequence")}

    def set_sequences(self, last: Mapping[str, int]) -> None:
        for name, number in last.items():
            self.execute("delete from sqlite_sequence where name = :name", {"name": name})
            told = {"name": name, "number": number}
            self.execute("insert into sqlite_sequence (name, seq) values (:name, :number)", told)

    def loosen(self) -> None:
        """Nothing: this connection never asks what rows point at."""

    def tighten(self) -> None:
        """Nothing: other connections ask by themselves."""

    def look_through(self) -> None:
        """Nothing: the rows are those of a store that has asked."""

    def dangling(self, limit: int) -> list[tuple[str, Row, str]]:
        found = []
        for name, rowid, other, _ in self.execute("pragma foreign_key_check"):
            table = self.tables[name]
            sql = f"select {listed(table.names)} from {quoted(name)} where rowid = :rowid"  # noqa: S608 (quoted)
            (row,) = self.execute(sql, {"rowid": rowid})
            found.append((name, table.key_of(row), str(other)))
            if len(found) == limit:
                break
        return found

    def follow(self) -> None:
        self.execute(_LOG)
        for table in self.tables.values():
            for write in _WRITES:
                rows = {"insert": ("new",), "update": ("old", "new"), "delete": ("old",)}[write]
                name = quoted(f"{LOG}_{table.name}_{write}")
                self.execute(
                    f"create trigger {name} after {write} on {quoted(table.name)} begin "
                    + "".join(f"{_noted(table, row, write)}; " for row in rows)
                    + "end"
                )

    def unfollow(self) -> None:
        for (name,) in self.execute(f"select name from sqlite_master where type = 'trigger' and name like '{LOG}%'"):  # noqa: S608
            self.execute(f"drop trigger {quoted(name)}")
        self.execute(f"drop table if exists {LOG}")

    def followed(self) -> bool:
        return bool(self.execute("select 1 from sqlite_master where name = :name", {"name": LOG}))

    def seal(self) -> None:
        for table in self.tables:
            for write in _WRITES:
                name = quoted(f"meshd_moved_{table}_{write}")
                self.execute(f"drop trigger if exists {name}")
                self.execute(
                    f"create trigger {name} before {write} on {quoted(table)}"
                    " begin select raise(abort, 'this store has moved'); end"
                )

    def unseal(self) -> None:
        for table in self.tables:
            for write in _WRITES:
                self.execute(f"drop trigger if exists {quoted(f'meshd_moved_{table}_{write}')}")


def _kind(declared: str, table: str, column: str) -> Kind:
    """SQLite takes numbers of 64 bits everywhere, whatever a column's type says."""
    found = kind(declared, table, column)
    return Kind.BIG if found in (Kind.SMALL, Kind.MIDDLE) else found


def _noted(table: Table, row: str, write: str) -> str:
    """A statement that notes the key of the old or the new row; of an update the old one only where it is another."""
    kinds = {column.name: column.kind for column in table.columns}
    values = [
        f"json_object('b', hex({row}.{quoted(name)}))" if kinds[name] is Kind.BYTES else f"{row}.{quoted(name)}"
        for name in table.key
    ]
    note = f"insert into {LOG} (name, key) select '{table.name}', json_array({', '.join(values)})"
    if row == "old" and write == "update":
        changed = " or ".join(f"old.{quoted(name)} is not new.{quoted(name)}" for name in table.key) or "false"
        return f"{note} where {changed}"
    return note
