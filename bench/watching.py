"""What being watched costs: rounds of work in which all is counted fifty times, beside rounds in which nothing is.

The cost is smaller than what tells two rounds apart, or two processes of one tree, which differ for as long as they
live by where their memory happens to lie.  So there is one daemon, whose code is exchanged between two rounds
(`unwatched.py`): without counting it is that of a tree without.  What counting once costs is a fiftieth of the
difference.  Rounds are short and many, in an order that turns, and each is compared with its neighbour.  Scrapes are
fifty times as many as Prometheus makes unasked.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import mean, median, stdev

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would stand before the standard library's

from bench.load import Load  # noqa: E402
from bench.machine import description, descriptors  # noqa: E402
from bench.peers import Peer, Proxy, free_port, meshd  # noqa: E402
from bench.stage import stage  # noqa: E402
from bench.unwatched import FOLD, IN, OUT  # noqa: E402
from bench.works import WORKS, Sample, Work, measure, warm_up  # noqa: E402

OUTLIERS = 0.1
"""The part of the ratios that is left out on either side: rounds in which the machine did something else."""


SCRAPES = FOLD / 15
"""In a second, where all is counted so often: Prometheus makes one in fifteen."""


@contextmanager
def scraped(port: int, times: int) -> Iterator[None]:
    """Ask for the metrics so often meanwhile."""

    def scrape() -> None:
        for _ in range(times):
            ask()

    def ask() -> None:
        with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("GET", "/metrics")
            connection.getresponse().read()

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def interval(ratios: list[float]) -> tuple[float, float]:
    """The mean of the ratios between the outliers, and how far on either side the true one may lie (19 times of 20)."""
    cut = int(len(ratios) * OUTLIERS)
    kept = sorted(ratios)[cut : len(ratios) - cut]
    drawn_in = [kept[0]] * cut + kept + [kept[-1]] * cut
    return mean(kept), 1.96 * stdev(drawn_in) / ((1 - 2 * OUTLIERS) * len(ratios) ** 0.5)


class Rounds:
    """Rounds of one daemon, watched and not."""

    def __init__(self, proxy: Proxy, load: Load, port: int, seconds: float) -> None:
        self._proxy, self._load, self._port, self._seconds = proxy, load, port, seconds
        self._watched = 0

    def pair(self, work: Work, *, watched_first: bool) -> tuple[float, float] | None:
        """What is done in a CPU second, watched and without; None where either round says nothing, which is told."""
        found = {watched: self._round(work, watched) for watched in (watched_first, not watched_first)}
        unsound = [sample for sample in found.values() if not sample.sound]
        for sample in unsound:
            print(f"{work.name}: {sample.done:.0f} done, {sample.failed:.0f} failed: left out", file=sys.stderr)
        return None if unsound else (found[True].per_cpu_second, found[False].per_cpu_second)

    def _round(self, work: Work, watched: bool) -> Sample:
        os.kill(self._proxy.pid, IN if watched else OUT)
        self._watched += watched
        due, before = (int(number * self._seconds * SCRAPES) for number in (self._watched, self._watched - 1))
        with scraped(self._port, due - before if watched else 0):
            return measure(self._proxy, self._load, work, self._seconds)


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.25, help="of a round")
    parser.add_argument("--rounds", type=int, default=400, help="pairs of a watched one and one without, of each work")
    parser.add_argument("--only", action="append", metavar="WORK", help="get, connect or bulk; may be repeated")
    options = parser.parse_args(given)
    descriptors(8000)
    works = [work for work in WORKS if not options.only or work.name in options.only]
    port = free_port()
    wrap = (sys.executable, str(ROOT / "bench" / "unwatched.py"))
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with stage() as scene:
        daemon = Peer("meshd", lambda: "", meshd(("--metrics", f"tcp:{port}"), wrap=wrap))
        with scene.proxy(daemon, 0) as (proxy, load):
            warm_up(load)
            rounds = Rounds(proxy, load, port, options.seconds)
            for number in range(options.rounds):
                for work in works:
                    if pair := rounds.pair(work, watched_first=bool(number % 2)):
                        found[work.name].append(pair)
    print(f"Per second of the proxy's own CPU time, on {description()}")
    for name, pairs in found.items():
        ratio, off = interval([without / watched for watched, without in pairs])
        watched, without = (median(each) for each in zip(*pairs, strict=True))
        cost, doubt = (ratio - 1) / FOLD, off / FOLD
        print(
            f"{name:8} {watched:9,.0f} counted {FOLD} times {without:9,.0f} without  ratio {ratio:.3f} +- {off:.3f}"
            f"  so counting once costs {cost:.3%} +- {doubt:.3%}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
