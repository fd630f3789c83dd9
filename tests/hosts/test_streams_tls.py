"""Streams whose TLS ends here, on the reactor, with Python's own TLS for a client."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from meshd.hosts.ports import Own
from meshd.sockets.poll import Poller
from meshd.sockets.wire import Wire
from meshd.tls.contexts import served
from meshd.tls.selfsigned import ensure_certificate
from meshd.topology import Timeouts
from meshd.values.published import Published, Stream, Upstream
from tests.hosts.ground import Ground
from tests.passing.hand import tcp_pair
from tests.support.daemon import free_port


class SecureTests(Ground, TestCase):
    timeouts = Timeouts(head=5, half_closed=1)

    def setUp(self) -> None:
        clock: Any = reactor
        poller = Poller(clock)
        poller.start()
        self.addCleanup(poller.stop)
        self.lay(poller, clock, lambda call: clock.callLater(0, call))
        folder = Path(self.mktemp())
        folder.mkdir()
        self.certificate = folder / "cert.pem"
        ensure_certificate(self.certificate, folder / "key.pem", hostname="db.example.com", now=1_700_000_000)
        self.contexts[9] = served(self.certificate.read_bytes(), (folder / "key.pem").read_bytes())
        self.port = free_port()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(60)
        self.addCleanup(self.server.close)

    def stream(self, **facts: Any) -> Stream:
        upstream = Upstream(*self.server.getsockname()[:2])
        return Stream(1, self.port, upstream, certificate=9, owner=7, token=101, **facts)

    def secured(self, sock: socket.socket, name: str | None) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.check_hostname = name is not None
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        sock.settimeout(60)
        return context.wrap_socket(sock, server_hostname=name)

    def talk(self, sock: socket.socket, name: str | None) -> tuple[bytes, bytes]:
        """What the upstream and the client got."""
        with self.secured(sock, name) as client:
            client.sendall(b"in the clear behind meshd")
            server, _ = self.server.accept()
            with server:
                got = server.recv(100)
                server.sendall(b"answer")
                answer = client.recv(100)
        return got, answer

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), 60)

    async def a_line(self, number: int = 1) -> None:
        while len(self.ledger.lines) < number:
            await deferLater(reactor, 0.01)

    async def test_the_upstream_gets_plain_bytes(self) -> None:
        """By any name, as there is one stream at the port."""
        self.layer.apply(Published(streams=(self.stream(),)))
        for number, name in enumerate(("db.example.com", None), 1):
            got = await deferToThread(lambda name=name: self.talk(self.connected(), name))
            self.assertEqual(got, (b"in the clear behind meshd", b"answer"))
            await self.a_line(number)
            line = self.ledger.lines[-1]
            self.assertEqual((line.method, line.up, line.down, line.reason), ("TLS", 25, 6, ""))
        self.assertEqual(self.plane.caps.unauthenticated, 0)

    async def test_by_name_at_a_shared_port(self) -> None:
        self.layer.apply(Published(streams=(self.stream(sni=("db.example.com",)),)))
        got = await deferToThread(lambda: self.talk(self.connected(), "db.example.com"))
        self.assertEqual(got[1], b"answer")
        with self.assertRaises(ConnectionResetError):
            await deferToThread(lambda: self.talk(self.connected(), None))

    async def test_beside_hosts(self) -> None:
        """Handed over with the bytes of its ClientHello."""
        self.own = Own(shared=frozenset({self.port}))
        self.layer.apply(Published(streams=(self.stream(sni=("db.example.com",)),)))
        near, far = tcp_pair(self)
        far.setblocking(True)
        conversation = deferToThread(lambda: self.talk(far, "db.example.com"))
        wire = Wire(self.plane.poller, near.detach(), "192.0.2.9")
        while not (received := wire.try_receive(65536)):
            await deferLater(reactor, 0.01)
            wire.readable = True
        self.assertTrue(self.layer.beside("db.example.com", wire, received))
        self.assertEqual((await conversation)[1], b"answer")

    async def test_a_handshake_that_fails(self) -> None:
        """Nothing is dialled, and the line says who left."""
        self.layer.apply(Published(streams=(self.stream(),)))
        sock = await deferToThread(self.connected)
        self.addCleanup(sock.close)
        await deferToThread(sock.sendall, b"GET / HTTP/1.1\r\n\r\n")
        await self.a_line()
        self.assertEqual(self.ledger.lines[0].reason, "client-gone")
        self.assertEqual(self.ledger.lines[0].status, 0)
        self.assertEqual(self.plane.caps.unauthenticated, 0)
        self.assertEqual(len(self.plane.connections), 0)
        self.server.setblocking(False)
        with self.assertRaises(BlockingIOError):
            self.server.accept()

    async def test_a_handshake_that_is_not_begun(self) -> None:
        self.patch(self.plane.live, "timeouts", Timeouts(head=1.5))
        self.layer.apply(Published(streams=(self.stream(),)))
        sock = await deferToThread(self.connected)
        self.addCleanup(sock.close)
        await self.a_line()
        self.assertEqual(self.ledger.lines[0].reason, "head-timeout")
