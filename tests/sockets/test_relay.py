"""Tunnels between two loopback connections, on a poller that is turned by hand."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from itertools import count
from typing import Any
from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Refusal
from meshd.sockets import delivering
from meshd.sockets.delivering import LONGEST, PATIENCE
from meshd.sockets.flow import Flow
from meshd.sockets.pipes import Pipes
from meshd.sockets.relay import SMALL, Relay, Tunnel
from meshd.sockets.wheel import TICK, Wheel
from meshd.sockets.windows import PROOF
from meshd.sockets.wire import Wire
from meshd.topology import Timeouts
from tests.passing.hand import CountingMeter, Far, Hand, descriptors, tcp_pair
from tests.support.live import settings
from tests.support.ready import readable

MiB = 1024 * 1024
IDLE, HALF_CLOSED = 600.0, 60.0


def directions(client: int, origin: int, early: bytes, late: bytes) -> tuple[Flow, Flow]:
    """Of a tunnel between two descriptors, with what was read before."""
    return Flow(client, origin, True, early, b"", 0), Flow(origin, client, False, b"", late, PROOF)


class TunnelCase(SynchronousTestCase):
    pipes_limit = 4
    kind = Tunnel

    def setUp(self) -> None:
        self.clock = Clock()
        self.wheel = Wheel(self.clock)
        self.before = descriptors()
        self.hand = Hand(self)
        self.addCleanup(self.hand.close)
        self.pipes = Pipes(self.pipes_limit)
        self.addCleanup(self.pipes.close)
        live = settings(timeouts=Timeouts(idle=IDLE, half_closed=HALF_CLOSED))
        self.relay = Relay(self.hand.poller, self.wheel, self.pipes, self.hand.later.append, live)
        self.ended: list[str] = []

    def tunnel(self, *, buffers: int = 0, early: bytes = b"", late: bytes = b"", room: int = 2**62) -> Tunnel:
        self.meter = self.counting(room)
        near_client, client = tcp_pair(self, buffers)
        near_origin, origin = tcp_pair(self, buffers)
        self.client, self.origin = Far(client), Far(origin)
        fds = [Wire(self.hand.poller, near.detach(), "").release() for near in (near_client, near_origin)]
        meter: Any = self.meter
        tunnel = self.kind(self.relay, meter, *directions(*fds, early, late), self.ended.append)
        tunnel.start(True, True)
        return tunnel

    def look(self) -> None:
        """Let the time pass between two looks at the wheel."""
        self.clock.advance(TICK)
        self.wheel.tick()

    def counting(self, room: int) -> CountingMeter:
        return CountingMeter(room)

    def step(self) -> None:
        self.client.step()
        self.origin.step()

    def until(self, condition: Callable[[], bool]) -> None:
        self.hand.until(condition, self.step)

    def exchange(self, up: bytes, down: bytes) -> None:
        """Both at once, whole, and counted."""
        self.client.unsent += up
        self.origin.unsent += down
        had = len(self.origin.got), len(self.client.got)
        self.until(lambda: (len(self.origin.got), len(self.client.got)) == (had[0] + len(up), had[1] + len(down)))
        self.assertEqual(bytes(self.origin.got[had[0] :]), up)
        self.assertEqual(bytes(self.client.got[had[1] :]), down)
        self.assertEqual((self.meter.up, self.meter.down), (len(self.origin.got), len(self.client.got)))

    def assert_gone(self, reason: str) -> None:
        """It has ended, once and so, and left no descriptor and no entry of the poller."""
        self.assertEqual(self.ended, [reason])
        self.hand.until(lambda: not len(self.hand.poller), self.look)
        for far in (self.client, self.origin):
            far.sock.close()
        self.pipes.close()
        self.assertEqual(descriptors() - self.before, {self.hand.poller.fileno()})


class BytesTest(TunnelCase):
    turn = 128 * 1024

    def test_random_sizes(self) -> None:
        """Every byte of both directions arrives in order and is counted, whatever the sizes."""
        source = random.Random(5)
        self.tunnel()
        for size in (1, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL, 100_000, MiB, 8 * MiB):
            self.exchange(source.randbytes(size), source.randbytes(source.randrange(size + 1)))
        for _ in range(20):
            self.exchange(source.randbytes(source.randrange(300_000)), source.randbytes(source.randrange(300_000)))

    def test_spliced(self) -> None:
        """Much of it goes through pipes, which come back clean for the next."""
        lent = []
        take = self.pipes.take
        self.pipes.take = lambda: lent.append(take()) or lent[-1]  # type: ignore[method-assign,func-returns-value]
        self.tunnel(buffers=256 * 1024)
        self.exchange(os.urandom(8 * MiB), os.urandom(8 * MiB))
        self.assertGreater(len(lent), 1)
        self.assertEqual(len(self.pipes._clean), self.pipes._made)
        self.assertEqual({pipe.fill for pipe in lent}, {0})

    def test_idle_holds_no_pipe(self) -> None:
        """A tunnel that has gone quiet has given its pipes back."""
        self.tunnel()
        self.exchange(os.urandom(2 * MiB), b"")
        self.exchange(b"a little", b"a little")
        self.assertEqual(len(self.pipes._clean), self.pipes._made)

    def test_back_pressure(self) -> None:
        """From a client whose origin does not read, no more is taken than the buffers between hold."""
        data = os.urandom(8 * MiB)
        self.tunnel(buffers=4096)
        self.origin.reading = False
        self.client.unsent = data
        for _ in range(12):
            self.step()
            self.hand.settle()
        self.assertLess(self.meter.up, 3 * MiB)
        self.assertGreater(self.meter.up, 0)
        self.origin.unsent = b"the other direction goes on"
        self.until(lambda: bytes(self.client.got) == b"the other direction goes on")
        self.origin.reading = True
        self.until(lambda: len(self.origin.got) == len(data))
        self.assertEqual(bytes(self.origin.got), data)
        self.assertEqual(self.meter.up, len(data))

    def test_downward_counts_what_was_delivered(self) -> None:
        """While the client does not read, only what its socket took is counted as sent to it."""
        self.tunnel(buffers=4096)
        self.client.reading = False
        self.origin.unsent = bytes(4 * MiB)
        for _ in range(12):
            self.step()
            self.hand.settle()
        counted = self.meter.down
        self.client.sock.setblocking(True)
        got = self.client.sock.recv(8 * MiB, socket.MSG_WAITALL | socket.MSG_DONTWAIT)
        self.assertLessEqual(len(got), counted)
        self.assertLess(counted, 4 * MiB)

    def test_what_came_before(self) -> None:
        """Bytes that came with the head go first, each way."""
        self.tunnel(early=b"hello ", late=b"220 ")
        self.client.unsent, self.origin.unsent = b"origin", b"ready"
        self.until(lambda: len(self.origin.got) == 12 and len(self.client.got) == 9)
        self.assertEqual((bytes(self.origin.got), bytes(self.client.got)), (b"hello origin", b"220 ready"))
        self.assertEqual((self.meter.up, self.meter.down), (12, 9))

    def test_room(self) -> None:
        """No more is moved than the meter has room for, to the byte, on either path."""
        for size in (10, 200_000):
            self.tunnel(room=size)
            self.client.unsent = bytes(2 * size)
            for _ in range(20):
                self.step()
                self.hand.settle()
            self.assertEqual(len(self.origin.got), size)
            self.assertEqual(self.meter.room, 0)

    def test_others_get_their_turn(self) -> None:
        """A direction that could go on for ever lets others go on after so many bytes."""
        tunnel = self.tunnel(buffers=MiB)
        self.relay.pipes = Pipes(self.pipes_limit, 64 * 1024)
        self.addCleanup(self.relay.pipes.close)
        moved: list[int] = []
        put_off = 0
        turn = self.hand.turn

        def measured() -> None:
            nonlocal put_off
            put_off += len(self.hand.later)
            before = self.meter.up
            turn()
            moved.append(self.meter.up - before)

        self.hand.turn = measured  # type: ignore[method-assign]
        with mock.patch.object(type(tunnel), "turn", self.turn):
            self.client.unsent = bytes(8 * MiB)
            self.until(lambda: len(self.origin.got) == 8 * MiB)
        self.assertGreater(put_off, 0)
        # One go for an event and one that was put off may fall into the same turn.
        self.assertLessEqual(max(moved), 2 * (128 + 64) * 1024)


class UrgentTest(TunnelCase):
    """Urgent data (RFC 9293, 3.8.5) ends a read before it, and is skipped; nobody waits for what stands behind it."""

    def passes(self, before: bytes, behind: bytes, *, upward: bool, end: bool = False, known: bool = False) -> None:
        """Known: whether the poller has told of the urgent data before anything is read."""
        tunnel = self.tunnel(buffers=256 * 1024)
        self.exchange(bytes(3 * SMALL), bytes(3 * SMALL))
        self.hand.settle()
        source, sink = (self.client, self.origin) if upward else (self.origin, self.client)
        had = len(sink.got)
        if known:
            tunnel._up.blocked = tunnel._down.blocked = True
        source.sock.setblocking(True)
        source.sock.sendall(before)
        source.sock.send(b"!", socket.MSG_OOB)
        source.sock.sendall(behind)
        source.sock.setblocking(False)
        if end:
            source.end()
        if known:
            self.hand.settle()
            tunnel._up.blocked = tunnel._down.blocked = False
            tunnel.resume()
        self.until(lambda: len(sink.got) - had >= len(before + behind) and (sink.ended or not end))
        self.assertEqual(bytes(sink.got[had:]), before + behind)

    def test_passed(self) -> None:
        """Both ways, small and spliced, with and without an end behind it, told of in time and late."""
        for upward in (True, False):
            for before in (b"", b"a", bytes(SMALL), os.urandom(100_000)):
                for behind in (b"bc", bytes(SMALL), os.urandom(60_000)):
                    for end in (False, True):
                        for known in (False, True):
                            with self.subTest(upward=upward, before=len(before), behind=len(behind), end=end):
                                self.passes(before, behind, upward=upward, end=end, known=known)

    def test_alone_before_the_end(self) -> None:
        """An urgent byte and the end, with nothing between, are an end."""
        for known in (False, True):
            self.passes(b"", b"", upward=True, end=True, known=known)

    def test_again_and_again(self) -> None:
        """Each of many passes, and afterwards a short read empties the socket as before."""
        tunnel = self.tunnel()
        for number in range(20):
            had = len(self.origin.got)
            self.client.sock.send(b"a%d" % number)
            self.client.sock.send(b"!", socket.MSG_OOB)
            self.client.sock.send(b"b")
            wanted = had + len(b"a%db" % number)
            self.until(lambda wanted=wanted: len(self.origin.got) == wanted)  # type: ignore[misc]
        self.hand.settle()
        self.assertFalse(tunnel._up.unsure)


class LeaseTest(TunnelCase):
    """A limited account's room is lent in slices."""

    def test_a_read_cut_short_by_a_lease(self) -> None:
        """What a lease left in the socket follows with the next one, though the kernel says nothing of it again."""
        tunnel = self.tunnel()
        self.exchange(b"a", b"b")
        tunnel._up.unsure = tunnel._down.unsure = False  # as where nothing waited when the tunnel began
        meter = self.meter
        for size in (5_000, 7, 12_000):

            def renew(n: int, size: int = size) -> None:
                meter.room = meter.room if meter.room > 0 else size

            meter.room = size
            meter.on_up = meter.on_down = renew
            self.exchange(bytes(30_000), bytes(30_000))


