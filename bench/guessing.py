"""Whether a refusal's time tells a name that exists from one that does not: `python bench/guessing.py`.

Each way to be refused is tried in turn, at the account API and at the proxy, so that a busy moment of the machine
touches all of them.  The noise is what the same way differs by from itself: the medians of its even and its odd tries.
Status 0 where no two ways differ by more than three times that.
"""

from __future__ import annotations

import argparse
import http.client
import ssl
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not bench/ itself, whose profile.py would hide another

from bench.machine import description  # noqa: E402
from tests.support.daemon import LiveDaemon  # noqa: E402

BOUND = 3.0
CONFIG = "[limits]\nfailures = 1000\nnames_per_address = 1000000\n"
"""Nobody is banned while it is measured."""

Seconds = Mapping[str, Sequence[float]]


def noise(seconds: Seconds) -> float:
    """The largest difference of a way from itself."""
    return max(abs(median(tries[::2]) - median(tries[1::2])) for tries in seconds.values())


def difference(seconds: Seconds) -> float:
    """The largest between two ways."""
    return max(abs(median(one) - median(other)) for one, other in combinations(seconds.values(), 2))


def basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


def fields(daemon: LiveDaemon) -> dict[str, Callable[[int], str]]:
    """A credential for each way to be refused; another one at each try: one that is known to be wrong is quick."""
    daemon.account("alice", "correct horse")
    daemon.account("alice.sub", "battery staple", parent="alice")
    return {
        "wrong password": lambda number: basic("alice", f"wrong {number}"),
        "unknown name": lambda number: basic(f"nobody{number}", f"wrong {number}"),
        "wrong password of a sub-account": lambda number: basic("alice.sub", f"wrong {number}"),
    }


def at_api(daemon: LiveDaemon) -> Callable[[str], float]:
    """Seconds of one try there, on a connection that is kept."""
    context = ssl.create_default_context(cafile=str(daemon.certificate))
    connection = http.client.HTTPSConnection("127.0.0.1", daemon.api_port, context=context, timeout=20)
    return lambda field: _timed(connection, "/api/proxies/", {"Authorization": field}, 401)


def at_proxy(daemon: LiveDaemon) -> Callable[[str], float]:
    connection = http.client.HTTPConnection("127.0.0.1", daemon.proxy_port, timeout=20)
    return lambda field: _timed(connection, "http://meshd.internal/", {"Proxy-Authorization": field}, 407)


def _timed(connection: http.client.HTTPConnection, target: str, sent: dict[str, str], status: int) -> float:
    begun = time.perf_counter()
    connection.request("GET", target, headers=sent)
    answer = connection.getresponse()
    answer.read()
    seconds = time.perf_counter() - begun
    if answer.status != status:
        raise SystemExit(f"{answer.status} {answer.reason} in the place of {status}")
    return seconds


def measured(ways: Mapping[str, Callable[[int], str]], ask: Callable[[str], float], tries: int) -> Seconds:
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(tries):
        for way, field in ways.items():
            seconds[way].append(ask(field(number)))
    return seconds


def lines(place: str, seconds: Seconds) -> list[str]:
    told = [f"{place}: {way}: median {median(tries) * 1000:.3f} ms of {len(tries)}" for way, tries in seconds.items()]
    apart, own = difference(seconds) * 1000, noise(seconds) * 1000
    return [*told, f"{place}: they differ by {apart:.3f} ms, each from itself by {own:.3f} ms"]


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=200)
    options = parser.parse_args(given)
    print(description(), flush=True)
    daemon = LiveDaemon(None, CONFIG)
    told = False
    try:
        ways = fields(daemon)
        for place, ask in (("API", at_api(daemon)), ("proxy", at_proxy(daemon))):
            seconds = measured(ways, ask, options.tries)
            print("\n".join(lines(place, seconds)), flush=True)
            told |= difference(seconds) > BOUND * noise(seconds)
    finally:
        daemon.close()
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
