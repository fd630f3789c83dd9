"""Datagrams by each kind of exit, one for a whole association."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from meshd.socks5 import datagram_head
from tests.live.test_udp import CONFIG, UdpCase
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.datagrams import PATIENCE, Refused, datagram_socket

SOURCES = ("127.0.0.21", "127.0.0.22", "127.0.0.23")
LOCAL = "".join(f'[[exits]]\nname = "{each}"\nkind = "local"\naddress = "{each}"\n' for each in SOURCES)
UPSTREAM = '[[exits]]\nname = "{}"\nkind = "{}"\nupstream = "127.0.0.1:{}"\n'


class Upstream:
    """A SOCKS5 proxy that passes no datagrams on by itself: the test does.  `reply`: what it says to the request."""

    def __init__(self, owner: Any, reply: Callable[[], bytes]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections: list[socket.socket] = []
        self._reply = reply
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        owner.addCleanup(self.close)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections.append(connection)
                connection.settimeout(PATIENCE)
                connection.recv(100)
                connection.sendall(b"\x05\x00")
                connection.recv(100)
                connection.sendall(self._reply())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for each in self.connections:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # or the thread may wait for what is not said any more
        self._thread.join(PATIENCE)
        for each in (self._listener, *self.connections):
            each.close()


class ExitCase(UdpCase):
    def serve(self, exits: str) -> None:
        self.daemon = LiveDaemon(self, config=exits + CONFIG)
        self.daemon.account("anna", "correct horse")


class LocalTests(UdpCase):
    config = LOCAL + CONFIG

    def test_one_exit_for_an_association(self) -> None:
        """All destinations hear the same address; another association may have another one, and a key keeps one."""
        heard: dict[str, set[str]] = {}
        for name in ("anna", "anna-session-k1"):
            for turn in range(12):
                client = self.client(name)
                other = datagram_socket(self)
                client.send("127.0.0.1", other.getsockname()[1], b"ask")
                sources = {self.answered(client)[0], other.recvfrom(100)[1][0]}
                self.assertEqual(len(sources), 1, turn)
                heard.setdefault(name, set()).update(sources)
                client.close()
        self.assertEqual((len(heard["anna-session-k1"]), heard["anna"] <= set(SOURCES)), (1, True))
        self.assertGreater(len(heard["anna"]), 1)
        until(lambda: {each["exit"] for each in self.daemon.exchanges()} == heard["anna"], "the log tells them")


class UpstreamTests(ExitCase):
    def setUp(self) -> None:
        super().setUp()
        self.relay = datagram_socket(self)

    def bound(self) -> bytes:
        return b"\x05\x00\x00\x01" + bytes(4) + self.relay.getsockname()[1].to_bytes(2, "big")

    def test_it_passes_them_on(self) -> None:
        """With the destination before them; its end is the client's."""
        upstream = Upstream(self, self.bound)
        self.serve(UPSTREAM.format("theirs", "socks5", upstream.port))
        client = self.client()
        client.send("127.0.0.1", 5000, b"ask")
        data, source = self.relay.recvfrom(1000)
        head = datagram_head("127.0.0.1", 5000)
        self.assertEqual(data, head + b"ask")
        self.relay.sendto(datagram_head("127.0.0.1", 5001) + b"from elsewhere", source)
        self.relay.sendto(head + b"answer", source)
        self.assertEqual(client.receive(), ("127.0.0.1", 5000, b"answer"))
        upstream.connections[0].close()
        self.assertTrue(client.ended())
        line = self.line(username="anna")
        self.assertEqual((line["exit"], line["up"], line["down"]), ("theirs", 13, 16))
        self.assertEqual(line["reason"], "exit-failed")

    def test_one_that_passes_none_on(self) -> None:
        """Another exit is chosen, and it rests not: its connections work."""
        upstream = Upstream(self, lambda: b"\x05\x07\x00\x01" + bytes(6))
        self.serve(UPSTREAM.format("theirs", "socks5", upstream.port) + LOCAL)
        for _ in range(20):
            client = self.client()
            self.assertIn(self.answered(client)[0], SOURCES)
            client.close()
        self.assertGreater(len(upstream.connections), 0)
        states = {each["name"]: each["state"] for each in self.daemon.cli("exit", "list")}
        self.assertEqual(states["theirs"], "up")

    def test_none_that_can(self) -> None:
        """The request is refused, and the log says why."""
        self.serve(UPSTREAM.format("theirs", "http", free_port()))
        with self.assertRaises(Refused) as refused:
            self.client(port=4000)
        self.assertEqual(refused.exception.reply, 1)
        line = self.line(username="anna")
        self.assertEqual((line["reason"], line["host"], line["port"]), ("exit-refused", "", 0))

    def test_one_that_cannot_is_passed_over(self) -> None:
        self.serve(UPSTREAM.format("theirs", "http", free_port()) + LOCAL)
        for _ in range(10):
            client = self.client()
            self.assertIn(self.answered(client)[0], SOURCES)
            client.close()


class RulesTests(UdpCase):
    def test_rules_that_change(self) -> None:
        """An account's own rules hold for each destination; what is open ends where they no longer let it be."""
        self.daemon.account("ruled", "correct horse")
        client = self.client("ruled")
        self.answered(client)
        self.daemon.cli("account", "rules", "ruled", "--except", f"127.0.0.1:{self.port}")
        self.assertTrue(client.ended())
        self.assertEqual(self.line(username="ruled")["reason"], "acl-account")
        client = self.client("ruled")
        client.send("127.0.0.1", self.port, b"never")
        other = datagram_socket(self)
        client.send("127.0.0.1", other.getsockname()[1], b"ask")
        self.assertEqual(other.recvfrom(100)[0], b"ask")
        self.origin.settimeout(0.0)
        with self.assertRaises(BlockingIOError):
            self.origin.recv(100)

    def test_bounds(self) -> None:
        """An association is one of the account's exchanges."""
        self.daemon.account("single", "correct horse")
        self.daemon.cli("account", "bounds", "single", "tunnels=1")
        client = self.client("single")
        self.answered(client)
        with self.assertRaises(Refused):
            self.client("single")
        client.close()
        self.client("single")


class KilledTests(ExitCase):
    def test_what_was_counted_is_billed(self) -> None:
        self.serve("")
        client = self.client()
        for _ in range(50):
            self.answered(client, bytes(100))
        self.asked(client, b"")  # by now all before it is counted, and this one counts nothing
        self.daemon.kill()
        self.daemon.start()
        until(lambda: self.daemon.total("anna") == 20 + 50 * 200, "all of it")
