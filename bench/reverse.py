"""Published hosts beside nginx, HAProxy and reverse proxies in Python, at the same work: `python bench/reverse.py`.

Each round gives each work to each of them in turn; the medians over the rounds are compared, per second of the proxy's
own CPU time.  `--write` puts the table in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import trustme

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would stand before the standard library's

from bench import table  # noqa: E402
from bench.fronts import NAME, Front, Ground, Started, all_fronts  # noqa: E402
from bench.load import figures  # noqa: E402
from bench.machine import description, descriptors  # noqa: E402
from bench.peers import Missing  # noqa: E402
from bench.processes import Bystanders, cpu_seconds  # noqa: E402
from bench.stage import Stage, stage  # noqa: E402

DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN = "<!-- table: made by bench/reverse.py --write -->"
END = "<!-- end of the table of reverse proxies -->"

WORKS = {"get": "keep-alive GET", "tls": "new TLS connections"}
CLIENTS = {"get": 64, "tls": 8}
AGAINST = "nginx"
PATIENCE = 60.0


def command(work: str, pload: Path, front: Started, seconds: float) -> list[str]:
    if work == "get":
        aimed = ["-o", front.proxy.address, "-n", NAME]
        return [str(pload), "direct", *aimed, "-c", str(CLIENTS[work]), "-t", str(seconds)]
    script = str(ROOT / "bench" / "handshakes.py")
    return [sys.executable, script, str(front.https), NAME, str(CLIENTS[work]), str(seconds)]


def run(words: list[str], seconds: float) -> dict[str, float]:
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=seconds + PATIENCE)
    return figures(done.stdout)


class Comparison:
    """The figures, by front and work, and what should be known of them."""

    def __init__(self, scene: Stage, seconds: float) -> None:
        self._scene = scene
        self.seconds = seconds
        self.samples: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.remarks: list[str] = []

    def round(self, running: dict[str, Started]) -> None:
        for work in WORKS:
            for name, front in running.items():
                self._measure(work, name, front)

    def _measure(self, work: str, name: str, front: Started) -> None:
        before = cpu_seconds(front.proxy.pid)
        found = run(command(work, self._scene.pload, front, self.seconds), self.seconds)
        cpu = max(cpu_seconds(front.proxy.pid) - before, 0.001)
        failed = found["bad"] + found["err"]
        if failed > found["ok"] / 100:
            self.remarks.append(f"{name}, {WORKS[work]}: {failed:.0f} of {found['ok'] + failed:.0f} failed")
        self.samples[name, work].append(found["ok"] / cpu)
        share = cpu / found["seconds"]
        told = f"{name:14} {work:4} {found['ok'] / cpu:10,.0f} per CPU second, {share:.0%} of a core"
        print(told, file=sys.stderr, flush=True)


def certified(folder: Path) -> None:
    """Put a certificate with a P-256 key in the folder, as every server wants to have it."""
    issued = trustme.CA().issue_cert(NAME, key_type=trustme.KeyType.ECDSA)
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    folder.joinpath("chain.pem").write_bytes(chain)
    folder.joinpath("key.pem").write_bytes(issued.private_key_pem.bytes())
    folder.joinpath("both.pem").write_bytes(issued.private_key_pem.bytes() + chain)


def compare(fronts: list[Front], python: str, seconds: float, rounds: int) -> tuple[Comparison, float]:
    """All of them up, round by round; the figures, and how much of the machine was others'."""
    with stage() as scene, ExitStack() as open_now:
        running: dict[str, Started] = {}
        for place, front in enumerate(fronts):
            folder = scene.folder / f"front-{place}"
            folder.mkdir(mode=0o755)
            certified(folder)
            running[front.name] = started = front.start(Ground(folder, scene.origin(place), python))
            open_now.callback(started.proxy.close)
            warm(scene, front.name, started)
        found = Comparison(scene, seconds)
        bystanders = Bystanders(os.getpid())
        for _ in range(rounds):
            found.round(running)
        return found, bystanders.share()


