"""Many accounts at work on the same connections, beside one alone: `python bench/accounts.py --beside OTHER_TREE`.

Each round gives each number of accounts to each tree in turn: keep-alive GETs of one account, then those of so many
that take turns on every connection, as behind a pool of connections that a company shares.
"""

from __future__ import annotations

import argparse
import base64
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would stand before the standard library's

from bench.load import Load  # noqa: E402
from bench.machine import description, descriptors  # noqa: E402
from bench.peers import Peer, Proxy, meshd  # noqa: E402
from bench.sids import LEARNED, PASSWORD, crowd  # noqa: E402
from bench.stage import Stage, stage  # noqa: E402
from bench.works import Work, measure  # noqa: E402

COUNTS = {1: 64, 100: 64, 5_000: 32}
"""Accounts, and the connections that they share."""
LIMITS = "kept_connections = 15000\n"
"""As where the daemon may open as many descriptors as its unit says: the default is a quarter of them."""


class Turns(Load):
    """pload with the credentials of a file, one for each request."""

    def __init__(self, load: Load, fields: Path, accounts: int) -> None:
        super().__init__(load.program, load.proxy, load.origin)
        self._fields = fields
        users = (f"ph-{number:010}:{PASSWORD}".encode() for number in range(accounts))
        fields.write_text("".join(f"Proxy-Authorization: Basic {base64.b64encode(user).decode()}\n" for user in users))

    def command(self, mode: str, clients: int, seconds: float, path: str = "/") -> list[str]:
        return [*super().command(mode, clients, seconds, path), "-F", str(self._fields)]


@contextmanager
def running(scene: Stage, peer: Peer, place: int) -> Iterator[tuple[Proxy, dict[int, Turns]]]:
    with scene.proxy(peer, place) as (proxy, load):
        stores = scene.folder.glob("proxy-*/meshd-data/meshd.sqlite3")
        crowd(max(stores, key=lambda path: path.stat().st_ctime), max(COUNTS))
        loads = {count: Turns(load, scene.folder / f"fields-{place}-{count}", count) for count in COUNTS}
        loads[max(COUNTS)].run("get", 64, 2 + max(COUNTS) / LEARNED)
        yield proxy, loads


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3, help="of each number of accounts in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--beside", default="", metavar="FOLDER", help="another tree of meshd, measured in the same run"
    )
    options = parser.parse_args(given)
    descriptors(20_000)
    trees = [("meshd", ""), *([("meshd before", options.beside)] if options.beside else [])]
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    with stage() as scene, ExitStack() as open_now:
        up = {
            name: open_now.enter_context(running(scene, Peer(name, lambda: "", meshd(tree=tree, limits=LIMITS)), place))
            for place, (name, tree) in enumerate(trees)
        }
        for _ in range(options.rounds):
            for count, clients in COUNTS.items():
                for name, (proxy, loads) in up.items():
                    sample = measure(proxy, loads[count], Work("get", clients, "/", "ok"), options.seconds)
                    found[name, count].append(sample.per_cpu_second)
                    if not sample.sound:
                        print(f"{name}, {count} accounts: {sample.failed:.0f} failed", file=sys.stderr)
    print(f"Keep-alive GETs per second of the proxy's own CPU time, on {description()}")
    for (name, count), rates in found.items():
        ratio = median(rate / one for rate, one in zip(rates, found[name, 1], strict=True))
        print(f"{name:14} {count:6,} accounts {median(rates):10,.0f}  {ratio:.2f} of one account's")
    return 0


if __name__ == "__main__":
    sys.exit(main())
