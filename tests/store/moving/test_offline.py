"""A move while no daemon runs: all of it or nothing, in each direction, killed wherever it may be."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import TestCase

from meshd.store import marks
from meshd.store.interface import SchemaError, StoreError
from meshd.store.migrate import shipped
from meshd.store.moving import copying, offline
from meshd.store.moving import open as ends
from meshd.store.moving.outcome import Moved, Unmovable
from meshd.store.open import BlockingStore
from meshd.store.statements import nodes
from meshd.store.unit import Statement, Unit
from tests.support import everything, stores

NOW = 1_732_276_800


class Killed(BaseException):
    """The process is gone."""


class Counting:
    """The progress of a move, which is killed after so many steps."""

    def __init__(self, last: int = 10**9) -> None:
        self.left = last
        self.said: list[tuple[str, int]] = []

    @contextlib.contextmanager
    def __call__(self, doing: str, total: int) -> Iterator[Counting]:
        self.said.append((doing, total))
        yield self

    def step(self, count: int = 1) -> None:
        self.left -= 1
        if self.left <= 0:
            raise Killed


def execute(sql: str) -> Unit[list[Any]]:
    return (yield Statement(sql, {}))


def on(url: str, sql: str) -> list[Any]:
    """Execute a statement as a program that looks at the schema first."""
    store = BlockingStore(url)
    try:
        return store.run(execute, sql)
    finally:
        store.close()


class _Contract:
    """What holds for each pair of stores."""

    def setUp(self) -> None:
        self.source, self.target = self.fresh_source(), self.fresh_target()
        everything.fill(self.source)
        self.before = everything.contents(self.source)
        self.patch(copying, "MIXED", 2)  # several pieces for each table
        self.patch(copying, "NUMBERS", 2)

    def move(self, progress: Counting | None = None, **facts: Any) -> list[Moved]:
        return offline.move(self.source, self.target, now=NOW, progress=progress or Counting(), **facts)

    def refused(self, kind: type[Exception], *words: str) -> Exception:
        with self.assertRaises(kind) as caught:
            self.move()
        for word in words:
            self.assertIn(word, str(caught.exception))
        return caught.exception

    def require_moved(self) -> None:
        """All is in the target, which can be used; the source cannot, by whomever."""
        self.assertEqual(everything.contents(self.target), self.before)
        on(self.target, "select 1 from accounts")
        with self.assertRaises(marks.MovedAway):
            on(self.source, "select 1 from accounts")
        with ends.opened(self.source) as end, self.assertRaises(StoreError):
            end.execute("update accounts set notes = 'x'")

    def test_everything_is_there(self) -> None:
        """Every table of the schema, every type of value, with the same sums; ids go on after those that were given."""
        moved = self.move()
        self.require_moved()
        self.assertEqual({each.table for each in moved}, self.before.keys() - {"sequences"})
        for each in moved:
            self.assertEqual((each.rows, each.before), (len(self.before[each.table]), each.after))
        on(self.target, "insert into presets (account_id, name, content, created_at) values (1, '', '', 0)")
        self.assertEqual(on(self.target, "select max(id) from presets"), [(101,)])

    def test_the_target_goes_by_its_rules(self) -> None:
        """What points at nothing is refused there, and so is what is taken."""
        self.move()
        for sql in (
            "insert into usage (account_id, total_bytes, period_bytes, period_start) values (77, 0, 0, 0)",
            "insert into bans (address, username, until) select address, username, 0 from bans",
        ):
            with self.assertRaises(StoreError):
                on(self.target, sql)

    def test_a_second_time(self) -> None:
        """Whoever starts it again hears that it is done."""
        self.move()
        self.assertEqual(self.move(), [])
        self.require_moved()

    def test_killed_between_any_two_pieces(self) -> None:
        """It goes on, and ends equal; meanwhile the source can be used and the target cannot."""
        for last in (1, 3, 8, 40, 90, 130, 200):
            with contextlib.suppress(Killed):
                self.move(Counting(last))
            if ends_as_whole(self.target):
                break
            on(self.source, "select 1 from accounts")
            with self.assertRaises(marks.HalfFilled):
                on(self.target, "select 1 from accounts")
        self.move()
        self.require_moved()

    def test_killed_near_the_end(self) -> None:
        """Wherever: never can both be used, and the next time it ends."""
        for name in ("look_through", "seal"):
            self._killed_in(ends.SQLiteEnd if self.class_of(name).startswith("sqlite") else self.postgres_end(), name)
        patched = self.patch(offline, "open_up", _killed)
        self.assertRaises(Killed, self.move)
        patched.restore()
        for url in (self.source, self.target):
            with self.assertRaises(marks.Marked):
                on(url, "select 1 from accounts")
        self.move()
        self.require_moved()

    def _killed_in(self, kind: type, name: str) -> None:
        patched = self.patch(kind, name, _killed)
        self.assertRaises(Killed, self.move)
        patched.restore()
        on(self.source, "select 1 from accounts")

    def class_of(self, name: str) -> str:
        """The URL of the store on which the method is called."""
        return self.source if name == "seal" else self.target

    def postgres_end(self) -> type:
        from meshd.store.postgres.moving import PostgresEnd

        return PostgresEnd

    def test_changed_after_a_kill(self) -> None:
        """What somebody wrote to the source between two attempts is moved, and what was deleted is not."""
        with contextlib.suppress(Killed):
            self.move(Counting(100))
        on(self.source, "update accounts set notes = 'changed' where id = 2")
        on(self.source, "delete from accounts where id = 1")
        self.before = everything.contents(self.source)
        self.move()
        self.require_moved()

    def test_living_processes(self) -> None:
        """A process that told of itself a moment ago refuses it, unless it is known to be gone; others do not."""
        store = BlockingStore(self.source)
        store.run(nodes.seen, "host:/data", "1", [], NOW, NOW - 5)
        store.run(nodes.seen, "old:/data", "1", [], NOW, NOW - 500)
        store.close()
        self.assertNotIn("old:", str(self.refused(StoreError, "host:/data works on the store", "--live")))
        self.move(ours=lambda name: name == "host:/data")
        self.require_moved()
        self.assertEqual(on(self.target, "select count(*) from nodes"), [(0,)])

    def test_nobody_writes_meanwhile(self) -> None:
        """Whoever wants to change the source waits until it has moved, and is refused then."""
        seen = []

        class Trying(Counting):
            def step(self, count: int = 1) -> None:
                with ends.opened(source) as end:
                    no_patience(end)
                    try:
                        end.execute("update accounts set notes = 'late'")
                    except StoreError as error:
                        seen.append(error)

        source = self.source
        self.move(Trying())
        self.assertGreater(len(seen), 10)
        self.require_moved()

    def test_a_target_in_use(self) -> None:
        """Is refused, and nothing of it is touched."""
        everything.fill(self.target)
        self.refused(StoreError, "is not empty", "name a store that nobody has used")
        self.assertEqual(everything.contents(self.target), self.before)
        on(self.source, "select 1 from accounts")

    def test_a_target_with_an_empty_schema(self) -> None:
        """As another installation's is, whose daemon has not run yet."""
        store = BlockingStore(self.target)
        store.migrate()
        store.close()
        self.move()
        self.require_moved()

    def test_another_moves_target(self) -> None:
        """What another store fills is not filled by this one; nor is what has moved away."""
        with contextlib.suppress(Killed):
            self.move(Counting(5))
        mine, self.source = self.source, self.fresh_source()
        everything.fill(self.source)
        self.refused(StoreError, "is half filled by a move from")
        self.source = mine
        self.move()
        self.source, self.target = self.target, self.source
        self.refused(StoreError, "has itself moved to")

    def test_itself(self) -> None:
        """By whatever name."""
        self.target = self.source
        self.refused(StoreError, "is the store that the settings name already")

    def test_an_older_schema(self) -> None:
        """Both are brought up to date first."""
        last = shipped()[-1]
        with ends.opened(self.source) as end:
            end.execute(f"delete from schema_migrations where number = {last.number}")
        self.refused(SchemaError, last.name, "meshd migrate")


