"""What idle tunnels cost those who work: `python bench/idle.py`.

100 clients ask through meshd, alone and then beside 10,000 tunnels that move nothing (or as many as the descriptor
limit allows), in turn.  Status 0 where the p99 of the work beside them is less than three times what it is alone.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not bench/ itself, whose profile.py would hide another

from bench.load import Load  # noqa: E402
from bench.machine import description, descriptors  # noqa: E402
from bench.peers import all_peers  # noqa: E402
from bench.stage import stage  # noqa: E402
from bench.table import quotient  # noqa: E402
from bench.works import warm_up  # noqa: E402

WORKERS = 100
BOUND = 3.0
SPARE = 300
"""Descriptors of the daemon that are not tunnels: meshd's own reserve, its files, its listeners, the pipes."""


@dataclass(frozen=True, slots=True)
class Turn:
    """p99 in microseconds without and with the tunnels, the rates, and how many tunnels stood at the end."""

    alone: float
    beside: float
    rate_alone: float
    rate_beside: float
    standing: int

    @property
    def line(self) -> str:
        return (
            f"alone: p99 {self.alone / 1000:.1f} ms, {self.rate_alone:,.0f}/s; beside {self.standing:,} idle tunnels: "
            f"p99 {self.beside / 1000:.1f} ms, {self.rate_beside:,.0f}/s; ratio {quotient(self.beside, self.alone):.2f}"
        )


def possible(descriptors: int, wanted: int, workers: int) -> int:
    """Tunnels that fit: each has two descriptors of the daemon, and so has each worker."""
    return max(min(wanted, (descriptors - SPARE) // 2 - workers), 0)


def turn(load: Load, tunnels: int, workers: int, seconds: float) -> Turn:
    alone = load.run("get", workers, seconds)
    # They stand until told to end; the time is only for a run that was stopped midway.
    with load.idle_tunnels(tunnels, seconds + 120) as idle:
        if idle.standing < tunnels:
            raise SystemExit(f"only {idle.standing:,} of {tunnels:,} tunnels could be opened")
        beside = load.run("get", workers, seconds)
        standing = idle.end()
    for found in (alone, beside):
        if found["err"] or found["bad"]:
            raise SystemExit(f"work failed: {found}")
    return Turn(alone["p99"], beside["p99"], alone["rate"], beside["rate"], standing)


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tunnels", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=WORKERS)
    options = parser.parse_args(given)
    limit = descriptors(2 * (options.tunnels + options.workers) + SPARE)
    tunnels = possible(limit, options.tunnels, options.workers)
    print(f"{description()}; {limit:,} descriptors, {tunnels:,} tunnels, {options.workers} clients at work", flush=True)
    turns = []
    with stage() as scene, scene.proxy(all_peers(sys.executable)[0], 0) as (_, load):
        warm_up(load)
        for _ in range(options.rounds):
            turns.append(turn(load, tunnels, options.workers, options.seconds))
            print(turns[-1].line, flush=True)
    ratio = quotient(median(each.beside for each in turns), median(each.alone for each in turns))
    lost = sum(tunnels - each.standing for each in turns)
    print(f"p99 beside / p99 alone, medians: {ratio:.2f} (wanted: under {BOUND:g}); tunnels lost: {lost}")
    return 0 if ratio < BOUND and not lost else 1


if __name__ == "__main__":
    sys.exit(main())
