"""Exits through proxies of other makers, by every protocol that a client may speak: bytes, bills and secrets."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import subprocess
import tempfile
import threading
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import requests
from aiohttp import web
from twisted.trial.unittest import SkipTest, SynchronousTestCase
from urllib3.exceptions import InsecureRequestWarning

from tests.live.raw import Raw, basic
from tests.support import peers
from tests.support.daemon import LiveDaemon, clean_environment, until
from tests.support.origin import RecordingOrigin, authority, pattern
from tests.support.tap import Tap
from tests.support.upstreams import UpstreamProxy

PASSWORD = "correct horse"
BIG = 2_000_000

Way = Literal["http", "connect", "socks5", "https", "https-connect"]
WAYS: tuple[Way, ...] = ("http", "connect", "socks5", "https", "https-connect")

CURL: dict[Way, tuple[str, ...]] = {
    "http": ("-x", "http://{}"),
    "connect": ("-p", "-x", "http://{}"),
    "socks5": ("--socks5-hostname", "{}"),
    "https": ("-x", "https://{}"),
    "https-connect": ("-p", "-x", "https://{}"),
}
SCHEMES: dict[Way, str] = {"http": "http", "connect": "http", "socks5": "socks5h", "https": "https"}
"""How requests writes a proxy; it takes CONNECT where the origin's URL is https."""

daemon: LiveDaemon
origin: RecordingOrigin
secure: RecordingOrigin
sockets: WebSockets
pipe: UpstreamProxy
running: dict[str, peers.Peer] = {}
missing: dict[str, str] = {}
numbers = count(1)


def setUpModule() -> None:
    global daemon, origin, secure, sockets, pipe  # noqa: PLW0603
    pipe = UpstreamProxy(username="pipe-customer", password="s3cret of a pipe")
    for maker in peers.MAKERS:
        try:
            running[maker] = peers.start(maker)
        except peers.Missing as error:
            missing[maker] = str(error)
    exits = [pipe.toml("pipe"), *(peer.toml(maker) for maker, peer in running.items())]
    exits += [peer.toml(f"wrong-{maker}", password='"wr0ng"') for maker, peer in running.items() if peer.username]
    daemon = LiveDaemon(config="".join(exits) + "[limits]\nflush_seconds = 0.1\n")
    origin, secure, sockets = RecordingOrigin(), RecordingOrigin(tls=True), WebSockets()


def tearDownModule() -> None:
    for each in (daemon, origin, secure, sockets, pipe):
        each.close()
    with ThreadPoolExecutor(len(peers.MAKERS)) as pool:  # Squid takes a second or two
        list(pool.map(peers.Peer.close, running.values()))
    running.clear()


def secrets() -> set[bytes]:
    """Of every upstream proxy: what it is told, in each spelling that is sent."""
    found: set[bytes] = set()
    for peer in (pipe, *running.values()):
        if peer.username:
            pair = f"{peer.username}:{peer.password}".encode()
            found |= {peer.username.encode(), peer.password.encode(), base64.b64encode(pair)}
    return found


