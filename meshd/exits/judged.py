"""Destinations that were judged before, under the same settings and with the same addresses.  Pure."""

from __future__ import annotations

from meshd.exits.destinations import OwnListeners
from meshd.topology import DestinationRules

REMEMBERED = 4096
"""Destinations that are remembered, as most are asked for again."""

Place = tuple[str, int, str]
"""A host, a port, and the family to leave by: "4", "6", or "" for both."""


def place_of(host: str, port: int, source: str) -> Place:
    """source: the address to leave by, or "".  An exit with a prefix has another one for each connection, but only its
    family says by which addresses it reaches a host.
    """
    return host, port, ("6" if ":" in source else "4") if source else ""


class Judged:
    """Those that may be reached, and by which of their addresses.

    Whether an address is one of this host changes at any time, so no port of this daemon's listeners is remembered.
    """

    __slots__ = ("_found", "_own", "_rules")

    def __init__(self) -> None:
        self._rules: DestinationRules | None = None
        self._own: OwnListeners | None = None
        self._found: dict[Place, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        """By place the addresses that the host had then, and those of them that are tried."""

    def find(
        self, rules: DestinationRules, own: OwnListeners, place: Place, addresses: tuple[str, ...]
    ) -> tuple[str, ...] | None:
        """The addresses to try; None where the place was not judged yet by these rules, or had other addresses."""
        if rules is not self._rules or own is not self._own:
            return None
        found = self._found.get(place)
        return found[1] if found is not None and found[0] == addresses else None

    def note(
        self,
        rules: DestinationRules,
        own: OwnListeners,
        place: Place,
        addresses: tuple[str, ...],
        usable: tuple[str, ...],
    ) -> None:
        """Remember that a host with these addresses may be reached, by those that are usable; as both are now."""
        if rules is not self._rules or own is not self._own or len(self._found) >= REMEMBERED:
            self._rules, self._own = rules, own
            self._found.clear()
        if place[1] not in own.ports:
            self._found[place] = addresses, usable
