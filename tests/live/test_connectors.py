"""ProxyHat's connectors, unmodified, through the gateway: each protocol, each kind of origin, every byte billed.

What was billed is what ProxyHat's SDK, unmodified as well, reads of it.  The connectors come by the extra `connectors`;
CONNECTORS names another interpreter that has them.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from proxyhat import ProxyHat
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.live.hatdaemon import trusting
from tests.live.raw import Raw, basic
from tests.support.browser import FLAGS, Missing, program
from tests.support.daemon import LiveDaemon, clean_environment, free_port, until
from tests.support.origin import Connection, RecordingOrigin, authority

WORKER = Path(__file__).with_name("connector_worker.py")

PLACES = {
    "127.0.0.2": 'country = "US"\nregion = "New York"\ncity = "New York"\ntags = ["high", "high-speed-fast"]',
    "127.0.0.3": 'country = "US"\nregion = "New York"\ncity = "Albany"\ntags = ["medium"]',
    "127.0.0.4": 'country = "FR"\nregion = "Île-de-France"\ncity = "Saint-Denis"\ntags = ["high"]',
    "127.0.0.5": 'country = "US"\nregion = "New York"\ncity = "New York"\ntags = ["medium"]',
}

TARGETS: dict[str, tuple[dict[str, object], set[str]]] = {
    "a tier of a city, sticky": (
        {"country": "us", "region": "new york", "city": " New  York", "filter": "high-speed-fast", "sticky": "30m"},
        {"127.0.0.2"},
    ),
    "a place with hyphens, rotating": (
        {"country": "FR", "region": "Île-de-France", "city": "Saint-Denis", "sticky": False},
        {"127.0.0.4"},
    ),
    "any country": ({"filter": "none", "sticky": False}, set(PLACES)),
}
"""What is asked for, and the exits that it may leave by."""

SALE = """
[selling]
name = "Mesh Ltd"
address = ["1 Example Street"]
instructions = "Transfer {amount}, {number}."
[offers.one]
gb = 1
price = "4.99"
currency = "EUR"
"""
"""What lets somebody who has registered have traffic."""

daemon: LiveDaemon
origins: dict[str, RecordingOrigin]
ports: tuple[int, int]


def setUpModule() -> None:
    global daemon, origins, ports  # noqa: PLW0603
    ports = free_port(), free_port()
    config = f'[v1]\nregistration = "open"\ngateway = ["tcp:{ports[0]}"]\nsocks = ["tcp:{ports[1]}"]\n'
    config += f"{SALE}[limits]\nflush_seconds = 0.05\n"
    for address, place in PLACES.items():
        config += f'[[exits]]\nname = "rack-{address[-1]}"\nkind = "local"\naddress = "{address}"\n{place}\n'
    daemon = LiveDaemon(config=config)
    daemon.account("shop")
    origins = {"http": RecordingOrigin(), "https": RecordingOrigin(tls=True)}


def tearDownModule() -> None:
    for each in (daemon, *origins.values()):
        each.close()


def interpreter() -> str:
    """Of the connectors.  SkipTest where there is none."""
    found = os.environ.get("CONNECTORS") or sys.executable
    if subprocess.run([found, "-c", "import requests_proxyhat"], capture_output=True, check=False).returncode:
        raise SkipTest("ProxyHat's connectors are not installed: pip install -e '.[connectors]'")
    return found


class ConnectorTests(SynchronousTestCase):
    """A customer of the SDK's for each, with one sub-user that nobody else uses."""

    def customer(self, name: str) -> ProxyHat:
        """One who has registered and paid for a gigabyte."""
        with trusting(daemon.certificate):
            visitor = ProxyHat(base_url=f"{daemon.api}/v1")
            self.addCleanup(visitor.close)
            told = {"name": name, "email": f"{name}@mail.example", "password": "correct horse"}
            registered = visitor.auth.register(**told, password_confirmation="correct horse")
            customer = ProxyHat(api_key=registered.access_token, base_url=f"{daemon.api}/v1")
            self.addCleanup(customer.close)
        bought = customer.payments.create(type="regular", plan_id="one", cryptocurrency_code="BTC")
        daemon.cli("order", "settle", bought.payment_id)
        return customer

    def fetched(self, connector: str, who: dict[str, object], urls: list[str], **more: object) -> list[Any]:
        told = {
            "connector": connector,
            "gateway": ["127.0.0.1", *ports],
            "ca": authority().file,
            "who": who,
            "urls": urls,
            **more,
        }
        words = [interpreter(), str(WORKER), json.dumps(told)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False, env=clean_environment())
        self.assertEqual(done.returncode, 0, f"{connector}: {done.stderr[-2000:]}")
        found: list[Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def seen(self, path: str) -> Connection:
        """The connection that brought the one request for a path; nothing of the proxy's was in it."""
        found = [
            (connection, request)
            for origin in origins.values()
            for connection in list(origin.connections)
            for request in list(connection.requests)
            if request.target == path
        ]
        ((connection, request),) = found
        foreign = ("proxy-", "x-proxymesh-", "via", "x-forwarded", "forwarded", "x-real-ip", "x-client-ip")
        self.assertEqual([name for name in request.names if name.startswith(foreign)], [])
        return connection

    def passes(self, connector: str, protocol: str = "http", **more: object) -> ProxyHat:
        customer = self.customer(f"{connector}-{protocol}")
        sub_user = customer.sub_users.create(proxy_password="p:w@rd /%", name=connector)
        known = {"username": sub_user.proxy_username, "password": sub_user.proxy_password, "protocol": protocol}
        connections: list[Connection] = []
        for number, (sentence, (targeting, exits)) in enumerate(TARGETS.items()):
            paths = [f"/echo?{connector}-{protocol}-{number}-{kind}" for kind in ("a", "b")]
            urls = [origin.url(path + scheme) for scheme, origin in origins.items() for path in paths]
            answers = self.fetched(connector, known | targeting, urls, **more)
            self.assertEqual([status for status, _ in answers], [200] * 4, sentence)
            for url, (_, body) in zip(urls, answers, strict=True):
                path = f"/{url.split('/', 3)[3]}"
                self.assertIn(path, body)
                connections.append(self.seen(path))
                self.assertIn(connections[-1].peer[0], exits, sentence)
        self.check_billed(customer, sub_user.uuid, sub_user.proxy_username, len({each.peer for each in connections}))
        return customer

    def check_billed(self, customer: ProxyHat, uuid: str, name: str, connections: int) -> None:
        """Everything that tells bytes tells the same ones: the exchange log, the command, and each way of the SDK's.

        connections: that origins saw, each of which was one exchange or more.
        """

        def logged() -> list[dict[str, Any]]:
            return [line for line in daemon.exchanges() if line["username"] == name]

        def told() -> dict[str, int]:
            return {
                "exchange log": sum(line["up"] + line["down"] for line in logged()),
                "meshd usage": daemon.cli("usage", name)["total_bytes"],
                "sub_users.get": customer.sub_users.get(uuid).used_traffic,
                "sub_users.list": sum(each.used_traffic for each in customer.sub_users.list()),
                "analytics.traffic": sum(customer.analytics.traffic().data),
                "analytics.traffic_total": customer.analytics.traffic_total(period="7d").total,
            }

        until(lambda: len(logged()) >= connections, f"every connection of {name} is in the log")
        wait_until_same(told)
        lines = logged()
        until(lambda: customer.analytics.requests_total().total == len(lines), "bytes come before their end")
        self.assertEqual({line["proxy"] for line in lines}, {"gateway"})
        self.assertGreater(sum(line["down"] for line in lines), 0)

    def test_requests(self) -> None:
        """A sticky session, and a new one for each request; its bytes by domain come with the next report."""
        customer = self.passes("requests")

        def told() -> dict[str, int]:
            domains = customer.analytics.domain_breakdown().items
            return {
                "total": customer.analytics.traffic_total().total,
                "domains": sum(each.bandwidth for each in domains),
            }

        wait_until_same(told)

    def test_requests_by_socks(self) -> None:
        """It looks names up itself and sends addresses."""
        self.passes("requests", "socks5")

    def test_httpx(self) -> None:
        """Its client of today."""
        self.passes("httpx")

    def test_httpx_by_socks(self) -> None:
        """It sends names."""
        self.passes("httpx", "socks5")

    def test_httpx_asynchronous(self) -> None:
        """All URLs at once."""
        self.passes("httpx-async")

    def test_httpx_asynchronous_by_socks(self) -> None:
        """Likewise."""
        self.passes("httpx-async", "socks5")

    def test_scrapy(self) -> None:
        """Its middleware."""
        self.passes("scrapy")

    def test_curl_cffi(self) -> None:
        """With a browser's handshake towards the origin."""
        self.passes("curl-cffi")

    def test_curl_cffi_by_socks(self) -> None:
        """Likewise."""
        self.passes("curl-cffi", "socks5")

    def test_yt_dlp(self) -> None:
        """Its requests, without a page of videos."""
        self.passes("yt-dlp")

    def test_yt_dlp_by_socks(self) -> None:
        """Likewise."""
        self.passes("yt-dlp", "socks5")

    def test_selenium(self) -> None:
        """Chromium, whose extension answers the 407."""
        driver = shutil.which("chromedriver")
        try:
            chromium = program()
        except Missing as error:
            raise SkipTest(str(error)) from error
        if driver is None:
            raise SkipTest("no program chromedriver: apt-get install chromium-driver")
        flags = [flag for flag in FLAGS if flag != "--disable-extensions"]
        flags += ["--headless=new", "--ignore-certificate-errors", "--proxy-bypass-list=<-loopback>"]
        self.passes("selenium", chromium=chromium, chromedriver=driver, flags=flags)


class TunnelTests(SynchronousTestCase):
    """What other connectors of ProxyHat's do, byte by byte."""

    def connect(self, user: str, password: str, origin: RecordingOrigin, port: int = 0) -> tuple[Raw, int]:
        client = Raw(self, port or ports[0])
        return client, client.tunnel(origin.authority, basic(user, password))

    def test_tunnels_to_plain_origins(self) -> None:
        """Axios opens one even for http://; and each port speaks both protocols."""
        password = daemon.account("ph-axios", parent="shop")
        for number, port in enumerate(ports):
            client, status = self.connect("ph-axios-country-us-city-albany", password, origins["http"], port)
            self.assertEqual(status, 200)
            path = f"/echo?axios-{number}"
            client.send(f"GET {path} HTTP/1.1\r\nHost: x.test\r\n\r\n".encode())
            self.assertIn(b" 200 ", client.head())
            self.assertEqual(
                [c.peer[0] for c in list(origins["http"].connections) if path in targets(c)], ["127.0.0.3"]
            )

    def test_three_tunnels_at_once_after_a_refusal(self) -> None:
        """Scrapy opens them with a sid of its own each; wrong ones count once, and right ones pass."""
        password = daemon.account("ph-scrapy", parent="shop")
        for wave in range(3):
            opened = [
                self.connect(f"ph-scrapy-country-any-sid-{wave}{number:015x}-ttl-30m", "typo", origins["https"])
                for number in range(3)
            ]
            self.assertEqual([status for _, status in opened], [407] * 3)
        sids = [f"ph-scrapy-country-any-sid-{number:016x}-ttl-30m" for number in range(3)]
        self.assertEqual([self.connect(each, password, origins["https"])[1] for each in sids], [200] * 3)

    def test_what_cannot_be_given_is_told(self) -> None:
        """A place without exits, a text that is no selection, a name that is nobody's."""
        password = daemon.account("ph-told", parent="shop")
        cases = {
            "ph-told-country-us-city-berlin": 503,
            "ph-told-country-us-filter-low": 503,
            "ph-told-country-usa": 400,
            "ph-told-sid-a-ttl-soon": 400,
            "ph-told-city-salt-lake-city": 503,
            "ph-nobody-country-us": 407,
        }
        for user, wanted in cases.items():
            self.assertEqual(self.connect(user, password, origins["https"])[1], wanted, user)

    def test_out_of_traffic_and_put_out_of_use(self) -> None:
        """509 at the limit, 402 for an account that is not active: as everybody is told."""
        password = daemon.account("ph-spent", parent="shop", total_limit="0.000001")
        client, status = self.connect("ph-spent-country-us-sid-a-ttl-30m", password, origins["http"])
        self.assertEqual(status, 200)
        client.send(b"GET /bytes/5000 HTTP/1.1\r\nHost: x.test\r\n\r\n")
        self.assertTrue(client.ends(10))
        until(lambda: self.connect("ph-spent-sid-b", password, origins["http"])[1] == 509, "out of traffic")
        daemon.cli("account", "deactivate", "ph-spent")
        until(lambda: self.connect("ph-spent-sid-c", password, origins["http"])[1] == 402, "not active")

    def test_a_reload_switches_the_gateway_off_and_on(self) -> None:
        """With nothing else touched: what is open stays, and who comes is let in by the ports of now."""
        password = daemon.account("ph-reload", parent="shop")
        assert daemon.config_file is not None
        text = daemon.config_file.read_text()
        client, status = self.connect("ph-reload-country-us", password, origins["http"])
        self.assertEqual(status, 200)
        other = free_port()
        for config, open_ports in (
            (text.replace(f'socks = ["tcp:{ports[1]}"]', "socks = []"), {ports[0]}),
            (text.replace(f"tcp:{ports[0]}", f"tcp:{other}"), {other, ports[1]}),
            (text.partition("[v1]")[0] + "[limits]" + text.partition("[limits]")[2], set()),
            (text, set(ports)),
        ):
            daemon.configure(config)
            daemon.reload()
            self.assertEqual({port for port in (*ports, other) if listens(port)}, open_ports)
        client.send(b"GET /echo?reloaded HTTP/1.1\r\nHost: x.test\r\n\r\n")
        self.assertIn(b" 200 ", client.head())


def wait_until_same(told: Callable[[], dict[str, int]]) -> None:
    """Wait until all of these are one number.  AssertionError with the latest ones when they do not become it."""
    latest: list[dict[str, int]] = []

    def same() -> bool:
        latest[:] = [told()]
        return len(set(latest[0].values())) == 1

    try:
        until(same)
    except AssertionError:
        raise AssertionError(f"not the same bytes: {latest[0]}") from None


def targets(connection: Connection) -> list[str]:
    return [request.target for request in list(connection.requests)]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