class WebSockets:
    """aiohttp's server, plain and TLS, in a thread: it sends back each message."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.urls: list[str] = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(90)

    async def _listen(self) -> list[str]:
        app = web.Application()
        app.router.add_get("/echo", self._echo)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        for context in (None, authority().context):
            await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        ports = [address[1] for address in self._runner.addresses]
        return [f"http://127.0.0.1:{ports[0]}/echo", f"wss://127.0.0.1:{ports[1]}/echo"]

    async def _echo(self, request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse(max_msg_size=0)
        await answer.prepare(request)
        async for message in answer:
            await answer.send_bytes(message.data)
        return answer

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(90)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()


class Kept(Raw):
    """A connection that keeps what went over it, inside TLS too."""

    def __init__(self, owner: object, at: int | socket.socket) -> None:
        super().__init__(owner, at)
        self.sent = self.received = b""

    def send(self, data: bytes) -> None:
        super().send(data)
        self.sent += data

    def _more(self) -> bytes:
        data = super()._more()
        self.received += data
        return data


def opened(owner: object, way: Way) -> Kept:
    """To the daemon, inside TLS where that is the way."""
    sock = socket.create_connection(("127.0.0.1", daemon.proxy_port), 60)
    if way.startswith("https"):
        context = ssl.create_default_context(cafile=str(daemon.certificate))
        sock = context.wrap_socket(sock, server_hostname="127.0.0.1")
    return Kept(owner, sock)


def in_tunnel(raw: Kept, way: Way, user: str) -> None:
    """Ask for a tunnel to the origin, and be told that it stands.  What is not billed is not kept."""
    if way == "socks5":
        name = user.encode()
        raw.send(b"\x05\x01\x02")
        assert raw.exactly(2) == b"\x05\x02"
        raw.send(bytes([1, len(name)]) + name + bytes([len(PASSWORD)]) + PASSWORD.encode())
        assert raw.exactly(2) == b"\x01\x00"
        raw.sent = raw.received = b""
        raw.send(b"\x05\x01\x00\x03\x09localhost" + origin.port.to_bytes(2, "big"))
        assert raw.exactly(10)[1] == 0
    else:
        status = raw.tunnel(f"localhost:{origin.port}", basic(user, PASSWORD))
        assert status == 200, status


def asked(raw: Kept, way: Way, user: str, method: bytes, path: str, body: bytes = b"") -> bytes:
    """One request on a connection that may have had others; the body of its answer."""
    plain = way in {"http", "https"}
    target = f"http://localhost:{origin.port}{path}" if plain else path
    field = basic(user, PASSWORD) if plain else b""
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    raw.send(b"%b %b HTTP/1.1\r\nHost: localhost:%d\r\n" % (method, target.encode(), origin.port))
    raw.send(field + length + b"\r\n" + body)
    head = raw.head()
    assert head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")), head
    sizes = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return raw.exactly(int(sizes[0]))


if TYPE_CHECKING:
    Case = SynchronousTestCase
else:
    Case = object


class ExitTests(Case):
    """What is asked of every maker's; `maker` is one of peers.MAKERS."""

    maker: str

    def setUp(self) -> None:
        if self.maker in missing:
            raise SkipTest(missing[self.maker])
        for each in (origin, secure):
            each.forget()
        self.seen = b""
        """What clients were given, besides what a tap has."""

    def new_user(self, way: str) -> tuple[str, str]:
        """An account that nobody has used, and its user name with the wish for this exit."""
        name = f"u{next(numbers)}.{way}"
        daemon.account(name, PASSWORD)
        return name, f"{name}-exit-{self.maker}"

    def check_bill(self, name: str, up: int, down: int) -> None:
        """What the client counted is what the store has, and what the exchange log adds up to."""
        until(lambda: daemon.total(name) == up + down, f"{self.maker} {name}: {up} + {down} in the store")

        def lines() -> list[dict[str, Any]]:
            return [line for line in daemon.exchanges() if line["username"] == name]

        until(lambda: sum(line["up"] + line["down"] for line in lines()) >= up + down, f"lines of {name}")
        self.assertEqual((sum(line["up"] for line in lines()), sum(line["down"] for line in lines())), (up, down))
        self.assertEqual({line["exit"] for line in lines()}, {self.maker})

    def check_secrets(self, received: bytes = b"") -> None:
        """No upstream proxy's credentials came to a client or an origin."""
        self.assertTrue(origin.received + secure.received)
        for secret in secrets():
            for text in (received, self.seen, origin.received, secure.received):
                self.assertNotIn(secret, text)
        for request in [*origin.requests, *secure.requests]:
            self.assertEqual([name for name in request.names if name.startswith(("proxy-auth", "x-proxymesh"))], [])

    def test_counted_to_the_byte(self) -> None:
        """By each way on one kept connection: megabytes down, megabytes up, and a small one."""
        for way in WAYS:
            name, user = self.new_user(way)
            raw = opened(self, way)
            if way not in {"http", "https"}:
                in_tunnel(raw, way, user)
            self.assertEqual(asked(raw, way, user, b"GET", f"/bytes/{BIG}"), pattern(BIG))
            self.assertEqual(asked(raw, way, user, b"POST", "/bytes/1000", pattern(BIG)), pattern(1000))
            self.assertEqual(json.loads(asked(raw, way, user, b"POST", "/echo", b"hello"))["body"], "hello")
            raw.close()
            self.check_bill(name, len(raw.sent), len(raw.received))
            self.seen += raw.received
        self.assertEqual(Counter(len(each.body) for each in origin.requests), dict.fromkeys((0, BIG, 5), len(WAYS)))
        self.check_secrets()

    def test_curl(self) -> None:
        """Two of its requests share a connection to the proxy; what it saw on its socket is billed."""
        for way in WAYS:
            name, user = self.new_user(way)
            tap = Tap(self, daemon.proxy_port) if not way.startswith("https") else None
            proxy = tap.authority if tap else daemon.proxy
            body = pattern(BIG)
            words = ["curl", "-sS", "-i", "--suppress-connect-headers", "--max-time", "30", "-U", f"{user}:{PASSWORD}"]
            words += [word.format(proxy) for word in CURL[way]] + ["--proxy-cacert", str(daemon.certificate)]
            words += ["-H", "Expect:", "--data-binary", "@-", "-w", "\n%{num_connects} %{http_code}\n"]
            urls = [f"http://localhost:{origin.port}{path}" for path in (f"/bytes/{BIG}", "/bytes/10")]
            done = subprocess.run(
                [*words, *urls], check=False, input=body, capture_output=True, env=clean_environment(), timeout=60
            )
            self.assertEqual((done.returncode, done.stderr), (0, b""), way)
            self.assertIn(b"\r\n\r\n" + body + b"\n1 200\n", done.stdout)
            self.assertTrue(done.stdout.endswith(b"\r\n\r\n" + pattern(10) + b"\n0 200\n"), done.stdout[-300:])
            if tap:
                tap.close()
                self.check_bill(name, *tap.counted())
            self.seen += done.stdout + (tap.received if tap else b"")
        self.assertEqual({each.body for each in origin.requests}, {pattern(BIG)})
        self.check_secrets()

    def test_requests(self) -> None:
        """A session of it: both kinds of origins, bodies both ways."""
        with tempfile.NamedTemporaryFile(suffix=".pem", dir="/tmp") as trusted:
            trusted.write(daemon.certificate.read_bytes() + Path(secure.ca_file).read_bytes())
            trusted.flush()
            for way, scheme in SCHEMES.items():
                name, user = self.new_user(way)
                tap = Tap(self, daemon.proxy_port) if scheme != "https" else None
                at = tap.authority if tap else daemon.proxy
                with (
                    warnings.catch_warnings()
                ):  # it takes a verified proxy before a plain origin for an unverified origin
                    warnings.simplefilter("ignore", InsecureRequestWarning)
                    self.by_requests(way, f"{scheme}://{user}:{PASSWORD.replace(' ', '%20')}@{at}", trusted.name)
                if tap:
                    tap.close()
                    self.check_bill(name, *tap.counted())
                    self.seen += tap.received
        self.check_secrets()

    def by_requests(self, way: Way, proxy: str, trusted: str) -> None:
        server = secure if way == "connect" else origin
        with requests.Session() as session:
            session.trust_env = False
            session.proxies = {"http": proxy, "https": proxy}
            session.verify = trusted
            for size in (BIG, 0, 1000):
                found = session.post(server.url(f"/bytes/{size}"), data=pattern(size), timeout=60)
                self.assertEqual((found.status_code, found.content), (200, pattern(size)), way)
                self.assertEqual(server.requests[-1].body, pattern(size))
            self.assertEqual(session.get(server.url("/status/404"), timeout=60).status_code, 404)

    def test_websocket(self) -> None:
        """aiohttp's: an upgrade in absolute form, and one inside CONNECT and TLS."""
        for url in sockets.urls:
            name, user = self.new_user(url.partition(":")[0])
            tap = Tap(self, daemon.proxy_port)
            messages = [b"hello", pattern(500_000), b""]
            self.assertEqual(asyncio.run(conversation(url, tap, user, messages)), messages)
            self.check_bill(name, *tap.counted())
            for secret in secrets():
                self.assertNotIn(secret, tap.received)


