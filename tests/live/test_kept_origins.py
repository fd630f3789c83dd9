"""Connections to origins that ended while they were kept: no request is lost on them, whoever could repeat it."""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import Literal

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import basic
from tests.support.daemon import LiveDaemon
from tests.support.served import Served
from tests.threats.support import Answer, Talk

End = Literal["end", "reset", "408", "told"]
"""What becomes of a connection after its first answer: its end, a reset, an answer that nobody asked for and its end,
or an end that the answer itself has announced.
"""
ENDS: tuple[End, ...] = ("end", "reset", "408", "told")
TIMES = 8

daemon: LiveDaemon
anna: bytes


def setUpModule() -> None:
    global daemon, anna  # noqa: PLW0603
    daemon = LiveDaemon()
    anna = basic("anna", daemon.account("anna"))


def tearDownModule() -> None:
    daemon.close()


class FickleOrigin(Served):
    """Answers each first request of a connection, which then ends; remembers what was asked."""

    def __init__(self, case: SynchronousTestCase, end: End) -> None:
        self.end = end
        self.asked: list[bytes] = []
        self.go, self.ended = threading.Event(), threading.Event()
        """Set to end the connection that has answered, and once that is done."""
        super().__init__()
        case.addCleanup(self.close)
        self.begin()

    def _serve(self, client: socket.socket) -> None:
        with client:
            first = self._serve_one(client)
        if first:
            self.ended.set()

    def _serve_one(self, client: socket.socket) -> bool:
        """Whether it was the first of two requests."""
        request = b""
        while b"\r\n\r\n" not in request or (b"Content-Length" in request and not request.endswith(b"hello")):
            data = client.recv(65536)
            if not data:
                return False
            request += data
        self.asked.append(request.split(b" ")[0])
        told = b"Keep-Alive: timeout=0, max=100\r\n" if self.end == "told" else b""
        client.sendall(b"HTTP/1.1 200 OK\r\n%bContent-Length: 2\r\n\r\nok" % told)
        if b"/first" in request:
            self.go.wait(60)
        if self.end == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif self.end == "408":
            client.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return b"/first" in request


class StaleTests(SynchronousTestCase):
    def second(self, origin: FickleOrigin, request: bytes) -> int:
        """The status of a request that comes before meshd has read that its origin's connection has ended."""
        first = b"GET http://127.0.0.1:%d/first HTTP/1.1\r\nHost: x\r\n%b\r\n" % (origin.port, anna)
        origin.go.clear()
        origin.ended.clear()
        with Talk(daemon) as talk:
            answers: list[Answer | None] = [talk.ask(first)]
            os.kill(daemon.pid, signal.SIGSTOP)
            try:
                talk.send(request % (origin.port, anna))
                origin.go.set()
                self.assertTrue(origin.ended.wait(60))
            finally:
                os.kill(daemon.pid, signal.SIGCONT)
            answers.append(talk.answer())
        statuses = [answer.status if answer is not None else 0 for answer in answers]
        self.assertEqual(statuses[0], 200)
        return statuses[1]

    def test_no_request_is_lost(self) -> None:
        """What cannot be repeated goes by a connection that is alive, and what can be is."""
        requests = {
            "POST": b"POST http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n%bContent-Length: 5\r\n\r\nhello",
            "PUT": b"PUT http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n%bContent-Length: 5\r\n\r\nhello",
            "POST without a body": b"POST http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n%b\r\n",
            "GET": b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n%b\r\n",
        }
        for end in ENDS:
            for what, request in requests.items():
                origin = FickleOrigin(self, end)
                found = [self.second(origin, request) for _ in range(TIMES)]
                self.assertEqual(found, [200] * TIMES, (end, what))
                self.assertEqual(origin.asked.count(what.split(" ")[0].encode()), TIMES * (2 if what == "GET" else 1))
