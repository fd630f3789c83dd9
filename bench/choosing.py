"""What choosing an exit costs, and what leaving by another proxy does: `python bench/choosing.py`.

One customer opens tunnels and asks for pages through daemons that differ in one thing: whether they choose at all
(`bench/unchosen.py` does not), what the requests wish for, and whether the exit is another proxy.  All run at the same
time and are given each work in turn, so that a busy moment of the machine touches all; medians, per second of the
daemon's own CPU time, with the ratio to the first row of the table.  The second row does what the first does: by how
much two daemons differ that are the same.  The third is given the fields of the last, which is compared with it.
"""

from __future__ import annotations

import argparse
import base64
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not bench/ itself, whose profile.py would hide another

from bench.load import Load  # noqa: E402
from bench.machine import description  # noqa: E402
from bench.peers import SETTINGS, Peer, Proxy, meshd_version, started  # noqa: E402
from bench.processes import Bystanders  # noqa: E402
from bench.stage import stage  # noqa: E402
from bench.table import grouped, quotient, ratio, replaced  # noqa: E402
from bench.works import WORKS, measure, warm_up  # noqa: E402
from tests.support.daemon import LiveDaemon, free_port  # noqa: E402

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- choosing: made by bench/choosing.py --write -->", "<!-- end of choosing -->"

POOL = 20
EXITS = "".join(
    f'[[exits]]\nname = "exit-{number}"\nkind = "direct"\ncountry = "{"US" if number % 2 else "GB"}"\n'
    for number in range(POOL)
)
UPSTREAM = (
    '[[exits]]\nname = "upstream"\nkind = "http"\nupstream = "{}"\nusername = "shop"\npassword = "{}"\nreuse = true\n'
)

STICKY = "X-ProxyMesh-Session: browser-7"
ALL = f"{STICKY}\r\nX-ProxyMesh-Country: US\r\nX-ProxyMesh-Not-IP: exit-1,exit-3,192.0.2.1\r\nX-ProxyMesh-Timeout: 20"

UNHEARD = "no choice, whatever four fields say"

WORSE = 0.95
"""Of the tunnels without any choice, at least."""
RELAYED = 0.7
"""Of those that leave by an exit of one's own, at least."""


@dataclass(frozen=True, slots=True)
class Way:
    """One row: the daemon's settings, whether it chooses, and what its clients wish for."""

    name: str
    settings: str = EXITS
    chooses: bool = True
    wishes: str = ""
    """Header fields, without the last line's end."""
    beside: str = ""
    """The row that it is compared with; "" for the first one."""
    table: int = 0
    """The first is about choosing, the second about upstream proxies."""


class Found(NamedTuple):
    """One measurement."""

    way: str
    work: str
    per_cpu_second: float


def daemon_of(way: Way, folder: Path) -> tuple[Proxy, str]:
    """It, and the password of its customer's sub-account `shop`."""
    port = free_port()
    daemon = LiveDaemon(config=SETTINGS.format(port=port) + way.settings, folder=folder, start=False)
    words = daemon.command
    if not way.chooses:
        words = [sys.executable, str(ROOT / "bench" / "unchosen.py"), *words[words.index("--nodaemon") :]]
    daemon.cli("migrate")  # its port is open before its store is ready
    proxy = started(words, port, folder, daemon.environ | {"PYTHONHASHSEED": "0"})  # or dictionaries differ by luck
    daemon.account("customer")
    password = daemon.account("shop", parent="customer")
    credentials = base64.b64encode(f"shop:{password}".encode()).decode()
    fields = [f"Proxy-Authorization: Basic {credentials}", *([way.wishes] if way.wishes else [])]
    return Proxy(proxy.pid, proxy.port, proxy.close, "\r\n".join(fields)), password


