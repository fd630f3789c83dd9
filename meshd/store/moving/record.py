"""How far a move has come: a table in the store that is being filled, written in the transactions that fill it."""

from __future__ import annotations

from typing import NamedTuple

from meshd.store.moving import keys
from meshd.store.moving.end import End
from meshd.store.moving.shape import Table
from meshd.store.moving.sums import Sum
from meshd.store.unit import Row

_MAKE = """
create table if not exists meshd_move (
    name text primary key, after text not null, count bigint not null, digest text not null, done smallint not null
)
"""

_KEEP = """
insert into meshd_move (name, after, count, digest, done) values (:name, :after, :count, :digest, :done)
on conflict (name) do update
set after = excluded.after, count = excluded.count, digest = excluded.digest, done = excluded.done
"""


class Held(NamedTuple):
    """What the target has of one table."""

    after: Row = ()
    """The key of the last row that was copied; () for none."""
    sum: Sum = Sum()
    done: bool = False
    """Whether every row was copied that was there when its turn came."""


class Record:
    """The table; whoever calls has a transaction of the target open, but for `read`."""

    def __init__(self, target: End) -> None:
        self._target = target

    def make(self) -> None:
        self._target.execute(_MAKE)

    def drop(self) -> None:
        self._target.execute("drop table if exists meshd_move")

    def forget(self) -> None:
        """Begin anew with every table."""
        self._target.execute("delete from meshd_move")

    def read(self, table: Table) -> Held:
        sql = "select after, count, digest, done from meshd_move where name = :name"
        rows = self._target.execute(sql, {"name": table.name})
        if not rows:
            return Held()
        after, count, digest, done = rows[0]
        return Held(keys.read(after), Sum(int(count), int(digest, 16)), bool(done))

    def keep(self, table: Table, held: Held) -> None:
        told = {"name": table.name, "after": keys.written(held.after), "done": int(held.done)}
        self._target.execute(_KEEP, {**told, "count": held.sum.rows, "digest": held.sum.text})
