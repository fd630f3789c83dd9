"""The wall clock is set back an hour, and over a billing day: timers run on, and what was closed stays closed.

The daemon is a real one; what Python calls the time is moved by a module that its interpreter loads first.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.values import period
from tests.faults.world import World, eventually, within
from tests.support.daemon import ROOT, until
from tests.support.figures import figure
from tests.support.load import Book, Gone, ended_at

HOUR = 3600
DAY = 24 * HOUR

SHIFTED = """
import mmap, os, time
_words = memoryview(mmap.mmap(os.open(os.environ["CLOCK"], os.O_RDWR), 8)).cast("q")
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _words[0]
time.time_ns = lambda: _time_ns() + _words[0] * 10**9
"""
IDLE = 1.0


class Clock:
    """Seconds that a daemon's wall clock is ahead of ours."""

    def __init__(self, test: SynchronousTestCase, ahead: int = 0) -> None:
        folder = tempfile.TemporaryDirectory(prefix="meshd-clock-", dir="/tmp")
        test.addCleanup(folder.cleanup)
        self._file = Path(folder.name) / "seconds"
        self.set(ahead)
        Path(folder.name, "sitecustomize.py").write_text(SHIFTED)
        self.environ = {"CLOCK": str(self._file), "PYTHONPATH": os.pathsep.join((folder.name, str(ROOT)))}

    def set(self, ahead: int) -> None:
        with open(self._file, "r+b" if self._file.exists() else "wb") as file:
            file.write(ahead.to_bytes(8, "little", signed=True))


class ClockTests(SynchronousTestCase):
    def test_an_hour_back(self) -> None:
        """Idle tunnels end, counts are flushed, changes take hold and newcomers are let in, as if nothing had been."""
        clock = Clock(self)
        world = World(self, f"[timeouts]\nidle = {IDLE}\n", environ=clock.environ)
        newcomer = world.customer("newcomer")

        async def scenario() -> None:
            link, counted = await world.tunnel()
            busy, of_busy = await world.tunnel()
            clock.set(-HOUR)
            began = time.monotonic()
            ending = asyncio.ensure_future(within(ended_at(link, counted)))
            while not ending.done():
                await busy.echo(b"on" * 100, of_busy)
                await asyncio.sleep(0.1)
            self.idle = (await ending)[0][1] - began
            world.book.close(counted)
            self.assertEqual(200, (await world.ask(who=newcomer)).status)
            began = time.monotonic()
            ending = asyncio.ensure_future(within(ended_at(busy, of_busy)))
            await asyncio.to_thread(world.daemon.cli, "account", "deactivate", "anna")
            self.cut = (await ending)[0][1] - began
            world.book.close(of_busy)

        asyncio.run(scenario())
        began = time.monotonic()
        stored = world.settled()
        figure(
            "clock set back an hour",
            idle_tunnel_ended_after=self.idle,
            deactivated_tunnel_ended_after=self.cut,
            billed_after=time.monotonic() - began,
            store=stored,
            clients=world.clients_total,
        )
        self.assertEqual(world.clients_total, stored)
        self.assertEqual(0, world.daemon.terminate())

    def test_back_over_a_billing_day(self) -> None:
        """A new period opens once; a clock set back does not open the old one, nor the new one a second time."""
        now = datetime.now(UTC)
        tomorrow = now + timedelta(days=1)
        if tomorrow.day > 28:
            tomorrow = now.replace(day=2)
        billing_day = tomorrow.day
        clock = Clock(self)
        world = World(self, environ=clock.environ)
        world.daemon.cli("account", "set", "anna", "--billing-day", str(billing_day), "--monthly-limit", "0.001")
        at = int(time.time())
        starts = [period.start(billing_day, at), period.following(billing_day, at)]
        later = starts[1] - at + HOUR
        statuses: list[int] = []

        def usage() -> tuple[int, int]:
            found = world.daemon.cli("usage", "anna")
            return found["period_bytes"], found["total_bytes"]

        async def use_up() -> None:
            """The million bytes of a period."""
            for _ in range(100):
                with contextlib.suppress(Gone):  # cut in the middle of an answer
                    if (await world.ask("/n/100000/m")).status == 509:
                        return
            raise AssertionError("the limit was never reached")

        async def status() -> int:
            statuses.append((await world.ask(book=Book())).status)
            return statuses[-1]

        async def reaches(wanted: int, what: str) -> None:
            await eventually(lambda: _is(status, wanted), what)

        async def billed_anew() -> bool:
            await status()
            found = await asyncio.to_thread(world.daemon.cli, "usage", "anna")
            return bool(found["period_bytes"] < found["total_bytes"])

        async def scenario() -> None:
            await reaches(200, "the changed limit is known")
            await use_up()
            clock.set(later)
            await reaches(200, "a new period has begun")
            await eventually(billed_anew, "a batch that was begun after the jump is billed")
            await use_up()
            clock.set(later - HOUR * 2)
            for _ in range(10):
                self.assertEqual(509, await status(), "set back over the billing day, the period is still used up")
                await asyncio.sleep(0.2)

        asyncio.run(scenario())
        total = until(lambda: usage()[1], "billed")
        world.daemon.terminate()
        total = usage()[1]
        world.daemon.start()
        again = asyncio.run(status())
        figure(
            "clock set over a billing day and back",
            total=total,
            after_a_restart_with_the_clock_back=again,
            last_statuses=statuses[-5:],
        )
        self.assertEqual(509, again, "a restart with the clock set back opens nothing")
        self.assertEqual(total, usage()[1])
        self.assertGreaterEqual(total, 2_000_000)
        self.assertLess(total, 2_300_000)


async def _is(status: object, wanted: int) -> bool:
    return bool(await status() == wanted)  # type: ignore[operator]
