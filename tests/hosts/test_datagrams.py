"""Streams by datagram, between loopback sockets."""

from __future__ import annotations

import errno
import gc
import os
import socket
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred

from meshd.hosts.datagrams import LARGEST, DatagramListener
from meshd.hosts.flow import WAITING, Flow
from meshd.model import Refusal
from meshd.passing.record import Record
from meshd.sockets.task import Task
from meshd.topology import Limits, Timeouts
from meshd.values.published import PortForward, Published, Stream, Upstream
from tests.hosts.ground import GroundCase, alive
from tests.passing.hand import descriptors
from tests.support.daemon import free_port
from tests.support.said import said

LARGEST_PAYLOAD = 65_507


class DatagramCase(GroundCase):
    timeouts = Timeouts(idle=600, half_closed=60, connect=10)

    def setUp(self) -> None:
        super().setUp()
        self.port = free_port(socket.SOCK_DGRAM)
        self.server = self.socket("127.0.0.1")

    def socket(self, host: str, port: int = 0) -> socket.socket:
        """Bound, and never waiting."""
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.setblocking(False)
        sock.bind((host, port))
        return sock

    def client(self, host: str = "127.0.0.1", to: str = "") -> socket.socket:
        """One that hears of nobody but the address that it writes to."""
        client = self.socket(host)
        client.connect((to or host, self.port))
        return client

    def stream(self, id_: int = 1, **facts: object) -> Stream:
        values: dict[str, Any] = {"port": self.port, "transport": "udp", "owner": 7, "token": 100 + id_, **facts}
        values.setdefault("upstream", Upstream(*self.server.getsockname()[:2]))
        return Stream(id_, **values)

    def publish(self, *streams: Stream) -> None:
        self.layer.apply(Published(streams=streams))

    def got(self, sock: socket.socket) -> tuple[bytes, Any]:
        """The next datagram and where it came from."""
        found: list[tuple[bytes, Any]] = []

        def look() -> bool:
            try:
                found.append(sock.recvfrom(LARGEST))
            except BlockingIOError:
                return False
            return True

        self.hand.until(look)
        return found[0]

    def nothing(self, sock: socket.socket) -> None:
        self.hand.settle()
        with self.assertRaises(BlockingIOError):
            sock.recv(LARGEST)

    def flow(self, client: socket.socket) -> Any:
        """Have a client ask and be answered; where the upstream answers it."""
        client.send(b"ask")
        data, flow = self.got(self.server)
        self.assertEqual(data, b"ask")
        self.server.sendto(b"answer", flow)
        self.assertEqual(self.got(client)[0], b"answer")
        return flow

    def listener(self) -> DatagramListener:
        (port,) = self.layer._ports._ports.values()
        (listener,) = port.listeners
        assert isinstance(listener, DatagramListener)
        return listener


