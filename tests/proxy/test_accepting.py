"""Clients that there is no room for."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.proxy.accepting import proxy_acceptor
from tests.support.said import said

FIRST = {
    "nothing yet": (b"", True),
    "a request": (b"GET http://a.example/ HTTP/1.1\r\n", True),
    "an empty line before it": (b"\r\nGET http://a.example/ HTTP/1.1\r\n", True),
    "TLS": (b"\x16\x03\x01\x02\x00\x01", False),
    "SOCKS": (b"\x05\x01\x00", False),
}
"""What came first, and whether an answer in words is of any use."""


class TurnedAwayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        plane: Any = SimpleNamespace(request_id=lambda: "1", dialler=SimpleNamespace(receive_buffer=0))
        self.acceptor = proxy_acceptor(plane, Clock(), self.listener, "local")

    def answer(self, first: bytes) -> bytes:
        ours, theirs = socket.socketpair()
        with ours:
            ours.sendall(first)
            theirs.setblocking(False)
            self.acceptor._turn_away(theirs.detach())
            ours.settimeout(60)
            return ours.recv(65536)

    def test_told_so_where_words_are_understood(self) -> None:
        """Others see the connection closed, and no words that they would take for a broken handshake."""
        for name, (first, told) in FIRST.items():
            answer = self.answer(first)
            self.assertEqual(answer.startswith(b"HTTP/1.1 503 "), told, name)
            self.assertEqual(bool(answer), told, name)

    def test_one_shortage_is_not_hidden_by_another(self) -> None:
        """Both are said, and neither twice within a minute."""
        self.acceptor._pause = "there is one already"
        with said("meshd.passing.accepting.Acceptor") as lines:
            for _ in range(3):
                self.answer(b"")
                self.acceptor._exhausted()
        told = [
            "proxy local is full: clients are turned away",
            "proxy local is out of descriptors: accepting is paused",
        ]
        self.assertEqual(lines, told)
