"""Threats 5, 31 to 34 and 39: what a request carries on to the origin, and what it must not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.origin import Received
from tests.threats.support import LISTED, PASSWORD, Talk, ask, basic, connect, get, world


class LeaksCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = world()
        self.world.origin.forget()

    def sent(self, head: bytes, source: str = "127.0.0.1") -> Received:
        """The one request that arrives."""
        answer = ask(self.world.daemon, head, source)
        self.assertEqual(answer.status, 200, answer)
        (request,) = self.world.origin.requests
        self.world.origin.forget()
        return request

    def url(self, path: str = "/echo") -> str:
        return self.world.url(path)


class CredentialsTest(LeaksCase):
    def test_threat_05_credentials(self) -> None:
        """No way of saying who one is goes on to the origin; another's `Authorization` does, untouched."""
        token = self.world.token.encode()
        other = b"Authorization: Basic b3JpZ2luOnNlY3JldA==\r\n"
        ways = {
            "a password": basic("alice"),
            "a sticky password": basic("alice", f"key:{PASSWORD}"),
            "a bearer": b"Proxy-Authorization: Bearer " + token + b"\r\n",
            "a token as password": basic("x", self.world.token),
            "a token as user": basic(self.world.token, ""),
            "a field in capitals": basic("alice").replace(b"Proxy-Authorization", b"PROXY-AUTHORIZATION"),
        }
        for what, way in ways.items():
            request = self.sent(get(self.url(), way, other, b"Proxy-Connection: keep-alive\r\nProxy-X: 1\r\n"))
            self.assertEqual(request.field("authorization"), "Basic b3JpZ2luOnNlY3JldA==", what)
            self.assert_nothing_ours(request, what)

    def test_threat_05_own_bearer(self) -> None:
        """A token of ours in `Authorization` is ours and goes; a bearer of anybody else's is the origin's."""
        request = self.sent(get(self.url(), b"Authorization: Bearer " + self.world.token.encode() + b"\r\n"))
        self.assertIsNone(request.field("authorization"))
        self.assert_nothing_ours(request, "")
        request = self.sent(get(self.url(), b"Authorization: Bearer eyJhbGciOiJ9\r\n"), LISTED)
        self.assertEqual(request.field("authorization"), "Bearer eyJhbGciOiJ9")

    def test_threat_05_refused_bearer(self) -> None:
        """A well-formed token of ours that is wrong is refused, not passed on to the origin."""
        wrong = self.world.daemon.token("bob")
        self.world.daemon.cli("token", "delete", "bob", str(self.world.daemon.cli("token", "list", "bob")[0]["id"]))
        answer = ask(self.world.daemon, get(self.url(), f"Authorization: Bearer {wrong}\r\n".encode()), "127.0.0.12")
        self.assertEqual((answer.status, answer.why), (407, "auth-invalid"))
        self.assertEqual(self.world.origin.received, b"")

    def test_threat_05_tunnels(self) -> None:
        """Nothing of the CONNECT head goes into the tunnel."""
        with Talk(self.world.daemon) as talk:
            head = connect(self.world.origin.authority, basic("alice"), b"X-ProxyMesh-Session: secret\r\n")
            self.assertEqual(talk.ask(head + b"GET /in HTTP/1.1\r\nHost: h\r\n\r\n", "CONNECT").status, 200)
            self.assertEqual(talk.answer().status, 200)
        self.assertEqual(self.world.origin.received, b"GET /in HTTP/1.1\r\nHost: h\r\n\r\n")

    def test_threat_05_nothing_added(self) -> None:
        """The origin does not learn that there is a proxy, nor who stands behind it."""
        request = self.sent(get(self.url(), basic("alice"), b"Accept: a\r\nX-Forwarded-For: 1.2.3.4\r\naCCept: b\r\n"))
        self.assertEqual(
            request.fields,
            [("Host", self.world.origin.authority), ("Accept", "a"), ("X-Forwarded-For", "1.2.3.4"), ("aCCept", "b")],
        )

    def assert_nothing_ours(self, request: Received, what: str) -> None:
        for name in request.names:
            self.assertFalse(name.startswith(("proxy-", "x-proxymesh-")), (what, name))
        for secret in (PASSWORD, self.world.token, basic("alice").split()[-1].decode()):
            self.assertNotIn(secret.encode(), request.raw, what)


