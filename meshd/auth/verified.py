"""Whose credential was right at which address, not long ago.

When a stranger's many wrong names ban an address, those who are known there go on.  Only who shows a right credential
gets in here, so no stranger can push anybody out; what one account can add are its tokens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

PER_ADDRESS = 1024
"""Names of one address: an office or a carrier's NAT, and as many rows as one ban may have to be written with."""


class Verified:
    """Names as bans know them, by address as bans know it; of addresses and of names the longest unused goes first."""

    def __init__(self, bound: Callable[[], int]) -> None:
        """bound: pairs of address and name in all."""
        self._bound = bound
        self._addresses: OrderedDict[str, OrderedDict[str, float]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def note(self, address: str, name: str, monotonic: float) -> None:
        """It was right there."""
        names = self._addresses.setdefault(address, OrderedDict())
        self._addresses.move_to_end(address)
        self._count += name not in names
        names[name] = monotonic
        names.move_to_end(name)
        if len(names) > PER_ADDRESS:
            names.popitem(last=False)
            self._count -= 1
        while self._count > max(self._bound(), PER_ADDRESS):
            _, gone = self._addresses.popitem(last=False)
            self._count -= len(gone)

    def names(self, address: str, monotonic: float, span: float) -> set[str]:
        """Those that were right there within the span."""
        known = self._addresses.get(address)
        return {name for name, since in known.items() if monotonic - since < span} if known else set()
