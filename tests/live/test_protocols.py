"""One port, told apart by the first bytes: HTTP, TLS, SOCKS5, and a PROXY header from those that send one."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import time

import requests
from twisted.trial.unittest import SynchronousTestCase

from meshd.sockets.halves import LINGER_SECONDS
from meshd.sockets.proxyprotocol import crc32c
from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, clean_environment, free_port, until
from tests.support.origin import CLOSE, RecordingOrigin, pattern

LISTED = "127.0.0.66"
"""On anna's list."""
BALANCER = "127.0.0.40"
"""Its connections begin with a PROXY header."""
TEN_MB = 10_000_000
PASSWORD = "correct horse"

CONFIG = f"""
[proxies.local]
proxy_protocol_from = ["{BALANCER}", "2001:db8::/32"]
[timeouts]
head = 4
half_closed = 4
idle = 6
[limits]
flush_seconds = 0.1
"""

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
CONNECT, BIND, UDP = 1, 2, 3
CURLS: dict[str, tuple[str, ...]] = {
    "HTTP": ("-x", "http://{}"),
    "HTTPS": ("-x", "https://{}"),
    "HTTPS and CONNECT": ("-p", "-x", "https://{}"),
    "SOCKS, names": ("--socks5-hostname", "{}"),
    "SOCKS, addresses": ("--socks5", "{}"),
}

daemon: LiveDaemon
origin: RecordingOrigin
secure: RecordingOrigin


def setUpModule() -> None:
    global daemon, origin, secure  # noqa: PLW0603
    daemon = LiveDaemon(config=CONFIG)
    for name in ("anna", "banned", "poor"):
        daemon.account(name, PASSWORD)
    daemon.cli("ip", "add", "anna", LISTED)
    origin, secure = RecordingOrigin(), RecordingOrigin(tls=True)


def tearDownModule() -> None:
    for each in (daemon, origin, secure):
        each.close()


def trusting(certificate: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificate or str(daemon.certificate))
    context.set_alpn_protocols(["http/1.1"])
    return context


def greeting(*methods: int) -> bytes:
    return bytes([5, len(methods), *methods])


def login(username: str, password: str) -> bytes:
    name, word = username.encode(), password.encode()
    return bytes([1, len(name)]) + name + bytes([len(word)]) + word


def asking(host: str, port: int, command: int = CONNECT) -> bytes:
    """A request of SOCKS, with an address as what it is."""
    for family, kind in ((socket.AF_INET, b"\x01"), (socket.AF_INET6, b"\x04")):
        try:
            where = kind + socket.inet_pton(family, host)
        except OSError:
            continue
        break
    else:
        where = b"\x03" + bytes([len(host)]) + host.encode()
    return bytes([5, command, 0]) + where + port.to_bytes(2, "big")


def get(url: str, field: bytes = b"") -> bytes:
    authority = url.split("/")[2].encode()
    return b"GET " + url.encode() + b" HTTP/1.1\r\nHost: " + authority + b"\r\n" + field + b"\r\n"


def descriptors(of: LiveDaemon | None = None) -> int:
    """Sockets that the daemon has open."""
    folder = f"/proc/{(of or daemon).pid}/fd"
    count = 0
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
    return count


class ProtocolCase(SynchronousTestCase):
    """Ways to talk to the daemon, by hand and by curl."""

    def setUp(self) -> None:
        origin.forget()
        self._accepted = origin.accepted

    def assert_unheard(self) -> None:
        """Of this test the origin has seen nothing."""
        self.assertEqual(origin.accepted, self._accepted)

    def plain(self, source: str = "127.0.0.1") -> Raw:
        return Raw(self, daemon.proxy_port, source=source)

    def tls(self, source: str = "127.0.0.1", before: bytes = b"") -> Raw:
        """A connection whose bytes go through TLS."""
        sock = socket.create_connection(("127.0.0.1", daemon.proxy_port), 60, (source, 0))
        sock.sendall(before)
        return Raw(self, self.wrapped(sock))

    def wrapped(self, sock: socket.socket) -> ssl.SSLSocket:
        context = trusting()
        return context.wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False)

    def logged_in(self, raw: Raw, username: str = "anna", password: str = PASSWORD) -> Raw:
        """Past greeting and login."""
        raw.send(greeting(0, 2))
        self.assertEqual(raw.exactly(2), b"\x05\x02")
        raw.send(login(username, password))
        self.assertEqual(raw.exactly(2), b"\x01\x00")
        return raw

    def reply(self, raw: Raw, request: bytes) -> int:
        raw.send(request)
        return raw.exactly(10)[1]

    def curl(self, *words: str, ca: bool = True) -> subprocess.CompletedProcess[bytes]:
        trust = ["--proxy-cacert", str(daemon.certificate)] if ca else []
        return subprocess.run(
            ["curl", "-sS", "--max-time", "20", *trust, *words],
            check=False,
            capture_output=True,
            env=clean_environment(),
            timeout=60,
        )

    def line(self, where: dict[str, object]) -> dict[str, object]:
        """The line of the exchange log that says all this."""
        found = until(
            lambda: [each for each in daemon.exchanges() if where.items() <= each.items()], f"a line with {where}"
        )
        return dict(found[-1])


