"""How fast an account with a limit is beside one without: `python bench/limited.py`.

The same amount is pulled through tunnels by an account that has exactly so much left, which ends them, and by one
without any limit, in turn; medians, in MB a second of the clock, and their ratio.  Also: how much more than what was
left came through.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not bench/ itself, whose profile.py would hide another

from bench.machine import description  # noqa: E402
from bench.peers import SETTINGS  # noqa: E402
from bench.table import quotient  # noqa: E402
from tests.support import flood, postgres  # noqa: E402
from tests.support.daemon import LiveDaemon, free_port, until  # noqa: E402
from tests.support.load import basic  # noqa: E402

MB = 10**6
AMOUNTS = (10_000 * MB, 1000 * MB, 100 * MB, 20 * MB, MB)
TUNNELS = (1, 20)
WORSE = 0.9
"""Of the rate without a limit, at least."""
SMALL = 100 * MB
"""Less is pulled many times: a moment of the machine weighs too much in one."""


class Tried:
    """A daemon, an origin that sends without end, and what went through."""

    def __init__(self, store: str) -> None:
        port = free_port()
        self.daemon = LiveDaemon(config=SETTINGS.format(port=port), store=store)
        self.daemon.proxy_port = port
        self.source = flood.Origin(None, "source")
        self.free = self._head("free")
        self._accounts = 0

    def close(self) -> None:
        self.source.close()
        self.daemon.close()

    def _head(self, name: str, **limits: object) -> bytes:
        who = basic(name, name, self.daemon.account(name, **limits)).line
        return b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n%b\r\n" % (self.source.port, who)

    def limited(self, amount: int, tunnels: int) -> tuple[float, int]:
        """Bytes a second of an account that has so much left, and how far it was passed."""
        self._accounts += 1
        name = f"limited{self._accounts}"
        head = self._head(name, total_limit=f"{amount / 10**9:.3f}")
        got, seconds = flood.pull(self.daemon.proxy_port, head, conns=tunnels, most=2 * amount)
        total = until(lambda: (billed := self.daemon.total(name)) >= amount and billed, "the bytes are billed")
        return got / seconds, int(total) - amount

    def unlimited(self, amount: int, tunnels: int) -> float:
        got, seconds = flood.pull(self.daemon.proxy_port, self.free, conns=tunnels, most=amount)
        return got / seconds


def compare(store: str, amounts: tuple[int, ...], rounds: int) -> list[str]:
    """Rows of a table."""
    tried = Tried(store)
    try:
        tried.unlimited(100 * MB, 1)  # warm
        return [row(tried, amount, tunnels, rounds) for amount in amounts for tunnels in TUNNELS]
    finally:
        tried.close()


def row(tried: Tried, amount: int, tunnels: int, rounds: int) -> str:
    limited, unlimited, over = [], [], []
    for _ in range(rounds * (5 if amount < SMALL else 1)):
        unlimited.append(tried.unlimited(amount, tunnels))
        rate, passed = tried.limited(amount, tunnels)
        limited.append(rate)
        over.append(passed)
    rates = median(limited) / MB, median(unlimited) / MB
    share = quotient(*rates)
    mark = "" if share >= WORSE else " !"
    return f"| {amount // MB:,} MB | {tunnels} | {rates[0]:,.0f} | {rates[1]:,.0f} | {share:.2f}{mark} | {max(over)} |"


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most", type=int, default=AMOUNTS[0], metavar="BYTES", help="leave out larger amounts")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL, not on SQLite")
    options = parser.parse_args(given)
    store, server = "", None
    if options.postgres:
        server = postgres.server()
        store = server.url(server.new_database())
    amounts = tuple(amount for amount in AMOUNTS if amount <= options.most)
    print(f"{'PostgreSQL' if store else 'SQLite'}, on {description()}.\n")
    print(
        "| left | tunnels | MB/s | without a limit | ratio | bytes over |\n| ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    print("\n".join(compare(store, amounts, options.rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