async def conversation(url: str, tap: Tap, user: str, messages: list[bytes]) -> list[bytes]:
    """What comes back for each message.  aiohttp sends its proxy_headers with CONNECT only."""
    shown = {"Proxy-Authorization": f"Basic {base64.b64encode(f'{user}:{PASSWORD}'.encode()).decode()}"}
    async with (
        aiohttp.ClientSession(trust_env=False) as session,
        session.ws_connect(
            url,
            proxy=f"http://{tap.authority}",
            **({"proxy_headers": shown} if url.startswith("wss:") else {"headers": shown}),
            ssl=ssl.create_default_context(cafile=authority().file),
            max_msg_size=0,
        ) as talk,
    ):
        answers = []
        for message in messages:
            await talk.send_bytes(message)
            answers.append(await talk.receive_bytes(timeout=60))
    await asyncio.to_thread(tap.close)  # its connections end while their loop still runs
    return answers


class SquidTests(ExitTests, SynchronousTestCase):
    maker = "squid"


class SquidInsideTLSTests(ExitTests, SynchronousTestCase):
    maker = "squid_tls"


class TinyproxyTests(ExitTests, SynchronousTestCase):
    maker = "tinyproxy"


class PproxyTests(ExitTests, SynchronousTestCase):
    maker = "pproxy"


