"""Looks at a daemon every few seconds, and keeps what was seen in a file as it comes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from bench.processes import PROC, cpu_seconds, family, smaps_bytes
from tests.soak.clients import Api, Worker
from tests.soak.ground import Ground, Owner
from tests.soak.samples import Sample, as_json
from tests.support.daemon import ROOT, clean_environment

EVERY = 5.0


class Probe:
    """The process that asks the daemon for its own answer, and what it has measured since it was read last."""

    def __init__(self, owner: Owner, ground: Ground) -> None:
        self._found: list[tuple[float, float]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.probe", str(ground.proxy[1]), str(ground.origin.http)],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        owner.callback(self.close)
        assert self._process.stdin is not None
        self._process.stdin.write(ground.who("slow").line.decode().strip() + "\n")
        self._process.stdin.flush()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            daemon, bare = line.split()
            self._found.append((float(daemon), float(bare)))

    def drained(self) -> tuple[list[float], list[float]]:
        found, self._found = self._found, []
        return [each[0] for each in found], [each[1] for each in found]

    def close(self) -> None:
        """Without effect on one that has ended."""
        with self._process:
            self._process.kill()


class Watch:
    """The samples of one daemon, which go to `file` one a line."""

    def __init__(self, ground: Ground, probe: Probe, workers: Sequence[Worker], file: Path) -> None:
        self.samples: list[Sample] = []
        self._ground, self._probe, self._file = ground, probe, file
        self._apis = [worker for worker in workers if isinstance(worker, Api)]
        self._began = time.monotonic()

    async def run(self, until: float) -> None:
        """Until so many seconds after its making."""
        with self._file.open("w") as file:
            while (at := time.monotonic() - self._began) < until:
                sample = self._sample(at)
                self.samples.append(sample)
                file.write(json.dumps(as_json(sample)) + "\n")
                file.flush()
                await asyncio.sleep(min(EVERY, max(0.0, until - at)))

    def _sample(self, at: float) -> Sample:
        ground = self._ground
        rollups = [(PROC / str(pid) / "smaps_rollup").read_text() for pid in family(ground.daemon.pid)]
        lag, bare = self._probe.drained()
        gets, ground.book.seconds = ground.book.seconds, []
        api = [seconds for each in self._apis for seconds in each.seconds]
        for each in self._apis:
            each.seconds = []
        rss, pss = (sum(smaps_bytes(text, name) for text in rollups) for name in ("Rss", "Pss"))
        return Sample(at, rss, pss, ground.descriptors, cpu_seconds(ground.daemon.pid), lag, bare, api, gets)
