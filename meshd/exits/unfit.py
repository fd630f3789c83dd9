"""Exits that will not do for one exchange."""

from __future__ import annotations

from collections.abc import Container

from meshd.exits.outlets import Outlet
from meshd.model import Refusal
from meshd.topology import Exit

NO_DATAGRAMS = Refusal("exit-refused", "an http or https upstream proxy carries no datagrams")


class Unfit(Container[Outlet]):
    """Exits that will not do for one exchange: those that have failed for it, and those of an address family (4 or 6;
    0 for none) that the destination has no address of.
    """

    __slots__ = ("datagrams", "family", "tried")

    def __init__(self, *, datagrams: bool = False) -> None:
        self.tried: list[Outlet] = []
        self.family = 0
        self.datagrams = datagrams
        """Whether those that carry no datagrams will not do."""

    def __contains__(self, outlet: object) -> bool:
        if outlet in self.tried:
            return True
        if not isinstance(outlet, Outlet):
            return False
        if self.datagrams and not carries(outlet.exit):
            return True
        return self.family > 0 and family(outlet.exit) == self.family


def family(exit_: Exit) -> int:
    """4 or 6, the address family that an exit leaves by; 0 where it can leave by both, or has an upstream proxy."""
    if exit_.prefix is not None:
        return 6
    return (6 if ":" in exit_.source else 4) if exit_.source else 0


def carries(exit_: Exit) -> bool:
    """Whether datagrams can go by the exit: HTTP proxies have tunnels alone."""
    return exit_.kind not in {"http", "https"}
