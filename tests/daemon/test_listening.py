"""Which door leads where after a reload, as tables."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.config.endpoints import Inherited as Place
from meshd.config.endpoints import parsed
from meshd.daemon.doors import Behind, Wish
from meshd.daemon.inherited import Inherited
from meshd.daemon.listening import Listeners, Plan, matched, probe, renamed, wishes
from meshd.daemon.opening import ListenError
from tests.support import stores
from tests.support.daemon import free_port

Rows = list[tuple[str, str]]

MATCHED: dict[str, tuple[Rows, Rows, list[int | None]]] = {
    "nothing was there": ([], [("a", "tcp:1")], [None]),
    "nothing has changed": ([("a", "tcp:1"), ("", "tcp:2")], [("a", "tcp:1"), ("", "tcp:2")], [0, 1]),
    "another order": ([("a", "tcp:1"), ("b", "tcp:2")], [("b", "tcp:2"), ("a", "tcp:1")], [1, 0]),
    "another name": ([("a", "tcp:1")], [("b", "tcp:1")], [0]),
    "two that swap": ([("a", "tcp:1"), ("b", "tcp:2")], [("a", "tcp:2"), ("b", "tcp:1")], [1, 0]),
    "a proxy's for the API": ([("a", "tcp:1")], [("", "tcp:1")], [0]),
    "other words": ([("a", "tcp:1")], [("b", "haproxy:tcp:port=1:backlog=5")], [0]),
    "another interface": ([("a", "tcp:1")], [("a", "tcp:1:interface=127.0.0.1")], [None]),
    "one more and one less": ([("a", "tcp:1"), ("a", "tcp:2")], [("a", "tcp:2"), ("a", "tcp:3")], [1, None]),
    "any port, its own": ([("a", "tcp:0"), ("b", "tcp:0")], [("b", "tcp:0"), ("a", "tcp:0")], [1, 0]),
    "any port, another name": ([("a", "tcp:0"), ("b", "tcp:0")], [("c", "tcp:0"), ("b", "tcp:0")], [0, 1]),
    "any port, and one more": ([("a", "tcp:0")], [("b", "tcp:0"), ("a", "tcp:0")], [None, 0]),
}

RENAMED: dict[str, tuple[Rows, set[str], dict[str, str]]] = {
    "none": ([("a", "a"), ("", "")], {"a", ""}, {}),
    "one": ([("a", "b"), ("", "")], {"b", ""}, {"a": "b"}),
    "one with two doors": ([("a", "b"), ("a", "b")], {"b"}, {"a": "b"}),
    "one that became two": ([("a", "b"), ("a", "c")], {"b", "c"}, {}),
    "one that is still there": ([("a", "b")], {"a", "b"}, {}),
    "two that became one": ([("a", "c"), ("b", "c")], {"c"}, {"a": "c", "b": "c"}),
    "two that swapped": ([("a", "b"), ("b", "a")], {"a", "b"}, {}),
    "one that gave its door to the API": ([("a", "")], {""}, {}),
    "the API's door for a proxy": ([("", "a")], {"a"}, {}),
}


def wished(rows: Rows) -> list[Wish]:
    return wishes(rows, Inherited())


class TableTests(SynchronousTestCase):
    def test_matched(self) -> None:
        """An open socket serves whoever wants its place."""
        for case, (have, wanted, found) in MATCHED.items():
            self.assertEqual(matched(wished(have), wished(wanted)), found, case)

    def test_renamed(self) -> None:
        """Only where it is certain."""
        for case, (moves, names, found) in RENAMED.items():
            self.assertEqual(renamed(moves, names), found, case)

    def test_one_inherited_socket_by_two_names(self) -> None:
        """It can be one thing's only, and is told apart from its namesakes by its number."""
        handed_over = Inherited((7, "proxy"), (8, "api"))
        by_name, by_index = "systemd:domain=INET:name=proxy", "systemd:domain=INET:index=0"
        (one,), (other,) = wishes([("a", by_name)], handed_over), wishes([("b", by_index)], handed_over)
        self.assertEqual(matched([one], [other]), [0])
        error = self.assertRaises(ListenError, wishes, [("a", by_name), ("b", by_index)], handed_over)
        self.assertEqual(str(error), f"{by_name} and {by_index} are the same socket")


