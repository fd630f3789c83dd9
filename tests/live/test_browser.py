"""Chromium, by itself and by Playwright, loads a page with what belongs to it, and all of it through the proxy."""

from __future__ import annotations

import base64
import hashlib
import ssl
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import sync_playwright
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support import browser
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin
from tests.threats.support import Names

HOST = "origin.test"
"""A name that only the daemon's name server knows: a browser that did not ask the proxy would find nothing."""

PASSWORD = "correct horse"
WHOLE = "all of it"

PAGE = b'<!doctype html><title>half</title><script src="/script.js"></script><p>words</p>'
SCRIPT = f"document.title = {WHOLE!r};".encode()

daemon: LiveDaemon
origin: RecordingOrigin
names: Names


def setUpModule() -> None:
    global daemon, origin, names  # noqa: PLW0603
    names = Names()
    names.say(HOST, ("127.0.0.1",))
    daemon = LiveDaemon(config=f'[dns]\nservers = ["{names.address}"]\n[limits]\nflush_seconds = 0.1\n')
    daemon.account("anna", PASSWORD)
    daemon.account("listed", PASSWORD)
    daemon.account("clumsy", PASSWORD)
    daemon.cli("ip", "add", "listed", "::1")
    origin = RecordingOrigin(tls=True)
    for path, kind, body in (("/page", b"html", PAGE), ("/script.js", b"javascript", SCRIPT)):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/%b\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
        origin.script(path, head + body)


def tearDownModule() -> None:
    for each in (daemon, origin):
        each.close()


def trusted(*certificates: bytes) -> str:
    """The flag by which Chromium takes these certificates (PEM) and no other for valid."""
    digests = []
    for pem in certificates:
        key = x509.load_pem_x509_certificate(pem).public_key()
        digests.append(hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest())
    return "--ignore-certificate-errors-spki-list=" + ",".join(base64.b64encode(each).decode() for each in digests)


def flags() -> list[str]:
    """For the origin's certificate and the proxy's own."""
    shown = ssl.get_server_certificate(("127.0.0.1", origin.port)).encode()
    origin.forget()
    return [trusted(shown, daemon.certificate.read_bytes())]


class BrowserCase(SynchronousTestCase):
    """A page and its script are loaded; both are asked for through one exit and billed to one account."""

    def setUp(self) -> None:
        try:
            self.program = browser.program()
        except browser.Missing as error:
            raise SkipTest(str(error)) from None
        self.flags = flags()
        self.url = origin.url("/page", host=HOST)
        self.before = daemon.totals()
        self.lines = len(daemon.exchanges())

    def check(self, title: str, username: str) -> None:
        """The page ran its script, and all of it went through the proxy, in whose log this account stands."""
        self.assertEqual(title, WHOLE)
        paths = [request.path for request in origin.requests]
        self.assertEqual([path for path in paths if path != "/favicon.ico"], ["/page", "/script.js"])
        for request in origin.requests:
            self.assertEqual([name for name in request.names if name.startswith("proxy-")], [])
            self.assertNotIn(base64.b64encode(f"{username}:{PASSWORD}".encode()), request.raw)
        until(lambda: self.settled(username), f"{username} is billed for it, and the exchange log says the same")
        for line in self.mine(username):
            self.assertEqual((line["method"], line["port"], line["status"]), ("CONNECT", origin.port, 200))
        self.assertEqual({line["username"] for line in self.new_lines() if line["up"]}, {username})
        self.assertTrue(self.mine(username))

    def settled(self, username: str) -> bool:
        """Whether all that it has used up stands in the log, and the page is in it."""
        total = daemon.total(username)
        logged = sum(line["up"] + line["down"] for line in daemon.exchanges() if line["username"] == username)
        return total == logged and total > self.before[username] + len(PAGE) + len(SCRIPT)

    def new_lines(self) -> list[dict[str, Any]]:
        return daemon.exchanges()[self.lines :]

    def mine(self, username: str) -> list[dict[str, Any]]:
        """Not those for its maker's services, which it asks for whatever it is told: the name server knows none."""
        return [line for line in self.new_lines() if line["username"] == username and line["host"] == HOST]


class ChromiumTests(BrowserCase):
    """By itself, told with --proxy-server."""

    def chromium(self, proxy: str, credentials: tuple[str, str] | None = None) -> browser.Chromium:
        return browser.Chromium(self, f"--proxy-server={proxy}", *self.flags, credentials=credentials)

    def loads_as(self, username: str, chromium: browser.Chromium) -> None:
        title = chromium.load(self.url)
        chromium.close()  # its connections end, and with them the exchanges
        self.check(title, username)

    def test_basic(self) -> None:
        """It connects without credentials, is asked for them with our words, and comes again."""
        chromium = self.chromium(f"http://{daemon.proxy}", ("anna", PASSWORD))
        self.loads_as("anna", chromium)
        (asked,) = chromium.challenges
        self.assertEqual((asked["source"], asked["scheme"], asked["realm"]), ("Proxy", "basic", "meshd"))
        self.assertIn("auth-required", [line["reason"] for line in self.new_lines()])

    def test_allowlist(self) -> None:
        """From an address on a list nothing is asked."""
        chromium = self.chromium(f"http://[::1]:{daemon.proxy_port}")
        self.loads_as("listed", chromium)
        self.assertEqual(chromium.challenges, [])

    def test_socks(self) -> None:
        """It knows no login there: by the list.  The name is resolved at the proxy."""
        self.loads_as("listed", self.chromium(f"socks5://[::1]:{daemon.proxy_port}"))

    def test_inside_tls(self) -> None:
        """An HTTPS proxy, whose certificate it verifies."""
        self.loads_as("anna", self.chromium(f"https://{daemon.proxy}", ("anna", PASSWORD)))

    def test_wrong_password(self) -> None:
        """It is asked again, gives up, and shows an error; the origin hears nothing."""
        chromium = self.chromium(f"http://{daemon.proxy}", ("clumsy", "wrong"))
        title = chromium.load(self.url)
        self.assertNotEqual(title, WHOLE)
        self.assertEqual(len(chromium.challenges), 2)
        self.assertEqual(origin.requests, [])


class PlaywrightTests(BrowserCase):
    """The same browser, driven as crawlers drive it."""

    def loads_as(self, username: str, proxy: dict[str, str]) -> None:
        with sync_playwright() as driver:
            chromium = driver.chromium.launch(
                executable_path=self.program, args=[*browser.FLAGS, *self.flags], proxy=proxy, timeout=120_000
            )
            page = chromium.new_page()
            answer = page.goto(self.url, timeout=120_000)
            assert answer is not None
            self.assertEqual((answer.status, answer.security_details() is not None), (200, True))
            title = page.title()
            chromium.close()
        self.check(title, username)

    def test_basic(self) -> None:
        self.loads_as("anna", {"server": f"http://{daemon.proxy}", "username": "anna", "password": PASSWORD})

    def test_allowlist(self) -> None:
        self.loads_as("listed", {"server": f"http://[::1]:{daemon.proxy_port}"})
