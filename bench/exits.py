"""What the choice of an exit costs, and how evenly sticky keys spread: `python bench/exits.py`."""

from __future__ import annotations

import argparse
import time
import timeit
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from statistics import median

from meshd.exits.choosing import Choice, choose
from meshd.exits.pools import Pools
from meshd.selection import NONE, Selection
from meshd.topology import Exit, ExitRule, ProxyHost, Topology

SIZES = (1, 20, 32, 33, 1000, 50_000)
COUNTRIES = ("US", "GB", "DE", "FR")


def topology(size: int) -> Topology:
    """So many exits, a fourth of them in each country."""
    exits = tuple(
        Exit(f"exit-{number}", "local", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", COUNTRIES[number % 4])
        for number in range(size)
    )
    return Topology({"all": ProxyHost("all", (), "all:1", ExitRule(), exits)}, exits, {})


def works(size: int) -> dict[str, Callable[[], Selection]]:
    """What is asked for, by name; each key and each exclusion is another one."""
    numbers = count()
    return {
        "no wishes": lambda: NONE,
        "one excluded": lambda: Selection(avoid=frozenset({f"exit-{next(numbers) % size}"} if size > 1 else {"none"})),
        "sticky key": lambda: Selection(session=f"browser {next(numbers)}"),
        "country": lambda: Selection(country="US"),
        "country and key": lambda: Selection(country="US", session=f"browser {next(numbers)}"),
    }


def microseconds(call: Callable[[], object], calls: int) -> float:
    """The best of several runs: what disturbs a run only ever makes it longer."""
    return min(timeit.repeat(call, number=calls, repeat=5)) / calls * 1e6


def cost(pools: Pools, wish: Callable[[], Selection], calls: int) -> float:
    """Microseconds of one choice, less those of making the wish."""
    pool, chance = pools.of("all"), Random(1)
    assert pool is not None

    def chosen() -> Choice:
        choice = choose(pool, wish(), chance, monotonic=0.0, now=0.0)
        assert isinstance(choice, Choice)
        return choice

    chosen()  # what is built when it is first asked for is not what a choice costs
    return max(microseconds(chosen, calls) - microseconds(wish, calls), 0.0)


def built(size: int) -> tuple[Pools, float, float]:
    """The pools, and the milliseconds that they and their rings took."""
    made = topology(size)
    begin = time.perf_counter()
    pools = Pools(made)
    middle = time.perf_counter()
    pools.prepare()
    return pools, (middle - begin) * 1e3, (time.perf_counter() - middle) * 1e3


def shares(size: int, keys: int) -> list[float]:
    """The part of the keys that each exit has, to its fair share, the smallest first."""
    pool = Pools(topology(size)).of("all")
    assert pool is not None
    view = pool.view("")
    assert view is not None
    found = Counter(view.finder.find(f"key {number}", lambda outlet: True) for number in range(keys))
    return sorted(found.get(outlet, 0) * size / keys for outlet in view.outlets)


def table(sizes: Sequence[int], calls: int) -> str:
    """Microseconds of a choice by the size of the pool, and milliseconds of its making."""
    names = list(works(1))
    lines = [f"{'exits':>8}" + "".join(f"{name:>17}" for name in (*names, "pool, ms", "rings, ms"))]
    for size in sizes:
        pools, pool_ms, ring_ms = built(size)
        figures = [cost(pools, wish, calls) for wish in works(size).values()]
        lines.append(f"{size:>8,}" + "".join(f"{figure:>17.2f}" for figure in (*figures, pool_ms, ring_ms)))
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="exits of a pool")
    parser.add_argument("--calls", type=int, default=2000, help="of each kind, five times over")
    parser.add_argument("--ring", type=int, default=1000, help="exits that keys are spread over")
    parser.add_argument("--keys", type=int, default=200_000)
    args = parser.parse_args(argv)
    print("microseconds of one choice")
    print(table(args.sizes, args.calls))
    spread = shares(args.ring, args.keys)
    print(
        f"{args.keys:,} keys over {args.ring:,} exits, to the fair share: "
        f"least {spread[0]:.2f}, median {median(spread):.2f}, most {spread[-1]:.2f}"
    )


if __name__ == "__main__":
    main()
