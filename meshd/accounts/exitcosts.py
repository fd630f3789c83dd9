"""What the bytes that left by exits have cost, by the rates of the settings as they are now.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from meshd.store.statements.tops import Sum
from meshd.topology import Topology
from meshd.values.costs import amount, cost

_OF_LIST = re.compile(r"(?P<stem>.+)-(?:[0-9a-f]{8}|[0-9a-f]{16})\Z", re.ASCII)
"""A name that was made for an exit of a list."""


class Total(NamedTuple):
    """What several exits have cost."""

    cost: str
    unknown: int
    """Exits that moved something and whose rate is not known; they are not in the sum."""


class Rates:
    """The rates of exits, those too that a list with a rate had and has no more."""

    def __init__(self, topology: Topology) -> None:
        self.currency = topology.cost_currency
        self._rates: Mapping[str, Decimal] = {each.name: each.cost for each in topology.exits if each.cost is not None}
        self._known = frozenset(each.name for each in topology.exits)
        self._lists = topology.list_costs

    def rate(self, name: str) -> Decimal | None:
        """What a GB by the exit costs; None where that is not known."""
        if name in self._known:
            return self._rates.get(name)
        found = _OF_LIST.match(name)
        return self._lists.get(found["stem"]) if found else None

    def cost(self, moved: Sum) -> str | None:
        """What an exit has cost, both directions together; None where its rate is not known."""
        exact = self._exact(moved)
        return None if exact is None else amount(exact, self.currency)

    def of(self, sums: Iterable[Sum | None]) -> dict[str, str]:
        """What each has cost, with the currency, by the exit's name; those whose rate is not known are left out."""
        found = {each.name: self.cost(each) for each in sums if each is not None}
        return {name: f"{text} {self.currency}" for name, text in found.items() if text is not None}

    def total(self, sums: Iterable[Sum]) -> Total:
        """What all have cost, rounded once."""
        found = [(each, self._exact(each)) for each in sums if each.up or each.down]
        whole = sum((exact for _, exact in found if exact is not None), Decimal(0))
        return Total(amount(whole, self.currency), sum(exact is None for _, exact in found))

    def _exact(self, moved: Sum) -> Decimal | None:
        rate = self.rate(moved.name)
        return None if rate is None else cost(rate, moved.up + moved.down)