def warm(scene: Stage, name: str, front: Started) -> None:
    """A second of each work, which has to go well: the first second of a publication is not compared."""
    for _ in range(20):
        found = [run(command(work, scene.pload, front, 0.5), 0.5) for work in WORKS]
        if all(each["ok"] and not each["bad"] for each in found):
            return
    raise SystemExit(f"{name} does not pass on: {found}")


def tabled(samples: table.Samples, names: list[str]) -> str:
    rows = [["", *WORKS.values()], ["---", *("---:" for _ in WORKS)]]
    rows += [[name, *(table.cell(samples, name, work, AGAINST) for work in WORKS)] for name in names]
    rows.append(["*wanted of meshd*", *("at least 0.25x nginx, 2x any in Python" for _ in WORKS)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def beside_python(samples: table.Samples, names: list[str]) -> str:
    """meshd to the fastest in Python, by work."""
    parts = []
    for work, heading in WORKS.items():
        others = [(median(samples[name, work]), name) for name in names if (name, work) in samples]
        if others and ("meshd", work) in samples:
            value, name = max(others)
            parts.append(f"{heading} {table.ratio(median(samples['meshd', work]), value)} of {name}'s")
    return f"meshd beside the fastest in Python: {', '.join(parts) or 'none ran'}."


def report(found: Comparison, versions: dict[str, str], skipped: list[str], rounds: int, others: float) -> str:
    names = list(versions)
    spreads = []
    for name in names:
        told = (f"{heading} {table.spread(found.samples[name, work]):.0%}" for work, heading in WORKS.items())
        spreads.append(f"- {name}: {', '.join(told)}")
    parts = [
        f"`python bench/reverse.py --seconds {found.seconds:g} --rounds {rounds}` on {description()}.",
        f"{', '.join(f'{name} {version}' for name, version in versions.items())}.  "
        f"Skipped: {', '.join(skipped) or 'none'}.",
        f"Medians of {rounds} rounds of {found.seconds:g} s each, per second of the proxy's own CPU time, with the "
        f"ratio to {AGAINST}.",
        tabled(found.samples, names),
        beside_python(found.samples, [name for name in ("aiohttp", "Twisted", "mitmproxy") if name in versions]),
        "How far apart the rounds were, (highest - lowest) / median:",
        "\n".join(spreads),
        f"Processes that were no part of the run had {others:.0%} of the machine meanwhile.",
    ]
    if found.remarks:
        parts.append("To be known: " + "; ".join(dict.fromkeys(found.remarks)) + ".")
    return "\n\n".join(parts)


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="of each work in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", metavar="NAME", help="measure this one only; may be repeated")
    parser.add_argument(
        "--peers-python",
        default=sys.executable,
        metavar="PROGRAM",
        help="the interpreter that has aiohttp, twisted and mitmproxy installed, if it is not this one",
    )
    parser.add_argument("--beside", default="", metavar="FOLDER", help="another tree of meshd, in the same run")
    parser.add_argument("--write", action="store_true", help=f"replace the table in {DOCUMENT.relative_to(ROOT)}")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    options = arguments(given)
    descriptors(8192)
    versions: dict[str, str] = {}
    skipped: list[str] = []
    fronts = []
    for front in all_fronts(options.peers_python, options.beside):
        if options.only and front.name not in options.only:
            continue
        try:
            versions[front.name] = front.version()
        except Missing as missing:
            skipped.append(f"{front.name} ({missing})")
        else:
            fronts.append(front)
    found, others = compare(fronts, options.peers_python, options.seconds, options.rounds)
    text = report(found, versions, skipped, options.rounds, others)
    print(text)
    if options.write:
        DOCUMENT.write_text(table.replaced(DOCUMENT.read_text(), text, BEGIN, END))
    return 1 if found.remarks else 0


if __name__ == "__main__":
    sys.exit(main())
