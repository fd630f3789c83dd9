"""What being watched costs, beside a tree without metrics: `python bench/watching.py --beside OTHER_TREE`.

Each round gives each kind of work to each tree in turn, in an order that turns too.  Two processes of one tree differ
by more than a percent for as long as they live, by where their memory happens to lie, so that both are started again
and again: of each pair the middle round counts, and of the pairs the mean, with the interval it lies in 19 times of 20.
A scrape a second is fifteen times as many as Prometheus makes unasked.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import mean, median, stdev

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would stand before the standard library's

from bench.load import Load  # noqa: E402
from bench.machine import description, descriptors  # noqa: E402
from bench.peers import Peer, Proxy, free_port, meshd  # noqa: E402
from bench.stage import stage  # noqa: E402
from bench.works import WORKS, Work, measure, warm_up  # noqa: E402

WATCHED, WITHOUT = "watched", "the tree without"
EVERY = 1.0
"""Seconds between two scrapes."""


@contextmanager
def scraping(port: int) -> Iterator[None]:
    """Ask for the metrics again and again meanwhile."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(EVERY):
            with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
                connection.request("GET", "/metrics")
                connection.getresponse().read()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def interval(ratios: list[float]) -> tuple[float, float]:
    """The mean of the pairs' ratios, and how far on either side the true one may lie (95 %, by the normal distribution,
    which a dozen pairs are enough for).
    """
    return mean(ratios), 1.96 * stdev(ratios) / len(ratios) ** 0.5


def pair(
    trees: dict[str, Callable[[Path], Proxy]], port: int, works: list[Work], rounds: int, seconds: float
) -> dict[str, list[float]]:
    """What two processes do, begun for this: by work the middle ratio of their rounds, and each one's middle figure."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with stage() as scene, ExitStack() as open_now:
        up: dict[str, tuple[Proxy, Load]] = {}
        for place, (name, start) in enumerate(trees.items()):
            up[name] = open_now.enter_context(scene.proxy(Peer(name, lambda: "", start), place))
            warm_up(up[name][1])
        open_now.enter_context(scraping(port))
        for number in range(rounds):
            for work in works:
                for name in list(up) if number % 2 else list(reversed(up)):
                    sample = measure(*up[name], work, seconds)
                    found[name, work.name].append(sample.per_cpu_second)
                    if not sample.sound:
                        print(f"{name}, {work.name}: {sample.failed:.0f} failed", file=sys.stderr)
    return {work.name: _middles(found[WATCHED, work.name], found[WITHOUT, work.name]) for work in works}


def _middles(watched: list[float], without: list[float]) -> list[float]:
    ratios = [one / other for one, other in zip(watched, without, strict=True)]
    return [median(ratios), median(watched), median(without)]


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each work in each round")
    parser.add_argument("--rounds", type=int, default=20, help="of each pair of processes")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--only", action="append", metavar="WORK", help="get, connect or bulk; may be repeated")
    parser.add_argument("--beside", required=True, metavar="FOLDER", help="a tree of meshd without metrics")
    options = parser.parse_args(given)
    descriptors(8000)
    works = [work for work in WORKS if not options.only or work.name in options.only]
    found: dict[str, list[list[float]]] = defaultdict(list)
    for number in range(options.pairs):
        port = free_port()
        trees = {WATCHED: meshd(("--metrics", f"tcp:{port}")), WITHOUT: meshd(tree=options.beside)}
        turned = dict(trees.items() if number % 2 else reversed(trees.items()))
        for work, middles in pair(turned, port, works, options.rounds, options.seconds).items():
            found[work].append(middles)
    print(f"Per second of the proxy's own CPU time, on {description()}")
    for work, each in found.items():
        ratios, watched, without = zip(*each, strict=True)
        middle, off = interval(list(ratios))
        print(
            f"{work:8} {median(watched):9,.0f} watched {median(without):9,.0f} without  ratio {middle:.4f} +- {off:.4f}"
            f"  ({len(ratios)} pairs, {min(ratios):.3f} to {max(ratios):.3f})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
