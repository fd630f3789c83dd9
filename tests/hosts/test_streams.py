"""Connections of streams, from their ports to their upstreams and back."""

from __future__ import annotations

import gc
import socket
from collections.abc import Sequence
from dataclasses import replace

from meshd.hosts.callers import Callers
from meshd.hosts.ports import Own
from meshd.hosts.services import Service
from meshd.hosts.streams import StreamConnection
from meshd.model import Refusal
from meshd.passing.record import Record
from meshd.sockets.relay import Tunnel
from meshd.sockets.task import Task
from meshd.sockets.wire import Wire
from meshd.topology import Limits, Timeouts
from meshd.values.published import PortForward, ProxyHost, Published, Stream, Upstream
from tests.hosts.ground import GroundCase, alive
from tests.passing.hand import Far, descriptors, tcp_pair
from tests.support.daemon import free_port
from tests.tls.test_clienthello import body, hello, in_records, message, server_name

HELLO = hello(server_name("db.example.com"))


def at(listener: socket.socket) -> Upstream:
    host, port = listener.getsockname()[:2]
    return Upstream(host, port)


class StreamCase(GroundCase):
    def setUp(self) -> None:
        super().setUp()
        self.port = free_port()
        self.server = self.upstream()

    def stream(self, id_: int = 1, **facts: object) -> Stream:
        values = {"port": self.port, "upstream": at(self.server), "owner": 7, "token": 100 + id_, **facts}
        return Stream(id_, **values)  # type: ignore[arg-type]

    def publish(self, *streams: Stream, **others: object) -> None:
        self.layer.apply(Published(streams=streams, **others))  # type: ignore[arg-type]

    def filled(self) -> Upstream:
        """A server that accepts nobody."""
        full = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.addCleanup(full.close)
        for _ in range(2):
            filling = socket.socket()
            self.addCleanup(filling.close)
            filling.setblocking(False)
            filling.connect_ex(full.getsockname())
        return at(full)

    def through(self) -> tuple[Far, Far]:
        """A client and the upstream's side, connected with each other."""
        client = self.come(self.port)
        server = self.accepted(self.server, client)
        client.unsent = b"hello"
        self.until(lambda: server.got == b"hello", client, server)
        server.unsent = b"welcome"
        self.until(lambda: client.got == b"welcome", client, server)
        client.got.clear()
        server.got.clear()
        return client, server

    def part(self, client: Far, server: Far) -> None:
        """Both say that they have said all."""
        lines = len(self.ledger.lines)
        client.end()
        self.until(lambda: server.ended, client, server)
        server.end()
        self.until(lambda: client.ended and len(self.ledger.lines) > lines, client, server)

    def turned_away(self, client: Far, reason: str) -> None:
        """The client is reset, and the log says why; "" for a client of which there is no line."""
        self.until(lambda: client.ended, client)
        self.assertTrue(client.reset)
        self.assertEqual([line.reason for line in self.ledger.lines[-1:]], [reason] if reason else [])
        self.assertEqual(len(self.plane.connections), 0)
        self.assertEqual(self.plane.caps.unauthenticated, 0)


