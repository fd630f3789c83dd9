"""HTTP/2 at the API's address: its own requests, and tunnels by extended CONNECT, each stream by itself."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import ssl
from typing import Any

from h2.errors import ErrorCodes
from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.restraint import SHARE
from meshd.proxy.offenders import MOST
from tests.support.browser import Chromium
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.echoes import FILL, Echoes
from tests.support.frames import PING, Frames, frame
from tests.support.http2 import Header, Session
from tests.support.resources import DATA, FINAL, capsule, path

UNNAMED = b"PROXY UNKNOWN\r\n"
"""A balancer's header that names no client."""

daemon: LiveDaemon
origin: Echoes


def setUpModule() -> None:
    global daemon, origin  # noqa: PLW0603
    daemon = LiveDaemon(config="[api]\nhttp2 = true\n[limits]\nflush_seconds = 0.1\nunauthenticated_per_address = 5\n")
    origin = Echoes()


def tearDownModule() -> None:
    daemon.close()
    origin.close()


def credential(name: str, password: str) -> Header:
    return b"authorization", b"Basic " + base64.b64encode(f"{name}:{password}".encode())


class Case(SynchronousTestCase):
    def customer(self, name: str, **options: str) -> Header:
        return credential(name, daemon.account(name, **options))

    def session(self, of: LiveDaemon | None = None, **options: Any) -> Session:
        of = of or daemon
        session = Session(of, port=of.api_port, **options)
        self.addCleanup(session.close)
        return session

    def headers(self, target: str, *fields: Header, method: str = "GET", protocol: str = "") -> list[Header]:
        authority = f"127.0.0.1:{daemon.api_port}"
        pseudo = {":method": method, ":scheme": "https", ":authority": authority, ":path": target}
        pseudo |= {":protocol": protocol} if protocol else {}
        return [*((name.encode(), value.encode()) for name, value in pseudo.items()), *fields]

    def tunnel(self, session: Session, *fields: Header, port: int = 0) -> int:
        target = path("127.0.0.1", port or origin.raw)
        capsules = (b"capsule-protocol", b"?1")
        return session.begin(self.headers(target, *fields, capsules, method="CONNECT", protocol="connect-tcp"), None)

    def line(self, name: str) -> dict[str, Any]:
        (line,) = until(lambda: [each for each in daemon.exchanges() if each["username"] == name], "its line")
        until(lambda: daemon.total(name) == line["up"] + line["down"], "a balance of log and store")
        return line


