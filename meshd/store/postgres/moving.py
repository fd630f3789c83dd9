"""A PostgreSQL database as one end of a move.

The connection is psycopg2's plain one, as those that are polled know no COPY.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from io import StringIO
from typing import Any

import psycopg2
from psycopg2 import extensions

from meshd.store.dialect import psycopg_text
from meshd.store.interface import StoreError, StoreUnavailable
from meshd.store.moving.end import LOG, PATIENCE, Dangling, End, Unique, listed, quoted
from meshd.store.moving.shape import STAY, Column, Kind, Table, kind
from meshd.store.postgres.driver import BYTES, NETWORK
from meshd.store.postgres.errors import is_lost, translate, why
from meshd.store.unit import Row
from meshd.store.url import PostgresURL

CONNECT_SECONDS = "10"

SET_UP = """
set local statement_timeout = 0; set local lock_timeout = '10s'; set local idle_in_transaction_session_timeout = 0;
set local client_min_messages = 'warning'
"""
"""At the head of each transaction: a copy takes its time, and between two statements of one so may the other store."""

_TABLES = "select tablename from pg_tables where schemaname = current_schema()"

_COLUMNS = """
select table_name, column_name, data_type, is_nullable from information_schema.columns
where table_schema = current_schema()
"""

_INDICES = """
select c.relname, i.indisprimary, coalesce(pg_get_expr(i.indpred, i.indrelid), ''),
    array(select a.attname::text from unnest(i.indkey) with ordinality as k (number, place)
        join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number order by k.place)
