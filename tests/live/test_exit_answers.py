"""Proxies of other makers as exits: whose an answer is, what they add to it, and why they fail."""

from __future__ import annotations

import contextlib
import re
import socket
from itertools import count

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import CLOSE, RecordingOrigin
from tests.support.served import Served
from tests.support.upstreams import UpstreamProxy
from tests.threats.support import Answer, Talk

TIMES = 20

daemon: LiveDaemon
origin: RecordingOrigin
echo: RecordingOrigin
anna: bytes
numbers = count(1)


def setUpModule() -> None:
    global daemon, origin, echo, anna  # noqa: PLW0603
    daemon = LiveDaemon()
    origin = RecordingOrigin()
    echo = RecordingOrigin(raw="echo")
    anna = basic("anna", daemon.account("anna"))


def tearDownModule() -> None:
    for each in (origin, echo, daemon):
        each.close()


class ScriptedProxy(Served):
    """An HTTP proxy that says what it is told to, whatever it is asked."""

    def __init__(self, case: SynchronousTestCase, connect: bytes, plain: bytes | None = None) -> None:
        """connect: its answer to CONNECT, behind which it echoes; plain: to any other request, None to pass it on."""
        self.connect, self.plain = connect, plain
        self.asked: list[bytes] = []
        super().__init__()
        case.addCleanup(self.close)
        self.begin()

    def toml(self, name: str, kind: str = "http", more: str = "") -> str:
        upstream = f'upstream = "127.0.0.1:{self.port}"\nusername = "us"\npassword = "open sesame"\n'
        return f'[[exits]]\nname = "{name}"\nkind = "{kind}"\n{upstream}{more}'

    def _serve(self, client: socket.socket) -> None:
        with client:
            client.settimeout(60)
            head = client.recv(65536)
            while not head.startswith(b"\x05") and not _whole(head):
                more = client.recv(65536)
                if not more:
                    return
                head += more
            self.asked.append(head.split(b"\r\n")[0])
            if head.startswith(b"CONNECT") or self.plain is not None:
                client.sendall(self.connect if not head[:3].isalpha() or head.startswith(b"CONNECT") else self.plain)  # type: ignore[arg-type]
                while head.startswith(b"CONNECT") and (data := client.recv(65536)):
                    client.sendall(data)
                return
            target = head.split(b" ")[1].split(b"/")[2].decode()
            host, _, port = target.partition(":")
            with socket.create_connection((host, int(port)), 60) as far:
                far.sendall(head)
                far.shutdown(socket.SHUT_WR)  # so that an origin that would keep its connection ends it
                with contextlib.suppress(OSError):
                    while data := far.recv(65536):
                        client.sendall(data)


def _whole(request: bytes) -> bool:
    """Whether the head is here, and its body: who ends a connection with bytes unread resets it, answer and all."""
    head, ended, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\ncontent-length: (\d+)", head)
    return bool(ended) and len(body) >= (int(length[1]) if length else 0)


REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
UNAUTHORIZED = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 6\r\n\r\ntheirs"
OK = b"HTTP/1.1 200 OK\r\n\r\n"


class AnswersCase(SynchronousTestCase):
    def reload(self, config: str) -> None:
        self.assertIn("settings reloaded", daemon.reload(config))
        self.since = daemon.log_position

    def name(self, stem: str) -> str:
        return f"{stem}-{next(numbers)}"

    def ask(self, path: str = "/bytes/3", more: bytes = b"", method: bytes = b"GET", host: str = "") -> Answer:
        url = (f"http://{host}{path}" if host else origin.url(path)).encode()
        with Talk(daemon) as talk:
            return talk.ask(method + b" " + url + b" HTTP/1.1\r\nHost: x\r\n" + anna + more + b"\r\n")

    def tunnelled(self) -> int:
        raw = Raw(self, daemon.proxy_port)
        status = raw.tunnel(echo.authority, anna)
        raw.close()
        return status

    def state(self, name: str) -> str:
        return next(str(row["state"]) for row in daemon.cli("exit", "list") if row["name"] == name)

    def why(self, name: str) -> str:
        """Why the exit rests, by `exit list`."""

        def found() -> str:
            row = next(row for row in daemon.cli("exit", "list") if row["name"] == name)
            return str(row["resting"][0]["reason"]) if row["resting"] else ""

        return until(found, f"{name} rests")