class ServedTests(DatagramCase):
    def test_both_ways_and_one_line(self) -> None:
        self.publish(self.stream())
        client = self.client()
        self.flow(client)
        client.send(b"again")
        data, flow = self.got(self.server)
        self.assertEqual(data, b"again")
        for text in (b"one", b"two"):
            self.server.sendto(text, flow)
            self.assertEqual(self.got(client), (text, ("127.0.0.1", self.port)))
        self.later(601)
        (line,) = self.ledger.lines
        host, port = self.server.getsockname()
        self.assertEqual(
            (line.proxy, line.client, line.method, line.host, line.port, line.exit, line.status, line.reason),
            ("stream-hosts:1", "127.0.0.1", "UDP", host, port, host, 200, ""),
        )
        self.assertEqual((line.account_id, line.token_id, line.up, line.down), (7, 101, 8, 12))
        self.assertEqual((self.common.roll.count(1), self.common.flows), (0, 0))

    def test_any_size(self) -> None:
        self.publish(self.stream())
        client = self.client()
        flow = self.flow(client)
        for size in (0, 1, 1472, 1473, 9000, LARGEST_PAYLOAD):
            data = os.urandom(size)
            client.send(data)
            self.assertEqual(self.got(self.server)[0], data)
            self.server.sendto(data, flow)
            self.assertEqual(self.got(client)[0], data)

    def test_a_socket_for_each_client(self) -> None:
        """By address and port; each gets its own answers, in whatever order they come."""
        self.publish(self.stream())
        clients = [self.client() for _ in range(5)]
        flows = []
        for number, client in enumerate(clients):
            client.send(b"%d" % number)
            flows.append(self.got(self.server)[1])
        self.assertEqual(len(set(flows)), 5)
        for number, flow in reversed(list(enumerate(flows))):
            self.server.sendto(b"to %d" % number, flow)
        for number, client in enumerate(clients):
            self.assertEqual(self.got(client)[0], b"to %d" % number)
            self.nothing(client)
        self.assertEqual(len(self.ledger.meters), 5)

    def test_both_families(self) -> None:
        self.server = self.socket("::1")
        self.publish(self.stream())
        for host in ("127.0.0.1", "::1"):
            self.flow(self.client(host))
        self.assertEqual([flow.meter.admission.token_id for flow in self.plane_records()], [101, 101])

    def plane_records(self) -> list[Any]:
        return [meter.about for meter in self.ledger.meters]

    def test_answered_from_the_address_that_was_asked(self) -> None:
        """A host with several addresses would else answer from whichever its routes prefer."""
        self.publish(self.stream())
        self.flow(self.client("127.0.0.1", to="127.0.0.77"))

    def test_a_port_forward_of_one_address(self) -> None:
        upstream = Upstream(*self.server.getsockname()[:2])
        forward = PortForward(4, self.port, upstream, "udp", "127.0.0.2", owner=7, token=104)
        self.layer.apply(Published(forwards=(forward,)))
        self.flow(self.client("127.0.0.1", to="127.0.0.2"))
        self.assertEqual(self.plane_records()[0].meter.admission.token_id, 104)

    def test_nobody_else_is_answered(self) -> None:
        """What comes from anywhere but the upstream reaches no client; what nobody asked for is not answered."""
        self.publish(self.stream())
        client = self.client()
        flow = self.flow(client)
        stranger = self.socket("127.0.0.1")
        stranger.sendto(b"forged", flow)
        self.nothing(client)
        self.nothing(stranger)
        self.server.sendto(b"unasked", ("127.0.0.1", self.port))  # this makes it a client of its own
        self.nothing(client)


class WaitingTests(DatagramCase):
    """While the upstream's name is looked up."""

    names: Mapping[str, tuple[str, ...]] = {"db": ("127.0.0.1",)}

    def setUp(self) -> None:
        super().setUp()
        resolver: Any = self.common.upstreams._resolver
        self.answer: Deferred[None] = Deferred()
        resolve = resolver.resolve

        async def slow(host: str) -> Any:
            await self.answer
            return await resolve(host)

        resolver.resolve = slow
        self.publish(self.stream(upstream=Upstream("db", self.server.getsockname()[1])))
        self.one = self.client()

    def test_what_comes_meanwhile_follows_in_order(self) -> None:
        sent = [b"%d" % number for number in range(WAITING + 4)]
        for data in sent:
            self.one.send(data)
        self.hand.settle()
        self.nothing(self.server)
        self.answer.callback(None)
        self.assertEqual([self.got(self.server)[0] for _ in range(WAITING)], sent[:WAITING])
        self.nothing(self.server)
        self.assertEqual(self.ledger.meters[0].up, len(b"".join(sent[:WAITING])))

    def test_no_longer_than_a_connection_may_take(self) -> None:
        self.one.send(b"ask")
        self.hand.settle()
        self.later(11)
        self.assertEqual([line.reason for line in self.ledger.lines], ["connection-timeout"])
        self.answer.callback(None)
        self.nothing(self.server)
        self.assertEqual((self.common.flows, self.common.roll.count(1)), (0, 0))

    def test_switched_off_meanwhile(self) -> None:
        self.one.send(b"ask")
        self.hand.settle()
        self.publish()
        self.answer.callback(None)
        self.nothing(self.server)
        self.assertEqual([line.reason for line in self.ledger.lines], ["ended-by-operator"])


