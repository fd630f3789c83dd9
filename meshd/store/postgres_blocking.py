"""PostgreSQL without a reactor: for the command line, one connection, one unit at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import psycopg2
from psycopg2 import extensions

from meshd.store.dialect import POSTGRES, psycopg_text
from meshd.store.drive import drive
from meshd.store.interface import StoreError, StoreUnavailable
from meshd.store.migrate import check, shipped, upgrade
from meshd.store.postgres_driver import ATTEMPTS, BYTES, SET_UP, commit
from meshd.store.postgres_errors import first_line, is_lost, is_transient, translate
from meshd.store.statements.changes import PUBLISH
from meshd.store.unit import Params, Row, Statement, Unit
from meshd.store.url import PostgresURL

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_SECONDS = 5


class BlockingPostgres:
    """A connection that is opened when the first unit comes, and again after it was lost."""

    def __init__(self, target: PostgresURL) -> None:
        self._settings: dict[str, Any] = dict(target.settings)
        self._connection: Any = None
        self._checked = False

    def migrate(self) -> list[str]:
        """Bring the schema up to date; the names of the files that were applied.  SchemaError."""
        names = self._run(upgrade, POSTGRES, shipped(), int(time.time()))
        self._checked = True
        return names

    def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """One unit, one transaction.  SchemaError when the schema is not this program's."""
        if not self._checked:
            self._run(check, POSTGRES, shipped())
            self._checked = True
        return self._run(unit, *args, **kwargs)

    def look(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """One unit, whatever the schema is."""
        return self._run(unit, *args, **kwargs)

    def close(self) -> None:
        """Without effect on a closed one; the next unit opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(ATTEMPTS - 1):
            try:
                return self._attempt(unit(*args, **kwargs))
            except StoreError as error:
                if not is_transient(error.__cause__):
                    raise
        return self._attempt(unit(*args, **kwargs))

    def _attempt(self, unit: Unit[T]) -> T:
        self._execute("begin")
        published = False

        def perform(statement: Statement) -> list[Row]:
            nonlocal published
            published = published or statement.sql is PUBLISH
            return self._execute(psycopg_text(statement.sql), statement.params)

        try:
            result = drive(unit, perform)
            self._execute(commit(published))
        except BaseException:
            if self._connection is not None:
                self._execute("rollback")
            raise
        return result

    def _execute(self, sql: str, params: Params | None = None) -> list[Row]:
        try:
            with self._connected().cursor() as cursor:
                cursor.execute(sql, params)
                return cursor.fetchall() if cursor.description else []
        except psycopg2.Error as error:
            if is_lost(error):
                self.close()
            raise translate(error) from error
        except (OverflowError, ValueError) as error:
            raise translate(error) from error

    def _connected(self) -> Any:
        if self._connection is None:
            try:
                connection = psycopg2.connect(**self._settings, client_encoding="utf8", connect_timeout=CONNECT_SECONDS)
            except psycopg2.Error as error:
                raise StoreUnavailable(f"PostgreSQL cannot be reached: {first_line(error)}") from error
            connection.autocommit = True
            extensions.register_type(BYTES, connection)
            connection.cursor().execute(SET_UP)
            self._connection = connection
        return self._connection