class CurlTests(ProtocolCase):
    """curl speaks all of them."""

    def test_each_protocol_with_each_credential(self) -> None:
        """A name with a password, with a sticky key, a token, and an address on a list."""
        token = daemon.token("anna")
        credentials = (
            ("-U", f"anna:{PASSWORD}"),
            ("-U", f"anna:some-key:{PASSWORD}"),
            ("-U", f"{token}:"),
            ("-U", f"x:{token}"),
            ("--interface", LISTED),
        )
        for what, way in CURLS.items():
            for credential in credentials:
                done = self.curl(
                    *(word.format(daemon.proxy) for word in way), *credential, f"{origin.url('/bytes/100')}"
                )
                self.assertEqual((done.returncode, done.stderr), (0, b""), (what, credential))
                self.assertEqual(done.stdout, pattern(100), (what, credential))

    def test_each_protocol_carries_https(self) -> None:
        for what, way in CURLS.items():
            words = [word.format(daemon.proxy) for word in way]
            done = self.curl(*words, "-U", f"anna:{PASSWORD}", "--cacert", secure.ca_file, secure.url("/bytes/70000"))
            self.assertEqual((done.returncode, done.stderr), (0, b""), what)
            self.assertEqual(done.stdout, pattern(70_000), what)

    def test_wrong_credentials(self) -> None:
        """As each protocol says it; and nobody without a credential is let in."""
        said = {}
        for what, way in CURLS.items():
            words = [word.format(daemon.proxy) for word in way]
            wrong = self.curl(*words, "-U", "anna:wrong", "--interface", "127.0.0.70", origin.url())
            none = self.curl(*words, "--interface", "127.0.0.71", "-o", os.devnull, "-w", "%{http_code}", origin.url())
            said[what] = (wrong.returncode, none.returncode, none.stdout)
            if what.startswith("SOCKS"):
                self.assertIn(b"User was rejected by the SOCKS5 server (1 1)", wrong.stderr)
            else:
                self.assertIn(
                    b"407" if what.endswith("CONNECT") else b"invalid credentials", wrong.stderr + wrong.stdout
                )
        self.assertEqual({each for what, each in said.items() if what.startswith("SOCKS")}, {(97, 97, b"000")})
        self.assertEqual(said["HTTPS"], (0, 0, b"407"))
        self.assert_unheard()

    def test_the_certificate_is_verified(self) -> None:
        """It is the API's own, and no other authority vouches for it."""
        done = self.curl("-x", f"https://{daemon.proxy}", "-U", f"anna:{PASSWORD}", origin.url(), ca=False)
        self.assertEqual(done.returncode, 60)


class RequestsTests(ProtocolCase):
    def test_requests_by_socks(self) -> None:
        """PySocks, with names resolved here and there."""
        for scheme in ("socks5", "socks5h"):
            proxies = {"http": f"{scheme}://anna:{PASSWORD.replace(' ', '%20')}@{daemon.proxy}"}
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(origin.url("/bytes/300000"), proxies=proxies, timeout=60)
                self.assertEqual((answer.status_code, answer.content), (200, pattern(300_000)))


