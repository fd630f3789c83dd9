"""What one account's exchanges are held to beside the settings: its bounds and destination rules, all levels together.

Resolved once for each admission (`auth/terms.py`), so that a request asks for one attribute.  Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from meshd.values.bounds import Bounds, OnLimit
from meshd.values.destinations import Level


class Group(NamedTuple):
    """Those who share bounds: an account with its sub-accounts, or one sub-account."""

    id: int
    """The account's id, whose bounds they are."""
    bounds: Bounds


class Share(NamedTuple):
    """One number of a group's, above 0."""

    group: int
    most: int


class Shares(NamedTuple):
    """One number of all groups that an account is in."""

    shares: tuple[Share, ...]
    """Those that bound: the account's own, then its family's."""
    given: bool
    """Whether any group gives the number, also as 0; the settings' own number holds where none does."""


Counted = Literal["requests_per_second", "tunnels", "client_addresses", "kbit_down", "kbit_up"]


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one account, by its token if it has one."""

    groups: tuple[Group, ...]
    """The account's own, then that of its parent, which counts all of the family."""
    requests: Shares
    tunnels: Shares
    addresses: Shares
    levels: tuple[Level, ...] = ()
    """Destination rules, from the plan's to the token's: all of them must let a request pass."""
    by_address: tuple[Level, ...] = ()
    """Those of the levels that have networks."""

    def on_limit(self, group: int) -> OnLimit | Literal[""]:
        """What happens at the byte limit of this group: what it says, else its family; "" for what the settings say."""
        held = False
        for each in self.groups:
            held = held or each.id == group
            if held and each.bounds.on_limit:
                return each.bounds.on_limit
        return ""

    def rate(self, group: int, way: Literal["kbit_down", "kbit_up"]) -> int:
        """The kilobits a second that the group is held to in one direction; 0 for no bound."""
        return next((getattr(each.bounds, way) or 0 for each in self.groups if each.id == group), 0)


def terms(groups: tuple[Group, ...], levels: tuple[Level, ...]) -> Terms:
    """Put the terms together."""
    return Terms(
        groups,
        _shares(groups, "requests_per_second"),
        _shares(groups, "tunnels"),
        _shares(groups, "client_addresses"),
        levels,
        tuple(each for each in levels if each.matcher.has_networks),
    )


def _shares(groups: tuple[Group, ...], name: Counted) -> Shares:
    numbers = [(each.id, getattr(each.bounds, name)) for each in groups]
    bounding = tuple(Share(group, number) for group, number in numbers if number)
    return Shares(bounding, any(number is not None for _, number in numbers))
