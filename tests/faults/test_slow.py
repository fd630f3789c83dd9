"""Slow heads and slow readers: they are ended or bounded, and nobody else waits for them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
from collections import Counter

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.faults.world import World
from tests.support.daemon import ROOT, clean_environment
from tests.support.echoes import Echoes
from tests.support.figures import FULL, figure, milliseconds, percentile, sized
from tests.support.load import Book, Bytes, Link

SECONDS = sized(1.0, 12.0)
HEADS = sized(200, 1000)
READERS = sized(50, 200)
HEAD_TIMEOUT = sized(2.0, 10.0)
GENEROUS = 10
"""Times the p99 without; what is asked for is 2, which a busy machine may miss."""
CONFIG = f"""
[timeouts]
head = {HEAD_TIMEOUT}
[limits]
tunnels_per_account = 0
unauthenticated_per_address = 100
"""
STARTING = 1.5
"""Seconds until the attackers are all there: what is measured is their being slow, not their coming."""
PAUSE = 0.5
"""Seconds between two bytes of a slow head."""


class SlowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(self, CONFIG)
        self.attacked = Echoes(self)
        """Of its own, so that only the daemon is shared with those who are served."""

    def test_slow_heads(self) -> None:
        """A byte now and then: 408 or turned away, each within the time for a head; the others do not notice."""
        outcomes: Counter[str] = Counter()

        async def attack() -> None:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.faults.drip", str(self.world.daemon.proxy_port), str(HEADS), str(PAUSE),
                cwd=ROOT, env=clean_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
            try:
                await asyncio.Event().wait()
            finally:
                said, _ = await process.communicate(b"")
                outcomes.update(json.loads(said))

        without, with_them = self._compare(attack)
        figure("slow heads", at_once=HEADS, ended_by=dict(outcomes), **_ratio(without, with_them))
        self.assertLessEqual(set(outcomes), {"408", "0"})
        self.assertGreater(outcomes["408"], 0)
        self._judge(without, with_them)

    def test_slow_readers(self) -> None:
        """Large answers that nobody takes: no memory to speak of, no wait for others."""
        reading: list[Link] = []

        async def attack() -> None:
            for _ in range(READERS):
                link = await self._reluctant()
                request = b"GET http://127.0.0.1:%d/n/1000000/m HTTP/1.1\r\nHost: h\r\n%b\r\n"
                await link.send(request % (self.attacked.http, self.world.anna.line), Bytes("", ""))
                reading.append(link)
            await asyncio.Event().wait()

        before = self._resident()
        without, with_them = self._compare(attack)
        grown = self._resident() - before
        figure("slow readers", at_once=len(reading), daemon_grew_by=f"{grown >> 10}KiB", **_ratio(without, with_them))
        for link in reading:
            link.close()
        self.assertEqual(READERS, len(reading))
        self.assertLess(grown, READERS * 200_000 + 20_000_000)
        self._judge(without, with_them)

    def test_slowhttptest(self) -> None:
        """The well-known tool, slow heads and slow reading, against the proxy port."""
        tool = shutil.which("slowhttptest")
        if not tool:
            raise SkipTest("slowhttptest is not installed on this machine")
        self.world.customer("crawler")
        self.world.daemon.cli("ip", "add", "crawler", "127.0.0.1")
        for kind, options in {
            "slow heads": ["-H", "-i", "1", "-x", "24"],
            "slow bodies": ["-B", "-i", "1", "-x", "24", "-s", "8192"],
            "slow reading": ["-X", "-w", "10", "-y", "20", "-n", "3", "-z", "32", "-k", "1"],
        }.items():
            if kind == "slow bodies" and not FULL:
                continue
            without, with_them = self._compare(lambda o=options: self._slowhttptest(tool, o))  # type: ignore[misc]
            figure(f"slowhttptest, {kind}", daemon_sockets=self.open_meanwhile, **_ratio(without, with_them))
            self.assertGreater(self.open_meanwhile, READERS, "the attack did not take place")
            self._judge(without, with_them)

    async def _slowhttptest(self, tool: str, options: list[str]) -> None:
        connections, seconds = str(READERS * 4), str(int(SECONDS + STARTING) + 1)
        origin = f"http://127.0.0.1:{self.attacked.http}/n/1000000/m"
        through = f"127.0.0.1:{self.world.daemon.proxy_port}"
        command = [tool, *options, "-c", connections, "-r", connections, "-l", seconds, "-u", origin, "-d", through]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
        try:
            await asyncio.Event().wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()

    def _compare(self, attack: object) -> tuple[Book, Book]:
        """The others' work without and with the attack."""

        async def scenario() -> tuple[Book, Book]:
            await self.world.ask_steadily(0.5)
            without = await self.world.ask_steadily(SECONDS)
            attacking = asyncio.ensure_future(attack())  # type: ignore[operator]
            await asyncio.sleep(STARTING)
            self.open_meanwhile = self.world.sockets
            with_them = await self.world.ask_steadily(SECONDS)
            assert not attacking.done(), attacking
            attacking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await attacking
            return without, with_them

        return asyncio.run(scenario())

    def _judge(self, without: Book, with_them: Book) -> None:
        self.assertEqual([], with_them.wrong)
        self.assertTrue(with_them.seconds, "nobody else was served")
        if FULL:
            self.assertLess(percentile(with_them.seconds), max(percentile(without.seconds) * GENEROUS, 0.1))
        self.assertTrue(self.world.daemon.running)
        self.assertNotIn("Traceback", self.world.daemon.log_text())

    async def _reluctant(self) -> Link:
        """A connection with next to no room for what comes."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, self.world.address)
        return Link(Book(), sock)

    def _resident(self) -> int:
        with open(f"/proc/{self.world.daemon.pid}/status") as file:
            return int(re.findall(r"VmRSS:\s+(\d+)", file.read())[0]) * 1024


def _ratio(without: Book, with_them: Book) -> dict[str, object]:
    p99, p99_with = percentile(without.seconds), percentile(with_them.seconds)
    return {
        "asked": len(with_them.seconds),
        "p99_without": milliseconds(p99),
        "p99_with": milliseconds(p99_with),
        "times": p99_with / p99,
    }