class RequestTests(Case):
    def test_requests(self) -> None:
        """Of the API and of pages, many on one session, more than strangers may have connections."""
        session, anna = self.session(), self.customer("anna")
        self.assertEqual(session.protocol, "h2")
        found = session.ask(self.headers("/api/proxies/", anna))
        self.assertEqual((found.status, json.loads(found.body)["proxies"]), (200, [daemon.proxy]))
        numbers = [session.begin(self.headers("/api/proxies/", anna)) for _ in range(50)]
        self.assertEqual({session.answer(number).status for number in numbers}, {200})
        self.assertEqual(session.ask(self.headers("/api/proxies/")).status, 401)
        self.assertEqual(session.ask(self.headers("/nothing")).status, 404)
        self.assertEqual(session.ask(self.headers("/sign-in/")).status, 200)
        form = (b"content-type", b"application/x-www-form-urlencoded")
        made = session.ask(self.headers("/api/token/create/", anna, form, method="POST"), b"label=by-h2")
        self.assertEqual((made.status, json.loads(made.body)["label"]), (200, "by-h2"))
        self.assertEqual(session.ask(self.headers("/healthz", method="HEAD")).body, b"")
        log = (daemon.data_dir / "requests.log").read_text
        line = until(lambda: next((each for each in log().splitlines() if "/api/proxies/" in each), ""), "a line")
        self.assertIn("127.0.0.1", json.loads(line)["client"])

    def test_strangers(self) -> None:
        """Are one connection each for the bounds on those whom nobody knows."""
        sessions = [self.session() for _ in range(5)]
        for session in sessions:
            self.assertEqual(session.ask(self.headers("/healthz")).status, 200)
        with contextlib.suppress(OSError, ssl.SSLError):
            self.assertEqual(self.session().ask(self.headers("/healthz")).status, 0)

    def test_no_other_protocol(self) -> None:
        """A stream that asks for it is answered, and the session goes on."""
        session, bert = self.session(), self.customer("bert")
        for target, protocol, status in (
            (path("127.0.0.1", 80), "websocket", 400),
            ("/api/proxies/", "connect-tcp", 404),
            ("/sign-in/", "websocket", 404),
            (path("127.0.0.1", 80, "nobody"), "connect-tcp", 404),
        ):
            number = session.begin(self.headers(target, bert, method="CONNECT", protocol=protocol), None)
            self.assertEqual(session.head(number).status, status)
        self.assertEqual(session.ask(self.headers("/healthz")).status, 200)

    def test_requests_in_a_tunnel(self) -> None:
        """Are none, where no tunnel stands: neither those that came before its refusal, nor those behind it."""
        session, ida = self.session(), self.customer("ida")
        body = b"label=smuggled"
        fields = b"Authorization: %b\r\nContent-Type: application/x-www-form-urlencoded\r\n" % ida[1]
        smuggled = b"POST /api/token/create/ HTTP/1.1\r\nHost: h\r\n%bContent-Length: %d\r\n\r\n%b"
        smuggled %= fields, len(body), body
        for target in ("/sign-in/", "/nothing", path("127.0.0.1", 80, "nobody")):
            number = session.begin(self.headers(target, ida, method="CONNECT", protocol="websocket"), None)
            session.send(number, smuggled)
            self.assertGreaterEqual(session.head(number).status, 400)
            session.send(number, smuggled, last=True)
            session.answer(number)
        found = session.ask(self.headers("/api/tokens/", ida))
        self.assertEqual(found.status, 200)
        self.assertNotIn(b"smuggled", found.body)


