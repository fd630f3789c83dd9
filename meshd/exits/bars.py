"""Destination rules of an account, its parent, its plan and its token, applied to one exchange.

They hold beside the installation's own (`destinations.py`) and only restrict.  A name is judged as the client asked
for it; where a list has networks, the addresses that will be dialled decide about what no name covers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import NamedTuple, Protocol

from meshd.exits.destinations import literal
from meshd.model import Refusal
from meshd.values.destinations import Level
from meshd.values.internet import unwrap
from meshd.values.terms import Terms


class Bar:
    """The levels of rules for one destination."""

    __slots__ = ("_host", "_note", "_port", "_terms")

    def __init__(self, terms: Terms, host: str, port: int, note: Callable[[Level], None]) -> None:
        """note: told of each level that would have refused, and only observes."""
        self._terms = terms
        self._host = host
        self._port = port
        self._note = note

    def name(self) -> Refusal | None:
        """Why the destination as asked for is refused, before it is looked up; None where it is not."""
        return self._first(each for each in self._terms.levels if each.name(self._host, self._port) is False)

    def addresses(self, texts: Iterable[str]) -> Refusal | None:
        """Why the destination's addresses, spelled as the resolver gives them, are refused; None where they are not."""
        undecided = self._undecided()
        if not undecided:
            return None
        found = [unwrap(ip_address(text.partition("%")[0])) for text in texts]
        return self._first(each for each in undecided if not each.addresses(found, self._port))

    def elsewhere(self) -> Refusal | None:
        """Why a destination that an upstream proxy will resolve is refused besides `name`; None where it is not."""
        addresses = literal(self._host)
        if addresses:
            return self.addresses(addresses)
        return self._first(each for each in self._undecided() if not each.unseen())

    def _undecided(self) -> list[Level]:
        return [each for each in self._terms.by_address if each.name(self._host, self._port) is None]

    def _first(self, against: Iterable[Level]) -> Refusal | None:
        for level in against:
            if not level.rules.observe:
                return Refusal(level.reason, f"{self._host} port {self._port}", words=level.rules.words)
            self._note(level)
        return None


class Barred(Protocol):
    """Who leaves for a destination."""

    @property
    def bar(self) -> Bar | None:
        """The rules of its account that hold at this moment, where addresses have a say in them."""


class BarredBy(NamedTuple):
    """One whose rules are looked at again by whoever asks for it."""

    bar: Bar | None


BY_NOTHING = BarredBy(None)
