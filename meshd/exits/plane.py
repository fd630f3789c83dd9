"""What of a data plane those who leave by its exits ask for."""

from __future__ import annotations

from random import Random
from typing import Protocol

from meshd.exits.dialling import Dialler
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pools
from meshd.sockets.wheel import Wheel
from meshd.topology import Topology


class ExitPlane(Protocol):
    """One reference is swapped on a reload (`topology`), another with it (`pools`)."""

    wheel: Wheel
    dialler: Dialler
    topology: Topology
    pools: Pools
    chance: Random

    def now(self) -> float:
        """Seconds since the epoch."""

    def note_exit(self, outlet: Outlet, /) -> None:
        """Hears of an exit that begins to rest, and of one that is back."""
