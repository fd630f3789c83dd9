"""Published hosts as their clients meet them: real sockets, the plane driven by hand."""

from __future__ import annotations

import json
import socket
from base64 import b64encode
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.connection import HostConnection
from meshd.model import Refusal
from meshd.passing.caps import GRACE
from meshd.sockets.wheel import TICK
from meshd.sockets.wire import Wire
from meshd.values.hosting import Hosting
from meshd.values.published import (
    AccessList,
    AccessRule,
    DeadHost,
    FieldRule,
    Location,
    Login,
    ProxyHost,
    RateLimit,
    Redirection,
    Secured,
    Upstream,
)
from tests.hosts.hand import Client, World
from tests.passing.hand import tcp_pair
from tests.support.origin import CLOSE, RELEASE, RecordingOrigin
from tests.threats.heads import cut_off, other_protocols, refused

GET = b"GET /echo HTTP/1.1\r\nHost: a.example\r\n\r\n"
ORDINARY = {"no scheme", "an origin-form", "an asterisk"}
"""What is wrong with a proxy's target alone."""

NOWHERE = Upstream("127.0.0.1", 1)


def status(answer: tuple[bytes, bytes]) -> int:
    return int(answer[0].split(b" ", 2)[1])


def field(answer: tuple[bytes, bytes], name: bytes) -> bytes | None:
    pairs = (line.partition(b":") for line in answer[0].split(b"\r\n")[1:])
    return next((value.strip() for each, _, value in pairs if each.lower() == name), None)