class TunnelTests(Case):
    def test_bytes(self) -> None:
        """Counted as by HTTP/1.1, with requests of the API beside them."""
        session, carl = self.session(), self.customer("carl")
        number = self.tunnel(session, carl)
        head = session.head(number)
        self.assertEqual((head.status, head.heads[-1][b"capsule-protocol"]), (200, b"?1"))
        self.assertIn(b"request-id", head.heads[-1][b"proxy-status"])
        sent = b"E" + FILL[:300_000]
        session.send(number, b"".join(capsule(DATA, sent[at : at + 30_000]) for at in range(0, len(sent), 30_000)))
        self.assertEqual(session.ask(self.headers("/api/proxies/", carl)).status, 200)
        session.send(number, capsule(FINAL, b""))
        found = session.answer(number)
        self.assertEqual((found.reset, found.ended), (None, True))
        self.assertEqual(payload(found.body), (sent[1:], True))
        session.end(number)
        line = self.line("carl")
        self.assertEqual((line["method"], line["reason"], line["client"]), ("CONNECT", "", "127.0.0.1"))
        self.assertTrue(len(sent) < line["up"] < len(sent) + 300)

    def test_an_end_with_the_last_capsule(self) -> None:
        """The answer comes whole, though the client has ended its stream."""
        session, dora = self.session(), self.customer("dora")
        number = self.tunnel(session, dora)
        session.head(number)
        session.send(number, capsule(FINAL, b"L"), last=True)
        found = session.answer(number)
        self.assertEqual((len(payload(found.body)[0]), found.reset), (400_000, None))
        self.assertEqual(self.line("dora")["reason"], "")

    def test_optimistic_bytes(self) -> None:
        """Sent before the answer, they are the tunnel's; behind a refusal they are nobody's."""
        session, emil = self.session(), self.customer("emil")
        number = self.tunnel(session, emil)
        session.send(number, capsule(DATA, b"Ehello"))
        self.assertEqual(session.head(number).status, 200)
        self.assertEqual(payload(session.until_body(number, len(capsule(DATA, b"hello"))))[0], b"hello")
        refused = self.tunnel(session)
        session.send(refused, capsule(DATA, b"Ehello"))
        self.assertEqual(session.head(refused).status, 401)
        self.assertEqual(session.ask(self.headers("/api/proxies/", emil)).status, 200)

    def test_all_before_the_answer(self) -> None:
        """A tunnel may have ended upwards before it stands."""
        session, jana = self.session(), self.customer("jana")
        number = self.tunnel(session, jana)
        session.send(number, capsule(FINAL, b"L"), last=True)
        self.assertEqual(session.head(number).status, 200)
        self.assertEqual(len(payload(session.answer(number).body)[0]), 400_000)
        self.assertEqual(self.line("jana")["reason"], "")

    def test_many_optimistic_bytes(self) -> None:
        """More than anybody holds for a request: they wait, and arrive."""
        session, hans = self.session(), self.customer("hans")
        number, sent = self.tunnel(session, hans), FILL[:50_000]
        session.send(number, capsule(DATA, b"E" + sent))
        self.assertEqual(session.head(number).status, 200)
        session.send(number, capsule(DATA, sent) + capsule(FINAL, b""), last=True)
        self.assertEqual(payload(session.answer(number).body), (sent + sent, True))

    def test_limit(self) -> None:
        """Is met to the byte, and the stream is reset; the session goes on."""
        session, fred = self.session(), self.customer("fred", **{"total-limit": "0.0002"})
        number = self.tunnel(session, fred)
        session.head(number)
        session.send(number, capsule(DATA, b"P"))
        found = session.answer(number)
        self.assertEqual((found.ended, found.reset), (False, ErrorCodes.CONNECT_ERROR))
        line = self.line("fred")
        self.assertEqual(line["up"] + line["down"], 200_000)
        self.assertFalse(payload(found.body)[1])
        self.assertEqual(session.ask(self.headers("/healthz")).status, 200)

    def test_limit_of_one_that_has_ended(self) -> None:
        """Nor is it a proper end where the client had said its last."""
        session, kira = self.session(), self.customer("kira", **{"total-limit": "0.0002"})
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(60)
            number = self.tunnel(session, kira, port=listener.getsockname()[1])
            accepted, _ = listener.accept()
            with accepted, contextlib.suppress(OSError):
                accepted.settimeout(60)
                session.head(number)
                session.send(number, capsule(FINAL, b""), last=True)
                self.assertEqual(accepted.recv(10), b"")
                accepted.sendall(FILL[:500_000])
            found = session.answer(number)
        self.assertEqual((found.ended, found.reset), (False, ErrorCodes.CONNECT_ERROR))
        self.assertEqual(self.line("kira")["reason"], "quota-total")

    def test_resets(self) -> None:
        """Of a stream are resets of the origin's connection, and the other way."""
        session, gwen = self.session(), self.customer("gwen")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(60)
            number = self.tunnel(session, gwen, port=listener.getsockname()[1])
            accepted, _ = listener.accept()
            accepted.settimeout(60)
            session.head(number)
            session.send(number, capsule(DATA, b"half"))
            self.assertEqual(accepted.recv(100), b"half")
            session.http.reset_stream(number, ErrorCodes.CANCEL)
            session.flush()
            self.assertRaises(ConnectionResetError, accepted.recv, 100)
            accepted.close()
            number = self.tunnel(session, gwen, port=listener.getsockname()[1])
            accepted, _ = listener.accept()
            session.head(number)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            accepted.close()
            self.assertEqual(session.answer(number).reset, ErrorCodes.CONNECT_ERROR)
        self.assertEqual(session.ask(self.headers("/healthz")).status, 200)