class ServedTests(StreamCase):
    def test_one_address_has_so_many(self) -> None:
        """One more is reset; a place is free again when a tunnel, or a try without one, has ended."""
        self.common.callers = Callers(2)
        self.publish(self.stream())
        first, second = self.through(), self.through()
        self.assertEqual(len(self.common.callers), 2)
        client = self.come(self.port)
        self.turned_away(client, "overloaded")
        self.part(*first)
        self.ledger.refusal = Refusal("quota-monthly")
        self.turned_away(self.come(self.port), "quota-monthly")
        self.ledger.refusal = None
        third = self.through()
        for each in (second, third):
            self.part(*each)
        self.assertEqual(len(self.common.callers), 0)

    def test_bytes_both_ways_and_one_line(self) -> None:
        self.publish(self.stream())
        client, server = self.through()
        self.assertEqual(self.plane.caps.unauthenticated, 0)
        client.unsent = bytes(300_000)
        self.until(lambda: len(server.got) == 300_000, client, server)
        self.part(client, server)
        (line,) = self.ledger.lines
        host, port = self.server.getsockname()
        self.assertEqual(
            (line.proxy, line.client, line.method, line.host, line.port, line.exit, line.status, line.reason),
            ("stream-hosts:1", "127.0.0.1", "TCP", host, port, host, 200, ""),
        )
        self.assertEqual((line.account_id, line.username, line.token_id), (7, "root", 101))
        self.assertEqual((line.up, line.down), (300_005, 7))
        self.assertEqual(self.common.roll.count(1), 0)

    def test_one_that_is_gone_ends_while_the_process_does(self) -> None:
        """What is still there goes on, and no port is opened any more."""
        other = free_port()
        self.publish(self.stream())
        client, server = self.through()
        self.plane.draining = True
        self.layer.stop()
        self.publish(self.stream(), self.stream(2, port=other))
        client.unsent = b"still"
        self.until(lambda: server.got == b"still", client, server)
        self.publish()
        self.until(lambda: client.ended and len(self.ledger.lines) == 1, client, server)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", other))

    def test_a_server_may_speak_first(self) -> None:
        self.publish(self.stream())
        client = self.come(self.port)
        server = self.accepted(self.server, client)
        server.unsent = b"220 ready\r\n"
        self.until(lambda: client.got == b"220 ready\r\n", client, server)

    def test_over_both_families_to_both(self) -> None:
        six = self.upstream(socket.AF_INET6)
        self.publish(self.stream(upstream=at(six)))
        for host in ("127.0.0.1", "::1"):
            client = self.come(self.port, host)
            server = self.accepted(six, client)
            client.unsent = b"hello"
            self.until(lambda server=server: server.got == b"hello", client, server)

    def test_a_port_forward_of_one_address(self) -> None:
        forward = PortForward(4, self.port, at(self.server), interface="127.0.0.2", owner=7, token=104)
        self.layer.apply(Published(forwards=(forward,)))
        client = self.come(self.port, "127.0.0.2")
        self.part(client, self.accepted(self.server, client))
        self.assertEqual(self.ledger.lines[0].proxy, "port-forwards:4")
        with self.assertRaises(ConnectionRefusedError):
            self.come(self.port, "127.0.0.1")

    def test_a_name_of_which_one_address_answers(self) -> None:
        self.common.upstreams._resolver._known = {"db": ("127.0.0.9", "127.0.0.1")}  # type: ignore[attr-defined]
        self.publish(self.stream(upstream=Upstream("db", self.server.getsockname()[1])))
        self.part(*self.through())
        self.assertEqual((self.ledger.lines[0].host, self.ledger.lines[0].exit), ("db", "127.0.0.1"))

    def test_nothing_is_left(self) -> None:
        before = descriptors()
        self.publish(self.stream())
        client, server = self.through()
        self.part(client, server)
        self.publish()
        for end in (client, server):
            end.sock.close()
        self.assertEqual(descriptors(), before)
        self.assertEqual(len(self.hand.poller), 0)


class LetGoTests(StreamCase):
    """The daemon's collector runs seldom, so that what has ended must go by itself."""

    def setUp(self) -> None:
        super().setUp()
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)

    def test_one_that_was_served(self) -> None:
        self.publish(self.stream())
        client, server = self.through()
        self.assertEqual(alive(StreamConnection), [])
        self.part(client, server)
        self.ledger.meters.clear()
        self.assertEqual(alive(Tunnel, Record, Task), [])

    def test_one_that_was_turned_away(self) -> None:
        self.publish(self.stream(sni=("db.example.com",), upstream=Upstream("169.254.169.254", 80)))
        for first in (HELLO, hello(None)):
            client = self.come(self.port)
            client.unsent = first
            self.until(lambda client=client: client.ended, client)
        self.ledger.meters.clear()
        self.assertEqual(alive(StreamConnection, Record, Task), [])


