"""SIGTERM with tunnels open, and tunnels that only one side has left."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.faults.world import World, eventually, within
from tests.support.figures import figure, sized
from tests.support.load import Gone, Link, ended_at

TUNNELS = 50
DRAIN = sized(6.0, 10.0)
SET = 20.0
"""Seconds after which this drain is over, however busy the machine is, and that of the default is not."""
HALF_CLOSED, IDLE = 3.0, 2.5
NEVER = 3600
"""Seconds after which nobody waits any more: what ends before, ends for another reason."""
TOGETHER = 20


class ShutdownTests(SynchronousTestCase):
    def test_sigterm_lets_tunnels_end_and_counts_them(self) -> None:
        """Half of fifty end by themselves while it drains, half when it is over; exit 0; every byte billed."""
        world = World(self, f"[timeouts]\ndrain = {DRAIN}\n")

        async def scenario() -> None:
            tunnels = [await world.tunnel() for _ in range(TUNNELS)]
            ending, staying = tunnels[::2], tunnels[1::2]
            self.began = time.monotonic()
            world.daemon.signal(signal.SIGTERM)
            await eventually(lambda: _refuses(world), "it accepts no more")
            for link, counted in ending:
                await link.echo(b"y" * 50_000, counted)
                await link.finish(counted)
            for link, counted in staying:
                await link.echo(b"z" * 1_000, counted)
            ends = await within(*(ended_at(link, counted) for link, counted in staying))
            self.cut_after = max(closed for _, closed in ends) - self.began
            for _, counted in staying:
                world.book.close(counted)

        asyncio.run(scenario())
        status = world.daemon.wait()
        took = time.monotonic() - self.began
        stored = world.daemon.total("anna")
        figure(
            f"SIGTERM with {TUNNELS} tunnels",
            status=status,
            drain=DRAIN,
            cut_after=self.cut_after,
            exit_after=took,
            store=stored,
            clients=world.clients_total,
            log=world.logged(),
        )
        self.assertEqual(0, status)
        self.assertGreater(self.cut_after, DRAIN * 0.9)
        self.assertLess(self.cut_after, SET)
        self.assertEqual(world.clients_total, stored)
        self.assertEqual(stored, world.logged())
        self.assertNotIn("Traceback", world.daemon.log_text())

    def test_sigterm_without_tunnels_is_quick(self) -> None:
        """Kept connections do not hold it up."""
        world = World(self, f"[timeouts]\ndrain = {NEVER}\nkeep_alive = {NEVER}\n")

        async def scenario() -> None:
            links = [await world.link() for _ in range(10)]
            for link in links:
                await link.get(world.anna, world.origin.http, "/n/10/m")
            began = time.monotonic()
            world.daemon.signal(signal.SIGTERM)
            await within(*(_end_of(link.sock) for link in links))
            self.took = time.monotonic() - began
            for link in links:
                link.close()

        asyncio.run(scenario())
        self.assertEqual(0, world.daemon.wait())
        figure("SIGTERM with 10 kept connections", ended_after=self.took)
        self.assertEqual(world.clients_total, world.daemon.total("anna"))


class HalfOpenTests(SynchronousTestCase):
    def test_half_open_and_idle_tunnels_are_freed_in_time(self) -> None:
        """The client's end alone, the origin's end alone, and silence: each within its setting; no descriptor stays."""
        world = World(self, f"[timeouts]\nhalf_closed = {HALF_CLOSED}\nidle = {NEVER}\nkeep_alive = 0.5\n")
        quiet = World(self, f"[timeouts]\nhalf_closed = {NEVER}\nidle = {IDLE}\nkeep_alive = 0.5\n")

        async def left_by_client() -> float:
            link, counted = await world.tunnel(b"S")
            began = time.monotonic()
            link.sock.shutdown(socket.SHUT_WR)
            _, ended = await ended_at(link, counted)
            world.book.close(counted)
            return ended - began

        async def left_by_origin() -> Link:
            link, counted = await world.tunnel(b"L")
            with contextlib.suppress(Gone):
                while True:
                    await link.more()
                    counted.down += len(link.buffer)
                    link.buffer = b""
            world.book.close(counted)
            return link

        async def silent() -> float:
            link, counted = await quiet.tunnel()
            began = time.monotonic()
            _, ended = await ended_at(link, counted)
            quiet.book.close(counted)
            return ended - began

        async def scenario() -> list[list[float]]:
            before, before_silence = world.sockets, quiet.sockets
            by_client = await within(*(left_by_client() for _ in range(TOGETHER)))
            # The client has had its end already, so nothing tells it: the daemon's sockets do.
            began = time.monotonic()
            links = await within(*(left_by_origin() for _ in range(TOGETHER)))
            self.assertGreaterEqual(world.sockets, before + 2 * TOGETHER)
            await eventually(lambda: _true(world.sockets <= before), "the sockets are free again")
            by_origin = time.monotonic() - began
            for link in links:
                link.close()
            silence = await within(*(silent() for _ in range(TOGETHER)))
            await eventually(lambda: _true(quiet.sockets <= before_silence), "the sockets are free again")
            return [by_client, [by_origin], silence]

        by_client, by_origin, idle = asyncio.run(scenario())
        figure(
            "half-open tunnels freed",
            half_closed=HALF_CLOSED,
            after_the_clients_end=max(by_client),
            after_the_origins_end=max(by_origin),
            idle=IDLE,
            after_silence=max(idle),
        )
        for times, setting in ((by_client, HALF_CLOSED), (by_origin, HALF_CLOSED), (idle, IDLE)):
            self.assertGreaterEqual(min(times), setting * 0.8)
        self.assertEqual(world.clients_total, world.settled())
        self.assertEqual(quiet.clients_total, quiet.settled())


async def _true(value: bool) -> bool:
    return value


async def _refuses(world: World) -> bool:
    try:
        (await world.link()).close()
    except OSError:
        return True
    return False


async def _end_of(sock: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(sock, 4096):
        pass
