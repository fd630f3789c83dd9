"""Whom a listener of published hosts leads to."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.accepting import (
    IntroducedHostConnection,
    IntroducedSecureHostConnection,
    SecureHostConnection,
    connections,
)
from meshd.hosts.connection import HostConnection
from meshd.values.published import ProxyHost, Upstream
from tests.hosts.hand import World
from tests.support.origin import RecordingOrigin

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
        host = ProxyHost(1, ("a.example",), "http", (Upstream("127.0.0.1", self.origin.port),), owner=7, token=9)
        self.world = World(self, host)

    def test_a_balancer_says_who_its_client_is(self) -> None:
        client = self.world.client("10.0.0.1", IntroducedHostConnection)
        head, _ = client.ask(b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\n" + GET)
        self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)
        self.assertEqual(dict(self.origin.requests[-1].fields)["X-Real-IP"], "192.0.2.7")
        self.assertEqual(self.world.ledger.lines[-1].client, "192.0.2.7")

    def test_nobody_else_may_come_there(self) -> None:
        client = self.world.client("10.0.0.1", IntroducedHostConnection)
        head, _ = client.ask(GET)
        self.assertTrue(head.startswith(b"HTTP/1.1 400 "), head)
        self.assertFalse(self.origin.requests)