class HopByHopTest(LeaksCase):
    def test_threat_31_hop_by_hop(self) -> None:
        """What Connection names goes, wherever it stands; what frames or routes stays, whatever it names."""
        request = self.sent(
            get(
                self.url(),
                basic("alice"),
                b"X-Hop: 1\r\nConnection: X-Hop, x-other , Host,content-length\r\nX-Other: 2\r\n",
                b"Connection: Transfer-Encoding\r\nContent-Length: 3\r\nX-Kept: 3\r\n",
                end=b"abc",
                method="POST",
            )
        )
        self.assertEqual(request.names, {"host", "content-length", "x-kept"})
        self.assertEqual(request.body, b"abc")

    def test_threat_31_own_fields_named(self) -> None:
        """A client that names our fields in Connection is understood as if it had not, and still none goes on."""
        head = get(
            self.url(),
            basic("alice"),
            b"Connection: proxy-authorization, x-proxymesh-country\r\nX-ProxyMesh-Country: XX\r\n",
        )
        answer = ask(self.world.daemon, head)
        self.assertEqual((answer.status, answer.why), (503, "no-exit"))

    def test_threat_31_fixed_ones(self) -> None:
        """TE, Keep-Alive, Upgrade and the like never go on, named or not."""
        request = self.sent(
            get(
                self.url(),
                basic("alice"),
                b"TE: trailers\r\nKeep-Alive: 5\r\nUpgrade: x\r\nProxy-Connection: close\r\n",
            )
        )
        self.assertEqual(request.names, {"host"})


class UpgradeTest(LeaksCase):
    def test_threat_32_h2c(self) -> None:
        """An upgrade to anything but WebSocket is not passed on: the request goes as a plain one."""
        for fields in (
            b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
            b"Connection: upgrade\r\nUpgrade: websocket, h2c\r\n",
            b"Upgrade: websocket\r\n",
        ):
            request = self.sent(get(self.url(), basic("alice"), fields))
            self.assertFalse(request.names & {"upgrade", "connection", "http2-settings"}, fields)

    def test_threat_32_unasked_101(self) -> None:
        """An origin that switches protocols unasked, or to another than was asked for, is answered for with 502."""
        switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\nraw"
        upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        for path, protocol, asked in (
            ("/to-a", b"websocket", b""),
            ("/to-b", b"h2c", upgrade),
            ("/to-c", b"", upgrade),
        ):
            self.world.origin.script(path, switching % protocol)
            answer = ask(self.world.daemon, get(self.url(path), basic("alice"), asked))
            self.assertEqual((answer.status, answer.why), (502, "bad-response"), path)

    def test_threat_32_websocket(self) -> None:
        """A true handshake becomes a tunnel, and every byte of both is counted."""
        upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        head = get(self.url("/websocket"), basic("bob"), upgrade)
        with Talk(self.world.daemon) as talk:
            talk.send(head + b"early ")
            answer = talk.answer()
            self.assertEqual((answer.status, answer.field("upgrade")), (101, "websocket"))
            talk.send(b"later")
            self.assertEqual(talk.some(11), b"early later")
            talk.end()
            talk.rest()
        line = self.world.logged(username="bob", status=101)
        self.assertEqual(line["up"], len(head) + 11)

    def test_threat_32_with_a_body(self) -> None:
        """A handshake with a body is none, so that no body is taken for the tunnel's bytes."""
        upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n"
        request = self.sent(get(self.url(), basic("alice"), upgrade, end=b"hello"))
        self.assertEqual((request.body, request.field("upgrade")), (b"hello", None))


class ExpectTest(LeaksCase):
    EXPECT = b"Expect: 100-continue\r\nContent-Length: 5\r\n"

    def test_threat_33_refused_first(self) -> None:
        """Who may not pass gets the final answer at once: no 100, and nobody is asked to send a body."""
        self.world.origin.forget()
        for who, url, status in (
            (b"", self.url(), 407),
            (basic("alice"), "http://10.0.0.1/", 403),
            (basic("alice") + b"X-ProxyMesh-Country: XX\r\n", self.url(), 503),
        ):
            with Talk(self.world.daemon) as talk:
                answer = talk.ask(get(url, who, self.EXPECT, method="POST"))
                self.assertEqual((answer.status, answer.field("connection")), (status, "close"))
        self.assertEqual(self.world.origin.received, b"")

    def test_threat_33_passed_through(self) -> None:
        """For who may, the origin decides: its 100 comes back, then the body goes, then its answer comes."""
        self.world.origin.script("/never", b"HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self.world.origin.script(
            "/hundred", [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]
        )
        with Talk(self.world.daemon) as talk:
            talk.send(get(self.url("/hundred"), basic("alice"), self.EXPECT, method="POST") + b"hello")
            self.assertEqual([talk.answer().status, talk.answer().status], [100, 200])
        (request,) = self.world.origin.requests
        self.assertEqual((request.field("expect"), request.body), ("100-continue", b"hello"))

    def test_threat_33_http_10(self) -> None:
        """A client of HTTP/1.0 is never sent an interim answer."""
        self.world.origin.script(
            "/interim", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        )
        head = get(self.url("/interim"), basic("alice")).replace(b"HTTP/1.1", b"HTTP/1.0")
        self.assertEqual(ask(self.world.daemon, head).status, 200)


