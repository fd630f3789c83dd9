"""Requests for CONNECT-TCP, and capsules, that no honest client sends: nothing is served as what it is not."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon, until
from tests.support.echoes import FILL, Echoes
from tests.support.resources import DATA, FINAL, Client, basic, capsule, path

daemon: LiveDaemon
origin: Echoes

BANNED, FAILURES = "127.0.0.77", 4
SMUGGLED = b"GET /api/proxies/ HTTP/1.1\r\nHost: h\r\n\r\n"


def setUpModule() -> None:
    global daemon, origin  # noqa: PLW0603
    daemon = LiveDaemon(
        config="[limits]\nunauthenticated_per_address = 20\nflush_seconds = 0.1\n[timeouts]\nhead = 5\nidle = 4\n"
    )
    origin = Echoes()


def tearDownModule() -> None:
    daemon.close()
    origin.close()


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.name = f"user{self.id().rpartition('.')[2]}"[:30]
        self.field = "Authorization: " + basic(self.name, daemon.account(self.name))

    def client(self, **options: str) -> Client:
        client = Client(daemon, **options)  # type: ignore[arg-type]
        self.addCleanup(client.close)
        return client

    def target(self) -> str:
        return path("127.0.0.1", origin.raw)

    def opened(self) -> Client:
        client = self.client()
        self.assertEqual(client.ask(self.target(), self.field).status, 101)
        return client


class SmugglingTests(Case):
    def test_behind_a_refusal(self) -> None:
        """What came with a request that is refused is no request, however it looks (RFC 9931)."""
        for request in (
            self.client().request(self.target()),
            self.client().request(self.target(), self.field, "Upgrade: websocket"),
            self.client().request(self.target(), self.field, token=""),
            self.client().request(path("10.1.2.3", 80), self.field),
        ):
            client = self.client()
            client.socket.sendall(request + SMUGGLED + SMUGGLED)
            head = client.head()
            self.assertGreaterEqual(head.status, 400)
            client.body(head)
            client.ended()
            self.assertEqual(client.buffer, b"", "a second answer")

    def test_behind_an_upgrade(self) -> None:
        """What came with a request that is served are capsules, and of the tunnel."""
        client = self.client()
        client.socket.sendall(client.request(self.target(), self.field) + capsule(DATA, b"E" + SMUGGLED))
        self.assertEqual(client.head().status, 101)
        self.assertEqual(client.receive(len(SMUGGLED)), SMUGGLED)

    def test_http_in_place_of_capsules(self) -> None:
        """Is never answered as HTTP: it is a capsule of an unknown type, or the tunnel's end."""
        client = self.opened()
        client.socket.sendall(SMUGGLED * 50)
        client.cut()
        self.assertNotIn(b"HTTP/", client.buffer)

    def test_nothing_over_and_over(self) -> None:
        """Capsules that carry nothing are paid by nobody: more than a few hundred of them end the tunnel."""
        for empty in (b"\x17\x00", capsule(DATA, b"")):
            client = self.opened()
            client.socket.sendall(empty * 200 + capsule(DATA, b"Eon") + empty * 100)
            self.assertEqual(client.receive(2), b"on")
            client.socket.sendall(empty * 1000)
            client.cut()

    def test_bodies(self) -> None:
        """No request with one is served, nor is the body."""
        for fields, body in (
            (("Content-Length: 5",), b"abcde"),
            (("Content-Length: 0",), b""),
            ((f"Content-Length: {len(SMUGGLED)}",), SMUGGLED),
            (("Transfer-Encoding: chunked",), b"0\r\n\r\n" + SMUGGLED),
            (("Transfer-Encoding: chunked", "Content-Length: 5"), b"0\r\n\r\n" + SMUGGLED),
        ):
            client = self.client()
            client.socket.sendall(client.request(self.target(), self.field, *fields) + body)
            head = client.head()
            self.assertEqual(head.status, 400, fields)
            client.ended()
            self.assertNotIn(b"HTTP/1.1 2", client.buffer)

    def test_ambiguous_fields(self) -> None:
        other = "Authorization: " + basic("nobody", "x")
        for fields in (
            (self.field, other),
            (self.field, "Upgrade: connect-tcp"),
            (self.field, "Upgrade: h2c"),
            (self.field, "Host: elsewhere"),
            (self.field, " folded"),
            (self.field, "X-ProxyMesh-Country: DE", "X-ProxyMesh-Country: US"),
            (self.field, "X-ProxyMesh-IP: a\rX: b"),
        ):
            client = self.client()
            client.socket.sendall(client.request(self.target(), *fields))
            self.assertEqual(client.head().status, 400, fields)

    def test_a_header_that_would_be_written_on(self) -> None:
        """No byte of a value ends a line of the request that the proxy reads."""
        for value in (b"DE\nProxy-Authorization: x", b"DE\0", b"DE\r\r"):
            client = self.client()
            request = client.request(self.target(), self.field, "X-ProxyMesh-Country: MARK")
            client.socket.sendall(request.replace(b"MARK", value))
            self.assertEqual(client.head().status, 400, value)