class CountingTests(ProtocolCase):
    """10 MB by each protocol: what the client sent and got, the store and the log are one number."""

    def check(self, name: str, up: int, down: int) -> None:
        until(lambda: daemon.total(name) == up + down, f"{name}: {up} + {down} in the store")
        mine = until(lambda: [line for line in daemon.exchanges() if line["username"] == name], f"a line of {name}")
        self.assertEqual([(line["up"], line["down"]) for line in mine], [(up, down)])
        self.assertEqual(mine[0]["reason"], "")

    def fetch(self, raw: Raw, request: bytes) -> int:
        """The bytes of the answer, which is whole."""
        raw.send(request)
        head = raw.head()
        self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)
        self.assertEqual(raw.exactly(TEN_MB), pattern(TEN_MB))
        return len(head) + TEN_MB

    def forwarded(self, name: str, raw: Raw) -> None:
        daemon.account(name, PASSWORD)
        request = get(origin.url(f"/bytes/{TEN_MB}"), basic(name, PASSWORD))
        down = self.fetch(raw, request)
        raw.close()
        self.check(name, len(request), down)

    def tunnelled(self, name: str, raw: Raw) -> None:
        daemon.account(name, PASSWORD)
        authority = origin.authority.encode()
        head = b"CONNECT " + authority + b" HTTP/1.1\r\nHost: " + authority + b"\r\n" + basic(name, PASSWORD) + b"\r\n"
        raw.send(head)
        established = raw.head()
        self.ended(name, raw, len(head), len(established))

    def by_socks(self, name: str, raw: Raw, host: str = "127.0.0.1") -> None:
        daemon.account(name, PASSWORD)
        self.logged_in(raw, name)
        request = asking(host, origin.port)
        self.assertEqual(self.reply(raw, request), 0)
        self.ended(name, raw, len(request), 10)

    def ended(self, name: str, raw: Raw, up: int, down: int) -> None:
        inner = get(f"http://x/bytes/{TEN_MB}")
        down += self.fetch(raw, inner)
        raw.close()
        self.check(name, up + len(inner), down)

    def test_http(self) -> None:
        self.forwarded("http-get", self.plain())
        self.tunnelled("http-connect", self.plain())

    def test_https(self) -> None:
        """What is inside the TLS is counted."""
        self.forwarded("https-get", self.tls())
        self.tunnelled("https-connect", self.tls())

    def test_socks(self) -> None:
        """The request, its answer, and what follows; not the greeting and the login."""
        self.by_socks("socks-address", self.plain())
        self.by_socks("socks-name", self.plain(), "localhost")

    def test_socks_over_tls(self) -> None:
        self.by_socks("socks-tls", self.tls())

    def test_behind_a_balancer(self) -> None:
        """The PROXY header is not counted."""
        header = b"PROXY TCP4 198.51.100.9 203.0.113.1 4660 31280\r\n"
        raw = self.plain(BALANCER)
        raw.send(header)
        self.forwarded("balanced-http", raw)
        self.forwarded("balanced-https", self.tls(BALANCER, header))

    def test_up(self) -> None:
        """10 MB to an origin that sends them back."""
        echo = RecordingOrigin(self, raw="echo")
        for name, raw in (("up-socks", self.plain()), ("up-tls", self.tls())):
            daemon.account(name, PASSWORD)
            self.logged_in(raw, name)
            request = asking("127.0.0.1", echo.port)
            self.assertEqual(self.reply(raw, request), 0)
            piece = pattern(100_000)
            for _ in range(TEN_MB // len(piece)):
                raw.send(piece)
                self.assertEqual(raw.exactly(len(piece)), piece)
            raw.close()
            self.check(name, len(request) + TEN_MB, 10 + TEN_MB)

    def test_early_bytes_are_the_origins(self) -> None:
        """Greeting, login, request and what is for the origin, all in one write."""
        daemon.account("eager", PASSWORD)
        for raw in (self.plain(), self.tls()):
            inner = get("http://x/bytes/5")
            raw.send(greeting(2) + login("eager", PASSWORD) + asking("127.0.0.1", origin.port) + inner)
            self.assertEqual(raw.exactly(14), b"\x05\x02\x01\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
            self.assertTrue(raw.head().startswith(b"HTTP/1.1 200 "))
            self.assertEqual(raw.exactly(5), pattern(5))


class SocksTests(ProtocolCase):
    def test_names_and_addresses(self) -> None:
        """All three types; the answer carries the address that the exit leaves by."""
        for host, source in (("127.0.0.1", b"\x7f\x00\x00\x01"), ("localhost", b"\x7f\x00\x00\x01")):
            raw = self.logged_in(self.plain())
            raw.send(asking(host, origin.port))
            self.assertEqual(raw.exactly(10), b"\x05\x00\x00\x01" + source + b"\x00\x00")
        six = RecordingOrigin(self, host="::1")
        raw = self.logged_in(self.plain())
        raw.send(asking("::1", six.port))
        self.assertEqual(raw.exactly(22), b"\x05\x00\x00\x04" + bytes(15) + b"\x01\x00\x00")

    def test_an_address_as_a_name(self) -> None:
        """As Chromium sends a literal: its text, with brackets and without."""
        six = RecordingOrigin(self, host="::1")
        for name in (b"::1", b"[::1]", b"0:0:0:0:0:0:0:1", b"0::0001"):
            raw = self.logged_in(self.plain())
            raw.send(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + six.port.to_bytes(2, "big"))
            self.assertEqual(raw.exactly(22), b"\x05\x00\x00\x04" + bytes(15) + b"\x01\x00\x00", name)

    def test_an_older_version(self) -> None:
        """SOCKS4 and 4a are told so in their own way, by TLS too, and the log says it."""
        for source, data in (
            ("127.0.0.61", b"\x04\x01\x00\x50\x7f\x00\x00\x01anna\x00"),
            ("127.0.0.62", b"\x04\x01\x00\x50\x00\x00\x00\x01anna\x00a.test\x00"),
            ("127.0.0.63", b"\x04\x02\x00\x50\x7f\x00\x00\x01\x00"),
            ("127.0.0.64", b"\x04"),
        ):
            for raw in (self.plain(source), self.tls(source)):
                raw.send(data)
                self.assertEqual(raw.rest(), b"\x00\x5b" + bytes(6))
            self.line({"client": source, "status": 501, "reason": "not-implemented"})

    def test_an_empty_login(self) -> None:
        """An empty name and password are none: the address counts."""
        for source, answer in ((LISTED, b"\x05\x02\x01\x00"), ("127.0.0.65", b"\x05\x02\x01\x01")):
            raw = self.plain(source)
            raw.send(greeting(2) + login("", ""))
            self.assertEqual(raw.exactly(4), answer)

    def test_by_the_address_list(self) -> None:
        """No login where none is offered; a login that is offered counts, even from a listed address."""
        raw = self.plain(LISTED)
        raw.send(greeting(0))
        self.assertEqual(raw.exactly(2), b"\x05\x00")
        self.assertEqual(self.reply(raw, asking("127.0.0.1", origin.port)), 0)
        raw = self.plain(LISTED)
        raw.send(greeting(0, 2) + login("anna", "wrong"))
        self.assertEqual(raw.rest(), b"\x05\x02\x01\x01")

    def test_refusals(self) -> None:
        """Each by the number that says it best, then the end."""
        nobody = free_port()
        cases = {
            asking("127.0.0.1", nobody): (5, "connection-refused"),
            asking("127.0.0.1", 6667): (2, "acl-port"),
            asking("10.1.2.3", 443): (2, "acl-private"),
            asking("no-such.invalid", 443): (4, "dns-error"),
            asking("127.0.0.1", daemon.proxy_port): (2, "acl-private"),
            asking("127.0.0.1", origin.port, BIND): (7, "not-implemented"),
            asking("127.0.0.1", origin.port, UDP): (7, "not-implemented"),
            b"\x05\x01\x00\x02" + bytes(6): (8, "bad-request"),
            asking("a..b", 443): (1, "bad-request"),
        }
        for request, (reply, reason) in cases.items():
            raw = self.logged_in(self.plain("127.0.0.51"))
            raw.send(request)
            self.assertEqual(raw.rest(), bytes([5, reply, 0, 1]) + bytes(6), reason)
            line = self.line({"reason": reason, "client": "127.0.0.51"})
            self.assertEqual(line["username"], "anna", "who has logged in, whatever was asked for then")
        self.assert_unheard()

    def test_greetings_that_lead_nowhere(self) -> None:
        for data in (greeting(0), greeting(1), greeting(1, 3, 9), b"\x05\x00", greeting(2) + b"\x05\x01"):
            answer = b"\x05\x02\x01\xff" if data.startswith(greeting(2)) else b"\x05\xff"
            raw = self.plain("127.0.0.52")
            raw.send(data)
            self.assertEqual(raw.rest(), answer, data)

    def test_no_room(self) -> None:
        """Who has used up the limit."""
        daemon.account("limited", PASSWORD, monthly_limit="0.000001")
        raw = self.logged_in(self.plain(), "limited")
        self.assertEqual(self.reply(raw, asking("127.0.0.1", origin.port)), 0)
        raw.send(get("http://x/bytes/100000"))
        self.assertLess(len(raw.rest()), 1000)
        until(lambda: daemon.total("limited") == 1000)
        raw = self.logged_in(self.plain(), "limited")
        self.assertEqual(self.reply(raw, asking("127.0.0.1", origin.port)), 2)

    def test_bans_are_the_same(self) -> None:
        """Four wrong passwords by SOCKS, and the right one is refused by SOCKS and by HTTP; by address, not for all."""
        source = "127.0.0.53"
        for n in range(4):
            raw = self.plain(source)
            raw.send(greeting(2) + login("banned", f"wrong {n}"))
            self.assertEqual(raw.rest()[:3], b"\x05\x02\x01")
        raw = self.plain(source)
        raw.send(greeting(2) + login("banned", PASSWORD))
        self.assertEqual(raw.rest(), b"\x05\x02\x01\x02")
        self.assertEqual(self.plain(source).get(origin.url(), basic("banned", PASSWORD)), 407)
        self.logged_in(self.plain("127.0.0.54"), "banned")

    def test_an_account_that_is_switched_off(self) -> None:
        daemon.account("off", PASSWORD)
        self.logged_in(self.plain(), "off")
        daemon.cli("account", "deactivate", "off")

        def told() -> bytes:
            raw = self.plain()
            raw.send(greeting(2) + login("off", PASSWORD))
            return raw.exactly(4)

        until(lambda: told() == b"\x05\x02\x01\x04", "refused by its status")

    def test_the_log_tells_it_like_a_tunnel(self) -> None:
        raw = self.logged_in(self.plain("127.0.0.55"))
        self.assertEqual(self.reply(raw, asking("localhost", origin.port)), 0)
        raw.close()
        line = self.line({"client": "127.0.0.55", "method": "CONNECT"})
        self.assertEqual((line["host"], line["port"], line["status"]), ("localhost", origin.port, 200))
        self.assertEqual((line["username"], line["up"], line["down"]), ("anna", 16, 10))


class TLSTests(ProtocolCase):
    def test_kept_connections(self) -> None:
        """Requests one after the other, and one that is refused between them."""
        raw, field = self.tls(), basic("anna", PASSWORD)
        for _ in range(3):
            self.assertEqual(raw.get(origin.url("/bytes/1000"), field), 200)
        self.assertEqual(raw.get("http://127.0.0.1:6667/", field), 403)
        self.assertEqual(raw.get(origin.url("/bytes/1000"), field), 200)

    def test_a_session_is_resumed(self) -> None:
        """By a client that comes back, in both versions of TLS: half of a handshake's time is saved on either side."""
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context, session = trusting(), None
            context.minimum_version = context.maximum_version = version
            for again in (False, True):
                sock = socket.create_connection(("127.0.0.1", daemon.proxy_port), 60)
                secure = context.wrap_socket(sock, server_hostname="127.0.0.1", session=session)
                self.assertEqual(secure.session_reused, again, version)
                raw = Raw(self, secure)
                self.assertEqual(raw.get(origin.url("/bytes/1000"), basic("anna", PASSWORD)), 200)
                session = secure.session

    def test_tls_inside_tls_is_refused(self) -> None:
        raw = self.tls()
        raw.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        self.assertTrue(raw.head().startswith(b"HTTP/1.1 400 "))

    def test_the_origin_ends_first(self) -> None:
        """Every byte arrives, and then the end as TLS says it."""
        raw = self.tls()
        self.assertEqual(raw.tunnel(origin.authority, basic("anna", PASSWORD)), 200)
        raw.send(get("http://x/until-close/3000000"))
        raw.head()
        self.assertEqual(raw.rest(), pattern(3_000_000))

    def test_the_origin_ends_first_and_the_client_is_slow(self) -> None:
        """What is on its way when everybody else has gone is still delivered."""
        raw = self.tls()
        self.assertEqual(raw.tunnel(origin.authority, basic("anna", PASSWORD)), 200)
        raw.send(get("http://x/until-close/300000"))
        until(lambda: origin.accepted > self._accepted, "the origin has a connection")
        self.assertTrue(origin.connections[-1].ended.wait(60))
        raw.head()
        self.assertEqual(raw.rest(), pattern(300_000))

    def test_an_answer_that_breaks_off_does_not_look_whole(self) -> None:
        """The connection ends without the end that TLS knows."""
        origin.script("/broken", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc", CLOSE])
        raw = self.tls()
        raw.send(get(origin.url("/broken"), basic("anna", PASSWORD)))
        with self.assertRaises((ssl.SSLError, EOFError)) as caught:
            raw.head()
            raw.exactly(1000)
        self.assertNotIsInstance(caught.exception, ssl.SSLZeroReturnError)

    def test_a_client_that_ends_ends_all(self) -> None:
        """The origin hears of it."""
        raw = self.tls()
        self.assertEqual(raw.tunnel(origin.authority, basic("anna", PASSWORD)), 200)
        until(lambda: origin.accepted > self._accepted, "the origin has a connection")
        raw.close()
        self.assertTrue(origin.connections[-1].ended.wait(60))

    def test_a_client_that_does_not_read_costs_nothing_for_long(self) -> None:
        """Its tunnel is idle, then ends, and with it every descriptor of it."""
        before, source = until(descriptors), "127.0.0.67"
        raw = self.tls(source)
        self.assertEqual(raw.tunnel(origin.authority, basic("anna", PASSWORD)), 200)
        raw.send(get("http://x/bytes/50000000"))
        self.assertEqual(self.line({"client": source})["reason"], "idle-timeout")
        until(lambda: descriptors() <= before, "all of it is closed")
        raw.close()

    def test_silent_clients_keep_nothing_for_long(self) -> None:
        """They were refused, and do not end their side of the TLS: their descriptors do not wait for it."""
        own = LiveDaemon(self)
        before = descriptors(own)
        for _ in range(10):
            sock = socket.create_connection(("127.0.0.1", own.proxy_port), 60)
            raw = Raw(self, trusting(str(own.certificate)).wrap_socket(sock, server_hostname="127.0.0.1"))
            raw.send(b"garbage\r\n\r\n")
            self.assertTrue(raw.head().startswith(b"HTTP/1.1 400 "))
        self.assertGreater(descriptors(own), before)
        until(lambda: descriptors(own) <= before, "all of them are closed")

    def test_a_slow_client_gets_the_whole_answer(self) -> None:
        """It reads nothing for longer than a silent one is waited for, and then all of it."""
        own = LiveDaemon(self)
        own.account("anna", PASSWORD)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", own.proxy_port))
        raw = Raw(self, trusting(str(own.certificate)).wrap_socket(sock, server_hostname="127.0.0.1"))
        raw.send(get(origin.url("/bytes/150000"), basic("anna", PASSWORD) + b"Connection: close\r\n"))
        until(own.exchanges, "the data plane has done its part")
        time.sleep(2 * LINGER_SECONDS)
        raw.head()
        self.assertEqual(raw.rest(), pattern(150_000))

    def test_a_handshake_that_fails(self) -> None:
        """No cipher in common; then no certificate that the client trusts.  Nothing is left behind."""
        before = descriptors()
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        old.set_ciphers("AES128-SHA256")
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", daemon.proxy_port), 60) as sock:
            self.assertRaises(ssl.SSLError, old.wrap_socket, sock)
        with socket.create_connection(("127.0.0.1", daemon.proxy_port), 60) as sock:
            context = ssl.create_default_context()
            self.assertRaises(ssl.SSLError, context.wrap_socket, sock, server_hostname="127.0.0.1")
        until(lambda: descriptors() <= before, "nothing is left")

    def test_a_new_certificate_is_shown_after_a_reload(self) -> None:
        """Own daemon; likewise none where TLS is off."""
        own = LiveDaemon(self, "[proxy]\ntls = false\n")
        with socket.create_connection(("127.0.0.1", own.proxy_port), 60) as sock:
            self.assertRaises(ssl.SSLError, trusting().wrap_socket, sock, server_hostname="127.0.0.1")
        own.configure("[api]\ntls = false\n")
        own.restart()

        def shown() -> bytes:
            with (
                socket.create_connection(("127.0.0.1", own.proxy_port), 60) as sock,
                trusting(str(own.certificate)).wrap_socket(sock, server_hostname="127.0.0.1") as wrapped,
            ):
                return wrapped.getpeercert(binary_form=True) or b""

        before = shown()
        for path in (own.certificate, own.data_dir / "key.pem"):
            path.unlink()
        made = LiveDaemon(self)
        for name in ("cert.pem", "key.pem"):
            target = own.data_dir / name
            target.touch(mode=0o600)
            target.write_bytes((made.data_dir / name).read_bytes())
        self.assertIn("settings reloaded", own.reload())
        self.assertNotEqual(shown(), before)


class IntroducedTests(ProtocolCase):
    """PROXY headers from who sends them, and from who does not."""

    def told(self, raw: Raw) -> str:
        """The client's address, as meshd says that it sees it."""
        raw.send(get("http://meshd.internal/", basic("anna", PASSWORD) + b"Connection: close\r\n"))
        return str(json.loads(raw.rest().partition(b"\r\n\r\n")[2])["client"])

    def headers(self) -> dict[bytes, str]:
        address = socket.inet_aton("198.51.100.9") + socket.inet_aton("203.0.113.1") + b"\x12\x34\x7a\x30"
        mapped = b"PROXY TCP6 ::ffff:198.51.100.9 ::1 4660 31280\r\n"
        return {
            b"PROXY TCP4 198.51.100.9 203.0.113.1 4660 31280\r\n": "198.51.100.9",
            b"PROXY TCP6 2001:db8:0::9 2001:db8::1 4660 31280\r\n": "2001:db8::9",
            mapped: "198.51.100.9",
            b"PROXY UNKNOWN\r\n": BALANCER,
            SIGNATURE + b"\x21\x11\x00\x0c" + address: "198.51.100.9",
            SIGNATURE + b"\x21\x11\x00\x0f" + address + b"\x04\x00\x00": "198.51.100.9",
            SIGNATURE + b"\x20\x00\x00\x00": BALANCER,
            SIGNATURE + b"\x21\x11\xea\x6f" + address + b"\x20\xea\x60" + bytes(60_000): "198.51.100.9",
        }

    def test_the_header_decides_whose_connection_it_is(self) -> None:
        """Both versions, before HTTP, TLS and SOCKS."""
        for header, address in self.headers().items():
            raw = self.plain(BALANCER)
            raw.send(header)
            self.assertEqual(self.told(raw), address)
            self.assertEqual(self.told(self.tls(BALANCER, header)), address)
            raw = self.plain(BALANCER)
            raw.send(header)
            self.assertEqual(self.reply(self.logged_in(raw), asking("127.0.0.1", origin.port)), 0)
            raw.close()
            self.line({"client": address, "method": "CONNECT"})

    def test_byte_by_byte(self) -> None:
        raw = self.plain(BALANCER)
        for byte in b"PROXY TCP4 198.51.100.9 203.0.113.1 4660 31280\r\n":
            raw.send(bytes([byte]))
        self.assertEqual(self.told(raw), "198.51.100.9")

    def test_an_empty_credential(self) -> None:
        """As wget and w3m send one where they have none: the address counts."""
        for source, status in ((LISTED, 200), ("127.0.0.65", 407)):
            self.assertEqual(
                self.plain(source).get("http://meshd.internal/", b"Proxy-Authorization: Basic Og==\r\n"), status
            )
        self.line({"client": "127.0.0.65", "reason": "auth-required"})

    def test_the_allowlist_goes_by_it(self) -> None:
        """And not by the balancer's own address, which all of its clients share."""
        for source, status in ((LISTED, 200), ("8.8.8.8", 407)):
            raw = self.plain(BALANCER)
            raw.send(f"PROXY TCP4 {source} 203.0.113.1 4660 31280\r\n".encode())
            self.assertEqual(raw.get("http://meshd.internal/"), status)

    def test_from_nobody_else(self) -> None:
        """A header of somebody who is not listed is a malformed request, and lets nobody in."""
        for header in self.headers():
            raw = self.plain("127.0.0.41")
            raw.send(header + get("http://meshd.internal/", basic("anna", PASSWORD)))
            self.assertTrue(raw.rest().startswith(b"HTTP/1.1 400 "), header)

    def test_not_by_a_header_whose_checksum_is_wrong(self) -> None:
        """The connection ends with that, and nothing behind the header is run."""
        address = socket.inet_aton("198.51.100.9") + socket.inet_aton("203.0.113.1") + b"\x12\x34\x7a\x30"
        header = SIGNATURE + b"\x21\x11\x00\x13" + address + b"\x03\x00\x04"
        right = crc32c(header + bytes(4))
        for checksum, status in ((right, b"200"), (right ^ 1, b"400")):
            raw = self.plain(BALANCER)
            asked = get("http://meshd.internal/", basic("anna", PASSWORD) + b"Connection: close\r\n")
            raw.send(header + checksum.to_bytes(4, "big") + asked)
            self.assertEqual([line[9:12] for line in raw.rest().splitlines() if line.startswith(b"HTTP/")], [status])

    def test_not_without_one(self) -> None:
        """Whatever it speaks, and whoever it says it is."""
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
        for data in (get("http://meshd.internal/", basic("anna", PASSWORD)), greeting(2), hello):
            raw = self.plain(BALANCER)
            raw.send(data)
            self.assertTrue(raw.rest().startswith(b"HTTP/1.1 400 "), data)

    def test_one_is_enough(self) -> None:
        """What comes after it is the client's."""
        header = b"PROXY TCP4 198.51.100.9 203.0.113.1 4660 31280\r\n"
        raw = self.plain(BALANCER)
        raw.send(header + header + get("http://meshd.internal/"))
        self.assertTrue(raw.rest().startswith(b"HTTP/1.1 400 "))


class HalfOpenTests(ProtocolCase):
    """Handshakes that do not come to an end are ended, when a head would be."""

    def test_what_begins_and_stops(self) -> None:
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
        beginnings = {
            "TLS": (hello, "127.0.0.80"),
            "one byte of TLS": (hello[:1], "127.0.0.80"),
            "one byte of SOCKS": (b"\x05", "127.0.0.80"),
            "a greeting": (greeting(2), "127.0.0.80"),
            "half a login": (greeting(2) + login("anna", PASSWORD)[:-1], "127.0.0.80"),
            "a login": (greeting(2) + login("anna", PASSWORD), "127.0.0.80"),
            "half a request": (greeting(2) + login("anna", PASSWORD) + b"\x05\x01", "127.0.0.80"),
            "half a PROXY line": (b"PROXY TCP4 198.", BALANCER),
            "half a PROXY block": (SIGNATURE + b"\x21\x11\x00\x0c\x00", BALANCER),
            "a PROXY line": (b"PROXY TCP4 127.0.0.80 203.0.113.1 4660 31280\r\n", BALANCER),
        }
        before = descriptors()
        raws = {}
        for what, (data, source) in beginnings.items():
            raws[what] = self.plain(source)
            raws[what].send(data)
        for what, raw in raws.items():
            self.assertTrue(raw.ends(), what)
        until(lambda: descriptors() <= before, "nothing is left of them")
        self.line({"reason": "head-timeout", "client": "127.0.0.80"})

    def test_what_drips(self) -> None:
        """A byte now and then gives no more time."""
        for data in (greeting(2) + login("anna", "x" * 200), b"\x16\x03\x01\x02\x00" + bytes(500)):
            raw = self.plain("127.0.0.81")
            raw.socket.settimeout(0.05)
            left, ended = list(data), False
            while left and not ended:
                try:
                    raw.send(bytes([left.pop(0)]))
                    ended = raw.socket.recv(100) == b""
                except TimeoutError:
                    continue
                except ConnectionError:
                    ended = True
            self.assertTrue(ended, data[:1])
            self.assertTrue(left, data[:1])

    def test_others_are_served_meanwhile(self) -> None:
        """A crowd of half handshakes of one address takes nothing from others."""
        crowd = [self.plain("127.0.0.82") for _ in range(60)]
        for raw in crowd:
            raw.send(b"\x16\x03\x01")
        self.assertEqual(self.tls().get(origin.url("/bytes/10"), basic("anna", PASSWORD)), 200)
        for raw in crowd:
            raw.close()


class UpstreamTests(ProtocolCase):
    """An exit of kind https: TLS to another proxy, which here is another meshd."""

    def chain(self, ca: str = "") -> LiveDaemon:
        """A daemon whose only exit is the module's, by TLS."""
        words = PASSWORD.replace(" ", "%20")
        exits = f'[[exits]]\nname = "up"\nurl = "https://anna:{words}@{daemon.proxy}"\n'
        return LiveDaemon(self, f'{exits}ca = "{ca}"\n' if ca else exits)

    def test_verified_and_carried(self) -> None:
        """An absolute-form request and a tunnel, 3 MB each; nothing is left open."""
        chain = self.chain(str(daemon.certificate))
        field = basic("admin", chain.root_password)
        raw = Raw(self, chain.proxy_port)
        self.assertEqual(raw.get(origin.url("/bytes/3000000"), field), 200)
        self.assertEqual(raw.get(origin.url("/bytes/3000000"), field), 200)
        raw = Raw(self, chain.proxy_port)
        self.assertEqual(raw.tunnel(origin.authority, field), 200)
        raw.send(get("http://x/until-close/3000000"))
        self.assertTrue(raw.head().startswith(b"HTTP/1.1 200 "))
        self.assertEqual(raw.rest(), pattern(3_000_000))

    def test_who_does_not_prove_itself_gets_nothing(self) -> None:
        """A certificate that nobody vouches for: refused, and the upstream proxy hears no credential."""
        chain = self.chain()
        field = basic("admin", chain.root_password)
        before = descriptors(chain)
        count = len(daemon.exchanges())
        raw = Raw(self, chain.proxy_port)
        self.assertEqual(raw.get(origin.url("/bytes/10"), field), 502)
        raw.close()
        raw = Raw(self, chain.proxy_port)
        self.assertEqual(raw.tunnel(origin.authority, field), 502)
        raw.close()
        until(lambda: descriptors(chain) <= before, "nothing is left")
        self.assert_unheard()
        self.assertEqual([line for line in daemon.exchanges()[count:] if line["username"] == "anna"], [])

    def test_one_that_never_answers_the_handshake(self) -> None:
        """The exchange ends in time, and where its client leaves before that; nothing is left of either."""
        silent = RecordingOrigin(self, raw="sink")
        exits = f'[[exits]]\nname = "up"\nurl = "https://{silent.authority}"\n'
        chain = LiveDaemon(self, f"{exits}[timeouts]\nconnect = 1\n[limits]\nexit_retries = 0\n")
        field = basic("admin", chain.root_password)
        before = descriptors(chain)
        raw = Raw(self, chain.proxy_port)
        self.assertEqual(raw.tunnel(origin.authority, field), 504)
        raw.close()
        raw = Raw(self, chain.proxy_port)
        raw.send(get(origin.url(), field))
        until(lambda: silent.accepted == 2, "the upstream proxy is asked again")
        raw.close()
        until(lambda: descriptors(chain) <= before, "nothing is left")
        self.assertNotIn("Traceback", chain.log_text())


class QuietTests(ProtocolCase):
    def test_zz_nothing_went_wrong(self) -> None:
        """In all of the tests above; and a stop is a stop."""
        self.assertEqual(daemon.terminate(), 0)
        self.assertNotIn("Traceback", daemon.log_text())
        self.assertEqual([line for line in daemon.exchanges() if line["reason"] == "internal"], [])
        booked = sum(line["up"] + line["down"] for line in daemon.exchanges())
        self.assertEqual(sum(daemon.totals().values()), booked)
