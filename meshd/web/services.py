"""What the rooms of the web stand on, handed to each of them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from meshd.model import Admission, Refusal
from meshd.store.unit import Unit
from meshd.topology import Live

P = ParamSpec("P")
T = TypeVar("T")


class SignsIn(Protocol):
    """What we ask of `auth.service`."""

    async def sign_in(self, peer: str, authorization: bytes | None) -> Admission | Refusal: ...


class Performs(Protocol):
    """What we ask of `accounts.service`."""

    async def perform(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the unit as one transaction.  AccountError, StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Services:
    """Who may ask, what may be changed, and the operator's settings."""

    auth: SignsIn
    accounts: Performs
    hash: Callable[[str], Awaitable[str]]
    """The form of a password that is stored.  Raises: Busy"""
    live: Live
    countries: Callable[[str], Mapping[str, int]]
    """How many exits of a proxy are up, by country; those whose country nobody gave are not counted."""
    clock: Callable[[], float]
    """Seconds since the epoch."""
    ready: Callable[[], Awaitable[Mapping[str, bool]]]
    """The name of each check, and whether it passed."""
    available: Callable[[], bool] = lambda: True
    """Whether the store answered when it was asked last."""
    random: Callable[[int], bytes] = os.urandom

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.clock())
