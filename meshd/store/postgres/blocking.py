"""PostgreSQL without a reactor: for the command line, one connection, one unit at a time.

The connection is an asynchronous one that is polled: so every wait has an end, Ctrl-C interrupts each, and the last
error of a server or a pooler that hangs up is read, which libpq's blocking calls lose.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import psycopg2
from psycopg2 import extensions

from meshd.store.dialect import POSTGRES, psycopg_text
from meshd.store.drive import drive
from meshd.store.interface import StoreError, StoreUnavailable
from meshd.store.migrate import check, shipped, upgrade
from meshd.store.postgres.driver import ATTEMPTS, BYTES, NETWORK, SET_UP, commit
from meshd.store.postgres.errors import is_lost, is_transient, translate, why
from meshd.store.statements.changes import PUBLISH
from meshd.store.unit import Params, Row, Statement, Unit
from meshd.store.url import PostgresURL

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_SECONDS = 5.0

ANSWER_SECONDS = 60.0
"""Longer than the server's own timeouts: only a connection to a server that is gone waits as long."""

EVER = float("inf")
"""The timeout of a migration: it may take long, and so may another process's that holds the lock."""


class BlockingPostgres:
    """One connection, which is opened for the first unit, and opened again after it was lost."""

    def __init__(self, target: PostgresURL) -> None:
        self._settings: dict[str, Any] = dict(target.settings)
        self._connection: Any = None
        self._checked = False
        self._patience = ANSWER_SECONDS

    def migrate(self) -> list[str]:
        """Bring the schema up to date; the names of the files that were applied.  Raises: SchemaError, StoreError."""
        self._patience = EVER
        try:
            names = self.look(upgrade, POSTGRES, shipped(), int(time.time()))
        finally:
            self._patience = ANSWER_SECONDS
        self._checked = True
        return names

    def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a unit as one transaction.  Raises: StoreError; SchemaError where the schema is not this program's."""
        if not self._checked:
            self.look(check, POSTGRES, shipped())
            self._checked = True
        return self.look(unit, *args, **kwargs)

    def look(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a unit as one transaction, whatever the schema is.  Raises: StoreError."""
        for _ in range(ATTEMPTS - 1):
            try:
                return self._attempt(unit(*args, **kwargs))
            except StoreError as error:
                if not is_transient(error.__cause__):
                    raise
        return self._attempt(unit(*args, **kwargs))

    def close(self) -> None:
        """Close the connection, if it is open; the next unit opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

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
        """Execute the text; the rows of its last statement.  Raises: StoreError with the reason of a lost link."""
        connection = self._connected()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, params)
                self._await(connection, self._patience)
                return cursor.fetchall() if cursor.description else []
        except psycopg2.Error as error:
            if is_lost(error):
                self.close()
                raise StoreUnavailable(f"the connection to the database was lost: {why(error)}") from error
            raise translate(error) from error
        except (OverflowError, ValueError) as error:
            raise translate(error) from error

    def _connected(self) -> Any:
        reason = "its name has no address"
        for address in _addresses(self._settings) if self._connection is None else ():
            try:
                self._connect({**NETWORK, **self._settings, **address})
                break
            except (psycopg2.Error, StoreUnavailable) as error:
                self.close()
                reason = f"{_place({**self._settings, **address})}{why(error)}"
        if self._connection is None:
            raise StoreUnavailable(f"PostgreSQL cannot be reached: {reason}")
        return self._connection

    def _connect(self, settings: dict[str, Any]) -> None:
        self._connection = connection = psycopg2.connect(**settings, client_encoding="utf8", async_=True)
        self._await(connection, CONNECT_SECONDS)
        cursor = connection.cursor()  # kept in a name, since a cursor must outlive its query
        cursor.execute(SET_UP)
        self._await(connection, CONNECT_SECONDS)
        extensions.register_type(BYTES, connection)

    def _await(self, connection: Any, seconds: float) -> None:
        """Wait until the connection has its answer; close it on a timeout or Ctrl-C.  Raises: StoreUnavailable."""
        until = time.monotonic() + seconds
        try:
            while (state := connection.poll()) != extensions.POLL_OK:
                ready = select.poll()
                ready.register(connection, select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
                left = max(0.0, until - time.monotonic())
                if not ready.poll(None if left == EVER else left * 1000):
                    raise StoreUnavailable("no answer in time")
        except psycopg2.Error:
            raise
        except BaseException:
            self.close()
            raise


def _addresses(settings: dict[str, Any]) -> list[dict[str, str]]:
    """The additions to the settings, one for each address of the host, so that every address is tried."""
    host = settings.get("host", "")
    if not host or host.startswith(("/", "@")):
        return [{}]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [{"hostaddr": str(address)} for address in dict.fromkeys(entry[4][0] for entry in found)]


def _place(settings: dict[str, Any]) -> str:
    """The host and port, to stand before an error of libpq that names neither; "" for a local socket."""
    host = settings.get("hostaddr") or settings.get("host", "")
    return f"{host}, port {settings.get('port', '5432')}: " if host else ""
