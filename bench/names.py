"""What a name that nobody asked for before costs: `python bench/names.py`.

Clients ask for a name of its own each time, by GET on kept connections and by tunnels.  The name server
(`bench/nameserver.py`) is asked by the daemon as `dns.servers` has it.  First it answers at once: told are requests per
second of the daemon's CPU time, beside those for an address, which nobody is asked for.  Then it takes its time, so
that clients ask for no more than the daemon can do: told is how long clients wait beside that.  `--beside FOLDER`
measures another tree in the same run, in turn.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would hide another

from bench.load import Load  # noqa: E402
from bench.machine import description, descriptors  # noqa: E402
from bench.peers import SETTINGS  # noqa: E402
from bench.processes import cpu_seconds  # noqa: E402
from bench.stage import ADDRESSES, stage  # noqa: E402
from tests.support.daemon import LiveDaemon, free_port  # noqa: E402
from tests.support.load import basic  # noqa: E402

CLIENTS = (32, 400, 1000)
LEAST = 50
"""Milliseconds that a name server takes then, at least."""
RATES = """
| by | clients | tree | known names a CPU second (best) | new names (best) | a look-up | refused |
| --- | ---: | --- | ---: | ---: | ---: | ---: |"""
WAITS = """
| by | clients | tree | name server's time | p50 | p99 | refused |
| --- | ---: | --- | ---: | ---: | ---: | ---: |"""
DNS = '[dns]\nservers = ["127.0.0.1:{port}"]\n'
NEW = "bench.test"
"""What names end in that nobody asked for before."""


@contextmanager
def name_server(address: str) -> Iterator[int]:
    """One in a process of its own; its port."""
    command = [sys.executable, str(ROOT / "bench" / "nameserver.py"), address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


class Asked:
    """A daemon of one tree that asks a name server, and a customer's load on it."""

    def __init__(self, tree: str, pload: Path, origin: str, server: int) -> None:
        port = free_port()
        self.daemon = LiveDaemon(config=SETTINGS.format(port=port) + DNS.format(port=server), tree=tree)
        self._header = basic("customer", "customer", self.daemon.account("customer")).line.decode().rstrip()
        self._load = Load(pload, f"127.0.0.1:{port}", origin, self._header)

    def run(self, mode: str, clients: int, seconds: float, below: str) -> dict[str, float]:
        """pload's figures, and `each`: microseconds of the daemon's CPU time a request."""
        spent = []

        def look() -> None:
            spent.append(cpu_seconds(self.daemon.pid))

        found = self._load.under_way(mode, clients, seconds, look, below)
        look()
        return {**found, "each": 1e6 * (spent[1] - spent[0]) / max(found["ok"] - found["bad"], 1)}

    def settle(self) -> None:
        """Wait until what clients that are gone had asked for is over."""
        while True:
            before = cpu_seconds(self.daemon.pid)
            time.sleep(1)
            if cpu_seconds(self.daemon.pid) - before < 0.1:
                return


def rates(trees: Mapping[str, Asked], mode: str, clients: int, options: argparse.Namespace) -> Iterator[str]:
    """Lines of the first table: medians of the rounds, in which all take turns, and the best one."""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for _ in range(options.rounds):
        for tree, asked in trees.items():
            for below in ("", NEW):
                found.setdefault((tree, below), []).append(asked.run(mode, clients, options.seconds, below))
    for tree in trees:
        known, new = ([each["each"] for each in found[tree, below]] for below in ("", NEW))
        refused = sum(each["bad"] + each["err"] for below in ("", NEW) for each in found[tree, below])
        look_up = median(new) - median(known)
        yield (
            f"| {mode} | {clients:,} | {tree} | {1e6 / median(known):,.0f} ({1e6 / min(known):,.0f}) | "
            f"{1e6 / median(new):,.0f} ({1e6 / min(new):,.0f}) | {look_up:,.0f} µs | {refused:,.0f} |"
        )


def waits(trees: Mapping[str, Asked], mode: str, clients: int, options: argparse.Namespace) -> Iterator[str]:
    """Lines of the second table."""
    milliseconds = max(1000 * clients // options.names, LEAST)
    for tree, asked in trees.items():
        asked.settle()
        found = asked.run(mode, clients, max(options.seconds, milliseconds / 100), f"d{milliseconds}.{NEW}")
        p50, p99 = found["p50"] / 1000, found["p99"] / 1000
        yield (
            f"| {mode} | {clients:,} | {tree} | {milliseconds:,} ms | {p50:,.0f} ms | {p99:,.0f} ms "
            f"({p99 / milliseconds:.2f}x) | {found['bad'] + found['err']:,.0f} |"
        )


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", metavar="FOLDER", help="another tree of meshd")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=5, help="0 for waiting alone")
    parser.add_argument(
        "--names", type=int, default=1000, help="asked for each second, at most, where waiting is measured"
    )
    parser.add_argument("--modes", nargs="*", default=["get", "connect"])
    parser.add_argument("--clients", type=int, nargs="*", default=CLIENTS)
    options = parser.parse_args(given)
    descriptors(20_000)
    print(f"On {description()}.\n")
    with ExitStack() as ends:
        scene = ends.enter_context(stage())
        trees = {}
        for place, (tree, folder) in enumerate((("this", ""), ("other", options.beside))):
            if folder is not None:
                port = ends.enter_context(name_server(ADDRESSES[place]))
                trees[tree] = Asked(folder, scene.pload, scene.origin(place), port)
                ends.callback(trees[tree].daemon.close)
        for title, lines in ((RATES, rates), (WAITS, waits))[not options.rounds :]:
            print(title)
            for mode in options.modes:
                for clients in options.clients:
                    print("\n".join(lines(trees, mode, clients, options)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
