"""Twisted's HTTP client through exits: real sockets on loopback, on the real reactor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.trial.unittest import TestCase
from twisted.web.client import ResponseNeverReceived

from meshd.dns.resolver import Resolver
from meshd.exits.choosing import Choice
from meshd.exits.client import ExitClient
from meshd.exits.destinations import OwnListeners
from meshd.exits.dialling import Dialler
from meshd.exits.outlets import Outlet
from meshd.sockets.poll import Poller
from meshd.sockets.race import DialError
from meshd.sockets.tls import TLSUpstreams
from meshd.sockets.wheel import Wheel
from meshd.topology import DestinationRules, Exit
from meshd.topology import UpstreamProxy as Upstream
from tests.support.daemon import free_port
from tests.support.origin import RecordingOrigin
from tests.support.upstreams import Kind, UpstreamProxy

DIRECT = Exit("direct", "direct")


class Case(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.poller = Poller(reactor)  # type: ignore[arg-type]
        wheel = Wheel(reactor)  # type: ignore[arg-type]
        resolver = Resolver(reactor)
        secure = TLSUpstreams(reactor, self.poller, wheel, lambda: 5.0)
        self.customers = customers = Dialler(self.poller, resolver, reactor, DestinationRules, OwnListeners, secure)  # type: ignore[arg-type]
        self.client = ExitClient(reactor, self.poller, customers.unjudged())
        self.poller.start()
        self.addCleanup(self.poller.stop)
        self.addCleanup(resolver.stop)
        self.addCleanup(self.all_closed)
        self.addCleanup(wheel.stop)
        self.origin = RecordingOrigin(self)

    async def all_closed(self) -> None:
        """Every connection has ended, which the origin sees."""
        for connection in self.origin.connections:
            while not connection.ended.is_set():
                await _turn()
        await _turn()
        self.assertEqual(len(self.poller), 0)

    def ask(self, url: str, exit_: Exit = DIRECT) -> Deferred[int]:
        return Deferred.fromCoroutine(self.client.status(url, Choice(Outlet(exit_), exit_.source)))

    def through(self, kind: Kind, **how: Any) -> tuple[UpstreamProxy, Exit]:
        proxy = UpstreamProxy(self, kind, **how)
        upstream = Upstream(proxy.host, proxy.port, proxy.username, proxy.password, proxy.ca_file)
        return proxy, Exit(kind, kind, upstream=upstream)


class StatusTests(Case):
    async def test_by_an_address_of_ours(self) -> None:
        """From that very address."""
        self.assertEqual(await self.ask(self.origin.url("/status/204"), Exit("a", "local", "127.0.0.41")), 204)
        (connection,) = self.origin.connections
        self.assertEqual(connection.peer[0], "127.0.0.41")

    async def test_through_every_kind_of_proxy(self) -> None:
        """As a tunnel, with its credentials, which the origin never sees."""
        for kind in ("http", "https", "socks5"):
            proxy, exit_ = self.through(kind, username="us", password="open sesame")
            self.assertEqual(await self.ask(self.origin.url("/status/404"), exit_), 404)
            (asked,) = proxy.asked
            self.assertEqual((asked.target, asked.username), (self.origin.authority, "us"))
        for request in self.origin.requests:
            self.assertEqual(request.field("user-agent"), "meshd")
            self.assertNotIn("proxy-authorization", request.names)

    async def test_redirects_and_bodies_are_left_alone(self) -> None:
        """A gigabyte is not read, nor is a place gone to that somebody else has named."""
        self.origin.script("/moved", b"HTTP/1.1 302 Found\r\nLocation: /status/500\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(await self.ask(self.origin.url("/moved")), 302)
        self.assertEqual(await self.ask(self.origin.url("/bytes/1000000000")), 200)
        self.assertEqual([each.path for each in self.origin.requests], ["/moved", "/bytes/1000000000"])

    async def test_names_are_resolved_where_the_exit_is(self) -> None:
        """By an upstream proxy, and by us for an exit of our own."""
        proxy, exit_ = self.through("socks5", connect_to=("127.0.0.1", self.origin.port))
        self.assertEqual(await self.ask(f"http://origin.test:{self.origin.port}/status/200", exit_), 200)
        (asked,) = proxy.asked
        self.assertTrue(asked.named)
        self.assertEqual(await self.ask(f"http://localhost:{self.origin.port}/status/200"), 200)


class SecureTests(Case):
    def setUp(self) -> None:
        super().setUp()
        self.secure = RecordingOrigin(self, tls=True)
        self.trust = Certificate.loadPEM(Path(self.secure.ca_file).read_bytes())

    async def test_https(self) -> None:
        """Through a tunnel, to an origin that proves itself."""
        self.patch(self.client, "tls", lambda host: optionsForClientTLS(host, self.trust))
        _, exit_ = self.through("http")
        self.assertEqual(await self.ask(self.secure.url("/status/200"), exit_), 200)
        self.assertEqual(await self.ask(self.secure.url("/status/200", "localhost")), 200)

    async def test_an_origin_that_nobody_vouches_for(self) -> None:
        """It is asked for nothing."""
        with self.assertRaises(ResponseNeverReceived):
            await self.ask(self.secure.url("/status/200"))
        self.assertEqual(self.secure.requests, [])

    def test_one_context_for_one_host(self) -> None:
        """To make one takes longer than a probe."""
        self.assertIs(self.client.tls("a.example"), self.client.tls("a.example"))
        self.assertIsNot(self.client.tls("a.example"), self.client.tls("b.example"))


class FailureTests(Case):
    async def test_nobody_listens(self) -> None:
        """The dialler's own words, with the blame where it belongs."""
        with self.assertRaises(DialError) as caught:
            await self.ask(f"http://127.0.0.1:{free_port()}/")
        self.assertEqual((caught.exception.cause, caught.exception.blame), ("connection-refused", "destination"))
        proxy, exit_ = self.through("http")
        proxy.die()
        with self.assertRaises(DialError) as caught:
            await self.ask(self.origin.url(), exit_)
        self.assertEqual((caught.exception.cause, caught.exception.blame), ("connection-refused", "exit"))

    async def test_no_answer(self) -> None:
        """The origin hangs up."""
        with self.assertRaises(ResponseNeverReceived):
            await self.ask(self.origin.url("/close"))

    async def test_ended_while_it_dials(self) -> None:
        """The handshake is given up, and its socket closed."""
        proxy, exit_ = self.through("http")
        proxy.mood = "hang"
        asked = self.ask(self.origin.url(), exit_)
        while not proxy.asked:
            await _turn()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(len(self.poller), 0)

    async def test_ended_while_it_waits(self) -> None:
        """The connection too."""
        silent = RecordingOrigin(self, raw="sink")
        asked = self.ask(silent.url())
        while not silent.received:
            await _turn()
        asked.cancel()
        try:
            await asked
        except (CancelledError, ResponseNeverReceived):
            pass
        else:
            self.fail("it has answered")
        while not silent.connections[0].ended.is_set():
            await _turn()


async def _turn() -> None:
    """Of the reactor."""
    turned: Deferred[None] = Deferred()
    reactor.callLater(0.001, turned.callback, None)  # type: ignore[attr-defined]
    await turned