def compare(seconds: float, rounds: int) -> tuple[list[Way], list[Found], float]:
    """The ways, what was found, and the share of the machine that went to others."""
    with stage() as scene, ExitStack() as open_now:
        folder = scene.folder / "behind"
        folder.mkdir()
        behind, password = daemon_of(Way("behind", ""), folder)
        open_now.callback(behind.close)
        ways = [
            Way("no choice at all", chooses=False),
            Way("no choice, in another daemon", chooses=False),
            Way(UNHEARD, chooses=False, wishes=ALL),
            Way(f"one of {POOL} at random"),
            Way("a sticky key", wishes=STICKY),
            Way("a key, a country, exclusions, a timeout", wishes=ALL, beside=UNHEARD),
            Way("direct", "", table=1),
            Way("another proxy, by HTTP with a password", UPSTREAM.format(behind.address, password), table=1),
        ]
        running: dict[str, tuple[Proxy, Load]] = {}
        for place, way in enumerate(ways):
            peer = Peer(way.name, meshd_version, lambda folder, way=way: daemon_of(way, folder)[0])  # type: ignore[misc]
            running[way.name] = open_now.enter_context(scene.proxy(peer, place))
            warm_up(running[way.name][1])
        bystanders = Bystanders(os.getpid())
        found = [
            Found(way.name, work.name, measure(*running[way.name], work, seconds).per_cpu_second)
            for turn in range(rounds)
            for work in WORKS
            for way in ways[:: -1 if turn % 2 else 1]
            if way.table or work.name != "bulk"
        ]
        return ways, found, bystanders.share()


def medians(found: Sequence[Found]) -> dict[tuple[str, str], float]:
    figures: dict[tuple[str, str], list[float]] = {}
    for each in found:
        figures.setdefault((each.way, each.work), []).append(each.per_cpu_second)
    return {key: median(values) for key, values in figures.items()}


def table(ways: Sequence[Way], figures: dict[tuple[str, str], float]) -> str:
    """Rows of one table, with the ratio to its first, or to what it stands beside."""
    first = ways[0].name
    lines = ["| | tunnels opened | keep-alive GET | tunnel MB |", "| --- | ---: | ---: | ---: |"]
    for way in ways:
        cells = []
        for work in ("connect", "get", "bulk"):
            value = figures.get((way.name, work))
            told = ratio(value, figures[way.beside or first, work]) if way.name != first and value is not None else ""
            own = f" ({told})" if told else ""
            cells.append("-" if value is None else grouped(value) + own)
        lines.append(f"| {way.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def report(ways: Sequence[Way], found: Sequence[Found], bystanders: float, command: str) -> str:
    figures = medians(found)
    tables = [table([way for way in ways if way.table == number], figures) for number in (0, 1)]
    return "\n\n".join(
        [
            f"`{command}` on {description()}.",
            f"Of {POOL} exits that are all the same, so that they differ in nothing but the choice "
            "(the last row beside the third, all others beside the first):",
            tables[0],
            "And through another proxy (a second meshd, whose CPU time is not counted) beside directly:",
            tables[1],
            f"Processes that were no part of the run had {bystanders:.0%} of the machine meanwhile.",
        ]
    )


def main(given: list[str] | None = None) -> int:
    """Status 0 where both aims are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3, help="of each work in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"replace the tables in {DOCUMENT.relative_to(ROOT)}")
    options = parser.parse_args(given)
    ways, found, bystanders = compare(options.seconds, options.rounds)
    text = report(
        ways, found, bystanders, f"python bench/choosing.py --seconds {options.seconds:g} --rounds {options.rounds}"
    )
    print(text)
    if options.write:
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(), text, BEGIN, END))
    tunnels = {way.name: medians(found)[way.name, "connect"] for way in ways}
    choosing = [way for way in ways if way.chooses and not way.table]
    costs = min(quotient(tunnels[way.name], tunnels[way.beside or ways[0].name]) for way in choosing)
    relayed = quotient(tunnels[ways[-1].name], tunnels[ways[-2].name])
    print(
        f"tunnels: the dearest choice {costs:.3f} (wanted {WORSE}), by another proxy {relayed:.3f} (wanted {RELAYED})"
    )
    return 0 if costs >= WORSE and relayed >= RELAYED else 1


if __name__ == "__main__":
    sys.exit(main())
