"""`python-proxy-headers`: what its users read in the answer to CONNECT, and send with it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping

import httpx
from python_proxy_headers.aiohttp_proxy import ProxyClientSession
from python_proxy_headers.httpx_proxy import HTTPProxyTransport
from python_proxy_headers.requests_adapter import ProxySession
from python_proxy_headers.urllib3_proxy_manager import proxy_from_url
from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon
from tests.support.origin import RecordingOrigin

EXITS = ("127.0.0.21", "127.0.0.22", "127.0.0.23")

CONFIG = "".join(f'[[exits]]\nname = "rack-{each[-2:]}"\nkind = "local"\naddress = "{each}"\n' for each in EXITS)

daemon: LiveDaemon
origin: RecordingOrigin
password: str


def setUpModule() -> None:
    global daemon, origin, password  # noqa: PLW0603
    daemon = LiveDaemon(config=CONFIG)
    origin = RecordingOrigin(tls=True)
    password = daemon.account("anna")


def tearDownModule() -> None:
    origin.close()
    daemon.close()


Seen = tuple[int, Mapping[str, str]]


def proxy_url() -> str:
    return f"http://anna:{password}@{daemon.proxy}"


def by_requests(sent: Mapping[str, str]) -> Seen:
    with ProxySession(dict(sent)) as session:
        session.trust_env = False
        url = proxy_url()
        found = session.get(origin.url(), proxies={"https": url, "http": url}, verify=origin.ca_file, timeout=20)
        return found.status_code, found.headers


def by_urllib3(sent: Mapping[str, str]) -> Seen:
    with proxy_from_url(proxy_url(), proxy_headers=dict(sent), ca_certs=origin.ca_file) as manager:
        found = manager.request("GET", origin.url(), timeout=20, retries=False)
        return found.status, found.headers


def by_httpx(sent: Mapping[str, str]) -> Seen:
    proxy = httpx.Proxy(proxy_url(), headers=dict(sent))
    transport = HTTPProxyTransport(proxy=proxy, verify=ssl.create_default_context(cafile=origin.ca_file))
    with httpx.Client(mounts={"https://": transport}, trust_env=False) as client:
        found = client.get(origin.url(), timeout=20)
        return found.status_code, found.headers


def by_aiohttp(sent: Mapping[str, str]) -> Seen:
    async def fetched() -> Seen:
        context = ssl.create_default_context(cafile=origin.ca_file)
        async with (
            ProxyClientSession() as session,
            session.get(origin.url(), proxy=proxy_url(), proxy_headers=dict(sent), ssl=context) as found,
        ):
            return found.status, dict(found.headers)

    return asyncio.run(fetched())


class ProxyHeaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        origin.forget()

    def reads(self, fetch: Callable[[Mapping[str, str]], Seen]) -> None:
        status, fields = fetch({})
        self.assertEqual(status, 200)
        self.assertEqual(self.source(), fields["X-ProxyMesh-IP"])
        self.assertIn(fields["X-ProxyMesh-IP"], EXITS)

    def pins(self, fetch: Callable[[Mapping[str, str]], Seen]) -> None:
        for wanted in EXITS:
            origin.forget()
            _, fields = fetch({"X-ProxyMesh-IP": wanted})
            self.assertEqual((self.source(), fields["X-ProxyMesh-IP"]), (wanted, wanted))
            self.assertNotIn("X-ProxyMesh-IP-Not-Found", fields)

    def misses(self, fetch: Callable[[Mapping[str, str]], Seen]) -> None:
        _, fields = fetch({"X-ProxyMesh-IP": "192.0.2.1"})
        self.assertEqual(fields["X-ProxyMesh-IP-Not-Found"], "192.0.2.1")
        self.assertEqual(self.source(), fields["X-ProxyMesh-IP"])

    def source(self) -> str:
        """Where the one connection came from; and nothing of the proxy's was in it."""
        (connection,) = [each for each in origin.connections if each.requests]
        (request,) = connection.requests
        self.assertEqual([name for name in request.names if name.startswith(("proxy-", "x-proxymesh-"))], [])
        return connection.peer[0]

    def test_requests_reads_the_exit(self) -> None:
        """X-ProxyMesh-IP of the CONNECT answer is among the response's fields, and true."""
        self.reads(by_requests)

    def test_requests_pins_an_exit(self) -> None:
        """Each exit that is asked for is the one that is taken."""
        self.pins(by_requests)

    def test_requests_is_told_of_an_exit_that_is_not_there(self) -> None:
        """Another one serves, and the answer says so."""
        self.misses(by_requests)

    def test_urllib3_reads_the_exit(self) -> None:
        """X-ProxyMesh-IP of the CONNECT answer is among the response's fields, and true."""
        self.reads(by_urllib3)

    def test_urllib3_pins_an_exit(self) -> None:
        """Each exit that is asked for is the one that is taken."""
        self.pins(by_urllib3)

    def test_urllib3_is_told_of_an_exit_that_is_not_there(self) -> None:
        """Another one serves, and the answer says so."""
        self.misses(by_urllib3)

    def test_httpx_reads_the_exit(self) -> None:
        """X-ProxyMesh-IP of the CONNECT answer is among the response's fields, and true."""
        self.reads(by_httpx)

    def test_httpx_pins_an_exit(self) -> None:
        """Each exit that is asked for is the one that is taken."""
        self.pins(by_httpx)

    def test_httpx_is_told_of_an_exit_that_is_not_there(self) -> None:
        """Another one serves, and the answer says so."""
        self.misses(by_httpx)

    def test_aiohttp_reads_the_exit(self) -> None:
        """X-ProxyMesh-IP of the CONNECT answer is among the response's fields, and true."""
        self.reads(by_aiohttp)

    def test_aiohttp_pins_an_exit(self) -> None:
        """Each exit that is asked for is the one that is taken."""
        self.pins(by_aiohttp)

    def test_aiohttp_is_told_of_an_exit_that_is_not_there(self) -> None:
        """Another one serves, and the answer says so."""
        self.misses(by_aiohttp)
