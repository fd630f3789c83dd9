"""CONNECT-UDP (RFC 9298) by HTTP/1.1 and by HTTP/2: datagrams of an account, counted and held as its tunnels are."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from twisted.trial.unittest import SynchronousTestCase

from meshd.masque.capsules import datagram
from tests.support.balance import Balanced
from tests.support.daemon import LiveDaemon, free_port
from tests.support.http2 import Header, Session, basic, connect
from tests.support.masque import UdpEchoes, UdpStream, UdpTunnel, extended, path_to

daemon: LiveDaemon
origin: UdpEchoes


def setUpModule() -> None:
    global daemon, origin  # noqa: PLW0603
    daemon = LiveDaemon(config="[udp]\non = true\n[limits]\nflush_seconds = 0.1\n[timeouts]\nudp_idle = 60\n")
    origin = UdpEchoes()


def tearDownModule() -> None:
    daemon.close()
    origin.close()


Opened = Callable[..., UdpTunnel | UdpStream]


class Case(Balanced, SynchronousTestCase):
    daemon: LiveDaemon

    def setUp(self) -> None:
        self.daemon = daemon

    def customer(self, name: str, **options: str) -> Header:
        return basic(name, self.daemon.account(name, **options))

    def by_http1(self, *fields: Header, host: str = "127.0.0.1", port: int = 0) -> UdpTunnel:
        tunnel = UdpTunnel(self.daemon, path_to(host, port or origin.port), *fields)
        self.addCleanup(tunnel.close)
        return tunnel

    def session(self) -> Session:
        session = Session(self.daemon)
        self.addCleanup(session.close)
        return session

    def by_http2(self, *fields: Header, host: str = "127.0.0.1", port: int = 0) -> UdpStream:
        return UdpStream(self.session(), path_to(host, port or origin.port), *fields)

    @property
    def both(self) -> dict[str, Opened]:
        return {"one": self.by_http1, "two": self.by_http2}

    def end(self, way: UdpTunnel | UdpStream) -> None:
        if isinstance(way, UdpStream):
            way.session.end(way.number)
            self.assertTrue(way.session.answer(way.number).ended)
        else:
            way.close()


class ExchangeTests(Case):
    def test_datagrams(self) -> None:
        """Go both ways, empty and large ones too; their bytes are counted, and what is around them is not."""
        payloads = [b"hello", b"", b"x" * 1200, b"y" * 60_000, b"z"]
        for name, opened in self.both.items():
            way = opened(self.customer(f"anna-{name}"))
            for payload in payloads:
                self.assertEqual(way.asked(payload), payload)
            self.end(way)
            (line,) = self.lines(f"anna-{name}", 1)
            self.assertEqual((line["host"], line["port"], line["reason"]), ("127.0.0.1", origin.port, ""))
            self.assertEqual((line["method"], line["status"]), ("CONNECT-UDP", 101))
            size = sum(map(len, payloads))
            self.assertTrue(0 < line["up"] - size < 400)
            self.assertTrue(0 < line["down"] - size < 400)
            self.balance(f"anna-{name}", 1)

    def test_answer(self) -> None:
        """Says what an upgrade's has to say, and what the proxy's answers say."""
        bert = self.customer("bert")
        one, two = self.by_http1(bert), self.by_http2(bert)
        lower = one.head.lower()
        self.assertTrue(one.head.startswith(b"HTTP/1.1 101 "))
        for line in (b"connection: upgrade", b"upgrade: connect-udp", b"capsule-protocol: ?1", b"x-proxymesh-ip: "):
            self.assertIn(b"\r\n" + line, lower)
        self.assertIn(b'request-id="', one.head)
        self.assertEqual(two.head.status, 200)
        self.assertEqual(two.head.heads[-1][b"capsule-protocol"], b"?1")
        self.assertNotIn(b"upgrade", two.head.heads[-1])
        self.assertIn(b"request-id", two.head.heads[-1][b"proxy-status"])

    def test_spellings(self) -> None:
        """The path of a URL with any name of the proxy; a name, and an IPv6 address; what comes with the head."""
        carl = self.customer("carl")
        path = path_to("127.0.0.1", origin.port)
        resource = b"authorization", carl[1]
        self.assertEqual(self.by_http1(resource).asked(b"by Authorization"), b"by Authorization")
        six = UdpEchoes(self, "::1")
        named = path_to("localhost", origin.port)
        for target in (f"https://p.test{path}", f"http://p.test:31280{path}", named):
            with UdpTunnel(daemon, target, carl, behind=datagram(b"early")) as tunnel:
                self.assertEqual(tunnel.receive(), b"early")
        self.assertEqual(self.by_http1(carl, host="::1", port=six.port).asked(b"six"), b"six")

    def test_refusals(self) -> None:
        """Say what they say of tunnels, by both."""
        dora = self.customer("dora")
        own = self.daemon.proxy_port
        for fields, host, port, status in (
            ((), "127.0.0.1", origin.port, 407),
            ((basic("dora", "wrong"),), "127.0.0.1", origin.port, 407),
            ((dora,), "10.1.2.3", 53, 403),
            ((dora,), "127.0.0.1", own, 403),
            ((dora,), "no.such.host.invalid", 443, 502),
            ((dora,), "a%2Fb", 443, 400),
            ((dora,), "a.test", 0, 400),
        ):
            path = path_to(host, port)
            with UdpTunnel(daemon, path, *fields) as tunnel:
                self.assertEqual(tunnel.status, status, path)
                self.assertIn(b"proxy-status: meshd; error=", tunnel.head.lower())
            session = self.session()
            found = session.answer(session.begin(extended(path, *fields), None))
            self.assertEqual((found.status, found.ended), (status, True), path)

    def test_others(self) -> None:
        """Protocols that are not served are refused, and the session goes on; a plain client is refused."""
        emil = self.customer("emil")
        session = self.session()
        for protocol in ("websocket", "connect-tcp", "connect-ip", "x"):
            found = session.answer(session.begin(extended("/chat", emil, protocol=protocol), None))
            self.assertEqual((found.status, found.ended), (501, True))
        self.assertEqual(UdpStream(session, path_to("127.0.0.1", origin.port), emil).asked(b"on"), b"on")
        for options, status in (({"secure": False}, 501), ({"token": b"websocket"}, 501)):
            with UdpTunnel(daemon, path_to("127.0.0.1", origin.port), emil, **options) as tunnel:
                self.assertEqual(tunnel.status, status)

    def test_two_accounts(self) -> None:
        """On one session each pays for its own, and hears its own."""
        session = self.session()
        names = "fred", "gwen"
        ways = [UdpStream(session, path_to("127.0.0.1", origin.port), self.customer(name)) for name in names]
        for at in range(200):
            for way, name in zip(ways, names, strict=True):
                way.send(b"%b %d" % (name.encode(), at))
            for way, name in zip(ways, names, strict=True):
                self.assertEqual(way.receive(), b"%b %d" % (name.encode(), at))
        session.close()
        for name in names:
            (line,) = self.lines(name, 1)
            size = sum(len(b"%b %d" % (name.encode(), at)) for at in range(200))
            self.assertTrue(0 < line["up"] - size < 400)
            self.balance(name, 1)


class BoundsTests(Case):
    def test_limit(self) -> None:
        """A datagram that would pass it ends the exchange, and nothing past it is moved."""
        for name, opened in self.both.items():
            way = opened(self.customer(f"hugo-{name}", **{"total-limit": "0.0002"}))
            count = 0
            while not way.over:
                way.send(b"x" * 1000)
                count += way.receive() is not None
            (line,) = self.lines(f"hugo-{name}", 1)
            self.assertEqual(line["reason"], "quota-total")
            self.assertTrue(0 < line["down"] - 1000 * count < 400)
            total = self.balance(f"hugo-{name}", 1)
            self.assertTrue(199_000 < total <= 200_000, total)
            if isinstance(way, UdpStream):
                self.assertEqual(way.session.came[way.number].reset, ErrorCodes.CONNECT_ERROR)

    def test_to_the_byte(self) -> None:
        """Datagrams of one byte go until nothing is left."""
        for name, opened in self.both.items():
            way = opened(self.customer(f"ida-{name}", **{"total-limit": "0.000002"}))
            while not way.over:
                way.send(b"x")
                way.receive()
            self.assertEqual(self.balance(f"ida-{name}", 1), 2000)

    def test_rate(self) -> None:
        """Capsules wait for their account's turns, and none is lost."""
        sent = [b"%4d" % at + bytes(1196) for at in range(100)]
        for name, opened in self.both.items():
            credential = self.customer(f"kate-{name}")
            self.daemon.cli("account", "bounds", f"kate-{name}", "kbit_up=800", "kbit_down=1600")
            way = opened(credential)
            for payload in sent:
                way.send(payload)
            self.assertEqual([way.receive() for _ in sent], sent)
            self.end(way)
            self.balance(f"kate-{name}", 1)

    def test_revoked(self) -> None:
        """An account that is switched off has no flow any more."""
        for name, opened in self.both.items():
            way = opened(self.customer(f"jane-{name}"))
            self.assertEqual(way.asked(b"here"), b"here")
            self.daemon.cli("account", "deactivate", f"jane-{name}")
            self.assertIsNone(way.receive())
            (line,) = self.lines(f"jane-{name}", 1)
            self.assertEqual(line["reason"], "account-inactive")

    def test_a_client_that_does_not_read(self) -> None:
        """Loses datagrams, and nobody else does; it may go on."""
        beside = self.by_http1(self.customer("lena"))
        for name, opened in self.both.items():
            stalled = opened(self.customer(f"karl-{name}"))
            stalled.send(b"pour 20000 1000")
            for at in range(50):
                self.assertEqual(beside.asked(b"%d" % at), b"%d" % at)
            came = 0
            while stalled.receive(3) is not None:
                came += 1
            self.assertLess(came, 20_000)
            self.assertEqual(stalled.asked(b"again"), b"again")
            self.end(stalled)
            (line,) = self.lines(f"karl-{name}", 1)
            self.assertEqual(line["down"] // 1000, came)

    def test_idle(self) -> None:
        """A flow that nobody uses ends, properly."""
        self.daemon = LiveDaemon(self, "[udp]\non = true\n[timeouts]\nudp_idle = 2\n")
        for name, opened in self.both.items():
            way = opened(self.customer(f"mina-{name}"))
            self.assertEqual(way.asked(b"here"), b"here")
            if isinstance(way, UdpStream):
                self.assertTrue(way.session.answer(way.number).ended)
            else:
                self.assertTrue(way.until_gone())
            (line,) = self.lines(f"mina-{name}", 1)
            self.assertEqual((line["status"], line["reason"]), (101, ""))

    def test_nobody_there(self) -> None:
        """A destination's host that says so ends the flow."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        way = self.by_http1(self.customer("nora"), port=port)
        way.send(b"anybody?")
        self.assertIsNone(way.receive())
        (line,) = self.lines("nora", 1)
        self.assertEqual(line["reason"], "connection-refused")


class SettingTests(Case):
    def test_switched_off(self) -> None:
        """It is refused, and not offered: then asking for it is malformed."""
        self.daemon = LiveDaemon(self)
        otto = self.customer("otto")
        with UdpTunnel(self.daemon, path_to("127.0.0.1", origin.port), otto) as tunnel:
            self.assertEqual(tunnel.status, 501)
        session = self.session()
        found = session.answer(session.begin(extended(path_to("127.0.0.1", origin.port), otto), None))
        self.assertEqual((found.status, found.reset), (0, ErrorCodes.PROTOCOL_ERROR))
        self.assertEqual(session.http.remote_settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL, 0), 0)

    def test_offered(self) -> None:
        session = self.session()
        session.answer(session.begin(connect(f"127.0.0.1:{free_port()}"), None))
        self.assertEqual(session.http.remote_settings[SettingCodes.ENABLE_CONNECT_PROTOCOL], 1)

    def test_a_stop(self) -> None:
        """Lets a flow go on until the drain is over."""
        self.daemon = LiveDaemon(self, "[udp]\non = true\n")
        way = self.by_http1(self.customer("paul"))
        self.assertEqual(way.asked(b"here"), b"here")
        since = len(self.daemon.log_lines(0))
        self.daemon.signal(signal.SIGTERM)
        self.daemon.wait_for_log(f":{self.daemon.proxy_port} closes", since=since)
        self.assertEqual(way.asked(b"still"), b"still")
        way.close()
