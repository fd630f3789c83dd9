"""meshd beside the proxies that are installed, at the same work in one run: `python bench/compare.py`.

Each round gives each work to each proxy in turn, so that a busy minute of the machine touches all of them; the medians
over the rounds are compared, per second of the proxy's own CPU time.  `--write` puts the table in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would stand before the standard library's

from bench import table  # noqa: E402
from bench.load import Load  # noqa: E402
from bench.machine import description, descriptors  # noqa: E402
from bench.peers import Missing, Peer, Proxy, all_peers  # noqa: E402
from bench.probe import tells_origins_apart  # noqa: E402
from bench.processes import Bystanders  # noqa: E402
from bench.stage import Stage, stage  # noqa: E402
from bench.works import IDLE_TUNNELS, WORKS, Sample, idle_tunnel, measure, warm_up  # noqa: E402

DOCUMENT = ROOT / "docs" / "benchmarks.md"


DAGGER = (
    "† reads the first request of a connection only: further ones, whatever origin they name, go unread to that of the "
    "first (tried in this run with two), and the connection is one line in the log. Its keep-alive GET is a tunnel's."
)


class Comparison:
    """The figures, by proxy and work, and what should be known of them."""

    def __init__(self, seconds: float, idle: int) -> None:
        self.seconds = seconds
        self.idle = idle
        self.samples: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.seen: dict[tuple[str, str], list[Sample]] = defaultdict(list)
        self.remarks: list[str] = []
        self.marked: list[str] = []
        """Proxies whose keep-alive GET is not the others' work."""
        self.bystanders = 0.0

    def busy_round(self, running: dict[str, tuple[Proxy, Load]]) -> None:
        for work in WORKS:
            for name, (proxy, load) in running.items():
                sample = measure(proxy, load, work, self.seconds)
                self.seen[name, work.name].append(sample)
                self.samples[name, work.name].append(sample.per_cpu_second)
                if not sample.sound:
                    self.remark(f"{name}, {work.name}: {sample.failed:.0f} exchanges failed")
                progress(f"{name:10} {work.name:8} {sample.per_cpu_second:12,.0f} per CPU second")

    def idle_round(self, scene: Stage, peers: list[Peer]) -> None:
        """In fresh processes: memory that earlier work has freed would be used again and not show."""
        for place, peer in enumerate(peers):
            with scene.proxy(peer, place) as (proxy, load):
                warm_up(load)
                size, standing = idle_tunnel(proxy, load, self.idle)
            self.samples[peer.name, "idle"].append(size)
            if standing < self.idle:
                self.remark(f"{peer.name}: {standing:,} of {self.idle:,} idle tunnels stood")
            progress(f"{peer.name:10} idle     {size:12,.0f} bytes a tunnel")

    def remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def installed(peers: list[Peer]) -> tuple[dict[str, str], list[str]]:
    """Versions by name, and what is skipped and why."""
    versions, skipped = {}, []
    for peer in peers:
        try:
            versions[peer.name] = peer.version()
        except Missing as missing:
            skipped.append(f"{peer.name} ({missing})")
    return versions, skipped


def compare(peers: list[Peer], seconds: float, rounds: int, idle: int) -> Comparison:
    found = Comparison(seconds, idle)
    with stage() as scene:
        with ExitStack() as open_now:
            running = {peer.name: open_now.enter_context(scene.proxy(peer, i)) for i, peer in enumerate(peers)}
            for name, (proxy, load) in running.items():
                warm_up(load)
                if not tells_origins_apart(proxy, load.origin, scene.origin(-1)):
                    found.marked.append(name)
            bystanders = Bystanders(os.getpid())
            for _ in range(rounds):
                found.busy_round(running)
            found.bystanders = bystanders.share()
        for _ in range(rounds):
            found.idle_round(scene, peers)
    return found


def clock_rows(found: Comparison, names: list[str]) -> str:
    """What the clients saw, which the table per CPU second does not tell."""
    lines = ["| | GET/s | p99 | tunnels/s | p99 | MB/s |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for name in names:
        cells = []
        for work in WORKS:
            samples = found.seen[name, work.name]
            cells.append(table.grouped(median(sample.per_second for sample in samples)))
            if work.figure == "ok":
                cells.append(f"{median(sample.p99 for sample in samples):.1f} ms")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def report(found: Comparison, versions: dict[str, str], skipped: list[str], command: str, rounds: int) -> str:
    """Everything that the table needs beside it."""
    names = list(versions)
    parts = [
        f"`{command}` on {description()}.",
        f"{', '.join(f'{name} {version}' for name, version in versions.items())}.  "
        f"Skipped: {', '.join(skipped) or 'none'}.",
        f"Medians of {rounds} rounds of {found.seconds:g} s each, per second of the proxy's own CPU time, with the "
        f"ratio to Squid; bytes per tunnel of {found.idle:,} idle ones.",
        table.table(found.samples, names, marked=found.marked),
        *([DAGGER] if found.marked else []),
        "What the clients saw, per second of the clock, while they and the origin took what they needed of the same "
        "cores:",
        clock_rows(found, names),
        "How far apart the rounds were, (highest - lowest) / median:",
        table.spreads(found.samples, names),
        f"Processes that were no part of the run had {found.bystanders:.0%} of the machine meanwhile.",
    ]
    if found.remarks:
        parts.append("To be known: " + "; ".join(found.remarks) + ".")
    return "\n\n".join(parts)


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="of each work in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=int, default=IDLE_TUNNELS, metavar="N", help="idle tunnels for the memory")
    parser.add_argument("--only", action="append", metavar="NAME", help="measure this proxy only; may be repeated")
    parser.add_argument(
        "--peers-python",
        default=sys.executable,
        metavar="PROGRAM",
        help="the interpreter that has proxy.py and pproxy installed, if it is not this one",
    )
    parser.add_argument(
        "--beside", default="", metavar="FOLDER", help="another tree of meshd, measured in the same run"
    )
    parser.add_argument("--write", action="store_true", help=f"replace the table in {DOCUMENT.relative_to(ROOT)}")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    options = arguments(given)
    descriptors(3 * options.idle)
    known = all_peers(options.peers_python, options.beside)
    peers = [peer for peer in known if not options.only or peer.name in options.only]
    versions, skipped = installed(peers)
    for name in skipped:
        progress(f"skipped: {name}")
    found = compare([peer for peer in peers if peer.name in versions], options.seconds, options.rounds, options.idle)
    command = f"python bench/compare.py --seconds {options.seconds:g} --rounds {options.rounds}"
    text = report(found, versions, skipped, command, options.rounds)
    print(text)
    if options.write:
        DOCUMENT.write_text(table.replaced(DOCUMENT.read_text(), text))
    return 1 if found.remarks else 0


if __name__ == "__main__":
    sys.exit(main())