class WhoseTests(AnswersCase):
    """Row by row: a wrong password is the exit's matter, an origin's 401 is the origin's."""

    def pool(self, connect: bytes, plain: bytes) -> tuple[str, ScriptedProxy, ScriptedProxy]:
        good, bad = ScriptedProxy(self, OK), ScriptedProxy(self, connect, plain)
        name = self.name("wrong")
        self.reload(good.toml(self.name("right")) + bad.toml(name))
        return name, good, bad

    def test_a_wrong_password_is_noticed_by_plain_requests(self) -> None:
        """Of a good and a bad exit every request is served, and the bad one rests, with the reason; nobody sees it."""
        for answer in (REFUSED, UNAUTHORIZED):
            name, _, bad = self.pool(answer, answer)
            for _ in range(TIMES):
                found = self.ask()
                self.assertEqual((found.status, found.body), (200, b"\0\1\2"), answer)
            self.assertEqual(self.why(name), "exit-password")
            daemon.wait_for_log(f"exit {name} has failed and rests: exit-password", since=self.since)
            self.assertEqual(len(bad.asked), 6)  # three requests, and the question whose 401 or 407 it was

    def test_a_body_goes_with_it(self) -> None:
        """A POST that was here whole is sent again, by the other exit."""
        name, _, _ = self.pool(REFUSED, REFUSED)
        for _ in range(TIMES):
            found = self.ask("/bytes/3", b"Content-Length: 5\r\n\r\nhello", b"POST")
            self.assertEqual((found.status, found.body), (200, b"\0\1\2"))
        self.assertEqual(self.why(name), "exit-password")

    def test_alone_it_is_502(self) -> None:
        """The client is told what it is told of CONNECT, and its account pays for its own bytes at most."""
        for answer in (REFUSED, UNAUTHORIZED):
            bad = ScriptedProxy(self, answer, answer)
            self.reload(bad.toml(self.name("wrong")))
            account = f"u{next(numbers)}"
            credential = basic(account, daemon.account(account))
            with Talk(daemon) as talk:
                found = talk.ask(b"GET " + origin.url().encode() + b" HTTP/1.1\r\nHost: x\r\n" + credential + b"\r\n")
            self.assertEqual((found.status, found.why, found.own), (502, "exit-failed", True))
            self.assertNotIn(b"theirs", found.body)
            line = self.line(account)
            self.assertEqual((line["reason"], line["detail"], line["down"]), ("exit-failed", "exit-password", 0))

    def line(self, account: str) -> dict[str, object]:
        """Of the exchange log, the account's."""
        found = until(lambda: [each for each in daemon.exchanges() if each["username"] == account], "its line")
        return dict(found[0])

    def test_an_origins_own_is_passed_on(self) -> None:
        """With its challenge where it is 401, and once asked the exit is not asked for each of them."""
        good = ScriptedProxy(self, OK)
        name = self.name("right")
        self.reload(good.toml(name))
        origin.script("/mine", [b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nmine", CLOSE])
        for _ in range(5):
            found = self.ask("/mine")
            self.assertEqual((found.status, found.body, found.field("www-authenticate")), (401, b"mine", "Basic"))
        self.assertEqual(len([each for each in good.asked if each.startswith(b"CONNECT")]), 1)
        origin.script("/mine", [b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", CLOSE])
        found = self.ask("/mine")
        self.assertEqual((found.status, found.field("proxy-authenticate"), found.own), (407, None, False))
        origin.script("/mine", [b"HTTP/1.1 429 Slowly\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", CLOSE])
        self.assertEqual(self.ask("/mine").field("retry-after"), "7")
        self.assertEqual(self.state(name), "up")


UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


class KeptTests(AnswersCase):
    """Of connections to an exit, those that it was asked for a tunnel on are apart from those that it reads itself."""

    def test_a_websocket_asks_for_a_tunnel(self) -> None:
        """Also where a connection is kept on which the proxy itself was asked, and would not know the upgrade."""
        proxy = UpstreamProxy(self)
        self.reload(proxy.toml(self.name("sold")))
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.ask("/websocket", UPGRADE).status, 101)
        self.assertEqual(proxy.targets, [origin.url("/bytes/3"), origin.authority])

    def test_what_a_proxy_is_told_stays_out_of_tunnels(self) -> None:
        """An upgrade that the origin refuses leaves a connection that leads to the origin: no password goes there."""
        proxy = UpstreamProxy(self, username="us", password="open sesame")
        self.reload(proxy.toml(self.name("sold"), reuse="true"))
        origin.forget()
        self.assertEqual(self.ask("/status/404", UPGRADE).status, 404)
        self.assertEqual(self.ask("/echo").status, 200)
        self.assertEqual([request.target for request in origin.requests], ["/status/404", "/echo"])
        self.assertEqual([name for request in origin.requests for name in request.names if "proxy" in name], [])


class TunnelTests(AnswersCase):
    """An exit that is asked for tunnels alone."""

    def test_http_goes_by_a_tunnel(self) -> None:
        """The proxy sees no request and makes no page; the origin gets what the client sent."""
        for kind in ("http", "https"):
            proxy = UpstreamProxy(self, kind, username="us", password="open sesame")  # type: ignore[arg-type]
            self.reload(proxy.toml(self.name("sold"), tunnel="true"))
            origin.forget()
            body = b"Content-Length: 5\r\n\r\nhello"
            self.assertEqual([self.ask().status, self.ask("/bytes/3", body, b"POST").status], [200, 200], kind)
            self.assertEqual(set(proxy.targets), {origin.authority})
            self.assertEqual([request.target for request in origin.requests], ["/bytes/3", "/bytes/3"])
            self.assertEqual([name for request in origin.requests for name in request.names if "proxy" in name], [])

    def test_refusals_are_those_of_a_tunnel(self) -> None:
        """A destination that it refuses, and a password that it does not take."""
        proxy = UpstreamProxy(self, username="us", password="open sesame")
        name = self.name("sold")
        self.reload(proxy.toml(name, tunnel="true"))
        proxy.mood = "refuse"
        self.assertEqual((self.ask().status, self.ask().why), (502, "exit-refused"))
        self.assertEqual(self.state(name), "up")
        proxy.mood = "reject"
        self.assertEqual([self.ask().why for _ in range(3)], ["exit-failed"] * 3)
        self.assertEqual(self.why(name), "exit-password")


HAND_MADE = {
    "a bare LF": b"HTTP/1.1 200 OK\nX: y\n\n",
    "an empty line first": b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "a line without a colon": b"HTTP/1.1 200 OK\r\nhello\r\n\r\n",
    "20 kB of fields": b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 20_000 + b"\r\n\r\n",
    "no reason": b"HTTP/1.0 200\r\n\r\n",
    "a NUL": b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
    "HTTP/2": b"HTTP/2 200 \r\n\r\n",
    "two blanks": b"HTTP/1.1  200  OK\r\n\r\n",
    "a blank in a name": b"HTTP/1.1 200 OK\r\nProxy Agent : x\r\n y\r\n\r\n",
    "latin-1": b"HTTP/1.1 200 \xe4\r\n\xff\r\n\r\n",
}
"""Answers to CONNECT as proxies that somebody has written by hand give them."""


class HandMadeTests(AnswersCase):
    """Only the status and the end of an answer to CONNECT mean anything."""

    def test_it_is_enough_to_say_200(self) -> None:
        for what, answer in HAND_MADE.items():
            name = self.name("made")
            self.reload(ScriptedProxy(self, answer).toml(name))
            self.assertEqual([self.tunnelled() for _ in range(5)], [200] * 5, what)
            self.assertEqual(self.state(name), "up", what)

    def test_why_it_fails(self) -> None:
        """`exit list` and the log say it: each has its own word."""
        answers: dict[str, tuple[str, bytes]] = {
            "exit-password": ("http", REFUSED),
            "exit-unpaid": ("http", b"HTTP/1.1 402 Pay\r\n\r\n"),
            "exit-too-many": ("http", b"HTTP/1.1 429 Slowly\r\n\r\n"),
            "exit-head": ("http", b"220 mail.example ESMTP\r\n\r\n"),
            "exit-speaks-socks": ("http", b"\x05\xff"),
            "exit-speaks-tls": ("http", b"\x15\x03\x03\x00\x02\x02\x32"),
            "exit-tls": ("https", b"HTTP/1.1 400 No\r\n\r\n"),
            "exit-speaks-http": ("socks5", b"HTTP/1.1 400 No\r\n\r\n"),
        }
        for cause, (kind, answer) in answers.items():
            name = self.name("bad")
            proxy = ScriptedProxy(self, answer, answer)
            if kind == "https":
                proxy._serve = lambda client, answer=answer: (client.recv(9999), client.sendall(answer), client.close())  # type: ignore[method-assign,assignment,misc]
            self.reload(proxy.toml(name, kind))
            self.assertEqual({self.tunnelled() for _ in range(4)}, {502, 503}, cause)
            self.assertEqual(self.why(name), cause)
            daemon.wait_for_log(f"exit {name} has failed and rests: {cause}", since=self.since)


PAGE = b"<html>squid</html>"


def page(status: int, *lines: bytes) -> bytes:
    head = b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n" % (status, len(PAGE))
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + PAGE


class TraceTests(AnswersCase):
    """What customers see of the proxy behind an exit."""

    ADDED = (
        b"Via: 1.1 varnish, 1.1 sold.example (squid/5.7, \\) x)\r\nX-Cache: Hit from cloudfront\r\n"
        b"X-Cache: MISS from sold.example\r\nX-Cache-Lookup: MISS from sold.example:3128\r\n"
        b"Cache-Status: edge; hit, sold.example;detail=mismatch\r\nProxy-Agent: x\r\nServer: origin\r\n"
    )

    def seen(self, plain: bytes, more: str = "") -> Answer:
        proxy = ScriptedProxy(self, OK, plain)
        self.reload(proxy.toml(self.name("sold"), more=more))
        return self.ask()

    def test_what_it_adds(self) -> None:
        """Its part goes, what origins and their caches say stays."""
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + self.ADDED + b"\r\nok"
        fields = self.seen(answer).fields
        shown = [(name, value) for name, value in fields if name.lower() not in {"content-length", "x-proxymesh-ip"}]
        expected = [("Via", "1.1 varnish"), ("X-Cache", "Hit from cloudfront"), ("Cache-Status", "edge; hit")]
        self.assertEqual(shown, [*expected, ("Server", "origin")])
        alone = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nVia: 1.0 h (tinyproxy/1.11.1)\r\n\r\nok"
        self.assertEqual(self.seen(alone).field("via"), None)
        visible = self.seen(answer, "visible = true\n")
        self.assertEqual(visible.field("via"), "1.1 varnish, 1.1 sold.example (squid/5.7, \\) x)")
        self.assertEqual([value for name, value in visible.fields if name == "X-Cache"][1], "MISS from sold.example")

    def test_its_pages(self) -> None:
        """Each becomes one of ours, with the reason; a page of the origin's stays."""
        via = b"Via: 1.1 sold.example (squid/5.7)"
        pages = {
            page(503, b"Server: squid/5.7", b"X-Squid-Error: ERR_CONNECT_FAIL 111", via): "connection-refused",
            page(503, b"Server: squid/5.7", b"X-Squid-Error: ERR_DNS_FAIL 0", via): "dns-error",
            page(403, b"X-Squid-Error: ERR_ACCESS_DENIED 0", via): "exit-refused",
            page(500, b"Server: tinyproxy/1.11.1"): "exit-refused",
            page(502, b"Server: mitmproxy 12.3.1"): "exit-refused",
            page(404, b"Proxy-Agent: Privoxy 3.0.34"): "exit-refused",
            page(504, b"Proxy-Status: sold; error=connection_timeout"): "connection-timeout",
            page(403, b"X-ProxyMesh-Error: destination not allowed"): "exit-refused",
        }
        for plain, reason in pages.items():
            found = self.seen(plain)
            self.assertEqual((found.own, found.why), (True, reason), plain)
            for word in (b"squid", b"tinyproxy", b"sold"):
                self.assertNotIn(word, found.body)
        theirs = page(503, b"X-Squid-Error: ERR_DNS_FAIL 0", b"Via: 1.1 origin (squid), 1.1 sold.example (squid/5.7)")
        self.assertEqual((self.seen(theirs).status, self.seen(theirs).body), (503, PAGE))
        self.assertEqual(self.seen(page(503, b"Server: nginx")).body, PAGE)
        visible = self.seen(page(403, b"X-Squid-Error: ERR_ACCESS_DENIED 0", via), "visible = true\n")
        self.assertEqual((visible.status, visible.body), (403, PAGE))

    def test_its_own_names(self) -> None:
        """Neither by a plain request nor by a tunnel, in no spelling."""
        proxy = ScriptedProxy(self, OK, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ntheirs")
        self.reload(proxy.toml(self.name("sold")))
        for host in ("tinyproxy.stats", "config.privoxy.org", "p.p", "mitm.it", "MITM.it.", "www.mitm.it"):
            found = self.ask("/", host=host)
            self.assertEqual((found.status, found.why), (403, "acl-host"), host)
            raw = Raw(self, daemon.proxy_port)
            self.assertEqual(raw.tunnel(f"{host}:443", anna), 403, host)
            raw.close()
        for path in ("/squid-internal-mgr/menu", "/squid-internal-static/icons/SN.png", "/SQUID-internal-mgr/info"):
            self.assertEqual(self.ask(path).status, 403, path)
        found = self.ask("/", host=f"127.0.0.1:{proxy.port}")
        self.assertEqual(found.status, 403)
        self.assertEqual(proxy.asked, [])
        self.assertEqual(self.ask("/x", host="permit.it").status, 200)
