"""The part of the data plane that choosing and dialling an exit need."""

from __future__ import annotations

from random import Random
from typing import Protocol

from meshd.exits.dialling import Dialler
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pools
from meshd.sockets.poll import Poller
from meshd.sockets.wheel import Wheel
from meshd.topology import Live


class ExitPlane(Protocol):
    """A reload swaps the settings in `live` and the pools in one turn."""

    poller: Poller
    wheel: Wheel
    dialler: Dialler
    live: Live
    pools: Pools
    chance: Random

    def now(self) -> float:
        """Seconds since the epoch."""

    def note_exit(self, outlet: Outlet, /) -> None:
        """Log and publish that an exit has begun to rest, or is back."""