class OrderTests(SynchronousTestCase):
    """A door that is new stays shut until the settings that it belongs to are in force."""

    def setUp(self) -> None:
        self.watched: list[int] = []
        poller = SimpleNamespace(add=lambda fd, *_: self.watched.append(fd), unregister=self.watched.remove)
        plane: Any = SimpleNamespace(poller=poller, dialler=SimpleNamespace(receive_buffer=0))
        nothing: Any = None
        self.listeners = Listeners(Behind(Clock(), plane, Factory, nothing), Inherited())
        self.addCleanup(lambda: self.successResultOf(Deferred.fromCoroutine(self.listeners.close())))

    def prepared(self, *rows: tuple[str, str]) -> Plan:
        return self.successResultOf(Deferred.fromCoroutine(self.listeners.prepare(rows)))

    def test_what_is_prepared_listens_and_lets_nobody_in(self) -> None:
        """Whoever connects meanwhile waits in it; then it is watched, and what is own is known."""
        port = free_port()
        plan = self.prepared(("a", f"tcp:{port}"))
        self.assertEqual((self.watched, len(self.listeners), self.listeners.own.ports), ([], 0, frozenset()))
        socket.create_connection(("127.0.0.1", port), 60).close()
        self.listeners.take(plan)
        self.assertEqual((len(self.watched), len(self.listeners), self.listeners.own.ports), (1, 1, {port}))

    def test_what_is_dropped_is_closed_and_all_else_is_as_it_was(self) -> None:
        """The door that was there leads to where it led."""
        port, other = free_port(), free_port()
        self.listeners.take(self.prepared(("a", f"tcp:{port}")))
        watched = list(self.watched)
        plan = self.prepared(("b", f"tcp:{port}"), ("b", f"tcp:{other}"))
        self.successResultOf(Deferred.fromCoroutine(self.listeners.drop(plan)))
        self.assertEqual((self.watched, self.listeners.own.ports), (watched, {port}))
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", other), 5)
        self.assertEqual(self.listeners.take(self.prepared(("b", f"tcp:{port}"))), {"a": "b"})

    def test_what_fails_closes_what_it_had_opened(self) -> None:
        """All or nothing."""
        port = free_port()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            rows = [("a", f"tcp:{port}"), ("a", f"tcp:{taken.getsockname()[1]}")]
            self.failureResultOf(Deferred.fromCoroutine(self.listeners.prepare(rows)), ListenError)
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", port), 5)


class ProbeTests(SynchronousTestCase):
    """What is tried before anything is made."""

    def test_it_leaves_everything_as_it_was(self) -> None:
        """Ports free, no file, and what was handed over listens still."""
        port, path = free_port(), f"{stores.folder(self)}/probe.sock"
        with socket.create_server(("127.0.0.1", 0)) as theirs:
            rows = [("a", f"tcp:{port}"), ("a", f"unix:{path}"), ("", "systemd:domain=INET:index=0")]
            for _ in range(2):
                probe(rows, Inherited((theirs.fileno(), "")))
            self.assertFalse(os.path.exists(path))
            socket.create_connection(theirs.getsockname(), 60).close()

    def test_what_cannot_be_opened(self) -> None:
        """By the text of its endpoint."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for text, reason in (
                (f"tcp:{port}", "in use"),
                (f"haproxy:tcp:{port}:interface=127.0.0.1", "in use"),
                (f"tcp:{free_port()}:interface=192.0.2.1", "assign"),
                ("systemd:domain=INET:name=proxy", "systemd has handed over no such socket"),
                ("unix:/nowhere/a.sock", "No such file"),
            ):
                error = self.assertRaises(ListenError, probe, [("a", text)], Inherited())
                self.assertTrue(str(error).startswith(f"cannot listen on {text}: "), error)
                self.assertIn(reason, str(error))

    def test_places_of_the_service_manager(self) -> None:
        """A place is a number there, and nothing else is."""
        handed_over = Inherited((7, "proxy"))
        (wish,) = wishes([("a", "systemd:domain=INET:name=proxy")], handed_over)
        self.assertEqual((wish.place, wish.endpoint.place), (7, Place("INET", "proxy")))
        self.assertEqual(wished([("a", "unix:/a")])[0].place, parsed("unix:/a").place)
