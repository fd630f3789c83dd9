"""The store in PostgreSQL, through a pool of txpostgres connections that are opened again when they are lost.

READ COMMITTED: a unit's leading selects need no transaction, so a unit that only reads costs its statements and nothing
else; `begin` is sent with the first statement that writes.  Where rows must not change in between, a unit locks one.
A unit that has a connection runs to its end even if its caller is cancelled, so no caller takes a unit for undone that
was committed; a unit whose caller is cancelled before it has a connection never begins.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred

from meshd.running.detached import Detached
from meshd.store.dialect import POSTGRES, only_reads, psycopg_text
from meshd.store.drive import drive_awaiting
from meshd.store.interface import StoreError, StoreUnavailable
from meshd.store.migrate import check, shipped, upgrade
from meshd.store.postgres.driver import ATTEMPTS, CHANNEL, commit
from meshd.store.postgres.errors import is_transient
from meshd.store.postgres.link import Link, open_link
from meshd.store.postgres.pool import Keeper, Pool
from meshd.store.statements.changes import PUBLISH
from meshd.store.unit import Params, Row, Statement, Unit
from meshd.store.url import PostgresURL, read

P = ParamSpec("P")
T = TypeVar("T")

UNIT_SECONDS = 60.0
"""Longer than the server's own timeouts: only a connection to a server that is gone takes as long."""


class PostgresStore:
    """A Store on a PostgreSQL server.  Raises: StoreError for a URL that is not PostgreSQL's."""

    def __init__(self, reactor: Any, url: str, *, size: int = 4) -> None:
        target = read(url)
        if not isinstance(target, PostgresURL):
            raise StoreError("store URL: not one of PostgreSQL")
        self._reactor = reactor
        self._settings = target.settings
        self._pool: Pool | None = None
        self._listener: Keeper | None = None
        self._size = size
        self._wakes: list[Callable[[], None]] = []
        self._units = Detached()

    async def start(self, *, migrate: bool = True) -> None:
        """Connect; bring the schema up to date, or without `migrate` refuse one that is not.  May be called again.
        Raises: SchemaError, StoreUnavailable.
        """
        pool = self._connect()
        try:
            await pool.ready()
            if migrate:
                await self.run(upgrade, POSTGRES, shipped(), int(time.time()))
            else:
                await self.run(check, POSTGRES, shipped())
        except BaseException:
            await self.stop()
            raise

    async def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        pool = self._pool
        if pool is None:
            raise StoreUnavailable("the store is closed")
        link = await pool.acquire()
        work = self._carry_out(pool, link, lambda: unit(*args, **kwargs))
        return await self._units.run(Deferred.fromCoroutine(work))

    def on_change(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever this or another process has published a change."""
        self._wakes.append(wake)

    async def stop(self) -> None:
        """Wait for the units that run, then close all connections."""
        pool, self._pool = self._pool, None
        await self._units.ended()
        if self._listener is not None:
            await self._listener.stop()
            self._listener = None
        if pool is not None:
            await pool.stop()

    def _connect(self) -> Pool:
        if self._pool is None:
            self._pool = Pool(self._reactor, lambda: open_link(self._reactor, self._settings), self._size)
            self._pool.start()
            self._listener = Keeper(self._reactor, self._listen, lambda link: self._wake(), lambda link, reason: None)
            self._listener.start()
        return self._pool

    async def _listen(self) -> Link:
        return await open_link(self._reactor, self._settings, heard=self._wake, then=f"; listen {CHANNEL}")

    def _wake(self) -> None:
        for wake in tuple(self._wakes):
            wake()

    async def _carry_out(self, pool: Pool, link: Link, begin: Callable[[], Unit[T]]) -> T:
        """Run the unit, at most ATTEMPTS times: again where its failure may pass and surely nothing was committed."""
        for remaining in reversed(range(ATTEMPTS)):
            transaction = _Transaction(link)
            late = self._reactor.callLater(UNIT_SECONDS, link.lose, "a unit took too long")
            try:
                return await transaction.carry_out(begin())
            except Exception:
                if not (remaining and transaction.repeatable and late.active()):
                    raise
            finally:
                if late.active():
                    late.cancel()
                pool.release(link)
            link = await pool.acquire()
        raise AssertionError("unreachable")


class _Transaction:
    """One attempt at a unit."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._begun = False
        self._published = False
        self._ending = False
        self._transient = False

    @property
    def repeatable(self) -> bool:
        """Whether the unit failed by a deadlock and the like, or lost its connection before the commit was sent."""
        return self._transient or not (self._ending or self._link.usable)

    async def carry_out(self, unit: Unit[T]) -> T:
        try:
            result = await drive_awaiting(unit, self._perform)
            self._ending = True
            if self._begun:
                await self._execute(commit(self._published))
        except BaseException:
            await self._roll_back()
            raise
        return result

    async def _perform(self, statement: Statement) -> list[Row]:
        sql = psycopg_text(statement.sql)
        if not self._begun and not only_reads(statement.sql):
            self._begun = True
            sql = f"begin; {sql}"
        self._published = self._published or statement.sql is PUBLISH
        return await self._execute(sql, statement.params)

    async def _execute(self, sql: str, params: Params | None = None) -> list[Row]:
        try:
            return await self._link.execute(sql, params)
        except StoreError as error:
            self._transient = is_transient(error.__cause__)
            raise

    async def _roll_back(self) -> None:
        if self._begun and self._link.usable:
            try:
                await self._link.execute("rollback")
            except StoreError:
                self._link.lose("a transaction could not be rolled back")