class BoundTests(Case):
    def test_streams_of_strangers(self) -> None:
        """Are few, and leave half of the descriptors to customers, whom the proxies and the API go on serving."""
        other = LiveDaemon(self, "[api]\nhttp2 = true\n[limits]\nconnections = 40\nunauthenticated_per_address = 20\n")
        field = credential("anna", other.account("anna"))
        sessions = [self.session(other) for _ in range(3)]
        for session in sessions:
            numbers = []
            for _ in range(40):
                post = self.headers("/api/token/create/", (b"content-length", b"10"), method="POST")
                numbers.append(session.begin(post, None))
            refused = [number for number in numbers[20:] if session.answer(number).reset is not None]
            self.assertEqual(refused, numbers[20:])
        with chosen(other) as sock:
            self.assertEqual(sock.selected_alpn_protocol(), "http/1.1")
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertTrue(sock.recv(100).startswith(b"HTTP/1.1 200 "))
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", other.proxy_port), 60) as sock:
                ask = b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nProxy-Authorization: %b\r\n\r\n"
                sock.sendall(ask % (origin.raw, field[1]))
                self.assertTrue(sock.recv(1000).startswith(b"HTTP/1.1 200 "))
        for session in sessions:
            session.close()

        def again() -> bool:
            with chosen(other) as sock:
                return sock.selected_alpn_protocol() == "h2"

        until(again, "room, once they have left")

    def test_sessions_of_an_account(self) -> None:
        """Are as many as an account may have connections at the proxies: for one more the oldest idle one ends."""
        other = LiveDaemon(self, "[api]\nhttp2 = true\n[limits]\ntunnels_per_account = 3\n")
        field = credential("anna", other.account("anna"))
        sessions = [self.session(other) for _ in range(4)]
        for session in sessions:
            self.assertEqual(session.ask(self.headers("/api/proxies/", field)).status, 200)
        sessions[0].until_gone()
        for session in sessions[1:]:
            self.assertEqual(session.ask(self.headers("/api/proxies/", field)).status, 200)


class ClientTests(Case):
    def test_chromium(self) -> None:
        """Loads a page with all that belongs to it by HTTP/2."""
        chromium = Chromium(self, "--ignore-certificate-errors")
        page, title = chromium.open(f"{daemon.api}/sign-in/")
        self.assertIn("Sign", title)
        protocols = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        said = chromium.run(page, f"JSON.stringify({protocols}.map((each) => each.nextHopProtocol))")
        self.assertEqual(set(json.loads(said)), {"h2"})
        self.assertGreater(len(json.loads(said)), 1)


