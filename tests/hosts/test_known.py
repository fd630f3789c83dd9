"""First requests that are known by their bytes are served as if they were read."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts import speaking
from meshd.hosts.known import HEADS, LONGEST, KnownVisits
from meshd.hosts.request import HostRequest
from meshd.http1.head import HeadLimits, read_request
from meshd.sockets.race import Dialled
from meshd.topology import Limits
from meshd.values.hosting import Hosting
from meshd.values.published import FieldRule, RateLimit, Upstream
from tests.hosts.hand import World
from tests.hosts.test_connection import GET, HostCase, basic, field, get, status

LIMITS = Limits()
CLOSING = get("/echo", "User-Agent: x", "Connection: close")


def request(buffer: bytes, *, secure: bool = False) -> HostRequest:
    head = read_request(buffer, HeadLimits(8192, 65536, 100), 0)
    assert head is not None
    return HostRequest.from_head(head, buffer, secure=secure)


def meaning(of: HostRequest) -> list[object]:
    heard = of.heard
    told = heard.block, heard.fields, heard.keep, heard.switches, heard.upgrade
    return [of.method, of.target, of.minor, of.size, of.framing, of.has_body, of.keep, *told]


class KnownTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.known = KnownVisits()

    def noted(self, buffer: bytes, *, secure: bool = False) -> bool:
        """Whether it is known once it was noted."""
        self.known.note(buffer, request(buffer, secure=secure), LIMITS, secure=secure)
        return self.known.find(buffer, LIMITS, secure=secure) is not None

    def test_it_means_the_same(self) -> None:
        """In objects of its own, though who had it read has let its connection end, and is known as a sender."""
        for buffer in (GET, CLOSING, get("/a?b=c", "X: y"), get("/echo", version="1.0"), get("*", method="OPTIONS")):
            first = request(buffer)
            first.keep = False
            first.heard.sent_by("192.0.2.1", b"a.example", (), secure=False)
            self.known.note(buffer, first, LIMITS, secure=False)
            found = [self.known.find(buffer, LIMITS, secure=False) for _ in range(2)]
            for each in found:
                assert each is not None
                self.assertEqual(meaning(each), meaning(request(buffer)))
                self.assertEqual((each.heard.sender, each.heard.trusted), (None, None))
                each.keep = not each.keep
                each.heard.sent_by("192.0.2.2", b"a.example", (), secure=False)

    def test_any_other_byte(self) -> None:
        self.assertTrue(self.noted(GET))
        for other in (GET[:-1], GET + b"x", GET + GET, GET.replace(b"echo", b"Echo"), GET.lower(), b""):
            self.assertIsNone(self.known.find(other, LIMITS, secure=False), other)

    def test_by_tls(self) -> None:
        """Is another request, as the scheme of its target is another."""
        self.assertTrue(self.noted(GET))
        self.assertIsNone(self.known.find(GET, LIMITS, secure=True))
        self.assertTrue(self.noted(GET, secure=True))

    def test_credentials_are_not_kept(self) -> None:
        for line in ("Authorization: Basic YTpi", "cookie: session=1", "PROXY-AUTHORIZATION: Bearer t"):
            self.assertFalse(self.noted(get("/echo", line)), line)

    def test_long_ones_are_not_kept(self) -> None:
        room = LONGEST - len(get("/echo", "X: "))
        self.assertTrue(self.noted(get("/echo", "X: " + "x" * room)))
        self.assertFalse(self.noted(get("/echo", "X: " + "x" * (room + 1))))

    def test_other_limits(self) -> None:
        """What was read by them may be refused by these."""
        self.assertTrue(self.noted(GET))
        others = replace(LIMITS, fields=0)
        self.assertIsNone(self.known.find(GET, others, secure=False))
        self.known.note(CLOSING, request(CLOSING), others, secure=False)
        self.assertIsNone(self.known.find(GET, others, secure=False))

    def test_so_many(self) -> None:
        self.assertTrue(self.noted(GET))
        for number in range(HEADS):
            self.assertTrue(self.noted(get(f"/{number}")))
        self.assertIsNone(self.known.find(GET, LIMITS, secure=False))


class ServedTest(HostCase):
    """Visitors who ask what somebody has asked."""

    def world(self, hosting: Hosting | None = None, **changed: object) -> World:
        """Of a host that has answered one visitor each of these requests; none of them is read again."""
        world = World(self, self.host(**changed), hosting=hosting)
        for buffer in (GET, CLOSING):
            self.assertEqual(status(world.client().ask(buffer)), 200)
        self.patch(speaking, "read_request", mock.Mock(side_effect=AssertionError("is read")))
        return world

    def test_who_is_told(self) -> None:
        """Each by his own address, with the very fields that are sent for one whose request was read."""
        world = self.world()
        fields = self.origin.requests[-1].fields
        for peer in ("192.0.2.1", "2001:db8::1", "192.0.2.1"):
            told = self.echoed(world.client(peer).ask(CLOSING))
            self.assertEqual(told["target"], "/echo")
            sent = dict(self.origin.requests[-1].fields)
            self.assertEqual((sent["X-Forwarded-For"], sent["X-Real-IP"]), (peer, peer))
            self.assertEqual([name for name, _ in self.origin.requests[-1].fields], [name for name, _ in fields])
        self.assertEqual([line.client for line in world.ledger.lines[2:]], ["192.0.2.1", "2001:db8::1", "192.0.2.1"])
        self.assertEqual([line.up for line in world.ledger.lines[1:]], [len(CLOSING)] * 4)

    def test_whether_the_connection_stays(self) -> None:
        """As the client says, whoever else was told otherwise of the same request."""
        world = self.world()
        client = world.client()
        self.assertEqual(status(client.ask(GET)), 200)
        self.assertEqual(status(client.ask(GET)), 200)
        closing = world.client()
        self.assertEqual(field(closing.ask(CLOSING), b"connection"), b"close")
        self.assertTrue(closing.ended())

    def test_who_is_trusted_is_decided_anew(self) -> None:
        world = World(self, self.host(), hosting=Hosting(trusted=(ip_network("192.0.2.0/24"),), loopback=True))
        chained = get("/echo", "X-Forwarded-For: 198.51.100.7")
        for peer, chain in (
            ("203.0.113.5", "203.0.113.5"),
            ("192.0.2.1", "198.51.100.7, 192.0.2.1"),
            ("203.0.113.5", "203.0.113.5"),
        ):
            self.echoed(world.client(peer).ask(chained))
            self.assertEqual(self.last()["X-Forwarded-For"], chain)

    def test_a_host_that_has_gone(self) -> None:
        """Or has other rules: the next visitor meets what is published then."""
        world = World(self, self.host())
        for _ in range(2):
            self.echoed(world.client().ask(GET))
        world.publish(self.host(fields=(FieldRule("request", "set", "X-Rule", "yes"),)))
        self.echoed(world.client().ask(GET))
        self.assertEqual(self.last()["X-Rule"], "yes")
        world.publish()
        self.assertEqual(status(world.client().ask(GET)), 404)

    def test_only_what_was_passed_on(self) -> None:
        """Not a request that was refused, one with a body, one that others follow at once, one with a credential."""
        world = World(self, self.host())
        world.client().ask(get(host="nobody.example"))
        world.client().ask(get("/echo", "Content-Length: 1", method="POST") + b"x")
        world.client().ask(get("/echo", basic("a", "b")))
        client = world.client()
        client.send(GET + GET)
        client.answer()
        self.assertEqual(len(world.plane.known._requests), 0)
        world.client().ask(GET)
        self.assertEqual(len(world.plane.known._requests), 1)

    def test_other_limits_meanwhile(self) -> None:
        """What was read before a reload is not known after it, and what was noted since then stays known."""
        world = World(self, self.host())
        dial = world.dials.dial

        async def reloaded(upstream: Upstream) -> Dialled:
            others = replace(LIMITS, fields=50)
            world.live.swap(replace(world.live.topology, limits=others))
            world.plane.known.note(CLOSING, request(CLOSING), others, secure=False)
            return await dial(upstream)

        self.patch(world.dials, "dial", reloaded)
        self.assertEqual(status(world.client().ask(GET)), 200)
        self.assertEqual(list(world.plane.known._requests), [(CLOSING, False)])
        self.patch(world.dials, "dial", dial)
        self.assertEqual(status(world.client().ask(GET)), 200)
        self.assertIsNotNone(world.plane.known.find(GET, world.live.limits, secure=False))

    def test_the_first_was_refused(self) -> None:
        """And the second, which repeats its fields for another path, is passed on: the first one's head is not noted
        with what the second one means.
        """
        world = World(self, self.host(rate=RateLimit(1, 1)))
        other = get("/echo?another-and-longer")
        self.echoed(world.client().ask(GET))
        world.plane.known.clear()
        client = world.client()
        self.assertEqual(status(client.ask(GET)), 429)
        world.clock.advance(2)
        self.assertEqual(self.echoed(client.ask(other))["target"], "/echo?another-and-longer")
        self.assertEqual(len(world.plane.known._requests), 0)
        self.assertEqual(self.echoed(world.client("192.0.2.1").ask(GET))["target"], "/echo")
        self.assertEqual([line.up for line in world.ledger.lines[-2:]], [len(other), len(GET)])