class RefusedTests(StreamCase):
    timeouts = Timeouts(connect=5)

    def test_nobody_listens_there(self) -> None:
        self.publish(self.stream(upstream=Upstream("127.0.0.1", free_port())))
        self.turned_away(self.come(self.port), "connection-refused")
        line = self.ledger.lines[0]
        self.assertEqual((line.status, line.account_id, line.token_id), (0, 7, 101))
        self.assertEqual(self.common.roll.count(1), 0)

    def test_where_no_upstream_may_be(self) -> None:
        for host in ("169.254.169.254", "0.0.0.0"):
            self.publish(self.stream(upstream=Upstream(host, 80)))
            self.turned_away(self.come(self.port), "acl-private")
        self.loopback = False
        self.publish(self.stream())
        self.turned_away(self.come(self.port), "acl-private")

    def test_a_stream_that_leads_to_itself(self) -> None:
        self.publish(self.stream(upstream=Upstream("127.0.0.1", self.port)))
        self.turned_away(self.come(self.port), "acl-private")
        self.assertEqual(len(self.ledger.lines), 1)

    def test_no_such_name(self) -> None:
        self.publish(self.stream(upstream=Upstream("nowhere", 80)))
        self.turned_away(self.come(self.port), "dns-error")

    def test_an_upstream_that_does_not_answer(self) -> None:
        self.publish(self.stream(upstream=self.filled()))
        client = self.come(self.port)
        self.until(lambda: self.plane.connections, client)
        self.assertEqual(self.plane.caps.unauthenticated, 0, "a client that was taken makes room for nobody")
        self.later(6)
        self.turned_away(client, "connection-timeout")

    def test_an_owner_who_may_not(self) -> None:
        self.publish(self.stream())
        self.refusal = Refusal("account-inactive")
        self.turned_away(self.come(self.port), "account-inactive")
        self.refusal, self.ledger.refusal = None, Refusal("quota-total")
        self.turned_away(self.come(self.port), "quota-total")

    def test_a_certificate_that_cannot_be_served(self) -> None:
        self.publish(self.stream(certificate=9))
        self.assertEqual(self.layer.states(), {1: "certificate 9 is missing, switched off or cannot be used"})
        self.turned_away(self.come(self.port), "internal")

    def test_a_limit_that_is_reached_cuts(self) -> None:
        self.publish(self.stream())
        client, _server = self.through()
        self.ledger.meters[0].stop(Refusal("quota-total"))
        self.until(lambda: client.ended, client)
        self.assertEqual(self.ledger.lines[0].reason, "quota-total")

    def test_a_client_that_leaves_while_it_is_connected(self) -> None:
        self.publish(self.stream(upstream=self.filled()))
        client = self.come(self.port)
        self.until(lambda: self.plane.connections, client)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.sock.close()
        self.until(lambda: self.ledger.lines)
        self.assertEqual(self.ledger.lines[0].reason, "client-gone")


class FullTests(StreamCase):
    limits = Limits(tunnels_per_account=2)

    def test_so_many_of_one_stream_at_a_time(self) -> None:
        self.publish(self.stream())
        first = self.through()
        self.through()
        self.turned_away(self.come(self.port), "rate-tunnels")
        self.part(*first)
        self.through()


class CrowdedTests(StreamCase):
    ceiling = 4

    def test_no_more_than_there_are_descriptors_for(self) -> None:
        self.publish(self.stream())
        self.through()
        client = self.come(self.port)
        self.until(lambda: client.ended, client)
        self.assertTrue(client.reset)


class NamedTests(StreamCase):
    timeouts = Timeouts(head=10)

    def setUp(self) -> None:
        super().setUp()
        self.other = self.upstream()
        self.publish(
            self.stream(1, sni=("db.example.com",)),
            self.stream(2, sni=("*.example.com",), upstream=at(self.other)),
        )

    def test_each_name_has_its_stream(self) -> None:
        for name, listener, label in (
            ("db.example.com", self.server, "stream-hosts:1"),
            ("x.example.com", self.other, "stream-hosts:2"),
        ):
            client = self.come(self.port)
            first = hello(server_name(name))
            client.unsent = first + b"and more"
            server = self.accepted(listener, client)
            self.until(lambda server=server, first=first: server.got == first + b"and more", client, server)
            self.part(client, server)
            line = self.ledger.lines[-1]
            self.assertEqual((line.proxy, line.method, line.up), (label, "TLS", len(first) + 8))

    def test_a_hello_in_pieces(self) -> None:
        first = in_records(message(body(server_name("db.example.com"))), 16)
        client = self.come(self.port)
        for start in range(0, len(first) - 1, 7):
            client.unsent = first[start : min(start + 7, len(first) - 1)]
            self.until(lambda: not client.unsent, client)
            self.hand.settle()
        self.assertEqual(self.ledger.meters, [])
        client.unsent = first[-1:]
        server = self.accepted(self.server, client)
        self.until(lambda: server.got == first, client, server)

    def test_who_asks_for_no_name_of_theirs_is_reset(self) -> None:
        for first in (
            hello(server_name("example.org")),
            hello(server_name("example.com")),
            hello(None),
            b"GET / HTTP/1.1\r\n\r\n",
            b"SSH-2.0-client\r\n",
        ):
            client = self.come(self.port)
            client.unsent = first
            self.turned_away(client, "bad-request")
        asked = [line.host for line in self.ledger.lines]
        self.assertEqual(asked, ["example.org", "example.com", "", "", ""])
        self.assertEqual({line.account_id for line in self.ledger.lines}, {0})

    def test_who_says_nothing_has_so_much_time(self) -> None:
        client = self.come(self.port)
        self.until(lambda: self.plane.connections, client)
        self.later(2)
        self.assertFalse(client.ended)
        self.later(9)
        self.turned_away(client, "")

    def test_who_does_not_say_all_has_as_much(self) -> None:
        client = self.come(self.port)
        client.unsent = HELLO[:20]
        self.until(lambda: self.plane.connections, client)
        self.hand.settle()
        self.later(11)
        self.turned_away(client, "head-timeout")

    def test_who_leaves_without_a_word(self) -> None:
        client = self.come(self.port)
        client.end()
        self.turned_away(client, "")