class TrailersTest(LeaksCase):
    CHUNKS = b"Transfer-Encoding: chunked\r\n"

    def test_threat_34_forbidden(self) -> None:
        """Trailers stay trailers, and those that frame, route, authenticate or are ours are dropped."""
        end = (
            b"3\r\nabc\r\n0\r\nX-Sum: 9\r\nHost: evil\r\nContent-Length: 3\r\nTransfer-Encoding: x\r\nCookie: a\r\n"
            b"Authorization: x\r\nProxy-Authorization: Basic eDp5\r\nX-ProxyMesh-Session: s\r\nConnection: a\r\n"
            b"Proxy-Hint: h\r\n\r\n"
        )
        request = self.sent(get(self.url(), basic("alice"), self.CHUNKS, method="POST", end=end))
        self.assertTrue(request.raw.endswith(b"0\r\nX-Sum: 9\r\n\r\n"), request.raw)
        self.assertEqual(request.names, {"host", "transfer-encoding"})

    def test_threat_34_bounded(self) -> None:
        """Trailers beyond 8 KiB or a hundred are refused, and the request never becomes whole."""
        for trailers in (b"X: " + b"a" * 9000 + b"\r\n", b"X: y\r\n" * 101):
            end = b"3\r\nabc\r\n0\r\n" + trailers + b"\r\n"
            answer = ask(self.world.daemon, get(self.url(), basic("alice"), self.CHUNKS, method="POST", end=end))
            self.assertEqual((answer.status, answer.field("connection")), (431, "close"))
        self.assertEqual(self.world.origin.requests, [])

    def test_threat_34_of_the_origin(self) -> None:
        """An origin's trailers are held to the same."""
        self.world.origin.script(
            "/trailers",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a\r\n"
            b"X-ProxyMesh-IP: lie\r\nProxy-Status: lie\r\n\r\n",
        )
        with Talk(self.world.daemon) as talk:
            talk.send(get(self.url("/trailers"), basic("alice"), b"Connection: close\r\n"))
            self.assertTrue(talk.rest().endswith(b"\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n"))


class WishesTest(LeaksCase):
    def test_threat_39_country(self) -> None:
        """A country that is none, or that no exit has, is refused with 503; it is never passed on."""
        for country in (
            b"../../etc/passwd",
            b"XX",
            b"USA",
            b"U",
            b"\xc3\xbc\xc3\xbc",
            b"us\x01"[:2] + b"'--",
            b"a" * 5000,
        ):
            head = get(self.url(), basic("alice"), b"X-ProxyMesh-Country: " + country + b"\r\n")
            answer = ask(self.world.daemon, head)
            self.assertEqual((answer.status, answer.why), (503, "no-exit"), country)
        self.assertEqual(self.world.origin.received, b"")

    def test_threat_39_addresses(self) -> None:
        """A pin that is not there is told back only where it is an address or a name; nothing else is repeated."""
        for asked, told in ((b"198.51.100.1", "198.51.100.1"), (b"<script>", None), (b"../../x", None), (b"", None)):
            head = get(self.url(), basic("alice"), b"X-ProxyMesh-IP: " + asked + b"\r\n")
            answer = ask(self.world.daemon, head)
            self.assertEqual((answer.status, answer.field("x-proxymesh-ip-not-found")), (200, told), asked)

    def test_threat_39_never_forwarded(self) -> None:
        """None of our fields goes on, known or unknown, in any case."""
        fields = b"X-ProxyMesh-Session: s\r\nx-proxymesh-ip: a\r\nX-PROXYMESH-TIMEOUT: 9\r\nX-ProxyMesh-Foo: 1\r\n"
        self.assertEqual(self.sent(get(self.url(), basic("alice"), fields)).names, {"host"})
