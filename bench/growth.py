"""What work costs as it grows: `python bench/growth.py --write` puts the table and the plots into the manual.

Connections, accounts at work, exits, names that were asked for, and what a limit leaves: each is made larger (or, of
limits, smaller) while everything else stays, and a request or tunnel should cost the same.  Each figure is the best of
some rounds: what else the machine does only makes it smaller.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would hide another

from bench.accounts import Turns  # noqa: E402
from bench.load import Load  # noqa: E402
from bench.machine import description, descriptors  # noqa: E402
from bench.names import name_server  # noqa: E402
from bench.peers import SETTINGS  # noqa: E402
from bench.plot import Point, plotted  # noqa: E402
from bench.processes import cpu_seconds  # noqa: E402
from bench.sids import LEARNED, crowd  # noqa: E402
from bench.stage import Stage, stage  # noqa: E402
from bench.table import replaced  # noqa: E402
from tests.support.daemon import LiveDaemon, free_port  # noqa: E402
from tests.support.load import basic  # noqa: E402

DOCUMENT = ROOT / "docs" / "scaling.md"
PLOTS = ROOT / "docs" / "plots"
BEGIN, END = "<!-- growth: made by bench/growth.py --write -->", "<!-- end of growth -->"

CLIENTS = 64
CONNECTIONS = (1, 10, 100, 1_000, 4_500, 10_000)
ACCOUNTS = (1, 10, 100, 1_000, 10_000)
EXITS = (1, 10, 100, 1_000, 10_000, 50_000)
NAMES = (1, 1_000, 10_000, 30_000, 100_000)
LEFT = (1_000_000, 10_000, 100, 10, 1)
"""MB that a limit leaves."""

Run = Callable[[int], float]
"""Measures one size: requests, or tunnels, per second of the daemon's CPU time."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What grows, what is done meanwhile, and how far."""

    name: str
    across: str
    up: str
    sizes: Sequence[int]
    ready: Callable[[Stage, Sequence[int], float], Iterator[Run]]


class Tried:
    """A daemon, its customer, and the load on it."""

    def __init__(self, scene: Stage, more: str = "") -> None:
        port = free_port()
        self._scene = scene
        self.daemon = LiveDaemon(config=SETTINGS.format(port=port) + more)
        self.daemon.account("customer")
        self.proxy = f"127.0.0.1:{port}"
        self.load = self.of("shop", parent="customer")

    def of(self, name: str, **options: object) -> Load:
        """The load of a new account."""
        header = basic(name, name, self.daemon.account(name, **options)).line.decode().rstrip()
        return Load(self._scene.pload, self.proxy, self._scene.origin(0), header)

    def rate(self, load: Load, mode: str, clients: int, seconds: float, below: str = "") -> float:
        before = cpu_seconds(self.daemon.pid)
        found = load.run(mode, clients, seconds, below=below)
        return (found["ok"] - found["bad"]) / max(cpu_seconds(self.daemon.pid) - before, 0.01)


@contextmanager
def tried(scene: Stage, more: str = "") -> Iterator[Tried]:
    made = Tried(scene, more)
    try:
        made.load.run("get", 1, 0.5)
        yield made
    finally:
        made.daemon.close()


def connections(scene: Stage, sizes: Sequence[int], seconds: float) -> Iterator[Run]:
    with tried(scene) as made:
        yield lambda size: made.rate(made.load, "get", size, seconds + size / 2_000)


def accounts(scene: Stage, sizes: Sequence[int], seconds: float) -> Iterator[Run]:
    with tried(scene) as made, tempfile.TemporaryDirectory() as folder:
        crowd(made.daemon.data_dir / "meshd.sqlite3", max(sizes))
        loads = {size: Turns(made.load, Path(folder, str(size)), size) for size in sizes}
        loads[max(sizes)].run("get", CLIENTS, 2 + max(sizes) / LEARNED)
        yield lambda size: made.rate(loads[size], "get", CLIENTS, seconds)