def ends_as_whole(url: str) -> bool:
    with ends.opened(url) as end:
        return ends.mark(end, url) is None


def no_patience(end: Any) -> None:
    end.execute("pragma busy_timeout = 1" if type(end).__name__ == "SQLiteEnd" else "set lock_timeout = '1ms'")


def _killed(*args: Any, **facts: Any) -> None:
    raise Killed


class _SQLiteSource:
    """Of rows that SQLite takes and nobody else does."""

    def fresh_source(self) -> str:
        return f"sqlite:///{stores.sqlite_path(self)}"

    def test_rows_that_cannot_move(self) -> None:
        """They are listed with the reason, nothing has moved, and once they are mended all does."""
        path = self.source.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("update accounts set notes = 'a' || char(0) where id = 2")
            database.execute("update accounts set first_name = cast(x'ff41' as text) where id = 3")
            database.execute("update usage_hours set up = 'many' where account_id = 4")
            database.execute("update usage_days set down = 1.5 where account_id = 4")
            database.commit()
        error = self.refused(Unmovable, "4 rows cannot move")
        assert isinstance(error, Unmovable)
        self.assertEqual(
            [(row.table, row.key, row.reason) for row in error.rows],
            [
                ("accounts", (2,), "notes holds a NUL"),
                ("accounts", (3,), "first_name is not UTF-8"),
                ("usage_days", (4, 4, 4), "down is no number there"),
                ("usage_hours", (4, 4, 4), "up is no number there"),
            ],
        )
        with self.assertRaises(marks.HalfFilled):
            on(self.target, "select 1 from accounts")
        on(self.source, "update accounts set notes = '', first_name = ''")
        on(self.source, "update usage_hours set up = 1")
        on(self.source, "update usage_days set down = 1")
        self.before = everything.contents(self.source)
        self.move()
        self.require_moved()

    def test_rows_that_point_nowhere(self) -> None:
        """PostgreSQL takes none, so they are listed; SQLite does not ask those that are there."""
        path = self.source.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("update tokens set account_id = 700 where id = 2")
            database.commit()
        if self.target.startswith("sqlite"):
            self.move()
            return
        for _ in range(2):
            error = self.refused(Unmovable, "1 rows cannot move")
            assert isinstance(error, Unmovable)
            self.assertEqual(error.rows, [("tokens", (2,), "points at accounts that are not there")])
        on(self.source, "delete from tokens where id = 2")
        self.before = everything.contents(self.source)
        self.move()
        self.require_moved()