class CopiedBytesTest(BytesTest):
    """All of it again without a pipe to be had."""

    pipes_limit = 0

    def test_spliced(self) -> None:
        """Without pipes the same bytes are copied."""
        self.tunnel()
        self.exchange(os.urandom(2 * MiB), os.urandom(2 * MiB))
        self.assertEqual(self.pipes._made, 0)


class EndingsTest(TunnelCase):
    def test_client_ends_first(self) -> None:
        """The client's end reaches the origin, whose answer still comes; then all is over."""
        self.tunnel()
        self.exchange(b"request", b"")
        self.client.end()
        self.until(lambda: self.origin.ended)
        self.assertEqual(self.ended, [])
        self.exchange(b"", os.urandom(MiB))
        self.origin.end()
        self.until(lambda: self.client.ended)
        self.hand.until(lambda: bool(self.ended))
        self.assertFalse(self.client.reset or self.origin.reset)
        self.assert_gone("")

    def test_origin_ends_first(self) -> None:
        """The other way round it is the same."""
        self.tunnel()
        self.origin.end()
        self.until(lambda: self.client.ended)
        self.exchange(os.urandom(MiB), b"")
        self.client.end()
        self.until(lambda: self.origin.ended)
        self.hand.until(lambda: bool(self.ended))
        self.assertFalse(self.client.reset or self.origin.reset)
        self.assert_gone("")

    def test_end_behind_much(self) -> None:
        """An end is passed on after the last byte before it, also to who reads slowly."""
        data = os.urandom(4 * MiB)
        self.tunnel(buffers=4096)
        self.origin.reading = False
        self.client.unsent = data
        for _ in range(20):
            self.step()
            self.hand.settle()
        self.origin.reading = True
        self.until(lambda: not self.client.unsent)
        self.client.end()
        self.until(lambda: self.origin.ended)
        self.assertEqual(bytes(self.origin.got), data)

    def test_reset_is_passed_on(self) -> None:
        """Who is cut off is not told that this was the end."""
        for cutter, other in (("client", "origin"), ("origin", "client")):
            self.ended.clear()
            self.tunnel()
            self.exchange(b"x", b"y")
            sock = getattr(self, cutter).sock
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            sock.close()
            far = getattr(self, other)
            self.hand.until(lambda far=far: far.ended, far.step)
            self.assertTrue(far.reset, cutter)
            self.assert_gone("reset")

    def test_idle(self) -> None:
        """What moves nothing for so long is ended; what moves is not."""
        self.tunnel()
        for _ in range(3):
            self.clock.advance(IDLE * 0.9)
            self.wheel.tick()
            self.exchange(b"x", b"")
        self.assertEqual(self.ended, [])
        self.clock.advance(IDLE + 1)
        self.wheel.tick()
        self.assert_gone("idle-timeout")

    def test_half_closed(self) -> None:
        """One side's end leaves the other a shorter time, from its last byte on."""
        for half in ("client", "origin"):
            self.ended.clear()
            self.tunnel()
            getattr(self, half).end()
            self.until(lambda: self.client.ended or self.origin.ended)
            self.clock.advance(HALF_CLOSED * 0.9)
            self.wheel.tick()
            self.exchange(*((b"", b"x") if half == "client" else (b"x", b"")))
            self.clock.advance(HALF_CLOSED * 0.9)
            self.wheel.tick()
            self.assertEqual(self.ended, [], half)
            self.clock.advance(HALF_CLOSED)
            self.wheel.tick()
            self.assert_gone("idle-timeout")

    def test_closed_with_bytes_in_a_pipe(self) -> None:
        """A pipe that holds a dead tunnel's bytes is closed, not lent again."""
        tunnel = self.tunnel(buffers=256 * 1024)
        self.origin.reading = False
        self.client.unsent = bytes(8 * MiB)
        self.until(lambda: self.pipes._made > 0)
        for _ in range(20):
            self.step()
            self.hand.settle()
        self.assertEqual((self.pipes._made, self.pipes._clean), (1, []))
        tunnel.close("cut")
        self.assertEqual((self.pipes._made, self.pipes._clean), (0, []))
        self.assert_gone("cut")

    def filled(self) -> Tunnel:
        """A tunnel whose client takes nothing, and has as much as the kernel holds for it."""
        tunnel = self.tunnel(buffers=64 * 1024)
        self.client.reading = False
        self.origin.unsent = bytes(8 * MiB)
        for _ in range(20):
            self.step()
            self.hand.settle()
        return tunnel

    def test_stopped_while_both_sides_send(self) -> None:
        """The client gets all that was counted, and then an end, though bytes of its own were read by nobody."""
        tunnel = self.tunnel(buffers=64 * 1024)
        self.client.reading = self.origin.reading = False
        self.client.unsent, self.origin.unsent = bytes(8 * MiB), bytes(8 * MiB)
        for _ in range(20):
            self.step()
            self.hand.settle()
        self.assertTrue(self.client.unsent)
        tunnel.stopped(Refusal("quota-total"))
        self.client.unsent, self.client.reading = b"", True
        self.hand.until(lambda: self.client.ended, self.client.step)
        self.assertEqual((len(self.client.got), self.client.reset), (self.meter.down, False))
        self.assert_gone("quota-total")

    def test_stopped_while_the_client_takes_nothing(self) -> None:
        """It is given up after a moment."""
        self.filled().stopped(Refusal("quota-total"))
        for _ in range(int(PATIENCE / TICK)):
            self.look()
        self.assertEqual(len(self.hand.poller), 1)
        self.look()
        self.look()
        self.assertEqual(len(self.hand.poller), 0)
        self.assert_gone("quota-total")

    def test_stopped_while_the_client_takes_little(self) -> None:
        """It holds no descriptor for longer than a minute."""
        self.filled().stopped(Refusal("quota-total"))
        with mock.patch.object(delivering, "unacknowledged", side_effect=count(1_000_000, -1)):
            for _ in range(int((LONGEST - PATIENCE) / TICK)):
                self.look()
            self.assertEqual(len(self.hand.poller), 1)
            for _ in range(int(PATIENCE / TICK) + 2):
                self.look()
        self.assertEqual(len(self.hand.poller), 0)
        self.assert_gone("quota-total")

    def test_stopped_while_the_client_ends_its_side(self) -> None:
        """It still gets all that was counted, whether it says so before or after."""
        for before in (True, False):
            self.ended.clear()
            tunnel = self.filled()
            for says in (before, not before):
                if says:
                    self.client.end()
                else:
                    tunnel.stopped(Refusal("quota-total"))
                self.hand.settle()
            self.client.reading = True
            self.hand.until(lambda: self.client.ended, self.client.step)
            self.assertEqual((len(self.client.got), self.client.reset), (self.meter.down, False))
            self.assert_gone("quota-total")

    def test_stopped_and_reset_by_the_client(self) -> None:
        """It is let go at once."""
        self.filled().stopped(Refusal("quota-total"))
        self.client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.client.sock.close()
        self.hand.until(lambda: len(self.hand.poller) == 0)
        self.assert_gone("quota-total")

    def test_many_that_were_stopped(self) -> None:
        """They are bounded, and give way to others: who has waited longest goes first."""
        clients = []
        with mock.patch.object(delivering, "MOST", 3):
            for _ in range(4):
                self.filled().stopped(Refusal("quota-total"))
                clients.append(self.client)
        self.assertEqual((len(self.hand.poller), self.relay.deliveries.give_up(1)), (3, 1))
        self.assertEqual(len(self.hand.poller), 2)
        for each in clients[2:]:
            each.reading = True
            self.hand.until(lambda each=each: each.ended, each.step)
        self.hand.until(lambda: len(self.hand.poller) == 0, self.look)
        self.assertEqual((self.relay.deliveries.give_up(9), len(self.ended)), (0, 4))

    def test_closed_twice(self) -> None:
        """The end is told once, with its first reason."""
        tunnel = self.tunnel()
        tunnel.stopped(Refusal("quota-total"))
        tunnel.close("later")
        tunnel.expired()
        self.assert_gone("quota-total")


