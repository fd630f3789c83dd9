"""Destination rules made ready to be asked: by dictionary, so that a thousand entries cost no more than one.  Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from meshd.values.addresses import Address
from meshd.values.rules import Rules, entries_of, parsed


class Ports:
    """A set of ports."""

    __slots__ = ("_highs", "_lows")

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        merged: list[list[int]] = []
        for low, high in sorted(spans):
            if merged and low <= merged[-1][1] + 1:
                merged[-1][1] = max(merged[-1][1], high)
            else:
                merged.append([low, high])
        self._lows = [low for low, _ in merged]
        self._highs = [high for _, high in merged]

    def __contains__(self, port: int) -> bool:
        at = bisect_right(self._lows, port) - 1
        return at >= 0 and port <= self._highs[at]


class Matcher:
    """Answers whether a list has an entry for a destination."""

    __slots__ = ("_anywhere", "_below", "_names", "_networks", "has_networks")

    def __init__(self, rules: Rules) -> None:
        names: dict[str, list[tuple[int, int]]] = defaultdict(list)
        below: dict[str, list[tuple[int, int]]] = defaultdict(list)
        networks: dict[tuple[int, int], dict[int, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        anywhere: list[tuple[int, int]] = []
        for each in entries_of(rules):
            if each.network is not None:
                bits = each.network.max_prefixlen - each.network.prefixlen
                networks[each.network.version, bits][int(each.network.network_address) >> bits].append(each.ports)
            elif each.name:
                (below if each.below else names)[each.name].append(each.ports)
            else:
                anywhere.append(each.ports)
        self._names = {name: Ports(spans) for name, spans in names.items()}
        self._below = {name: Ports(spans) for name, spans in below.items()}
        self._networks = {
            kind: {prefix: Ports(spans) for prefix, spans in of_kind.items()} for kind, of_kind in networks.items()
        }
        self._anywhere = Ports(anywhere)
        self.has_networks = bool(networks)

    def name(self, host: str, port: int) -> bool:
        """Whether an entry covers the host as it was asked for: one look-up for each of its labels."""
        if port in self._anywhere:
            return True
        suffix, under = host, False
        while suffix:
            if (ports := self._names.get(suffix)) is not None and port in ports:
                return True
            if under and (ports := self._below.get(suffix)) is not None and port in ports:
                return True
            suffix, under = suffix.partition(".")[2], True
        return False

    def address(self, address: Address, port: int) -> bool:
        """Whether an entry covers the address: one look-up for each length of prefix that the list has."""
        number = int(address)
        for (version, bits), prefixes in self._networks.items():
            if version == address.version and (ports := prefixes.get(number >> bits)) is not None and port in ports:
                return True
        return False


@lru_cache(maxsize=512)
def matcher(text: str) -> Matcher:
    """What the rules of this text match; the same object for all who have the same rules."""
    return Matcher(parsed(text))


class Level(NamedTuple):
    """The rules of one level, ready to be asked."""

    reason: str
    """Why a request is refused here: a key of the proxy's table of answers."""
    rules: Rules
    matcher: Matcher

    def name(self, host: str, port: int) -> bool | None:
        """Whether the destination as asked for may pass; None where its addresses decide."""
        if self.matcher.name(host, port):
            return self.rules.kind == "only"
        return None if self.matcher.has_networks else self.rules.kind == "except"

    def addresses(self, addresses: Iterable[Address], port: int) -> bool:
        """Whether a name may pass that has all of these addresses; one refused is enough (DNS rebinding)."""
        if self.rules.kind == "only":
            return all(self.matcher.address(each, port) for each in addresses)
        return not any(self.matcher.address(each, port) for each in addresses)

    def unseen(self) -> bool:
        """Whether a name may pass whose addresses decide and are never seen, as an upstream proxy looks the name up.

        That an address is among the only ones cannot be shown; that it is among the excepted ones neither.
        """
        return self.rules.kind == "except"


def level(reason: str, text: str) -> Level:
    """The level of the rules of this text.  Raises: RulesError."""
    return Level(reason, parsed(text), matcher(text))
