"""Which names' credentials were right at which address, not long ago.

When a stranger's many wrong names ban an address, names known there are spared.  Only a right credential adds a name,
so no stranger can push other names out; what one account can add are its tokens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

PER_ADDRESS = 1024
"""The most names of one address (an office, a carrier's NAT): so many rows a ban may have to be written with."""


class Verified:
    """Names by address, both as bans call them; the address or name that was unused longest is dropped first."""

    def __init__(self, bound: Callable[[], int]) -> None:
        """bound: gives the most pairs of address and name in all."""
        self._bound = bound
        self._addresses: OrderedDict[str, OrderedDict[str, float]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def note(self, address: str, name: str, monotonic: float) -> None:
        """Note that a credential of that name was right at the address."""
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

    def has(self, address: str, name: str) -> bool:
        return name in self._addresses.get(address, ())

    def names(self, address: str, monotonic: float, span: float) -> set[str]:
        """The names that were right at the address within the last `span` seconds."""
        known = self._addresses.get(address)
        return {name for name, since in known.items() if monotonic - since < span} if known else set()