def exits(scene: Stage, sizes: Sequence[int], seconds: float) -> Iterator[Run]:
    def measured(size: int) -> float:
        each = "\n".join(f'[[exits]]\nname = "exit-{number}"\nkind = "direct"' for number in range(size))
        with tried(scene, each) as made:
            return made.rate(made.load, "connect", CLIENTS, seconds)

    yield measured


def names(scene: Stage, sizes: Sequence[int], seconds: float) -> Iterator[Run]:
    """Tunnels to names that nobody asked for, after so many others."""
    with name_server(scene.origin(0).partition(":")[0]) as port:
        asked = 0

        def measured(size: int) -> float:
            nonlocal asked
            while asked < size:
                asked += int(made.load.run("connect", CLIENTS, seconds, below="before.test")["ok"])
            return made.rate(made.load, "connect", CLIENTS, seconds, below="new.test")

        with tried(scene, f'[dns]\nservers = ["127.0.0.1:{port}"]\n') as made:
            yield measured


def limits(scene: Stage, sizes: Sequence[int], seconds: float) -> Iterator[Run]:
    """GETs of accounts, one after the other, that have so much left, until it is used up or the time is over."""
    made_so_far = 0

    def measured(size: int) -> float:
        nonlocal made_so_far
        made_so_far += 1
        load = made.of(f"limited{made_so_far}", total_limit=f"{size / 1000:.3f}")
        load.run("get", 1, 0.02)  # its password is hashed once
        return made.rate(load, "get", CLIENTS, min(seconds, 0.05 + size / 10))

    with tried(scene) as made:
        yield measured


GROWTHS = (
    Growth("connections", "connections of one customer", "GETs a CPU second", CONNECTIONS, connections),
    Growth("accounts", "accounts that take turns on 64 connections", "GETs a CPU second", ACCOUNTS, accounts),
    Growth("exits", "exits, one of them at random for each tunnel", "tunnels a CPU second", EXITS, exits),
    Growth("names", "names asked for before, none of them twice", "tunnels a CPU second", NAMES, names),
    Growth("limits", "MB that the account has left", "GETs a CPU second", LEFT, limits),
)


def measured(growth: Growth, seconds: float, rounds: int) -> list[Point]:
    best: dict[int, float] = {}
    with stage() as scene, ExitStack() as ends:
        run = ends.enter_context(contextmanager(growth.ready)(scene, growth.sizes, seconds))
        for _ in range(rounds):
            for size in growth.sizes:
                best[size] = max(best.get(size, 0.0), run(size))
                print(f"{growth.name:12} {size:10,} {best[size]:10,.0f}", file=sys.stderr, flush=True)
    return [Point(size, best[size]) for size in growth.sizes]


def report(found: Mapping[str, Sequence[Point]], options: argparse.Namespace) -> str:
    lines = [
        f"`python bench/growth.py --seconds {options.seconds:g} --rounds {options.rounds}` on {description()}.",
        "",
        "| what grows | from | to | the rate at the end, of the best |",
        "| --- | ---: | ---: | ---: |",
    ]
    for growth in GROWTHS:
        points = found.get(growth.name)
        if points:
            best = max(point.value for point in points)
            ends = f"{points[0].size:,} | {points[-1].size:,} | {points[-1].value / best:.2f}"
            lines.append(f"| {growth.across} | {ends} |")
    return "\n".join(lines)


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=[growth.name for growth in GROWTHS])
    parser.add_argument("--write", action="store_true", help="put the table into docs/scaling.md, the plots beside it")
    options = parser.parse_args(given)
    descriptors(20_000)
    chosen = [growth for growth in GROWTHS if not options.only or growth.name in options.only]
    found = {growth.name: measured(growth, options.seconds, options.rounds) for growth in chosen}
    text = report(found, options)
    print(text)
    if options.write:
        PLOTS.mkdir(exist_ok=True)
        for growth in chosen:
            plot = plotted(f"{growth.up} by {growth.name}", growth.across, growth.up, found[growth.name])
            PLOTS.joinpath(f"{growth.name}.svg").write_text(plot)
        if len(chosen) == len(GROWTHS):
            DOCUMENT.write_text(replaced(DOCUMENT.read_text(), text, BEGIN, END))
    return 0


if __name__ == "__main__":
    sys.exit(main())