class EndedTests(DatagramCase):
    def test_refused_by_the_upstreams_machine(self) -> None:
        """The flow ends, and the next datagram begins another."""
        self.server.close()
        self.server = self.socket("127.0.0.1")
        self.publish(self.stream())
        client = self.client()
        port = self.server.getsockname()[1]
        self.server.close()
        client.send(b"ask")
        self.hand.until(lambda: self.ledger.lines)
        self.assertEqual(self.ledger.lines[0].reason, "connection-refused")
        self.assertEqual(self.common.flows, 0)
        self.nothing(client)
        self.server = self.socket("127.0.0.1", port)
        self.flow(client)

    def test_where_no_upstream_may_be(self) -> None:
        self.publish(self.stream(upstream=Upstream("169.254.169.254", 53)))
        self.client().send(b"ask")
        self.hand.until(lambda: self.ledger.lines)
        self.assertEqual((self.ledger.lines[0].reason, self.ledger.lines[0].status), ("acl-private", 0))

    def test_a_stream_that_leads_to_itself(self) -> None:
        self.publish(self.stream(upstream=Upstream("127.0.0.1", self.port)))
        self.client().send(b"ask")
        self.hand.until(lambda: self.ledger.lines)
        self.hand.settle()
        self.assertEqual([line.reason for line in self.ledger.lines], ["acl-private"])

    def test_no_more_can_be_watched(self) -> None:
        """Where the kernel takes no further descriptor, nothing is left of the flow, and its line is written."""
        self.publish(self.stream())
        client = self.client()
        before = descriptors()

        def full(*_: Any) -> None:
            raise OSError(errno.ENOSPC, "")

        self.patch(type(self.hand.poller), "add", full)
        client.send(b"ask")
        with said("meshd.hosts.flow"):
            self.hand.until(lambda: self.ledger.lines)
        self.assertEqual([line.reason for line in self.ledger.lines], ["internal"])
        self.assertEqual((descriptors(), self.common.flows, self.common.roll.count(1)), (before, 0, 0))

    def test_an_owner_who_may_not(self) -> None:
        self.publish(self.stream())
        self.refusal = Refusal("account-inactive")
        self.client().send(b"ask")
        self.hand.until(lambda: self.ledger.lines)
        self.assertEqual(self.ledger.lines[0].reason, "account-inactive")
        self.nothing(self.server)

    def test_a_limit_that_is_reached(self) -> None:
        """Without room nothing moves; where there is none to come, the flow ends."""
        self.ledger.room = 10
        self.publish(self.stream())
        client = self.client()
        flow = self.flow(client)
        client.send(b"too")
        self.nothing(self.server)
        self.server.sendto(b"too", flow)
        self.nothing(client)
        meter = self.ledger.meters[0]
        self.assertEqual((meter.up, meter.down), (3, 6))
        self.assertEqual(meter.weighed, [(3, True), (6, False)])
        meter.stop(Refusal("quota-total"))
        self.assertEqual(self.ledger.lines[0].reason, "quota-total")

    def test_idle(self) -> None:
        """Soon while nobody has shown that they talk with each other, and later once they have."""
        self.publish(self.stream())
        silent, talking = self.client(), self.client()
        silent.send(b"ask")
        self.got(self.server)
        flow = self.flow(talking)
        talking.send(b"again")
        self.got(self.server)
        self.later(61)
        self.assertEqual(len(self.ledger.lines), 1)
        self.later(500)
        self.server.sendto(b"alive", flow)
        self.assertEqual(self.got(talking)[0], b"alive")
        self.later(590)
        self.assertEqual(len(self.ledger.lines), 1)
        self.later(20)
        self.assertEqual([line.reason for line in self.ledger.lines], ["", ""])

    def test_nothing_is_left(self) -> None:
        before = descriptors()
        self.publish(self.stream())
        clients = [self.client() for _ in range(3)]
        for client in clients:
            self.flow(client)
        self.publish()
        for client in clients:
            client.close()
        self.assertEqual(descriptors(), before)
        self.assertEqual((len(self.hand.poller), self.common.flows, self.common.roll.count(1)), (0, 0, 0))
        self.assertEqual([line.reason for line in self.ledger.lines], ["ended-by-operator"] * 3)


class StoppedTests(DatagramCase):
    def test_flows_end_with_the_process(self) -> None:
        self.publish(self.stream())
        client = self.client()
        self.flow(client)
        self.plane.draining = True
        self.layer.stop()
        self.assertEqual([line.reason for line in self.ledger.lines], ["overloaded"])