class _PostgresSource:
    def fresh_source(self) -> str:
        return stores.postgres_url(self)


class _SQLiteTarget:
    def fresh_target(self) -> str:
        return f"sqlite:///{stores.sqlite_path(self)}"

    def test_the_file_is_private(self) -> None:
        """As every store's is."""
        self.move()
        self.assertEqual(os.stat(self.target.removeprefix("sqlite:///")).st_mode & 0o777, 0o600)


class _PostgresTarget:
    def fresh_target(self) -> str:
        return stores.postgres_url(self)


class SQLiteToSQLite(_SQLiteSource, _SQLiteTarget, _Contract, TestCase):
    """From one installation to another."""


class SQLiteToPostgres(_SQLiteSource, _PostgresTarget, _Contract, TestCase):
    """Growing out of one file."""


class PostgresToSQLite(_PostgresSource, _SQLiteTarget, _Contract, TestCase):
    """And back."""


class PostgresToPostgres(_PostgresSource, _PostgresTarget, _Contract, TestCase):
    """From one server to another."""


class RoundTests(TestCase):
    """There and back."""

    def test_round(self) -> None:
        """What comes back is what went."""
        urls = [
            f"sqlite:///{stores.sqlite_path(self)}",
            stores.postgres_url(self),
            f"sqlite:///{stores.sqlite_path(self)}",
        ]
        everything.fill(urls[0])
        before = everything.contents(urls[0])
        found = [offline.move(*pair, now=NOW, progress=Counting()) for pair in itertools.pairwise(urls)]
        self.assertEqual(found[0], found[1])
        self.assertEqual(everything.contents(urls[2]), before)