class SilentTests(StreamCase):
    limits = Limits(unauthenticated_per_address=2)

    def test_few_of_one_address_may_wait(self) -> None:
        self.publish(self.stream(sni=("db.example.com",)))
        clients = [self.come(self.port) for _ in range(5)]
        self.until(lambda: len(self.plane.connections) == 5)
        self.later(2)
        self.until(lambda: sum(each.ended for each in clients) == 3, *clients)

    def test_who_was_taken_is_not_counted(self) -> None:
        self.publish(self.stream())
        pairs = [self.through() for _ in range(5)]
        self.later(30)
        self.part(*pairs[0])


class ChangedTests(StreamCase):
    def test_a_change_touches_no_connection(self) -> None:
        """It goes on to the old upstream, whatever changes; new clients get to the new one."""
        self.publish(self.stream())
        client, server = self.through()
        other = self.upstream()
        self.publish(self.stream(upstream=at(other)))
        late = self.come(self.port)
        self.accepted(other, late)
        self.port = free_port()
        self.publish(self.stream(upstream=at(other)))
        client.unsent = b"still here"
        self.until(lambda: server.got == b"still here", client, server)
        self.part(client, server)
        self.assertEqual(self.ledger.lines[0].reason, "")

    def test_switched_off(self) -> None:
        """The port is closed at once, and what is open ends; another stream's goes on."""
        other_port = free_port()
        other = self.stream(2, port=other_port)
        self.publish(self.stream(), other)
        client, _server = self.through()
        bystander = self.come(other_port)
        theirs = self.accepted(self.server, bystander)
        self.publish(other)
        self.until(lambda: client.ended, client)
        self.assertEqual([line.reason for line in self.ledger.lines], ["ended-by-operator"])
        with self.assertRaises(ConnectionRefusedError):
            self.come(self.port)
        bystander.unsent = b"still here"
        self.until(lambda: theirs.got == b"still here", bystander, theirs)

    def test_switched_off_while_it_dials(self) -> None:
        self.publish(self.stream(upstream=self.filled()))
        client = self.come(self.port)
        self.until(lambda: self.ledger.meters, client)
        self.publish()
        self.turned_away(client, "ended-by-operator")

    def test_switched_on_again(self) -> None:
        self.publish(self.stream())
        self.publish()
        self.publish(self.stream())
        self.through()

    def test_a_port_changes_hands(self) -> None:
        """Without a moment in which nobody listens."""
        self.publish(self.stream(1))
        client, server = self.through()
        self.publish(self.stream(2))
        self.until(lambda: client.ended, client, server)
        self.through()
        self.assertEqual(self.ledger.meters[-1].admission.token_id, 102)

    def test_names_come_and_go_at_an_open_port(self) -> None:
        self.publish(self.stream(1, sni=("db.example.com",)))
        client = self.come(self.port)
        client.unsent = HELLO
        server = self.accepted(self.server, client)
        self.publish(self.stream(1, sni=("other.example.com",)))
        late = self.come(self.port)
        late.unsent = HELLO
        self.turned_away(late, "bad-request")
        client.unsent = b"more"
        self.until(lambda: server.got == HELLO + b"more", client, server)

    def test_who_asks_for_a_name_after_it_is_gone(self) -> None:
        """A client that came while the stream was there gets none of it afterwards."""
        self.publish(self.stream(1, sni=("db.example.com",)))
        client = self.come(self.port)
        self.until(lambda: len(self.plane.connections) == 1)
        self.publish()
        client.unsent = HELLO
        self.turned_away(client, "ended-by-operator")
        self.assertEqual(self.ledger.meters, [])


class NotingBalance:
    """As the hosts have it."""

    way = ""

    def __init__(self, upstreams: tuple[Upstream, ...]) -> None:
        self.upstreams = upstreams
        self.heard: list[object] = []

    def choose(self, service: Service, address: str, tried: Sequence[Upstream]) -> Upstream | None:
        self.heard.append((address, len(tried)))
        return self.upstreams[len(tried)]

    def failed(self, service: Service, upstream: Upstream) -> None:
        self.heard.append(("failed", upstream))

    def hold(self, service: Service, upstream: Upstream) -> NotingBalance:
        self.heard.append(("hold", upstream))
        return self

    def end(self) -> str:
        self.heard.append("end")
        return ""