class LetGoTests(DatagramCase):
    def test_a_flow_that_has_ended(self) -> None:
        """Without a collection, which the daemon's does seldom."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        self.publish(self.stream())
        clients = [self.client() for _ in range(2)]
        self.flow(clients[0])
        self.refusal = Refusal("account-inactive")
        clients[1].send(b"ask")
        self.hand.until(lambda: self.ledger.lines)
        self.later(61)
        self.assertEqual(len(self.ledger.lines), 2)
        self.ledger.meters.clear()
        self.assertEqual(alive(Flow, Record, Task), [])


class ChangedTests(DatagramCase):
    def test_another_upstream_from_the_next_datagram_on(self) -> None:
        self.publish(self.stream())
        client = self.client()
        old = self.flow(client)
        before, self.server = self.server, self.socket("127.0.0.1")
        self.publish(self.stream())
        self.flow(client)
        before.sendto(b"late", old)
        self.nothing(client)
        self.assertEqual([line.reason for line in self.ledger.lines], [""])

    def test_whatever_else_changes_touches_no_flow(self) -> None:
        self.publish(self.stream())
        client = self.client()
        flow = self.flow(client)
        self.publish(self.stream(token=999), self.stream(2, port=free_port(socket.SOCK_DGRAM)))
        self.server.sendto(b"alive", flow)
        self.assertEqual(self.got(client)[0], b"alive")
        self.assertEqual(self.ledger.lines, [])

    def test_a_port_changes_hands(self) -> None:
        self.publish(self.stream(1))
        client = self.client()
        self.flow(client)
        self.publish(self.stream(2))
        self.assertEqual([line.reason for line in self.ledger.lines], ["ended-by-operator"])
        self.flow(client)
        self.assertEqual(self.ledger.meters[-1].admission.token_id, 102)

    def test_off_and_on_again(self) -> None:
        self.publish(self.stream())
        client = self.client()
        self.flow(client)
        self.publish()
        with self.assertRaises(ConnectionRefusedError):
            client.send(b"ask")
            client.send(b"ask")
        self.publish(self.stream())
        self.flow(client)


class ManyTests(DatagramCase):
    limits = Limits(tunnels_per_account=3, requests_per_second=10)

    def test_the_oldest_that_is_not_proven_makes_room(self) -> None:
        """Addresses that are made up displace each other, and nobody who talks."""
        self.publish(self.stream())
        talking = self.client()
        self.flow(talking)
        talking.send(b"again")
        _, flow = self.got(self.server)
        for _ in range(6):
            self.client().send(b"flood")
            self.got(self.server)
        self.assertEqual(len(self.listener()), 3)
        self.server.sendto(b"alive", flow)
        self.assertEqual(self.got(talking)[0], b"alive")
        self.assertEqual([line.reason for line in self.ledger.lines], ["overloaded"] * 4)

    def test_where_all_are_proven_nobody_else_is_served(self) -> None:
        self.publish(self.stream())
        clients = [self.client() for _ in range(3)]
        for client in clients:
            self.flow(client)
            client.send(b"again")
            self.got(self.server)
        with said("meshd.hosts.datagrams") as lines:
            late = self.client()
            late.send(b"ask")
            self.nothing(self.server)
        self.assertEqual(
            lines, ["stream-hosts:1: clients are left out, as too many new ones come or too many are open"]
        )
        self.later(601)
        self.flow(late)

    def test_so_many_new_ones_a_second(self) -> None:
        self.publish(self.stream())
        for _ in range(15):
            self.client().send(b"flood")
        self.hand.settle()
        self.assertEqual(len(self.ledger.meters), 10)
        self.later(1)
        self.client().send(b"later")
        self.hand.settle()
        self.assertEqual(len(self.ledger.meters), 11)


class CrowdedTests(DatagramCase):
    ceiling = 12

    def test_a_part_of_all_descriptors_is_for_datagrams(self) -> None:
        self.publish(self.stream(), self.stream(2, port=free_port(socket.SOCK_DGRAM)))
        for _ in range(8):
            self.client().send(b"flood")
        self.hand.settle()
        self.assertEqual(self.common.flows, 3)


class LimitTests(DatagramCase):
    def test_less_than_a_datagram_is_left(self) -> None:
        """It is dropped, to the byte, as are those that follow: one flow, which ends with the limit's reason."""
        self.publish(self.stream())
        client = self.client()
        self.flow(client)
        (meter,) = self.ledger.meters
        meter.short, meter.room = Refusal("quota-total"), 10
        client.send(bytes(10))
        self.assertEqual(self.got(self.server)[0], bytes(10))
        for _ in range(5):
            client.send(b"1")
        self.nothing(self.server)
        self.assertEqual((self.ledger.lines, len(self.ledger.meters)), ([], 1))
        self.later(601)
        (line,) = self.ledger.lines
        self.assertEqual((line.reason, line.up, meter.room), ("quota-total", 13, 0))

    def test_more_is_left_again(self) -> None:
        self.publish(self.stream())
        client = self.client()
        self.flow(client)
        (meter,) = self.ledger.meters
        meter.short, meter.room = Refusal("quota-total"), 1
        client.send(b"ask")
        self.nothing(self.server)
        meter.room = 100
        client.send(b"ask")
        self.assertEqual(self.got(self.server)[0], b"ask")
        self.later(601)
        self.assertEqual([line.reason for line in self.ledger.lines], [""])
