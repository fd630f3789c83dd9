"""Urgent data (`MSG_OOB`: Oracle's break, FTP's ABOR) through a live daemon: what stands behind it waits for nothing.

The urgent byte itself is skipped, as for any reader that does not ask for it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.ownership import Operator
from meshd.accounts.published import forms, resources
from meshd.accounts.published.grounds import Grounds
from meshd.store.open import BlockingStore
from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, free_port

TIMES = 12
"""How often each is tried: whether a reader meets the mark depends on which packet it comes in time for."""
SHORT = 60.0
"""Seconds in which what was sent has to be there: the daemon's own timers are longer."""

HTTP, API = free_port(), free_port()
CONFIG = f"""
[hosts]
listen = ["tcp:{API}"]
http = ["tcp:{HTTP}"]
upstreams_loopback = true
"""

daemon: LiveDaemon
field: bytes


def setUpModule() -> None:
    global daemon, field  # noqa: PLW0603
    daemon = LiveDaemon(config=CONFIG)
    field = basic("anna", daemon.account("anna"))


def tearDownModule() -> None:
    daemon.close()


def say(sock: socket.socket, pause: float, before: bytes = b"a", behind: bytes = b"bc") -> None:
    """The words with an urgent byte between, and then silence.  pause: seconds between two of the three."""
    sock.sendall(before)
    time.sleep(pause)
    sock.send(b"!", socket.MSG_OOB)
    time.sleep(pause)
    sock.sendall(behind)


def heard(sock: socket.socket, size: int) -> bytes:
    """So many bytes, or what has come of them in SHORT seconds."""
    sock.settimeout(SHORT)
    got = b""
    with contextlib.suppress(TimeoutError):
        while len(got) < size and (data := sock.recv(size - len(got))):
            got += data
    return got