class HandedOverTests(StreamCase):
    """Clients of the hosts' own listener for TLS."""

    def setUp(self) -> None:
        super().setUp()
        self.own = Own(frozenset({self.port}), frozenset({self.port}))
        down = Upstream("127.0.0.1", free_port())
        upstreams = (down, at(self.server))
        self.host = ProxyHost(3, ("vault.example.com",), "https", upstreams, passthrough=True, owner=7, token=103)
        self.publish(self.stream(1, sni=("db.example.com",)), hosts=(self.host,))

    def taken(self, name: str, received: bytes) -> Far:
        near, far = tcp_pair(self)
        wire = Wire(self.hand.poller, near.detach(), "192.0.2.9")
        self.assertTrue(self.layer.beside(name, wire, received))
        self.assertEqual(wire.fd, -1)
        return Far(far)

    def test_a_stream_beside_hosts(self) -> None:
        """Nothing else listens at the port; bytes that were read go first."""
        with self.assertRaises(ConnectionRefusedError):
            self.come(self.port)
        client = self.taken("db.example.com", HELLO)
        client.unsent = b"more"
        server = self.accepted(self.server, client)
        self.until(lambda: server.got == HELLO + b"more", client, server)
        self.part(client, server)
        line = self.ledger.lines[0]
        self.assertEqual((line.proxy, line.client, line.method), ("stream-hosts:1", "192.0.2.9", "TLS"))

    def test_a_host_whose_tls_is_passed_on(self) -> None:
        """Its next upstream is tried where one is down."""
        client = self.taken("vault.example.com", HELLO)
        server = self.accepted(self.server, client)
        self.until(lambda: server.got == HELLO, client, server)
        self.publish(hosts=())
        self.until(lambda: client.ended, client)
        line = self.ledger.lines[0]
        self.assertEqual((line.proxy, line.token_id, line.reason), ("proxy-hosts:3", 103, "ended-by-operator"))

    def test_an_upstream_that_does_not_answer(self) -> None:
        """The next one has its own time."""
        host = replace(self.host, upstreams=(self.filled(), at(self.server)))
        self.publish(hosts=(host,))
        client = self.taken("vault.example.com", HELLO)
        self.hand.settle()
        self.later(11)
        server = self.accepted(self.server, client)
        self.part(client, server)
        line = self.ledger.lines[0]
        self.assertEqual((line.port, line.reason, line.status), (self.server.getsockname()[1], "", 200))

    def test_none_can_be_reached(self) -> None:
        host = replace(self.host, upstreams=self.host.upstreams[:1] * 2)
        self.publish(hosts=(host,))
        self.turned_away(self.taken("vault.example.com", HELLO), "connection-refused")
        self.assertEqual(len(self.ledger.lines), 1)

    def test_who_knows_how_upstreams_do_is_asked_and_told(self) -> None:
        balance = NotingBalance(self.host.upstreams)
        self.common.balance = balance
        client = self.taken("vault.example.com", HELLO)
        server = self.accepted(self.server, client)
        self.until(lambda: server.got == HELLO, client, server)
        first, second = self.host.upstreams
        self.assertEqual(balance.heard, [("192.0.2.9", 0), ("failed", first), ("192.0.2.9", 1), ("hold", second)])
        self.part(client, server)
        self.assertEqual(balance.heard[4:], ["end"])

    def test_names_that_are_nobodys(self) -> None:
        """Their clients stay with the hosts."""
        near, _ = tcp_pair(self)
        wire = Wire(self.hand.poller, near.detach(), "192.0.2.9")
        self.addCleanup(wire.close)
        for name in ("", "app.example.com"):
            self.assertFalse(self.layer.beside(name, wire, HELLO))
        self.assertGreaterEqual(wire.fd, 0)


class StoppedTests(StreamCase):
    def test_no_more_clients(self) -> None:
        """A tunnel is left to whoever ends exchanges."""
        self.publish(self.stream())
        client, server = self.through()
        self.layer.stop()
        with self.assertRaises(ConnectionRefusedError):
            self.come(self.port)
        self.part(client, server)

    def test_who_has_not_said_whom_they_want(self) -> None:
        self.publish(self.stream(sni=("db.example.com",)))
        client = self.come(self.port)
        self.until(lambda: self.plane.connections, client)
        for each in list(self.plane.connections):
            each.drain()
        self.turned_away(client, "")

    def test_at_the_end_of_patience(self) -> None:
        self.publish(self.stream(sni=("db.example.com",)))
        client = self.come(self.port)
        self.until(lambda: self.plane.connections, client)
        for each in list(self.plane.connections):
            each.stop()
        self.turned_away(client, "")
