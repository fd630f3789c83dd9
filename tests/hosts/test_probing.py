"""Probes of upstreams, on real sockets."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.probing import Prober
from meshd.hosts.vitals import Vital
from meshd.values.published import Probing, ProxyHost, Upstream
from tests.hosts.hand import World
from tests.support.origin import CLOSE, RecordingOrigin


class ProbeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.origin = RecordingOrigin(self)
        upstream = Upstream("127.0.0.1", self.origin.port)
        self.host = ProxyHost(1, ("a.example",), "http", (upstream,), probing=Probing("/well", 10, 3, 200))
        self.world = World(self, self.host)
        self.prober = Prober(self.world.plane, self.world.clock)
        self.prober.start()
        self.addCleanup(self.prober.stop)

    @property
    def vital(self) -> Vital:
        (site,) = self.world.plane.sites
        return site.vitals[0]

    def pass_seconds(self, seconds: int) -> None:
        """And let whatever is asked be answered."""
        for _ in range(seconds):
            self.world.clock.advance(1)
            self.world.plane.wheel.tick()
            self.answered()

    def answered(self) -> None:
        self.world.hand.until(lambda: not self.prober._under_way)

    def test_an_upstream_is_asked_again_and_again(self) -> None:
        self.pass_seconds(21)
        self.assertEqual([each.path for each in self.origin.requests], ["/well"] * 3)
        self.assertFalse(self.vital.down)

    def test_another_status_than_the_expected_is_a_failure(self) -> None:
        """And so is no HTTP, an end, and nobody who listens; the next good answer is the end of it."""
        for sentence, said in (
            ("another status", b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"),
            ("no HTTP", b"SSH-2.0-x\r\n\r\n"),
            ("an interim answer alone", [b"HTTP/1.1 103 X\r\n\r\n", CLOSE]),
            ("an end", [CLOSE]),
        ):
            self.origin.script("/well", said)
            self.pass_seconds(11)
            self.assertTrue(self.vital.down, sentence)
            self.origin.script("/well", b"HTTP/1.1 103 X\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            self.pass_seconds(11)
            self.assertFalse(self.vital.down, sentence)
        self.world.dials.dead.add(self.host.upstreams[0])
        self.pass_seconds(11)
        self.assertTrue(self.vital.down)

    def test_an_answer_that_does_not_come_is_a_failure(self) -> None:
        self.world.publish(ProxyHost(1, ("a.example",), "http", self.host.upstreams, probing=Probing("/hang", 10, 3)))
        self.world.clock.advance(1)
        self.world.hand.until(lambda: self.origin.requests)
        for _ in range(5):
            self.world.clock.advance(1)
            self.world.plane.wheel.tick()
        self.answered()
        self.assertTrue(self.vital.down)

    def test_one_that_hangs_is_asked_once_at_a_time(self) -> None:
        """Or it would take the places of all others."""
        self.world.publish(ProxyHost(1, ("a.example",), "http", self.host.upstreams, probing=Probing("/hang", 1, 60)))
        for _ in range(5):
            self.world.clock.advance(1)
            self.world.hand.until(lambda: self.origin.requests)
        self.assertEqual(len(self.prober._under_way), 1)

    def test_what_is_probed_no_longer_is_up(self) -> None:
        """Nobody would ever find out that it is well again."""
        self.origin.script("/well", b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")
        self.pass_seconds(2)
        self.assertTrue(self.vital.down)
        self.world.publish(ProxyHost(1, ("a.example",), "http", self.host.upstreams))
        self.pass_seconds(1)
        self.assertFalse(self.vital.down)
