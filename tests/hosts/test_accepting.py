"""Whom a listener of published hosts leads to."""

from __future__ import annotations

from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.accepting import (
    IntroducedHostConnection,
    IntroducedSecureHostConnection,
    SecureHostConnection,
    connections,
)
from meshd.hosts.callers import Callers
from meshd.hosts.connection import HostConnection
from meshd.values.hosting import Hosting
from meshd.values.published import ProxyHost, Upstream
from tests.hosts.hand import Client, World
from tests.support.origin import RecordingOrigin
from tests.web.support import named

GET = b"GET /echo HTTP/1.1\r\nHost: a.example\r\n\r\n"


class KindTests(SynchronousTestCase):
    def test_each_listener_has_its_kind(self) -> None:
        for secure, introduced, kind in (
            (False, False, HostConnection),
            (False, True, IntroducedHostConnection),
            (True, False, SecureHostConnection),
            (True, True, IntroducedSecureHostConnection),
        ):
            self.assertIs(connections(secure=secure, introduced=introduced), kind)


class IntroducedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.origin = RecordingOrigin(self)
        self.host = ProxyHost(1, ("a.example",), "http", (Upstream("127.0.0.1", self.origin.port),), owner=7, token=9)
        self.world = World(self, self.host)

    def test_a_balancer_says_who_its_client_is(self) -> None:
        client = self.world.client("10.0.0.1", IntroducedHostConnection)
        head, _ = client.ask(b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\n" + GET)
        self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)
        self.assertEqual(dict(self.origin.requests[-1].fields)["X-Real-IP"], "192.0.2.7")
        self.assertEqual(self.world.ledger.lines[-1].client, "192.0.2.7")

    def test_the_client_is_counted(self) -> None:
        """At the address that the header gives; at that of the balancer too, unless it is trusted: else whoever reaches
        the port could make up an address for each connection.
        """
        for trusted, first, second, status in (
            ("10.0.0.0/8", "192.0.2.7", "192.0.2.7", b"503"),
            ("10.0.0.0/8", "192.0.2.7", "192.0.2.8", b"200"),
            ("172.16.0.0/12", "192.0.2.7", "192.0.2.8", b"503"),
        ):
            with named((trusted, first, second)):
                self.assertEqual(self.beside(trusted, first, second), status)

    def beside(self, trusted: str, first: str, second: str) -> bytes:
        """The status of a client's answer while another one, of an address that may have one, asks for something."""
        networks = (ip_network(trusted),)
        world = World(self, self.host, hosting=Hosting(loopback=True, trusted=networks))
        world.plane.callers = callers = Callers(1)
        busy = self.introduced(world, first, GET[:-2])
        world.hand.until(lambda: busy.connection.wire.peer == first, busy.far.step)
        other = self.introduced(world, second, GET)
        head, _ = other.answer()
        for each in (busy, other):
            each.close()
        world.hand.until(lambda: not len(callers))
        return head[9:12]

    def introduced(self, world: World, address: str, sent: bytes) -> Client:
        client = world.client("10.0.0.1", IntroducedHostConnection)
        client.send(f"PROXY TCP4 {address} 10.0.0.1 4711 80\r\n".encode() + sent)
        return client

    def test_nobody_else_may_come_there(self) -> None:
        client = self.world.client("10.0.0.1", IntroducedHostConnection)
        head, _ = client.ask(GET)
        self.assertTrue(head.startswith(b"HTTP/1.1 400 "), head)
        self.assertFalse(self.origin.requests)
