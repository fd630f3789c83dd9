"""A move while somebody works on the source: what changes, at whatever moment, is in the target at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from twisted.trial.unittest import TestCase

from meshd.store import marks
from meshd.store.interface import StoreError, StoreUnavailable
from meshd.store.moving import copying, following, live
from meshd.store.moving import open as ends
from meshd.store.moving.end import End
from meshd.store.moving.outcome import Moved
from meshd.store.statements import nodes
from tests.store.moving.test_offline import NOW, Killed, on
from tests.support import everything, stores


class Customers:
    """Who works on the source: at each call some of its rows change, in ways that are awkward to follow."""

    def __init__(self, end: End) -> None:
        self._end = end
        self.calls = 0

    def __call__(self) -> None:
        number = self.calls
        self.calls += 1
        for sql in self._writes(number):
            self._end.execute(sql)

    def _writes(self, number: int) -> Iterator[str]:
        yield "update change_counter set seq = seq + 1"
        yield "insert into changes (seq, account_id) select seq, 1 from change_counter"
        yield f"update usage set total_bytes = {number} where account_id = {number % 5 + 1}"
        yield f"insert into audit (at, actor, action, account_id, detail) values ({number}, 'a', 'b', 1, 'c')"
        yield f"insert into acme_attempts (name, at) values ('again', {number % 3})"
        yield "update repeats set at = at + 1"
        if number % 4 == 1:  # two names are exchanged, by way of a third one
            one, other = ("a", "b") if number % 8 == 1 else ("b", "a")
            for id_, name in ((2, "c"), (3, one), (2, other)):
                yield f"update accounts set username_key = '{name}' where id = {id_}"
        if number % 4 == 2:
            yield f"insert into bans (address, username, until) values ('x', 'y{number}', 1)"
            yield f"update bans set username = 'z{number}' where username = 'y{number}'"  # its key changes
        if number % 4 == 3:
            yield "delete from bans where username like 'z%'"
            yield f"delete from tokens where id = {number // 4 % 5}"
        if number == 9:
            yield "pragma foreign_keys = on" if type(self._end).__name__ == "SQLiteEnd" else "select 1"
            yield "delete from accounts where id = 1"  # and all that is its


class Daemon:
    """A daemon that notes what it is told; it is told by a command that works."""

    def __init__(self, customers: Callable[[], None], *, busy: int = 0) -> None:
        self.said: list[str] = []
        self._customers = customers
        self._busy = busy

    def prepare(self, url: str) -> None:
        self._customers()
        self.said.append(f"prepare {url}")

    def freeze(self) -> None:
        self._customers()
        if self._busy:
            self._busy -= 1
            raise StoreUnavailable("busy")
        self.said.append("freeze")

    def go_on(self) -> None:
        self.said.append("go on")
        self._customers()

    def cut(self) -> None:
        self.said.append("cut")


class _Contract:
    """What holds for each pair of stores."""

    def setUp(self) -> None:
        self.source, self.target = self.fresh_source(), self.fresh_target()
        everything.fill(self.source)
        self.patch(copying, "MIXED", 2)
        self.patch(copying, "NUMBERS", 2)
        self.patch(following, "CHANGES", 60)
        self.patch(live, "HOLD_SECONDS", 600.0)  # however slow this machine is
        opened = ends.opened(self.source)
        self.customers = Customers(end := opened.__enter__())
        end.execute("update change_counter set seq = 100")
        self.addCleanup(opened.__exit__, None, None, None)
        self.most = 10**9

    @contextlib.contextmanager
    def progress(self, doing: str, total: int) -> Iterator[Any]:
        yield self

    def step(self, count: int = 1) -> None:
        """The customers work between pieces, until the store is sealed."""
        self.most -= 1
        if not self.most:
            raise Killed
        if self.most % 5:
            return
        if "cut" in self.serving.said:
            self.assertRaises(StoreError, self.customers)
        else:
            self.customers()

    def move(self, serving: Daemon | None = None) -> list[Moved]:
        self.serving = serving or Daemon(self.customers)
        return live.move(
            self.source,
            self.target,
            now=NOW,
            progress=self.progress,
            ours=lambda name: name == "host:/data",
            serving=self.serving,
        )

    def require_moved(self) -> None:
        """What the source had when it was sealed is in the target; nothing is left of the way there."""
        self.assertEqual(everything.contents(self.target), everything.contents(self.source))
        on(self.target, "select 1 from accounts")
        self.assertRaises(marks.MovedAway, on, self.source, "select 1 from accounts")
        self.assertRaises(StoreError, self.customers)
        for url in (self.source, self.target):
            with ends.opened(url) as end:
                self.assertFalse(end.followed())

    def test_customers_work_all_the_while(self) -> None:
        """Every change is in the target, and the daemon goes over once."""
        moved = self.move()
        self.require_moved()
        self.assertGreater(self.customers.calls, 40)
        self.assertEqual(self.serving.said, [f"prepare {self.target}", "freeze", "cut"])
        for each in moved:
            self.assertEqual(each.before, each.after)

    def test_a_daemon_that_is_busy(self) -> None:
        """It is asked again."""
        self.move(Daemon(self.customers, busy=2))
        self.require_moved()
        self.assertEqual(self.serving.said[1:], ["go on", "go on", "freeze", "cut"])

    def test_a_daemon_that_is_never_still(self) -> None:
        """The store does not move, can be used as before, and changes are not written down any more."""
        with self.assertRaisesRegex(StoreUnavailable, "nothing has moved, try at a quieter hour"):
            self.move(Daemon(self.customers, busy=99))
        on(self.source, "select 1 from accounts")
        with ends.opened(self.source) as end:
            self.assertFalse(end.followed())
        self.move()
        self.require_moved()

    def test_too_late(self) -> None:
        """Where everybody has waited for too long, they go on with the source, and it is tried again."""
        self.patch(live, "HOLD_SECONDS", -1.0)
        with self.assertRaises(StoreUnavailable):
            self.move()
        self.assertEqual(self.serving.said[1:3], ["freeze", "go on"])
        self.customers()
        self.patch(live, "HOLD_SECONDS", 600.0)
        self.move()
        self.require_moved()

    def test_killed(self) -> None:
        """It goes on, and nothing that has changed in between is lost."""
        for most in (1, 5, 60, 100, 150):
            self.most = most
            self.assertRaises(Killed, self.move)
            self.customers()
        self.most = 10**9
        self.move()
        self.require_moved()

    def test_killed_in_the_cut(self) -> None:
        """Before the mark the source goes on; after it neither can be used, until the last step is taken."""
        for name in ("_close", "_give_up"):
            patched = self.patch(live, name, _killed)
            if name == "_close":
                self.assertRaises(Killed, self.move)
                self.customers()
            patched.restore()
        patched = self.patch(live.offline, "open_up", _killed)
        self.assertRaises(Killed, self.move)
        patched.restore()
        self.assertRaises(marks.MovedAway, on, self.source, "select 1")
        self.assertRaises(marks.HalfFilled, on, self.target, "select 1")
        self.assertEqual(self.move(), [])
        on(self.target, "select 1")

    def test_other_processes(self) -> None:
        """One that is not the daemon itself would go on with the old store."""
        for name in ("host:/data", "host:/other"):
            with ends.opened(self.source) as end:
                end.run(nodes.seen(name, "1", [], NOW, NOW))
        with self.assertRaisesRegex(StoreError, "^host:/other works on the store too"):
            self.move()
        self.assertNotIn("prepare", str(self.serving.said))


def _killed(*args: Any, **facts: Any) -> None:
    raise Killed


class _SQLiteSource:
    def fresh_source(self) -> str:
        return f"sqlite:///{stores.sqlite_path(self)}"


class _PostgresSource:
    def fresh_source(self) -> str:
        return stores.postgres_url(self)


class _SQLiteTarget:
    def fresh_target(self) -> str:
        return f"sqlite:///{stores.sqlite_path(self)}"


class _PostgresTarget:
    def fresh_target(self) -> str:
        return stores.postgres_url(self)


class SQLiteToPostgres(_SQLiteSource, _PostgresTarget, _Contract, TestCase):
    """Growing out of one file."""


class PostgresToSQLite(_PostgresSource, _SQLiteTarget, _Contract, TestCase):
    """And back."""