class CapsuleTests(Case):
    def test_many_small(self) -> None:
        """A byte each, and some hundreds of empty ones: they are read in turns with all else, and arrive."""
        client = self.opened()
        payload = FILL[:30_000]
        client.socket.sendall(
            capsule(DATA, b"E") + b"".join(capsule(DATA, payload[at : at + 1]) for at in range(30_000))
        )
        client.socket.sendall(capsule(DATA, b"") * 300 + capsule(FINAL, b""))
        self.assertEqual(client.rest(), payload)

    def test_a_capsule_without_end(self) -> None:
        """Of an unknown type, which nobody is billed for: dropped as it comes, and no use of the tunnel."""
        client = self.opened()
        before = resident(daemon.pid)
        client.socket.sendall(capsule(0x77, b"")[:-1] + b"\xff" * 8)
        for _ in range(400):
            client.socket.sendall(FILL[:65_536])
        self.assertLess(resident(daemon.pid) - before, 8_000_000)
        client.cut()  # idle for as long as the settings let a tunnel be
        (line,) = until(lambda: [each for each in daemon.exchanges() if each["username"] == self.name])
        self.assertEqual(line["reason"], "idle-timeout")
        self.assertLess(line["up"], 1000)

    def test_a_longest_capsule(self) -> None:
        """Its length is no room that is set aside."""
        client = self.opened()
        client.socket.sendall(capsule(DATA, b"")[:-1] + b"\xff" * 8 + b"Ehello")
        self.assertEqual(client.receive(5), b"hello")

    def test_one_that_takes_nothing(self) -> None:
        """Of a pouring origin no more waits in memory than buffers hold; the tunnel ends as idle."""
        before = resident(daemon.pid)
        clients = []
        for _ in range(10):
            client = Client(daemon, receive=4096)
            self.addCleanup(client.close)
            self.assertEqual(client.ask(self.target(), self.field).status, 101)
            client.send(b"P")
            clients.append(client)
        until(lambda: len([each for each in daemon.exchanges() if each["username"] == self.name]) == 10)
        self.assertLess(resident(daemon.pid) - before, 12_000_000)
        for client in clients:
            client.cut()
            self.assertFalse(client.final)


class BoundTests(Case):
    def test_descriptors(self) -> None:
        """Of tunnels of all ends none is left open."""
        self.opened().reset()
        until(lambda: len(daemon.exchanges()) > 0)
        before = descriptors(daemon.pid)
        for at in range(30):
            client = self.opened()
            client.send(b"E" + b"x" * 1000)
            if at % 3 == 0:
                client.reset()
            elif at % 3 == 1:
                client.send(b"", final=True)
                client.rest()
                client.close()
            else:
                client.socket.sendall(capsule(FINAL, b"") * 2)
                client.ended()
                client.close()
        self.client().ask(self.target())
        until(lambda: descriptors(daemon.pid) <= before, f"{before} descriptors, not {descriptors(daemon.pid)}")

    def test_guesses(self) -> None:
        """Count as those at the proxy do: the address is banned for the name, there and here."""
        for at in range(FAILURES):
            with Client(daemon, source=BANNED) as client:
                head = client.ask(self.target(), "Authorization: " + basic(self.name, f"wrong {at}"))
                self.assertIn("auth-invalid", head.one("proxy-status"))
        with Client(daemon, source=BANNED) as client:
            head = client.ask(self.target(), self.field)
            self.assertEqual(head.status, 401)
            self.assertIn("auth-banned", head.one("proxy-status"))
        with Client(daemon) as client:
            self.assertEqual(client.ask(self.target(), self.field).status, 101)

    def test_secrets(self) -> None:
        """Stand in no log."""
        self.opened()
        secret = self.field.rpartition(" ")[2]
        for text in (daemon.log_text(), Path(daemon.data_dir, "exchanges.log").read_text()):
            self.assertNotIn(secret, text)
        requests = until(lambda: "masque" in (text := Path(daemon.data_dir, "requests.log").read_text()) and text)
        self.assertNotIn(secret, requests)


def resident(pid: int) -> int:
    """Bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
