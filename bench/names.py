"""What a name that nobody asked for before costs: `python bench/names.py`.

Clients ask for a name of its own each time, by GET on kept connections and by tunnels.  The name server
(`bench/nameserver.py`) is asked by the daemon as `dns.servers` has it.  First it answers at once: told are requests per
second of the daemon's CPU time.  Then it takes its time, so that clients ask for no more than the daemon can do: told
is how long clients wait beside that.  `--beside FOLDER` measures another tree in the same run, in turn.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
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
CALM = 1000
"""Questions a second, at most, where waiting is measured: clients divided by the name server's time."""
DNS = '[dns]\nservers = ["127.0.0.1:{port}"]\n'


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

    def run(self, mode: str, clients: int, seconds: float, milliseconds: int = 0) -> dict[str, float]:
        """pload's figures, and `cpu`: seconds of the daemon's; the name server takes so long for each answer."""
        below = f"d{milliseconds}.bench.test" if milliseconds else "bench.test"
        before = cpu_seconds(self.daemon.pid)
        found = self._load.run(mode, clients, seconds, below=below)
        return {**found, "cpu": cpu_seconds(self.daemon.pid) - before}


def told(asked: Asked, tree: str, mode: str, clients: int, options: argparse.Namespace) -> str:
    """A line of the table: medians of the rounds."""
    at_once = [asked.run(mode, clients, options.seconds) for _ in range(options.rounds)]
    milliseconds = 1000 * clients // CALM
    calm = asked.run(mode, clients, max(options.seconds, 10 * milliseconds / 1000), milliseconds)
    rates = [(each["ok"] - each["bad"]) / max(each["cpu"], 0.01) for each in at_once]
    refused = sum(each["bad"] + each["err"] for each in (*at_once, calm))
    waited = calm["p99"] / 1000
    return (
        f"| {mode} | {clients:,} | {tree} | {median(rates):,.0f} | {refused:,.0f} | {milliseconds:,} ms | "
        f"{waited:,.0f} ms ({waited / milliseconds:.2f}x) |"
    )


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", metavar="FOLDER", help="another tree of meshd")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, nargs="*", default=CLIENTS)
    options = parser.parse_args(given)
    descriptors(20_000)
    trees = ["", *([options.beside] if options.beside else [])]
    print(f"On {description()}.\n")
    print("| by | clients | tree | per CPU second | refused | name server's time | p99 |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: |")
    with ExitStack() as ends:
        scene = ends.enter_context(stage())
        streets = []
        for place, tree in enumerate(trees):
            port = ends.enter_context(name_server(ADDRESSES[place]))
            streets.append(Asked(tree, scene.pload, scene.origin(place), port))
            ends.callback(streets[-1].daemon.close)
        for mode in ("get", "connect"):
            for clients in options.clients:
                for tree, street in zip(("this", "other"), streets, strict=False):
                    print(told(street, tree, mode, clients, options), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