class StoppedInsideTest(TunnelCase):
    """A stop said from within the counting: the descriptors' numbers belong to others at once."""

    def stop_at(self, after: int, *, upward: bool, size: int, buffers: int = 0) -> None:
        tunnel = self.tunnel(buffers=buffers)
        taken: list[socket.socket] = []
        counts = 0

        def count(n: int) -> None:
            nonlocal counts
            counts += 1
            if counts == after:
                tunnel.stopped(Refusal("quota-total"))
                for _ in range(2):  # the kernel gives out the lowest numbers first: the tunnel's
                    taken.extend(socket.socketpair())

        if upward:
            self.meter.on_up = count
            self.client.unsent = bytes(size)
        else:
            self.meter.on_down = count
            self.origin.unsent = bytes(size)
        self.until(lambda: bool(self.ended))
        self.hand.settle()
        self.assertEqual(self.ended, ["quota-total"])
        self.assertEqual(counts, after)
        written = readable(taken)
        for each in taken:
            each.close()
        self.assertEqual(written, [])
        self.assertEqual(self.pipes._made, len(self.pipes._clean))
        self.assert_gone("quota-total")

    def test_copied_upward(self) -> None:
        """While a small piece of the client's is counted."""
        self.stop_at(1, upward=True, size=100)

    def test_copied_downward(self) -> None:
        """While a small piece of the origin's is counted."""
        self.stop_at(1, upward=False, size=100)

    def test_spliced_upward(self) -> None:
        """While what the kernel moved into a pipe is counted: the pipe is dirty."""
        for after in (2, 3):
            self.ended.clear()
            self.stop_at(after, upward=True, size=4 * MiB)

    def test_spliced_downward(self) -> None:
        """While what the kernel moved out of a pipe is counted, whole or in part."""
        for after, buffers in ((2, 0), (3, 0), (4, 4096)):
            self.ended.clear()
            self.stop_at(after, upward=False, size=4 * MiB, buffers=buffers)
