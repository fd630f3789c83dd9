"""Which exit is drawn where the fastest are wanted.  Pure.

The few that were fastest when probes tried them share what comes, by weight and speed: one that is twice as fast gets
twice as much.  So no single one gets all, and what probes still think fast is not run over by everybody at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from meshd.exits.outlets import Outlet

SAMPLE = 64
"""Exits looked at, drawn at random where there are more: their fastest few are among the fastest fifth of all."""
FEW = 3
"""Exits that share at least, where so many can be used."""
PART = 8
"""The fastest share is this part of those looked at."""


def fastest(outlets: Sequence[Outlet], chance: Random, ready: Callable[[Outlet], bool]) -> Outlet | None:
    """One of the fastest few; None where no exit is ready of those that were looked at and have been measured."""
    some = outlets if len(outlets) <= SAMPLE else chance.sample(outlets, SAMPLE)
    measured = sorted((each for each in some if each.latency and ready(each)), key=lambda each: each.latency)
    few = measured[: max(FEW, len(measured) // PART)]
    return chance.choices(few, [each.exit.weight / each.latency for each in few])[0] if few else None
