"""`python-proxy-headers`: what its users read in the answer to CONNECT, and send with it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping

import aiohttp
import httpx
import requests
import urllib3
from python_proxy_headers.aiohttp_proxy import ProxyClientSession
from python_proxy_headers.httpx_proxy import HTTPProxyTransport
from python_proxy_headers.requests_adapter import ProxySession
from python_proxy_headers.urllib3_proxy_manager import proxy_from_url
from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon
from tests.support.origin import RecordingOrigin

EXITS = tuple(f"127.0.0.{n}" for n in range(21, 29))

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

Fetch = Callable[[Mapping[str, str], str], Seen]
"""Takes the fields for the proxy and a URL.  Raises what the client raises where the proxy refuses the tunnel."""

REFUSED = (
    aiohttp.ClientHttpProxyError,
    httpx.ProxyError,
    requests.exceptions.ProxyError,
    urllib3.exceptions.ProxyError,
)


def proxy_url() -> str:
    return f"http://anna:{password}@{daemon.proxy}"


def by_requests(sent: Mapping[str, str], url: str) -> Seen:
    with ProxySession(dict(sent)) as session:
        session.trust_env = False
        proxies = {"https": proxy_url(), "http": proxy_url()}
        found = session.get(url, proxies=proxies, verify=origin.ca_file, timeout=60)
        return found.status_code, found.headers


def by_urllib3(sent: Mapping[str, str], url: str) -> Seen:
    with proxy_from_url(proxy_url(), proxy_headers=dict(sent), ca_certs=origin.ca_file) as manager:
        found = manager.request("GET", url, timeout=60, retries=False)
        return found.status, found.headers


def by_httpx(sent: Mapping[str, str], url: str) -> Seen:
    proxy = httpx.Proxy(proxy_url(), headers=dict(sent))
    transport = HTTPProxyTransport(proxy=proxy, verify=ssl.create_default_context(cafile=origin.ca_file))
    with httpx.Client(mounts={"https://": transport}, trust_env=False) as client:
        found = client.get(url, timeout=60)
        return found.status_code, found.headers


def by_aiohttp(sent: Mapping[str, str], url: str) -> Seen:
    async def fetched() -> Seen:
        context = ssl.create_default_context(cafile=origin.ca_file)
        async with (
            ProxyClientSession() as session,
            session.get(url, proxy=proxy_url(), proxy_headers=dict(sent), ssl=context) as found,
        ):
            return found.status, dict(found.headers)

    return asyncio.run(fetched())


class ProxyHeaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        origin.forget()

    def reads(self, fetch: Fetch) -> None:
        status, fields = fetch({}, origin.url())
        self.assertEqual(status, 200)
        self.assertEqual(self.source(), fields["X-ProxyMesh-IP"])
        self.assertIn(fields["X-ProxyMesh-IP"], EXITS)

    def pins(self, fetch: Fetch) -> None:
        for wanted in EXITS:
            origin.forget()
            _, fields = fetch({"X-ProxyMesh-IP": wanted}, origin.url())
            self.assertEqual((self.source(), fields["X-ProxyMesh-IP"]), (wanted, wanted))
            self.assertNotIn("X-ProxyMesh-IP-Not-Found", fields)

    def misses(self, fetch: Fetch) -> None:
        _, fields = fetch({"X-ProxyMesh-IP": "192.0.2.1"}, origin.url())
        self.assertEqual(fields["X-ProxyMesh-IP-Not-Found"], "192.0.2.1")
        self.assertEqual(self.source(), fields["X-ProxyMesh-IP"])

    def rotates(self, fetch: Fetch) -> None:
        """That 20 draws bring less than four of eight exits has a chance below 1 in a million."""
        used = set()
        for _ in range(20):
            origin.forget()
            _, fields = fetch({}, origin.url())
            self.assertEqual(self.source(), fields["X-ProxyMesh-IP"])
            used.add(fields["X-ProxyMesh-IP"])
        self.assertGreaterEqual(len(used), 4)

    def grows(self, fetch: Fetch) -> None:
        blocked: list[str] = []
        while len(blocked) < len(EXITS):
            origin.forget()
            _, fields = fetch({"X-ProxyMesh-Not-IP": ",".join(blocked)}, origin.url())
            self.assertEqual(self.source(), fields["X-ProxyMesh-IP"])
            self.assertNotIn(fields["X-ProxyMesh-IP"], blocked)
            blocked.append(fields["X-ProxyMesh-IP"])
        self.assertEqual(sorted(blocked), sorted(EXITS))
        origin.forget()
        self.assertIn("503", self.refused(fetch, {"X-ProxyMesh-Not-IP": ",".join(blocked)}, origin.url()))
        self.assertEqual(origin.requests, [])

    def times_out(self, fetch: Fetch) -> None:
        self.assertIn("504", self.refused(fetch, {"X-ProxyMesh-Timeout": "1"}, f"https://127.0.0.1:{self.silent()}/"))

    def refused(self, fetch: Fetch, sent: Mapping[str, str], url: str) -> str:
        """What the client says of it."""
        return str(self.assertRaises(REFUSED, fetch, sent, url))

    def silent(self) -> int:
        """The port of a listener whose queue is full: the kernel drops what else comes, and a connect hangs."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.addCleanup(listener.close)
        port = int(listener.getsockname()[1])
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            self.addCleanup(filler.close)
        return port

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

    def test_requests_rotates(self) -> None:
        """A tunnel each leaves by an exit each."""
        self.rotates(by_requests)

    def test_requests_blocks_a_growing_list(self) -> None:
        """Whatever has served is excluded, until nothing is left: 503."""
        self.grows(by_requests)

    def test_requests_waits_no_longer(self) -> None:
        """X-ProxyMesh-Timeout bounds the wait for a destination that does not answer: 504."""
        self.times_out(by_requests)

    def test_urllib3_reads_the_exit(self) -> None:
        """X-ProxyMesh-IP of the CONNECT answer is among the response's fields, and true."""
        self.reads(by_urllib3)

    def test_urllib3_pins_an_exit(self) -> None:
        """Each exit that is asked for is the one that is taken."""
        self.pins(by_urllib3)

    def test_urllib3_is_told_of_an_exit_that_is_not_there(self) -> None:
        """Another one serves, and the answer says so."""
        self.misses(by_urllib3)

    def test_urllib3_rotates(self) -> None:
        """A tunnel each leaves by an exit each."""
        self.rotates(by_urllib3)

    def test_urllib3_blocks_a_growing_list(self) -> None:
        """Whatever has served is excluded, until nothing is left: 503."""
        self.grows(by_urllib3)

    def test_urllib3_waits_no_longer(self) -> None:
        """X-ProxyMesh-Timeout bounds the wait for a destination that does not answer: 504."""
        self.times_out(by_urllib3)

    def test_httpx_reads_the_exit(self) -> None:
        """X-ProxyMesh-IP of the CONNECT answer is among the response's fields, and true."""
        self.reads(by_httpx)

    def test_httpx_pins_an_exit(self) -> None:
        """Each exit that is asked for is the one that is taken."""
        self.pins(by_httpx)

    def test_httpx_is_told_of_an_exit_that_is_not_there(self) -> None:
        """Another one serves, and the answer says so."""
        self.misses(by_httpx)

    def test_httpx_rotates(self) -> None:
        """A tunnel each leaves by an exit each."""
        self.rotates(by_httpx)

    def test_httpx_blocks_a_growing_list(self) -> None:
        """Whatever has served is excluded, until nothing is left: 503."""
        self.grows(by_httpx)

    def test_httpx_waits_no_longer(self) -> None:
        """X-ProxyMesh-Timeout bounds the wait for a destination that does not answer: 504."""
        self.times_out(by_httpx)

    def test_aiohttp_reads_the_exit(self) -> None:
        """X-ProxyMesh-IP of the CONNECT answer is among the response's fields, and true."""
        self.reads(by_aiohttp)

    def test_aiohttp_pins_an_exit(self) -> None:
        """Each exit that is asked for is the one that is taken."""
        self.pins(by_aiohttp)

    def test_aiohttp_is_told_of_an_exit_that_is_not_there(self) -> None:
        """Another one serves, and the answer says so."""
        self.misses(by_aiohttp)

    def test_aiohttp_rotates(self) -> None:
        """A tunnel each leaves by an exit each."""
        self.rotates(by_aiohttp)

    def test_aiohttp_blocks_a_growing_list(self) -> None:
        """Whatever has served is excluded, until nothing is left: 503."""
        self.grows(by_aiohttp)

    def test_aiohttp_waits_no_longer(self) -> None:
        """X-ProxyMesh-Timeout bounds the wait for a destination that does not answer: 504."""
        self.times_out(by_aiohttp)
