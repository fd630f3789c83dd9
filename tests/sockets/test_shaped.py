"""Tunnels that are held to a rate: the same bytes, later."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

from meshd.running.ticks import TICK, Ticks
from meshd.sockets.relay import Tunnel
from meshd.sockets.shaped import ShapedTunnel
from meshd.usage.throttle import LEAST, Lane, Throttle
from tests.passing.hand import CountingMeter
from tests.sockets.test_relay import SMALL, TunnelCase

RATE = 4_000_000


class ThrottledMeter(CountingMeter):
    """Each direction has a rate of its own."""

    def __init__(self, ticks: Ticks, up: float, down: float) -> None:
        super().__init__()
        self.resume: Callable[[], None] | None = None
        self.ways = {way: (Throttle(ticks, rate), Lane()) for way, rate in (("up", up), ("down", down))}

    def _go_on(self) -> None:
        if self.resume is not None:
            self.resume()

    def _room(self, way: str) -> int:
        throttle, lane = self.ways[way]
        return throttle.allow(lane, self._go_on)

    room_up = property(lambda self: self._room("up"))
    room_down = property(lambda self: self._room("down"))

    def _spent(self, way: str, n: int) -> None:
        throttle, lane = self.ways[way]
        throttle.tokens -= n
        lane.spend(n)

    def sent_up(self, n: int) -> None:
        super().sent_up(n)
        self._spent("up", n)

    def sent_down(self, n: int) -> None:
        super().sent_down(n)
        self._spent("down", n)


class ShapedCase(TunnelCase):
    kind = ShapedTunnel
    up, down = RATE, RATE

    def counting(self, room: int) -> CountingMeter:
        return ThrottledMeter(Ticks(self.clock), self.up, self.down)

    def shaped(self) -> ShapedTunnel:
        tunnel = self.tunnel()
        self.meter.resume = tunnel.resume  # type: ignore[attr-defined]
        assert isinstance(tunnel, ShapedTunnel)
        return tunnel

    def step(self) -> None:
        """Time passes with each turn."""
        super().step()
        self.clock.advance(TICK)


class BytesTests(ShapedCase):
    def test_every_byte_arrives_in_order(self) -> None:
        """Whatever the sizes; and the tunnel ends as any other."""
        source = random.Random(7)
        self.shaped()
        for size in (1, SMALL, 3 * SMALL, 300_000):
            self.exchange(source.randbytes(size), source.randbytes(source.randrange(size + 1)))
        self.client.sock.close()
        self.origin.sock.close()
        self.until(lambda: bool(self.ended))

    def test_each_direction_by_itself(self) -> None:
        """One that waits keeps nothing back of the other."""
        meter = self.shaped()._meter
        self.origin.unsent += bytes(1_000_000)
        self.hand.settle()
        self.assertLess(meter.down, RATE * 0.06 + 2 * LEAST)  # type: ignore[attr-defined]
        self.client.unsent += b"a key"
        self.until(lambda: bytes(self.origin.got) == b"a key")

    def test_no_more_is_read_than_may_be_passed_on(self) -> None:
        """Who sends is made to wait: nothing piles up here."""
        self.shaped()
        self.client.unsent += bytes(8_000_000)
        for _ in range(50):
            self.client.step()
            self.hand.settle()
        meter = self.meter
        self.assertLess(meter.up, RATE * 0.06 + 2 * LEAST)
        self.origin.step()
        self.assertEqual(len(self.origin.got), meter.up)

    def test_who_waits_holds_no_pipe(self) -> None:
        """There are few, and they are for those that move."""
        self.shaped()
        self.origin.unsent += os.urandom(2_000_000)
        for _ in range(20):
            self.step()
            self.hand.settle()
        self.assertEqual(len(self.pipes._clean), self.pipes._made)


class LaterTests(ShapedCase):
    kind = Tunnel

    def test_an_open_tunnel_becomes_one_that_is_held(self) -> None:
        """Without losing a byte of what is under way."""
        tunnel = self.tunnel()
        self.exchange(bytes(100_000), bytes(100_000))
        self.origin.unsent += bytes(3_000_000)
        self.hand.settle()
        tunnel.__class__ = ShapedTunnel
        self.meter.resume = tunnel.resume  # type: ignore[attr-defined]
        before = len(self.client.got)
        for _ in range(10):
            self.step()
            self.hand.settle()
        self.until(lambda: len(self.client.got) == 3_100_000)
        self.assertLess(before, 3_100_000)


class FastTests(ShapedCase):
    up = down = 400_000_000

    def test_a_high_rate_is_spliced(self) -> None:
        """As without any rate."""
        self.shaped()
        self.exchange(os.urandom(4_000_000), os.urandom(4_000_000))
        self.assertGreater(self.pipes._made, 0)
