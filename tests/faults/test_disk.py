"""The data folder's disk is full: the daemon lives, counts on, and brings it all home when there is room again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.faults.world import World
from tests.support.figures import figure, sized

SIZE = "24m"
SECONDS = sized(2.5, 15.0)


class DiskTests(SynchronousTestCase):
    def test_a_full_disk_loses_nothing(self) -> None:
        """What is served meanwhile is billed, and logged by lines or remainders, once space is freed."""
        folder = self._small_disk()
        world = World(self, folder=folder)
        daemon = world.daemon
        filler = folder / "filler"

        async def scenario() -> None:
            kept = await world.tunnel()
            await world.ask_steadily(1.0)
            _fill(filler)
            since = daemon.log_position
            meanwhile = await world.ask_steadily(SECONDS)
            await kept[0].echo(b"still here" * 1000, kept[1])
            self.said = daemon.log_text().splitlines()[since:]
            self.lines_meanwhile = len(daemon.exchanges())
            self.served = len(meanwhile.done)
            self.stored_meanwhile = daemon.total("anna")
            filler.unlink()
            await world.ask_steadily(0.5)
            await kept[0].finish(kept[1])

        asyncio.run(scenario())
        stored = world.settled()
        figure(
            "disk full",
            served_meanwhile=self.served,
            store_meanwhile=self.stored_meanwhile,
            store=stored,
            clients=world.clients_total,
            log_lines=len(self.said),
        )
        self.assertTrue(daemon.running)
        self.assertGreater(self.served, 0)
        self.assertEqual(world.clients_total, stored)
        self.assertLess(len(self.said), 10, "\n".join(self.said))
        self.assertEqual(0, daemon.terminate())
        self.assertEqual(world.clients_total, daemon.total("anna"))
        self.assertEqual(world.clients_total, world.logged())
        self.assertNotIn("Traceback", daemon.log_text())

    def test_a_kill_while_the_disk_is_full_loses_nothing_either(self) -> None:
        """The journal was allocated when there was room; a start on the freed disk bills it."""
        folder = self._small_disk()
        world = World(self, folder=folder)
        filler = folder / "filler"

        async def scenario() -> None:
            await world.ask_steadily(0.3)
            _fill(filler)
            await world.ask_steadily(1.5)

        asyncio.run(scenario())
        world.daemon.kill()
        refused, _ = world.daemon.failed_start() if _is_full(folder) else (1, "")
        before = world.daemon.log_position
        filler.unlink()
        world.daemon.start()
        stored = world.daemon.total("anna")
        figure("disk full, killed", store=stored, clients=world.clients_total, start_on_full_disk=refused)
        self.assertEqual(world.clients_total, stored)
        self.assertEqual(0, world.daemon.terminate())
        self.assertEqual(world.clients_total, world.logged())
        self.assertNotIn("Traceback", "\n".join(world.daemon.log_text().splitlines()[before:]))

    def _small_disk(self) -> Path:
        """A file system of its own, so small that it is soon full."""
        if os.geteuid():
            raise SkipTest("only root can mount a small disk")
        folder = Path(tempfile.mkdtemp(prefix="meshd-disk-", dir="/tmp"))
        self.addCleanup(folder.rmdir)
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "meshd-test", str(folder)], capture_output=True, check=False
        )
        if made.returncode:
            raise SkipTest(f"no small disk can be mounted here: {made.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
        return folder


def _fill(path: Path) -> None:
    """To the last byte."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def _is_full(folder: Path) -> bool:
    return os.statvfs(folder).f_bavail == 0