class DanteTests(ExitTests, SynchronousTestCase):
    maker = "dante"


class SecretTests(SynchronousTestCase):
    """Credentials of upstream proxies are known to them and to the settings file."""

    def test_wrong_ones(self) -> None:
        """A client is told that the exit failed, and nothing that the upstream proxy says about it."""
        for maker in [maker for maker, peer in running.items() if peer.username]:
            name = f"u{next(numbers)}"
            daemon.account(name, PASSWORD)
            raw = opened(self, "connect")
            wish = f"X-ProxyMesh-IP: wrong-{maker}\r\n".encode()
            raw.tunnel(f"localhost:{origin.port}", basic(name, PASSWORD) + wish)
            raw.rest()
            self.assertTrue(raw.received.startswith(b"HTTP/1.1 502 exit failed\r\n"), raw.received)
            for word in (b"theirs", maker.encode(), b"wr0ng", *secrets()):
                self.assertNotIn(word, raw.received)

    def test_a_proxy_that_is_a_pipe_after_its_first_request(self) -> None:
        """As tinyproxy is, where an origin keeps its connection: it would read what comes next, credentials and all."""
        origin.forget()
        name = f"u{next(numbers)}"
        daemon.account(name, PASSWORD)
        raw = opened(self, "http")
        for _ in range(2):
            self.assertEqual(raw.get(origin.url("/bytes/10"), basic(f"{name}-exit-pipe", PASSWORD)), 200)
        self.assertEqual([asked.username for asked in pipe.asked], ["pipe-customer"] * 2)
        for request in origin.requests:
            self.assertEqual((request.target, request.field("proxy-authorization")), ("/bytes/10", None))

    def test_nothing_tells_them(self) -> None:
        """Neither the logs, nor a command, nor the list of processes; the daemon has used each of them."""
        used = {maker: peer for maker, peer in running.items() if peer.username}
        if not used:
            raise SkipTest("; ".join(missing.values()))
        for maker in used:
            name = f"u{next(numbers)}"
            daemon.account(name, PASSWORD)
            field = basic(f"{name}-exit-{maker}", PASSWORD)
            self.assertEqual(opened(self, "http").get(origin.url("/bytes/10"), field), 200)
            until(lambda name=name: daemon.total(name), f"{name} is billed")
        texts = {
            "exchange log": (daemon.data_dir / "exchanges.log").read_text(),
            "log": daemon.log_text(),
            **{path: Path(f"/proc/{daemon.pid}/{path}").read_text() for path in ("cmdline", "environ")},
        }
        for command in self.commands(list(used)):
            texts[" ".join(command)] = "".join(map(str, daemon.run_cli(*command)))
        self.assertEqual({maker for maker in used if f'"exit":"{maker}"' in texts["exchange log"]}, set(used))
        for what, text in texts.items():
            for secret in secrets():
                self.assertNotIn(secret.decode(), text, what)

    def commands(self, makers: list[str]) -> list[tuple[str, ...]]:
        each = [("exit", "test", maker, "--to", origin.authority) for maker in makers]
        asked = ("explain", "--as", "admin", "--to", "localhost:443", "--select", f"exit-{makers[0]}")
        return [("config", "show"), ("--json", "config", "show"), ("config", "check"), ("exit", "list"), asked, *each]