class SettingTests(Case):
    def test_a_stop(self) -> None:
        """Says goodbye to an idle session, and lets a tunnel go on until its drain is over."""
        other = LiveDaemon(self, "[api]\nhttp2 = true\n")
        field = credential("anna", other.account("anna"))
        idle, session = self.session(other), self.session(other)
        for each in (idle, session):
            self.assertEqual(each.ask(self.headers("/api/proxies/", field)).status, 200)
        number = self.tunnel(session, field)
        session.head(number)
        since = other.log_position
        other.signal(signal.SIGTERM)
        other.wait_for_log(f":{other.api_port} closes", since=since)
        self.assertEqual(idle.until_gone(), ErrorCodes.NO_ERROR)
        session.send(number, capsule(DATA, b"Estill"))
        self.assertEqual(payload(session.until_body(number, len(capsule(DATA, b"still"))))[0], b"still")
        session.send(number, capsule(FINAL, b""), last=True)
        self.assertTrue(session.answer(number).ended)
        session.close()
        self.assertEqual(other.wait(), 0)

    def test_descriptors(self) -> None:
        """Of sessions and streams of all ends none is left open."""
        other = LiveDaemon(self, "[api]\nhttp2 = true\n")
        field = credential("anna", other.account("anna"))

        def use() -> None:
            with contextlib.closing(self.session(other)) as session:
                self.assertEqual(session.ask(self.headers("/api/proxies/", field)).status, 200)
                numbers = [self.tunnel(session, field) for _ in range(6)]
                for at, number in enumerate(numbers):
                    self.assertEqual(session.head(number).status, 200)
                    if at % 3 == 0:
                        session.send(number, capsule(FINAL, b"E"), last=True)
                    elif at % 3 == 1:
                        session.http.reset_stream(number, ErrorCodes.CANCEL)
                session.flush()
                session.answer(numbers[0])

        use()
        until(lambda: len(other.exchanges()) == 6, "their lines")
        before = descriptors(other.pid)
        for _ in range(5):
            use()
        until(lambda: len(other.exchanges()) == 36 and descriptors(other.pid) <= before, "none more than before")

    def test_where_it_was_ended_for_floods(self) -> None:
        """It is not offered again at that address for a while, which is served by HTTP/1.1; others notice nothing."""
        other = LiveDaemon(self, "[api]\nhttp2 = true\n")
        beside = self.session(other)
        for _ in range(MOST):
            session = self.session(other)
            session.raw(frame(PING, 0, 0, bytes(8)) * 2 * SHARE)
            session.until_gone()
        with chosen(other) as sock:
            self.assertEqual(sock.selected_alpn_protocol(), "http/1.1")
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertTrue(sock.recv(100).startswith(b"HTTP/1.1 200 "))
        with chosen(other, "127.0.0.2") as sock:
            self.assertEqual(sock.selected_alpn_protocol(), "h2")
        self.assertEqual(beside.ask(self.headers("/healthz")).status, 200)

    def test_whose_floods_they_were(self) -> None:
        """The address that a balancer names is not offered it again; its own is, and whoever it does not name."""
        behind, other = free_port(), LiveDaemon(self, start=False)
        listen = [f"tcp:{other.api_port}", f"haproxy:tcp:{behind}"]
        other.configure(f"[api]\nhttp2 = true\nlisten = {listen}\n")
        other.start()
        flood = frame(PING, 0, 0, bytes(8)) * 2 * SHARE
        ours = b"PROXY TCP4 198.51.100.9 203.0.113.1 4660 8443\r\n"
        for header, protocol in ((UNNAMED, "h2"), (ours, "http/1.1")):
            for _ in range(MOST):
                with contextlib.closing(Frames(other, port=behind, header=header)) as peer:
                    peer.send(flood)
                    self.assertTrue(peer.until_ping(b"finished").gone)
            for at, first, then in ((behind, header, protocol), (other.api_port, b"", "h2")):
                with chosen(other, port=at, header=first) as sock:
                    self.assertEqual(sock.selected_alpn_protocol(), then, header)

    def test_off(self) -> None:
        """As it is by default: a client that would speak it has HTTP/1.1; and so it is at once after a reload."""
        other = LiveDaemon(self)
        for config, protocol in (("", "http/1.1"), ("[api]\nhttp2 = true\n", "h2"), ("", "http/1.1")):
            other.reload(config)
            with chosen(other) as sock:
                self.assertEqual(sock.selected_alpn_protocol(), protocol)


def chosen(of: LiveDaemon, source: str = "127.0.0.1", *, port: int = 0, header: bytes = b"") -> ssl.SSLSocket:
    """A connection to the API, of a client at that address that speaks either HTTP.  header: what a balancer says."""
    context = ssl.create_default_context(cafile=str(of.certificate))
    context.set_alpn_protocols(["h2", "http/1.1"])
    sock = socket.create_connection(("127.0.0.1", port or of.api_port), 60, (source, 0))
    sock.sendall(header)
    return context.wrap_socket(sock, server_hostname="127.0.0.1")


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def payload(data: bytes) -> tuple[bytes, bool]:
    """The bytes in whole capsules, and whether the last one was final."""
    found, final = b"", False
    while data:
        kind, data = _integer(data)
        size, data = _integer(data)
        found, data = found + data[:size], data[size:]
        final = kind == FINAL
    return found, final


def _integer(data: bytes) -> tuple[int, bytes]:
    size = 1 << (data[0] >> 6)
    return int.from_bytes(data[:size], "big") & ((1 << (8 * size - 2)) - 1), data[size:]