from pg_index as i join pg_class as c on c.oid = i.indrelid
where i.indisunique and c.relnamespace = current_schema()::regnamespace order by not i.indisprimary
"""

_POINTERS = """
select c.relname, k.conname, pg_get_constraintdef(k.oid), k.convalidated
from pg_constraint as k join pg_class as c on c.oid = k.conrelid
where k.contype = 'f' and k.connamespace = current_schema()::regnamespace order by 1, 2
"""

_SEQUENCES = """
select table_name, pg_get_serial_sequence(quote_ident(table_name), column_name)
from information_schema.columns where table_schema = current_schema() and is_identity = 'YES'
"""

_LATER = "create table if not exists meshd_move_later (statement text not null)"

_REFUSE = """
create or replace function meshd_moved() returns trigger language plpgsql
as 'begin raise exception ''this store has moved''; end'
"""

_LOG = f"""
create table {LOG} (n bigint generated always as identity primary key, name text not null, key text not null)
"""

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class PostgresEnd(End):
    """One connection to the server."""

    def __init__(self, target: PostgresURL, place: str) -> None:
        """Raises: StoreUnavailable."""
        self.place = place
        settings: dict[str, Any] = {**NETWORK, "connect_timeout": CONNECT_SECONDS, **target.settings}
        try:
            self._connection: Any = psycopg2.connect(**settings, client_encoding="utf8")
        except psycopg2.Error as error:
            raise StoreUnavailable(f"PostgreSQL cannot be reached: {why(error)}") from error
        self._connection.autocommit = True
        extensions.register_type(BYTES, self._connection)

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        with self._translated(), self._connection.cursor() as cursor:
            cursor.execute(psycopg_text(sql), params or {})
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg2.Error as error:
            if is_lost(error):
                raise StoreUnavailable(f"the connection to the database was lost: {why(error)}") from error
            raise translate(error) from error
        except (OverflowError, ValueError) as error:
            raise translate(error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._begun("begin"):
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self._begun("begin transaction isolation level repeatable read"):
            yield

    @contextmanager
    def locked(self, seconds: float = PATIENCE) -> Iterator[None]:
        with self._begun("begin"):
            self.execute(f"set local lock_timeout = {seconds * 1000:.0f}")
            self.execute(f"lock table {listed([*self.tables, *STAY])} in share row exclusive mode")
            yield

    @contextmanager
    def _begun(self, begin: str) -> Iterator[None]:
        self.execute(f"{begin}; {SET_UP}")
        try:
            yield
            self.execute("commit")
        except BaseException:
            if not self._connection.closed:
                self.execute("rollback")
            raise

    def close(self) -> None:
        self._connection.close()

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        columns: dict[str, list[Column]] = {}
        for table, name, declared, optional in self.execute(_COLUMNS):
            if table not in STAY and not table.startswith("meshd_move"):
                columns.setdefault(table, []).append(Column(name, kind(declared, table, name), optional == "YES"))
        keys = {table: tuple(key) for table, primary, _, key in self.execute(_INDICES) if primary}
        return {name: Table(name, tuple(sorted(columns[name])), keys.get(name, ())) for name in sorted(columns)}

    def uniques(self, table: Table) -> list[Unique]:
        return self._uniques.get(table.name, [])

    @cached_property
    def _uniques(self) -> dict[str, list[Unique]]:
        found: dict[str, list[Unique]] = {}
        for table, _, where, columns in self.execute(_INDICES):
            found.setdefault(table, []).append(Unique(tuple(columns), where))
        return found

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        text = StringIO("".join(map(_line, rows)))
        self.execute("savepoint rows")
        try:
            with self._translated(), self._connection.cursor() as cursor:
                cursor.copy_expert(f"copy {quoted(table.name)} ({listed(table.names)}) from stdin", text)
        except StoreError:
            if not self._connection.closed:
                self.execute("rollback to savepoint rows")
            raise
        self.execute("release savepoint rows")

    def sequences(self) -> dict[str, int]:
        found = {}
        for table, sequence in self.execute(_SEQUENCES):
            if table == LOG:
                continue
            ((last, called),) = self.execute(f"select last_value, is_called from {sequence}")  # noqa: S608 (its own)
            found[table] = int(last) if called else int(last) - 1
        return found

    def set_sequences(self, last: Mapping[str, int]) -> None:
        for table, sequence in self.execute(_SEQUENCES):
            told = {"sequence": sequence, "next": last.get(table, 0) + 1}
            self.execute("select setval(:sequence::regclass, :next, false)", told)

    def loosen(self) -> None:
        self.execute(_LATER)
        for table, name, definition, _ in self.execute(_POINTERS):
            where = f"alter table {quoted(table)}"
            again = f"{where} add constraint {quoted(name)} {definition.removesuffix(' NOT VALID')} not valid"
            self.execute("insert into meshd_move_later (statement) values (:again)", {"again": again})
            self.execute(f"{where} drop constraint {quoted(name)}")

    def tighten(self) -> None:
        for (statement,) in self.execute("select statement from meshd_move_later"):
            self.execute(statement)
        self.execute("drop table meshd_move_later")

    def look_through(self) -> None:
        for table, name, _, looked_through in self.execute(_POINTERS):
            if looked_through:
                continue
            try:
                self.execute(f"alter table {quoted(table)} validate constraint {quoted(name)}")
            except StoreError as error:
                raise Dangling(f"rows of {table} point at others that are not there ({name})") from error

    def dangling(self, limit: int) -> list[tuple[str, Row, str]]:
        """None: this database has always asked."""
        return []

    def follow(self) -> None:
        self.execute(_LOG)
        for table in self.tables.values():
            name = quoted(f"{LOG}_{table.name}")
            self.execute(f"create function {name}() returns trigger language plpgsql as '{_noting(table)}'")
            self.execute(
                f"create trigger {LOG} after insert or update or delete on {quoted(table.name)}"
                f" for each row execute function {name}()"
            )

    def unfollow(self) -> None:
        for table in self.tables:
            self.execute(f"drop function if exists {quoted(f'{LOG}_{table}')}() cascade")
        self.execute(f"drop table if exists {LOG}")

    def followed(self) -> bool:
        return bool(self.execute(f"select 1 where to_regclass('{LOG}') is not null"))

    def seal(self) -> None:
        self.execute(_REFUSE)
        for table in self.tables:
            self.execute(
                f"create trigger meshd_moved before insert or update or delete on {quoted(table)}"
                " for each statement execute function meshd_moved()"
            )

    def unseal(self) -> None:
        self.execute("drop function if exists meshd_moved() cascade")


def _noting(table: Table) -> str:
    """The body of a trigger's function that notes keys, within single quotes; of an update also an old one."""
    kinds = {column.name: column.kind for column in table.columns}

    def note(row: str) -> str:
        values = [f"{row}.{quoted(name)}" for name in table.key]
        told = [
            f"json_build_object(''b'', encode({value}, ''hex''))" if kinds[name] is Kind.BYTES else value
            for name, value in zip(table.key, values, strict=True)
        ]
        return f"insert into {LOG} (name, key) values (''{table.name}'', json_build_array({', '.join(told)})::text);"  # noqa: S608

    old, new = (", ".join(f"{row}.{quoted(name)}" for name in table.key) or "0" for row in ("old", "new"))
    return (
        f"begin if tg_op = ''DELETE'' then {note('old')} else {note('new')} end if;"
        f" if tg_op = ''UPDATE'' then if ({old}) is distinct from ({new}) then {note('old')} end if; end if;"
        " return null; end"
    )


def _line(row: Row) -> str:
    """A line of COPY's text format."""
    return "\t".join(map(_field, row)) + "\n"


def _field(value: Any) -> str:
    if type(value) is int:
        return str(value)
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return f"\\\\x{value.hex()}"
    return str(value).translate(_ESCAPES)
