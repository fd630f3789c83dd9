"""What more processes bring: `python bench/workers.py [--rounds N] [--seconds S]`.

The same load through a daemon that carries everything itself, then with two workers, then with four, in rounds.  Told
are exchanges per second of the clock, and per CPU second of all processes of the proxy together; what they would do in
a second on all cores, were the load generator and the origin on others: as many CPU seconds as there are cores, or
processes that carry, if these are fewer; and how many cores the proxy had, and how many the load.

On a small machine these need the cores that the workers want.  So it is done twice: with all cores for everybody, as
the clock shows it; and with all of the proxy on one core and the load on the others.  There every number of processes
has the same core to itself and is kept busy, so that what they cost each other is seen.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not bench/ itself, whose profile.py would hide another

from bench.load import Load  # noqa: E402
from bench.machine import description  # noqa: E402
from bench.peers import Peer, Proxy, meshd, meshd_version  # noqa: E402
from bench.processes import cpu_seconds  # noqa: E402
from bench.stage import stage  # noqa: E402
from bench.table import grouped, quotient, spread  # noqa: E402
from bench.works import WORKS, Sample, Work, measure, warm_up  # noqa: E402

COUNTS = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Found:
    """One measurement."""

    sample: Sample
    others: float
    """Cores that the load generator and the origin had."""


Samples = Mapping[tuple[str, int], Sequence[Found]]
"""By work and number of workers: one a round."""


def table(samples: Samples) -> str:
    """In Markdown: medians, and ratios to one process."""
    rows = ["| work | workers | a second | a CPU second | the load apart | cores of the proxy | of the load | spread |"]
    rows.append("|---|---:|---:|---:|---:|---:|---:|---:|")
    cores = len(os.sched_getaffinity(0))
    for (work, workers), found in samples.items():
        one = samples[work, COUNTS[0]]
        per_second, first = (median(each.sample.per_second for each in some) for some in (found, one))
        per_cpu, first_cpu = (median(each.sample.per_cpu_second for each in some) for some in (found, one))
        cells = [
            work,
            str(workers),
            f"{grouped(per_second)} ({quotient(per_second, first):.2f}x)",
            f"{grouped(per_cpu)} ({quotient(per_cpu, first_cpu):.2f}x)",
            f"{grouped(per_cpu * min(workers, cores))} ({quotient(per_cpu * min(workers, cores), first_cpu):.2f}x)",
            f"{median(each.sample.cores for each in found):.2f}",
            f"{median(each.others for each in found):.2f}",
            f"{spread([each.sample.per_cpu_second for each in found]):.0%}",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def run(
    rounds: int, seconds: float, works: Sequence[Work] = WORKS, *, apart: bool = False
) -> dict[tuple[str, int], list[Found]]:
    """apart: whether all of the proxy has the first core, and the load the others."""
    samples: dict[tuple[str, int], list[Found]] = {(work.name, count): [] for work in works for count in COUNTS}
    cores = sorted(os.sched_getaffinity(0))
    wrap = ("taskset", "--cpu-list", str(cores[0])) if apart else ()
    if apart:
        os.sched_setaffinity(0, cores[1:])  # what is begun here inherits it
    try:
        with stage() as here:
            for _ in range(rounds):
                for place, count in enumerate(COUNTS):
                    peer = Peer(f"meshd, {count}", meshd_version, meshd(("--workers", str(count)), wrap))
                    with here.proxy(peer, place) as (proxy, load):
                        for _ in range(count):  # each worker has a first connection to make
                            warm_up(load)
                        for work in works:
                            samples[work.name, count].append(one(proxy, load, work, seconds))
    finally:
        os.sched_setaffinity(0, cores)
    return samples


def one(proxy: Proxy, load: Load, work: Work, seconds: float) -> Found:
    before, own = cpu_seconds(os.getpid()), cpu_seconds(proxy.pid)
    sample = measure(proxy, load, work, seconds)
    others = cpu_seconds(os.getpid()) - before - (cpu_seconds(proxy.pid) - own)
    return Found(sample, others / seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--clients", type=int, default=0, help="of GETs and tunnels; 0 for the comparison's")
    parser.add_argument("--all-cores", action="store_true", help="leave out the proxy on one core")
    given = parser.parse_args()
    works = [replace(work, clients=given.clients) if given.clients and work.figure == "ok" else work for work in WORKS]
    print(description())
    if len(os.sched_getaffinity(0)) > 1 and not given.all_cores:
        print("\nthe proxy on one core, the load on the others:\n")
        print(table(run(given.rounds, given.seconds, works, apart=True)), flush=True)
    print("\nall cores for everybody:\n")
    print(table(run(given.rounds, given.seconds, works)))


if __name__ == "__main__":
    main()
