"""An hour of everything at once: `python -m tests.soak`, or `tox -e soak`.

A daemon on SQLite and one on PostgreSQL, each with customers of all kinds, while settings are reloaded, exits die,
limits run out and are raised, and the store goes away for seconds.  It fails where memory grows once it is warm, where
descriptors do, where anybody was answered wrongly, or where clients, store and exchange log differ by a byte.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.machine import description, descriptors
from bench.processes import cpu_seconds
from tests.soak.books import unbalanced
from tests.soak.clients import crew
from tests.soak.disturbing import Disturbances
from tests.soak.drawing import draw
from tests.soak.ground import CERTAIN, KEPT, PARENTS, Ground, Owner
from tests.soak.samples import Sample, from_json, unsteady
from tests.soak.watching import Probe, Watch
from tests.support.echoes import Echoes

STORES = ("sqlite", "postgres")
SETTLING = 60.0
"""Seconds for the last clients to end, and as many for the last bytes to reach the store."""
FEW = 10
"""Descriptors more than before the load that may be open once its connections are gone."""


class Soak:
    """One daemon's hour."""

    def __init__(self, owner: Owner, kind: str, workers: str, origin: Echoes, into: Path) -> None:
        self.ground = Ground(owner, kind, workers, origin)
        self._probe = Probe(owner, self.ground)
        self._into = into
        self.faults: list[str] = []
        self.facts: dict[str, Any] = {}

    async def run(self, seconds: float) -> list[Sample]:
        ground, before = self.ground, self.ground.descriptors
        clients = list(crew(ground))
        watch = Watch(ground, self._probe, clients, self._into / f"{ground.kind}.jsonl")
        disturbances = Disturbances(ground)
        disturbing = asyncio.ensure_future(disturbances.run())
        working = asyncio.gather(*(client.work() for client in clients))
        watching = asyncio.ensure_future(watch.run(seconds))
        await asyncio.wait({disturbing, working, watching}, return_when=asyncio.FIRST_COMPLETED)
        disturbances.end()
        for client in clients:
            client.ended = True
        await disturbing
        await asyncio.wait_for(working, SETTLING)
        await watching
        self._probe.close()
        self.facts["disturbances"] = disturbances.counts
        await self._settle(before)
        return watch.samples

    async def _settle(self, before: int) -> None:
        """Books and descriptors, once all is over."""
        ground = self.ground
        for torn in list(ground.book.open):
            ground.book.tear(torn)
        bounds = ground.book.bounds(PARENTS)
        end = time.monotonic() + SETTLING
        while time.monotonic() < end:
            stored = ground.stored()
            if ground.descriptors <= before + FEW and all(
                low <= stored.get(name, 0) <= high for name, (low, high) in bounds.items()
            ):
                break
            await asyncio.sleep(1)
        after, cpu = ground.descriptors, cpu_seconds(ground.daemon.pid)
        status = await asyncio.to_thread(ground.daemon.terminate)
        self._judge(before, after, status)
        self.facts["cpu seconds"] = cpu

    def _judge(self, before: int, after: int, status: int) -> None:
        ground, book = self.ground, self.ground.book
        bounds, stored, log = book.bounds(PARENTS), ground.stored(), ground.logged()
        self.faults += unbalanced(bounds, stored, log)
        self.faults += [f"{name}: {book.cut[name]} exchanges were cut off" for name in CERTAIN if book.cut[name]]
        self.faults += book.wrong[:20]
        if after > before + FEW:
            self.faults.append(f"{after} descriptors are open {KEPT} seconds after the load, {before} were before it")
        if status:
            self.faults.append(f"the daemon ended with status {status}")
        if "Traceback" in (said := ground.daemon.log_text()):
            self.faults.append(f"the log has a traceback: {said[said.index('Traceback') :][:600]}")
        sums = {
            name: {"clients": bounds[name], "store": stored.get(name, 0), "log": log.get(name, 0)} for name in bounds
        }
        self.facts |= {
            "deeds": dict(sorted(book.deeds.items())),
            "cut": dict(book.cut),
            "excused while the store was away": getattr(book.wrong, "excused", 0),
            "descriptors before and after": [before, after],
            "bytes": sums,
        }


async def soak(owner: Owner, options: argparse.Namespace, into: Path) -> tuple[dict[str, list[Sample]], list[Soak]]:
    origin = Echoes(owner)
    soaks = [Soak(owner, kind, options.workers, origin, into) for kind in options.stores]
    samples = await asyncio.gather(*(each.run(options.minutes * 60) for each in soaks))
    return {each.ground.kind: found for each, found in zip(soaks, samples, strict=True)}, soaks


def read(into: Path) -> dict[str, list[Sample]]:
    """The samples that a run has left in the folder."""
    files = {kind: into / f"{kind}.jsonl" for kind in STORES}
    return {
        kind: [from_json(json.loads(line)) for line in file.read_text().splitlines()]
        for kind, file in files.items()
        if file.exists()
    }


def report(samples: Mapping[str, Sequence[Sample]], soaks: Sequence[Soak], into: Path) -> list[str]:
    """Write what was found into the folder; the faults."""
    faults = [f"{kind}: {fault}" for kind, found in samples.items() for fault in unsteady(found)]
    faults += [f"{each.ground.kind}: {fault}" for each in soaks for fault in each.faults]
    facts = {each.ground.kind: each.facts for each in soaks}
    found = {"machine": description(), "faults": faults, "facts": facts}
    (into / "result.json").write_text(json.dumps(found, indent=1) + "\n")
    return faults


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--stores", nargs="+", choices=STORES, default=list(STORES))
    parser.add_argument("--workers", default="", help="processes of each daemon, as `--workers` of twistd has it")
    parser.add_argument("--into", type=Path, help="a folder for the samples, the plots and what was found")
    parser.add_argument("--plots", type=Path, help="a folder for the plots, where they go elsewhere")
    parser.add_argument("--draw", action="store_true", help="draw what an earlier run has left in --into, and end")
    options = parser.parse_args(given)
    into = options.into or Path(tempfile.mkdtemp(prefix="meshd-soak-", dir="/tmp"))
    into.mkdir(parents=True, exist_ok=True)
    if options.draw:
        draw(read(into), options.plots or into)
        return 0
    descriptors(20_000)
    with Owner() as owner:
        samples, soaks = asyncio.run(soak(owner, options, into))
        faults = report(samples, soaks, into)
    draw(samples, options.plots or into)
    print(f"{options.minutes:g} minutes, what was found is in {into}")
    print(*(faults or ["steady and balanced"]), sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