class Peer:
    """A listener whose connections a test plays by hand."""

    def __init__(self, owner: SynchronousTestCase) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(SHORT)
        self.port: int = self.listener.getsockname()[1]
        self._owner = owner
        owner.addCleanup(self.listener.close)

    def next(self) -> socket.socket:
        sock, _ = self.listener.accept()
        sock.settimeout(SHORT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._owner.addCleanup(sock.close)
        return sock


class TunnelTests(SynchronousTestCase):
    """CONNECT, SOCKS5 and a published stream."""

    def setUp(self) -> None:
        self.peer = Peer(self)

    def by_connect(self) -> Raw:
        raw = Raw(self, daemon.proxy_port)
        self.assertEqual(raw.tunnel(f"127.0.0.1:{self.peer.port}", field), 200)
        return raw

    def by_socks(self) -> Raw:
        raw = Raw(self, daemon.proxy_port, source="127.0.0.77")
        raw.send(b"\x05\x01\x00")
        self.assertEqual(raw.exactly(2), b"\x05\x00")
        raw.send(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + self.peer.port.to_bytes(2, "big"))
        self.assertEqual(raw.exactly(10)[:2], b"\x05\x00")
        return raw

    def both_ways(self, connect: Callable[[], Raw]) -> None:
        pauses = [0, 0.005]
        for pause in pauses * (TIMES // 2):
            raw, origin = connect(), self.peer.next()
            raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            say(raw.socket, pause)
            self.assertEqual(heard(origin, 3), b"abc", f"up, {pause}")
            say(origin, pause)
            self.assertEqual(heard(raw.socket, 3), b"abc", f"down, {pause}")
            big = bytes(200_000)
            for sender, hearer in ((raw.socket, origin), (origin, raw.socket)):
                talking = threading.Thread(target=say, args=(sender, pause, big, big))
                talking.start()
                self.assertEqual(len(heard(hearer, 400_000)), 400_000, f"much, {pause}")
                talking.join()
            raw.close()
            origin.close()

    def test_connect(self) -> None:
        self.both_ways(self.by_connect)

    def test_socks(self) -> None:
        daemon.cli("ip", "add", "anna", "127.0.0.77")
        self.both_ways(self.by_socks)

    def test_stream(self) -> None:
        """A stream that is published, which has sockets of the same kind."""
        port = free_port()
        store = BlockingStore(daemon.store_url)
        self.addCleanup(store.close)
        settings: dict[str, Any] = {
            "incoming_port": port,
            "forward_host": "127.0.0.1",
            "forward_port": self.peer.port,
        }
        read = forms.read("stream-hosts", settings)
        grounds = Grounds(frozenset({HTTP, API}), frozenset(), loopback=True)
        facts = {"secrets": resources.NONE, "now": int(time.time()), "grounds": grounds}
        store.run(resources.create, Operator("tests"), "stream-hosts", read, **facts)

        def connect() -> Raw:
            end = time.monotonic() + SHORT
            while True:
                try:
                    return Raw(self, port)
                except ConnectionRefusedError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.05)

        self.both_ways(connect)

    def test_said_at_once(self) -> None:
        """An origin that begins so before the tunnel stands, and a client that sends it right behind its head."""
        for number in range(TIMES):
            raw = Raw(self, daemon.proxy_port)
            name = b"127.0.0.1:%d" % self.peer.port
            raw.send(b"CONNECT " + name + b" HTTP/1.1\r\nHost: " + name + b"\r\n" + field + b"\r\n")
            say(raw.socket, 0)
            origin = self.peer.next()
            say(origin, 0)
            self.assertEqual(heard(origin, 3), b"abc", f"up, {number}")
            self.assertIn(b" 200 ", raw.head())
            self.assertEqual(raw.exactly(3), b"abc", f"down, {number}")
            raw.close()
            origin.close()

    def test_end_behind_it(self) -> None:
        """Bytes, urgent data, bytes, the end: all of it arrives, and the end after it."""
        for size in (3, 200_000):
            for _ in range(TIMES):
                raw, origin = self.by_connect(), self.peer.next()
                talking = threading.Thread(target=say, args=(origin, 0, bytes(size), bytes(size)))
                talking.start()
                got = heard(raw.socket, size)
                talking.join()
                origin.shutdown(socket.SHUT_WR)
                self.assertEqual(len(got + heard(raw.socket, size + 1)), 2 * size)
                raw.close()
                origin.close()


class PlainTests(SynchronousTestCase):
    """Requests that are forwarded."""

    def setUp(self) -> None:
        self.peer = Peer(self)

    def exchanges(self, head: bytes) -> Iterator[tuple[Raw, socket.socket, float]]:
        for pause in [0, 0.005] * (TIMES // 2):
            raw = Raw(self, daemon.proxy_port)
            raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.send(head % (self.peer.port, self.peer.port) + field + b"\r\n")
            origin = self.peer.next()
            yield raw, origin, pause
            raw.close()
            origin.close()

    def test_answer(self) -> None:
        """Within a body, and within the head."""
        for parts in (
            (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na", b"bc"),
            (b"HTTP/1.1 200 OK\r\nContent-", b"Length: 3\r\n\r\nabc"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", b"2\r\nbc\r\n0\r\n\r\n"),
            (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
        ):
            for raw, origin, pause in self.exchanges(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"):
                self.assertTrue(origin.recv(4096))
                say(origin, pause, *parts)
                head = raw.head()
                self.assertIn(b" 200 ", head)
                body = raw.exactly(3 if b"chunked" not in head else 6)
                self.assertTrue(body.startswith(b"abc" if b"chunked" not in head else b"1\r\na\r\n"), body)

    def test_upload(self) -> None:
        head = b"POST http://127.0.0.1:%d/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 3\r\n"
        for raw, origin, pause in self.exchanges(head):
            say(raw.socket, pause)
            got = b""
            while not got.endswith(b"abc") and (data := heard(origin, 1)):
                got += data
            self.assertTrue(got.endswith(b"\r\n\r\nabc"), got[-20:])

    def test_second_request(self) -> None:
        """Urgent data between two requests of a kept connection, and within a head."""
        ask = b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        for raw, origin, pause in self.exchanges(ask):
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            self.assertTrue(origin.recv(4096))
            origin.sendall(answer)
            self.assertIn(b" 200 ", raw.head())
            again = ask % (self.peer.port, self.peer.port) + field + b"\r\n"
            say(raw.socket, pause, again[:20], again[20:])
            self.assertTrue(origin.recv(4096))
            origin.sendall(answer)
            self.assertIn(b" 200 ", raw.head())
