"""More clients than descriptors: what is open runs on, the rest is told, and it is over when they leave."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from shutil import which

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.faults.world import World, eventually, served
from tests.support.figures import figure, milliseconds, percentile, sized
from tests.support.load import Book, Gone, Link, many

LIMIT = 256
CLIENTS = 400
TUNNELS = 20
SECONDS = sized(3.0, 65.0)
"""That the crowd goes on coming: in the full size long enough for a second line in the log."""


class DescriptorTests(SynchronousTestCase):
    def test_a_crowd_beyond_the_descriptors_harms_nobody_who_is_served(self) -> None:
        """256 descriptors, 400 clients: open tunnels untouched, a line a minute, recovery without help."""
        prlimit = which("prlimit")
        if not prlimit:
            raise SkipTest("no prlimit on this machine")
        world = World(self, wrap=(prlimit, f"--nofile={LIMIT}:{LIMIT}"))
        outcomes: Counter[object] = Counter()
        waits: list[float] = []
        most = 0

        async def come(_: int) -> None:
            """Connect, ask, and stay."""
            try:
                link = await world.link(Book())
                held.append(link)
                head, _ = await asyncio.wait_for(link.get(world.anna, world.origin.http, "/n/10/m"), 5)
            except (Gone, OSError, TimeoutError) as error:
                outcomes[type(error).__name__] += 1
            else:
                outcomes[head.status] += 1

        async def scenario() -> None:
            nonlocal most
            tunnels = [await world.tunnel() for _ in range(TUNNELS)]
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                crowd = asyncio.ensure_future(many(come, CLIENTS, CLIENTS))
                while not crowd.done():
                    for link, counted in tunnels:
                        began = time.perf_counter()
                        await link.echo(b"untouched", counted)
                        waits.append(time.perf_counter() - began)
                    most = max(most, world.descriptors)
                    await asyncio.sleep(0.02)
                await crowd
                await asyncio.sleep(0.3)
                for link in held:
                    link.close()
                held.clear()
            self.recovered = await eventually(lambda: served(world), "new clients are served again")
            for link, counted in tunnels:
                await link.finish(counted)

        held: list[Link] = []
        since = world.daemon.log_position
        asyncio.run(scenario())
        said = world.daemon.log_text().splitlines()[since:]
        figure(
            f"{CLIENTS} clients, {LIMIT} descriptors",
            outcomes=dict(outcomes),
            open_at_most=most,
            echoes=len(waits),
            echo_p99=milliseconds(percentile(waits)),
            served_again_after=f"{self.recovered:.2f}s",
            log_lines=len(said),
        )
        self.assertIn(200, outcomes)
        self.assertGreater(sum(outcomes.values()) - outcomes[200], 0, "the crowd was too small to mean anything")
        self.assertLess(most, LIMIT)
        self.assertLessEqual(len(said), 1 + SECONDS // 60, "\n".join(said))
        self.assertTrue(world.daemon.running)