def get(path: str = "/echo", *lines: str, host: str = "a.example", method: str = "GET", version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/{version}", f"Host: {host}", *lines, "", ""]).encode()


def basic(user: str, password: str) -> str:
    return "Authorization: Basic " + b64encode(f"{user}:{password}".encode()).decode()


class HostCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.origin = RecordingOrigin(self)
        self.upstream = Upstream("127.0.0.1", self.origin.port)

    def host(self, **changed: Any) -> ProxyHost:
        plain = ProxyHost(1, ("a.example",), "http", (self.upstream,), owner=7, token=9)
        return replace(plain, **changed)

    def echoed(self, answer: tuple[bytes, bytes]) -> dict[str, Any]:
        self.assertEqual(status(answer), 200, answer)
        told: dict[str, Any] = json.loads(answer[1])
        return told

    def last(self) -> dict[str, str]:
        """Fields of the newest request at the upstream."""
        return dict(self.origin.requests[-1].fields)


class ArrivingTests(HostCase):
    """A client that says nothing yet."""

    def setUp(self) -> None:
        super().setUp()
        self.world = World(self, self.host())
        self.caps = self.world.plane.caps

    def pass_by(self, seconds: float) -> None:
        for _ in range(int(seconds / TICK) + 3):  # by and by, as a process that was held up gives more time
            self.world.clock.advance(TICK)
            self.world.plane.wheel.tick()

    def test_is_counted_until_it_is_known_or_leaves(self) -> None:
        client, other = self.world.client("192.0.2.1"), self.world.client("192.0.2.2")
        self.assertEqual((self.caps.unauthenticated, list(self.caps._unknown)), (2, ["192.0.2.1", "192.0.2.2"]))
        self.echoed(client.ask(GET))
        self.assertEqual((self.caps.unauthenticated, list(self.caps._unknown)), (1, ["192.0.2.2"]))
        other.close()
        self.assertEqual((self.caps.unauthenticated, self.caps._unknown), (0, {}))
        self.echoed(client.ask(GET))

    def test_its_time(self) -> None:
        """After its grace it lingers, as one of few of its address, and then it has to leave."""
        client = self.world.client()
        self.pass_by(GRACE)
        self.assertEqual(self.caps._lingering, {"127.0.0.1": 1})
        self.pass_by(self.world.live.timeouts.head)
        self.assertEqual(status(client.answer()), 408)
        client.close()
        self.assertEqual((self.caps.unauthenticated, self.caps._lingering), (0, {}))

    def test_its_time_in_the_middle_of_a_head(self) -> None:
        """It is told so, and by HEAD in a head alone."""
        for method, with_body in ((b"HEAD", False), (b"GET", True)):
            client = self.world.client()
            client.send(method + b" /ech")
            connection = client.connection
            self.world.hand.until(lambda: connection.buffer, client.far.step)  # noqa: B023 (called at once)
            self.pass_by(GRACE)
            self.pass_by(self.world.live.timeouts.head)
            self.assertTrue(client.ended())
            self.assertTrue(client.far.got.startswith(b"HTTP/1.1 408 "))
            self.assertEqual(not client.far.got.endswith(b"\r\n\r\n"), with_body)

    def test_who_has_left_at_once(self) -> None:
        """Leaves no count and no deadline behind."""
        near, far = tcp_pair(self)
        far.close()
        connection = HostConnection(self.world.plane, "hosts:http", Wire(self.world.hand.poller, near.detach(), "a"))
        connection.begin()
        self.world.hand.until(lambda: connection.task.over)
        self.assertEqual((self.caps.unauthenticated, self.caps._unknown, connection.slot), (0, {}, 0))
        self.assertEqual(self.world.plane.connections, set())


class ExchangeTests(HostCase):
    """Requests and their answers."""

    def test_one_connection_serves_request_after_request(self) -> None:
        """On both sides; each is a line of the log, and every byte is counted."""
        world = World(self, self.host())
        client = world.client()
        for _ in range(3):
            self.echoed(client.ask(GET))
        self.assertEqual(self.origin.accepted, 1)
        self.assertEqual([line.up for line in world.ledger.lines], [len(GET)] * 3)
        line = world.ledger.lines[0]
        told = line.proxy, line.host, line.port, line.method, line.status, line.token_id, line.account_id, line.client
        self.assertEqual(told, ("hosts", "a.example", 80, "GET", 200, 9, 7, "127.0.0.1"))
        self.assertEqual(line.exit, f"127.0.0.1:{self.origin.port}")
        self.assertEqual(world.admitted, 1)

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        world = World(self, self.host())
        client = world.client()
        client.send(b"".join(get(f"/echo?{number}") for number in range(5)))
        asked = [json.loads(client.answer()[1])["target"] for _ in range(5)]
        self.assertEqual(asked, [f"/echo?{number}" for number in range(5)])

    def test_an_old_client(self) -> None:
        """HTTP/1.0: no chunks, and the connection ends, unless the client wants it kept."""
        world = World(self, self.host())
        client = world.client()
        client.send(get("/chunked/9", version="1.0"))
        client.ended()
        head, _, body = bytes(client.far.got).partition(b"\r\n\r\n")
        self.assertNotIn(b"chunked", head.lower())
        self.assertEqual(len(body), 9)
        kept = world.client()
        answer = kept.ask(get("/echo", "Connection: keep-alive", version="1.0"))
        self.assertEqual(field(answer, b"connection"), b"keep-alive")
        self.assertEqual(status(kept.ask(GET)), 200)

    def test_bodies_are_framed_anew(self) -> None:
        world = World(self, self.host())
        client = world.client()
        told = self.echoed(client.ask(get("/echo", "Content-Length: 5", method="POST") + b"hello"))
        self.assertEqual(told["body"], "hello")
        chunked = get("/echo", "Transfer-Encoding: chunked", method="POST")
        told = self.echoed(client.ask(chunked + b"3;x\r\nhel\r\n2\r\nlo\r\n0\r\nX-T: 1\r\n\r\n"))
        self.assertEqual((told["body"], status(client.ask(GET))), ("hello", 200))

    def test_what_upstreams_are_told(self) -> None:
        world = World(self, self.host())
        world.client().ask(get("/echo?x=1", "X-Forwarded-For: 6.6.6.6", "Connection: X-Hop", "X-Hop: 1", "Cookie: c"))
        self.assertEqual(
            self.origin.requests[-1].fields,
            [
                ("Host", "a.example"),
                ("Cookie", "c"),
                ("X-Real-IP", "127.0.0.1"),
                ("X-Forwarded-For", "127.0.0.1"),
                ("X-Forwarded-Proto", "http"),
                ("X-Forwarded-Host", "a.example"),
            ],
        )
        self.assertEqual(self.origin.requests[-1].target, "/echo?x=1")

    def test_a_trusted_peer_is_believed(self) -> None:
        trusting = Hosting(trusted=(ip_network("127.0.0.0/8"),))
        world = World(self, self.host(secured=Secured(forced=True, hsts=True)), hosting=trusting)
        answer = world.client().ask(get("/echo", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https"))
        self.assertEqual(self.last()["X-Real-IP"], "1.2.3.4")
        self.assertEqual(self.last()["X-Forwarded-For"], "1.2.3.4, 127.0.0.1")
        self.assertEqual(field(answer, b"strict-transport-security"), b"max-age=63072000; preload")

    def test_rules_change_fields_in_both_directions(self) -> None:
        rules = (
            FieldRule("request", "set", "X-Id", "{method} {uri}"),
            FieldRule("request", "set", "Host", "inner.example"),
            FieldRule("request", "delete", "Cookie"),
            FieldRule("response", "set", "Server", "mine"),
            FieldRule("response", "add", "X-Via", "{host} {request_id}"),
        )
        world = World(self, self.host(fields=rules))
        client = world.client()
        for path in ("/echo?1", "/echo?2"):
            answer = client.ask(get(path, "Cookie: c"))
            told = self.last()
            self.assertEqual((told["X-Id"], told["Host"], told.get("Cookie")), (f"GET {path}", "inner.example", None))
            line = world.ledger.lines[-1]
            self.assertEqual(field(answer, b"x-via"), f"a.example {line.id}".encode())
            self.assertEqual(field(answer, b"server"), b"mine")

    def test_an_upgrade_becomes_a_tunnel(self) -> None:
        """It outlives changes of its host."""
        world = World(self, self.host())
        client = self.upgraded(world)
        (vital,) = next(iter(world.plane.sites)).vitals
        self.assertEqual((vital.open, len(world.ledger.open_now)), (1, 1))
        world.publish(self.host(names=("b.example",)))
        client.send(b" again")
        world.hand.until(lambda: b"hello again" in client.far.got, client.far.step)
        client.far.end()
        client.ended()
        world.hand.until(lambda: not world.ledger.open_now)
        self.assertEqual((vital.open, len(world.plane.tunnels)), (0, 0))

    def upgraded(self, world: World, host: str = "a.example") -> Client:
        """A client whose connection is a tunnel."""
        client = world.client()
        lines = "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        client.send(get("/websocket", *lines, host=host))
        head, _ = client.answer()
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
        client.send(b"hello")
        world.hand.until(lambda: b"hello" in client.far.got, client.far.step)
        return client

    def test_a_tunnel_ends_with_its_host(self) -> None:
        """And no other host's."""
        other = self.host(id=2, names=("b.example",))
        world = World(self, self.host(), other)
        client, beside = self.upgraded(world), self.upgraded(world, "b.example")
        world.publish(other)
        client.ended()
        world.hand.until(lambda: world.ledger.lines)
        self.assertEqual([line.reason for line in world.ledger.lines], ["ended-by-operator"])
        self.assertEqual(len(world.plane.tunnels), 1)
        beside.send(b" again")
        world.hand.until(lambda: b"hello again" in beside.far.got, beside.far.step)

    def test_a_host_that_is_gone_before_it_changes_protocols(self) -> None:
        world = World(self, self.host())
        client = world.client()
        changed = b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        self.origin.script("/later", [RELEASE, changed])
        client.send(get("/later", "Connection: Upgrade", "Upgrade: websocket"))
        world.hand.until(lambda: self.origin.requests, client.far.step)
        world.publish()
        self.assertFalse(world.plane.tunnels.serves(1))
        self.origin.release()
        client.answer()
        client.ended()
        world.hand.until(lambda: world.ledger.lines)
        self.assertEqual([line.reason for line in world.ledger.lines], ["ended-by-operator"])
        self.assertEqual(len(world.plane.tunnels), 0)

    def test_h2c_is_not_changed_to(self) -> None:
        world = World(self, self.host())
        lines = "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"
        self.echoed(world.client().ask(get("/echo", *lines)))
        self.assertFalse({"Upgrade", "HTTP2-Settings"} & self.last().keys())

    def test_a_challenge_is_answered_before_all_else(self) -> None:
        """On any name, with TLS forced and a list that is closed; what is not there is not invented."""
        closed = AccessList(5, "closed", enabled=False)
        host = self.host(secured=Secured(1, forced=True), access_list=5)
        world = World(self, host, lists=(closed,), challenges=(("tok", "tok.thumb"),))
        client = world.client()
        for name in ("a.example", "nobody.example"):
            answer = client.ask(get("/.well-known/acme-challenge/tok", host=name))
            self.assertEqual((status(answer), answer[1]), (200, b"tok.thumb"), name)
        self.assertEqual(status(client.ask(get("/.well-known/acme-challenge/other"))), 301)
        self.assertEqual(status(client.ask(get("/.well-known/acme-challenge/other", host="nobody.example"))), 404)


class RefusalTests(HostCase):
    """What is not passed on, and what stands in the log for it."""

    def test_a_name_that_is_nobodys(self) -> None:
        world = World(self, self.host())
        self.assertEqual(status(world.client().ask(get(host="b.example"))), 404)
        (line,) = world.ledger.refused_lines
        self.assertEqual((line.host, line.status, line.reason, line.account_id), ("b.example", 404, "no-host", 0))
        self.assertFalse(self.origin.requests)

    def test_hosts_that_are_switched_off_and_on(self) -> None:
        """Kept connections too, and none of another host."""
        other = self.host(id=2, names=("b.example",))
        world = World(self, self.host(), other)
        client, beside = world.client(), world.client()
        asked = get(host="b.example")
        self.assertEqual((status(client.ask(GET)), status(beside.ask(asked))), (200, 200))
        world.publish(other)
        self.assertEqual((status(client.ask(GET)), status(beside.ask(asked))), (404, 200))
        world.publish(self.host(), other)
        self.assertEqual((status(client.ask(GET)), status(beside.ask(asked))), (200, 200))

    def test_nothing_is_served_while_the_settings_have_no_hosts(self) -> None:
        """Whatever changes meanwhile; all is there again with the section."""
        world = World(self, self.host())
        client, before = world.client(), world.live.topology
        self.assertEqual(status(client.ask(GET)), 200)
        world.live.topology = replace(before, hosts=None)
        world.plane.serve()
        self.assertEqual(status(client.ask(GET)), 404)
        world.publish(self.host(), self.host(id=2, names=("b.example",)))
        self.assertEqual(status(client.ask(GET)), 404)
        world.live.topology = before
        world.plane.serve()
        self.assertEqual(status(client.ask(GET)), 200)

    def test_an_answer_that_is_under_way_outlives_its_host(self) -> None:
        world = World(self, self.host())
        client = world.client()
        client.send(get("/slow"))
        world.hand.until(lambda: self.origin.requests, client.far.step)
        world.publish()
        self.origin.release()
        self.assertEqual(status(client.answer()), 200)
        self.assertEqual(status(client.ask(GET)), 404)

    def test_requests_that_are_no_requests(self) -> None:
        both = b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"
        for sentence, sent, expected in (
            ("no Host", b"GET / HTTP/1.1\r\n\r\n", 400),
            ("two Hosts", b"GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n", 400),
            ("an old client without Host", b"GET / HTTP/1.0\r\n\r\n", 400),
            ("another host in the target", b"GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
            ("CONNECT", b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example\r\n\r\n", 501),
            ("TRACE", b"TRACE / HTTP/1.1\r\nHost: a.example\r\n\r\n", 501),
            ("a fragment", b"GET /#x HTTP/1.1\r\nHost: a.example\r\n\r\n", 400),
            (
                "two framings",
                b"POST / HTTP/1.1\r\nHost: a.example\r\n" + both,
                400,
            ),
            ("TLS on a plain port", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 400),
            ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            ("a line too long", b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a.example\r\n\r\n", 414),
        ):
            world = World(self, self.host())
            client = world.client()
            self.assertEqual(status(client.ask(sent)), expected, sentence)
            self.assertTrue(client.ended(), sentence)
        self.assertFalse(self.origin.requests)

    def test_a_head_that_is_refused(self) -> None:
        """Is answered without a body, also where its fields are those of the request before it."""
        client = World(self, self.host()).client()
        self.assertEqual(status(client.ask(GET)), 200)
        self.assertEqual(status(client.ask(GET.replace(b"GET /echo", b"HEAD /#x"))), 400)
        self.assertTrue(client.ended())
        self.assertEqual(client.far.got, b"")

    def test_a_head_that_cannot_be_read(self) -> None:
        """Neither, wherever the method could be: a bad field, two lengths, a target or fields too long, no end."""
        for sent, expected in (
            (GET.replace(b"Host", b"Host "), 400),
            (GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400),
            (GET.replace(b"/echo", b"/" + b"x" * 20_000), 414),
            (GET.replace(b"\r\n\r\n", b"\r\n" + b"A: b\r\n" * 300), 431),
            (GET.replace(b"HTTP/1.1", b"HTTP/3.0"), 505),
        ):
            client = World(self, self.host()).client()
            self.assertEqual(status(client.ask(sent.replace(b"GET", b"HEAD"))), expected)
            self.assertTrue(client.ended())
            self.assertEqual(client.far.got, b"")

    def test_nothing_that_is_framed_two_ways_arrives(self) -> None:
        """The heads that the forward proxy is attacked with, in the form that origins are asked in."""
        for name, sent in (*refused(), *other_protocols(), *cut_off()):
            world = World(self, self.host())
            client = world.client()
            client.send(sent.replace(b"http://@O", b"").replace(b"@O", b"a.example"))
            client.far.step()
            world.hand.settle()
            client.far.step()
            world.hand.settle()
            client.close()
            hidden = [each for each in self.origin.requests if each.path == "/hidden"]
            self.assertFalse(hidden and name not in ORDINARY, name)
            for request in self.origin.requests:
                names = [each.lower() for each, _ in request.fields]
                self.assertLess(names.count("content-length") + names.count("transfer-encoding"), 2, name)
            self.origin.forget()

    def test_an_owner_who_may_not(self) -> None:
        """A limit that is reached is told as such; what else keeps an owner from paying is nobody's business."""
        world = World(self, self.host())
        client = world.client()
        self.assertEqual(status(client.ask(GET)), 200)
        world.ledger.over = Refusal("quota-monthly")
        self.assertEqual(status(client.ask(GET)), 509)
        barred = World(self, self.host())
        barred.no = Refusal("account-inactive")
        self.assertEqual(status(barred.client().ask(GET)), 503)

    def test_too_many_at_a_time(self) -> None:
        """Of one host as many requests are under way as the settings allow, tunnels among them; another host's, of the
        same owner, have nothing to do with it.
        """
        other = ProxyHost(2, ("b.example",), "http", (self.upstream,), owner=7, token=10)
        world = World(self, self.host(), other)
        limits = world.live.limits
        world.live.limits = replace(limits, tunnels_per_account=2)
        tunnels = [self.upgraded(world) for _ in range(2)]
        answer = world.client().ask(GET)
        self.assertEqual((status(answer), field(answer, b"retry-after")), (503, b"1"))
        self.assertEqual(world.ledger.refused_lines[-1].reason, "overloaded")
        self.assertEqual(status(world.client().ask(GET.replace(b"a.example", b"b.example"))), 200)
        tunnels[0].far.end()
        tunnels[0].ended()
        world.hand.until(lambda: len(world.ledger.open_now) == 1)
        self.assertEqual(status(world.client().ask(GET)), 200)
        world.live.limits = replace(limits, tunnels_per_account=0)
        self.assertEqual(status(world.client().ask(GET)), 200)

    upgraded = ExchangeTests.upgraded

    def test_a_rate(self) -> None:
        world = World(self, self.host(rate=RateLimit(2, 16)))
        client, other = world.client(), world.client("192.0.2.7")
        self.assertEqual([status(client.ask(GET)) for _ in range(2)], [200, 200])
        answer = client.ask(GET)
        self.assertEqual((status(answer), field(answer, b"retry-after")), (429, b"17"))
        self.assertEqual(status(other.ask(GET)), 200)
        world.publish(self.host(rate=RateLimit(2, 16), policy="first"))
        self.assertEqual(status(client.ask(GET)), 429, "a change of something else forgets nobody")
        world.clock.advance(17)
        self.assertEqual(status(client.ask(GET)), 200)

    def test_an_address_holds_so_many_connections(self) -> None:
        world = World(self, self.host())
        world.plane.callers._most = 2
        first, second = world.client(), world.client()
        for client in (first, second):
            self.assertEqual(status(client.ask(GET)), 200)
        third = world.client()
        self.assertTrue(first.ended(), "the oldest that is idle makes room")
        self.assertEqual((status(third.ask(GET)), status(second.ask(GET))), (200, 200))


class ListTests(HostCase):
    """Access lists before a host."""

    def world(self, **access: Any) -> World:
        given = AccessList(5, "office", **access)
        return World(self, self.host(access_list=5), lists=(given,))

    def test_addresses(self) -> None:
        world = self.world(rules=(AccessRule(ip_network("192.0.2.0/24"), True),), logins=(Login("ann", "hash:pw"),))
        self.assertEqual(status(world.client().ask(get("/echo", basic("ann", "pw")))), 403)
        self.assertEqual(world.passwords.asked, 0, "nothing slow for whoever is kept out")
        self.assertEqual(status(world.client("192.0.2.1").ask(GET)), 401)
        self.assertEqual(status(world.client("192.0.2.1").ask(get("/echo", basic("ann", "pw")))), 200)

    def test_a_list_that_is_gone_lets_nobody_in(self) -> None:
        world = World(self, self.host(access_list=5))
        self.assertEqual(status(world.client().ask(GET)), 403)

    def test_logins(self) -> None:
        world = self.world(logins=(Login("ann", "hash:pw"), Login("bob", "hash:other")))
        client = world.client()
        answer = client.ask(GET)
        self.assertEqual((status(answer), (field(answer, b"www-authenticate") or b"")[:6]), (401, b"Basic "))
        for sentence, line in (
            ("a wrong password", basic("ann", "no")),
            ("another's password", basic("ann", "other")),
            ("nobody's name", basic("eve", "pw")),
            ("no password at all", "Authorization: Basic YW5u"),
            ("a token", "Authorization: Bearer pw"),
            ("two logins, of which one is right", basic("ann", "pw") + "\r\n" + basic("eve", "pw")),
        ):
            self.assertEqual(status(client.ask(get("/echo", line))), 401, sentence)
        asked = world.passwords.asked
        for _ in range(3):
            self.assertEqual(status(client.ask(get("/echo", basic("ann", "pw")))), 200)
        self.assertEqual(world.passwords.asked, asked + 1, "what was verified is remembered")
        self.assertFalse({"Authorization", "X-Authenticated-User"} & self.last().keys())

    def test_a_password_that_was_changed_is_forgotten(self) -> None:
        world = self.world(logins=(Login("ann", "hash:pw"),))
        client = world.client()
        self.assertEqual(status(client.ask(get("/echo", basic("ann", "pw")))), 200)
        changed = AccessList(5, "office", logins=(Login("ann", "hash:new"),))
        world.publish(self.host(access_list=5), lists=(changed,))
        self.assertEqual(status(client.ask(get("/echo", basic("ann", "pw")))), 401)
        self.assertEqual(status(client.ask(get("/echo", basic("ann", "new")))), 200)

    def test_the_upstream_is_told_who_it_is(self) -> None:
        world = self.world(logins=(Login("ann", "hash:pw"),), pass_auth=True)
        sent = get("/echo", basic("ann", "pw"), "X-Authenticated-User: root")
        self.assertEqual(status(world.client().ask(sent)), 200)
        users = [value for name, value in self.origin.requests[-1].fields if name.lower() == "x-authenticated-user"]
        self.assertEqual(users, ["ann"])

    def test_guessing_is_slowed_down(self) -> None:
        world = self.world(logins=(Login("ann", "hash:pw"),))
        client = world.client()
        found = [status(client.ask(get("/echo", basic("ann", f"no{guess}")))) for guess in range(25)]
        self.assertEqual(found, [401] * 20 + [429] * 5)
        self.assertEqual(world.passwords.asked, 20)
        self.assertEqual(status(world.client("192.0.2.1").ask(get("/echo", basic("ann", "pw")))), 200)

    def test_too_many_at_once(self) -> None:
        world = self.world(logins=(Login("ann", "hash:pw"),))
        world.passwords.busy = True
        answer = world.client().ask(get("/echo", basic("ann", "pw")))
        self.assertEqual((status(answer), field(answer, b"retry-after")), (503, b"1"))


class ElsewhereTests(HostCase):
    """Redirections, dead hosts, forced TLS."""

    def test_where_clients_are_sent(self) -> None:
        there = Redirection(1, ("a.example",), "https", "b.example", 308)
        for sentence, host, sent, expected, location in (
            ("path and query are kept", there, get("/x?y=z"), 308, b"https://b.example/x?y=z"),
            ("or not", replace(there, keep_path=False, status=302), get("/x"), 302, b"https://b.example"),
            ("auto keeps the scheme", replace(there, scheme="auto"), get("/x"), 308, b"http://b.example/x"),
            ("a port may be named", replace(there, target="b.example:8443"), get("/"), 308, b"https://b.example:8443/"),
            ("a path of slashes stays a path", there, get("//evil/"), 308, b"https://b.example//evil/"),
            (
                "TLS that is forced",
                self.host(secured=Secured(1, forced=True)),
                get("/x?y", host="A.example:80"),
                301,
                b"https://a.example/x?y",
            ),
        ):
            client = World(self, host).client()
            answer = client.ask(sent)
            self.assertEqual((status(answer), field(answer, b"location")), (expected, location), sentence)
            self.assertEqual(status(client.ask(get("/"))), expected, "the connection goes on")
        self.assertFalse(self.origin.requests)

    def test_a_dead_host(self) -> None:
        """Behind its list, which comes first."""
        closed = AccessList(5, "closed", enabled=False)
        world = World(self, DeadHost(1, ("a.example",)), DeadHost(2, ("b.example",), access_list=5), lists=(closed,))
        client = world.client()
        self.assertEqual(status(client.ask(GET)), 404)
        self.assertEqual(status(client.ask(get(host="b.example"))), 403)
        self.assertEqual([line.reason for line in world.ledger.lines], ["dead-host", "access-list"])


class UpstreamTests(HostCase):
    """Several upstreams, locations, failures, own pages."""

    def test_locations(self) -> None:
        elsewhere = RecordingOrigin(self)
        there = Upstream("127.0.0.1", elsewhere.port)
        places = (Location("/api", "http", there, "/v2"), Location("/api/raw/", "http", there))
        world = World(self, self.host(locations=places))
        client = world.client()
        for path, origin, target in (
            ("/echo", self.origin, "/echo"),
            ("/api", elsewhere, "/v2"),
            ("/api/x?y", elsewhere, "/v2/x?y"),
            ("/api?y", elsewhere, "/v2?y"),
            ("/apis", self.origin, "/apis"),
            ("/api/raw/x", elsewhere, "/api/raw/x"),
        ):
            client.ask(get(path))
            self.assertEqual(origin.requests[-1].target, target, path)

    def test_another_upstream_is_tried(self) -> None:
        world = World(self, self.host(upstreams=(NOWHERE, self.upstream), policy="first"))
        client = world.client()
        self.assertEqual([status(client.ask(GET)) for _ in range(5)], [200] * 5)
        self.assertEqual(world.dials.dialled.count(NOWHERE), 3, "then it rests")
        sent = get("/echo", "Content-Length: 2", method="POST") + b"hi"
        world.clock.advance(40)
        world.plane.wheel.tick()
        self.assertEqual(self.echoed(client.ask(sent))["body"], "hi")

    def test_what_was_sent_is_not_sent_twice(self) -> None:
        """Where it may not be: the second upstream would do it again."""
        self.origin.script("/dies", [CLOSE])
        second = RecordingOrigin(self)
        second.script("/dies", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        both = self.upstream, Upstream("127.0.0.1", second.port)
        for method, body, expected in (("GET", b"", 200), ("POST", b"", 502), ("POST", b"hi", 502), ("PUT", b"", 200)):
            world = World(self, self.host(upstreams=both, policy="first"))
            lines = [f"Content-Length: {len(body)}"] if body else []
            answer = world.client().ask(get("/dies", *lines, method=method) + body)
            self.assertEqual(status(answer), expected, (method, body))

    def test_no_upstream_is_up(self) -> None:
        world = World(self, self.host(upstreams=(NOWHERE, Upstream("127.0.0.1", 2))))
        client = world.client()
        self.assertEqual(status(client.ask(GET)), 502)
        self.assertEqual(len(world.dials.dialled), 2)
        for site in world.plane.sites:
            for vital in site.vitals:
                vital.down = True
        self.assertEqual(status(world.client().ask(GET)), 503)
        for _ in range(4):
            world.clock.advance(1)
            world.plane.wheel.tick()
        self.assertEqual({line.reason for line in world.ledger.lines}, {"connection-refused", "no-upstream"})

    def test_requests_behind_one_that_fails(self) -> None:
        """Are not served, and cost nothing."""
        world = World(self, self.host(upstreams=(NOWHERE,)))
        client = world.client()
        self.assertEqual(status(client.ask(GET * 3)), 502)
        client.close()
        self.assertEqual([line.up for line in world.ledger.lines], [len(GET)])

    def test_own_pages(self) -> None:
        pages = (404, "<h1>nothing</h1>"), (502, "<h1>broken</h1>")
        world = World(self, self.host(error_pages=pages))
        client = world.client()
        answer = client.ask(get("/status/404"))
        self.assertEqual((status(answer), answer[1]), (404, b"<h1>nothing</h1>"))
        self.assertEqual(field(answer, b"content-type"), b"text/html; charset=utf-8")
        head, body = client.ask(get("/status/404", method="HEAD"))
        self.assertEqual((head[:12], body), (b"HTTP/1.1 404", b""))
        self.assertEqual(status(client.ask(get("/status/500"))), 500)
        world.publish(self.host(error_pages=pages, upstreams=(NOWHERE,)))
        answer = client.ask(GET)
        self.assertEqual((status(answer), answer[1]), (502, b"<h1>broken</h1>"))

    def test_an_upstream_that_lies_about_its_body(self) -> None:
        ok = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
        for sentence, said, expected in (
            ("two lengths", ok + b"Content-Length: 2\r\n\r\nx", 502),
            (
                "both framings",
                ok + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                502,
            ),
            ("no HTTP", b"SSH-2.0-x\r\n\r\n", 502),
            (
                "a change of protocols that nobody wanted",
                b"HTTP/1.1 101 X\r\nUpgrade: y\r\nConnection: Upgrade\r\n\r\n",
                502,
            ),
        ):
            self.origin.script("/lies", [said, CLOSE])
            world = World(self, self.host())
            self.assertEqual(status(world.client().ask(get("/lies"))), expected, sentence)

    def test_a_kept_connection_that_went_stale(self) -> None:
        world = World(self, self.host())
        client = world.client()
        self.assertEqual(status(client.ask(GET)), 200)
        self.origin.hang_up()
        self.assertEqual(status(client.ask(GET)), 200)

    def test_a_client_that_leaves(self) -> None:
        """Its upstream is let go, and counted no longer."""
        world = World(self, self.host())
        client = world.client()
        client.send(get("/hang"))
        world.hand.until(lambda: self.origin.requests, client.far.step)
        client.far.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.far.sock.close()
        world.hand.until(lambda: not world.ledger.open_now)
        (vital,) = next(iter(world.plane.sites)).vitals
        self.assertEqual((vital.open, world.ledger.lines[-1].reason), (0, "client-gone"))

    def test_an_upstream_that_never_answers(self) -> None:
        world = World(self, self.host())
        client = world.client()
        client.send(get("/hang"))
        world.hand.until(lambda: self.origin.requests, client.far.step)
        for _ in range(63):
            world.clock.advance(1)
            world.plane.wheel.tick()
        self.assertEqual(status(client.answer()), 504)
