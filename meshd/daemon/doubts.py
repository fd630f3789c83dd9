"""Doubts: settings that are valid and perhaps not meant, as accounts in the store lose something by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from meshd.accounts.strays import Stray, strays, told
from meshd.store.interface import Store, StoreError
from meshd.store.statements import accounts
from meshd.store.unit import Unit
from meshd.topology import Topology

RANGE = 20_000
"""Account numbers in one query, so that other queries wait for some milliseconds at most."""

MOST = 2**62
"""A number that is above that of any account."""

Held = Iterable[tuple[str, int, str]]
"""A plan, how many accounts have it, and the name of one of them; a plan may come several times."""


async def ask(store: Store, topology: Topology) -> tuple[str, ...]:
    """A line for each doubt, asked of the store in small queries; none where the store fails."""
    held: list[tuple[str, int, str]] = []
    try:
        newest = await store.run(accounts.newest)
        for above in range(0, newest, RANGE):
            held += await store.run(accounts.plans_held, above, above + RANGE)
        gone = await store.run(strays, topology.proxies)
    except StoreError:
        return ()
    return *of_plans(held, topology.plans), *map(told, gone)


def of_store(topology: Topology) -> Unit[tuple[list[Stray], Sequence[str]]]:
    """Proxies that are gone, and a line for each doubt, in one transaction: for a command, beside no clients.
    Raises: StoreError.
    """
    held = yield from accounts.plans_held(0, MOST)
    gone = yield from strays(topology.proxies)
    return gone, (*of_plans(held, topology.plans), *map(told, gone))


def of_plans(held: Held, plans: Collection[str]) -> tuple[str, ...]:
    """A line for each plan that accounts have and the settings do not."""
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for plan, count, name in held:
        if plan not in plans:
            counts[plan] += count
            names.setdefault(plan, name)
    return tuple(_line(plan, counts[plan], names[plan]) for plan in sorted(counts))


def _line(plan: str, count: int, name: str) -> str:
    who = name if count == 1 else f"{name} and {count - 1} more"
    return f"plan {plan!r} is not in the settings, and {who} has it: nothing can be added to such an account"
