"""What the routes stand on, handed to each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from meshd.store.unit import Unit
from meshd.topology import Topology

P = ParamSpec("P")
T = TypeVar("T")


class Performs(Protocol):
    """What we ask of `accounts.service`."""

    async def perform(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the unit as one transaction.  AccountError, StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Services:
    """The changes that may be made, the operator's settings of this moment, the wall clock."""

    accounts: Performs
    topology: Callable[[], Topology]
    clock: Callable[[], float]

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.clock())
