"""What being watched costs, beside a tree without metrics: `python bench/watching.py --beside OTHER_TREE`.

Each round gives each kind of work to each tree in turn, in an order that turns too.  A scrape a second is fifteen times
as many as Prometheus makes unasked.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would stand before the standard library's

from bench.load import Load  # noqa: E402
from bench.machine import description, descriptors  # noqa: E402
from bench.peers import Peer, Proxy, free_port, meshd  # noqa: E402
from bench.stage import stage  # noqa: E402
from bench.works import WORKS, measure, warm_up  # noqa: E402

WATCHED, WITHOUT = "watched", "the tree without"
EVERY = 1.0
"""Seconds between two scrapes."""


@contextmanager
def scraping(port: int) -> Iterator[list[float]]:
    """Ask for the metrics again and again meanwhile; the sizes of the answers."""
    sizes: list[float] = []
    over = threading.Event()

    def run() -> None:
        while not over.wait(EVERY):
            with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
                connection.request("GET", "/metrics")
                sizes.append(len(connection.getresponse().read()))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield sizes
    finally:
        over.set()
        thread.join()


def ratios(found: dict[tuple[str, str], list[float]], work: str) -> list[float]:
    """Of each round, what is done when watched to what is done without."""
    return [one / other for one, other in zip(found[WATCHED, work], found[WITHOUT, work], strict=True)]


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2, help="of each work in each round")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", action="append", metavar="WORK", help="get, connect or bulk; may be repeated")
    parser.add_argument("--beside", required=True, metavar="FOLDER", help="a tree of meshd without metrics")
    options = parser.parse_args(given)
    descriptors(8000)
    works = [work for work in WORKS if not options.only or work.name in options.only]
    port = free_port()
    trees = {WATCHED: meshd(("--metrics", f"tcp:{port}")), WITHOUT: meshd(tree=options.beside)}
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with stage() as scene, ExitStack() as open_now:
        up: dict[str, tuple[Proxy, Load]] = {}
        for place, (name, start) in enumerate(trees.items()):
            up[name] = open_now.enter_context(scene.proxy(Peer(name, lambda: "", start), place))
            warm_up(up[name][1])
        sizes = open_now.enter_context(scraping(port))
        for number in range(options.rounds):
            for work in works:
                for name in list(up) if number % 2 else list(reversed(up)):
                    sample = measure(*up[name], work, options.seconds)
                    found[name, work.name].append(sample.per_cpu_second)
                    if not sample.sound:
                        print(f"{name}, {work.name}: {sample.failed:.0f} failed", file=sys.stderr)
    print(f"Per second of the proxy's own CPU time, on {description()}")
    print(f"{len(sizes)} scrapes of {median(sizes):,.0f} bytes")
    for work in works:
        one, other = (median(found[name, work.name]) for name in (WATCHED, WITHOUT))
        spread = sorted(ratios(found, work.name))
        print(
            f"{work.name:8} {one:12,.0f} watched {other:12,.0f} without"
            f"  ratio {median(spread):.4f} (rounds {spread[0]:.3f} to {spread[-1]:.3f})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
