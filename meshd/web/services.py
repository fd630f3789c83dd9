"""What the routes need of the rest of the daemon, handed to each of them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

from meshd.accounts import invoicefile
from meshd.accounts.orders import Invoice, Order
from meshd.auth.entrance import Entrance
from meshd.auth.sealing import Seals
from meshd.exits.census import Counted, Family
from meshd.mail.letter import Letter
from meshd.model import Admission, Refusal
from meshd.store.unit import Unit
from meshd.topology import Exit, Live
from meshd.values.autoconfig import Offered
from meshd.values.tokens import MESHD, Kinds
from meshd.web.flood import Bounds

P = ParamSpec("P")
T = TypeVar("T")


SettingRow = tuple[str, str, str]


class SignsIn(Protocol):
    """What the web needs of `auth.service`."""

    async def sign_in(self, peer: str, authorization: bytes | None, *, kinds: Kinds = MESHD) -> Admission | Refusal: ...

    @property
    def entrance(self) -> Entrance: ...


class Tried(Protocol):
    """What became of a connection through an exit, as `exits.trial` tells it."""

    @property
    def seconds(self) -> float: ...

    @property
    def problem(self) -> str: ...


class Performs(Protocol):
    """What the web needs of `accounts.service`."""

    async def perform(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the unit as one transaction.  Raises: AccountError, StoreUnavailable."""


class Aside(Protocol):
    """Makes what takes long while others have their turn."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """What the work makes.  Raises: Busy."""


async def _here(work: Callable[[], T]) -> T:
    """Where there is no other thread."""
    return work()


def _nowhere(family: Family) -> Counted:
    return {}


async def _nothing() -> None:
    """Where nothing is published."""


def _no_seals() -> Seals:
    raise AssertionError("nobody has given this process a key to seal with")


@dataclass(frozen=True, slots=True)
class Services:
    """Sign-in, the accounts, password hashing, the operator's settings, health and time, for the routes."""

    auth: SignsIn
    accounts: Performs
    hash: Callable[[str], Awaitable[str]]
    """Hash a password for the store.  Raises: Busy."""
    live: Live
    countries: Callable[[str], Mapping[str, int]]
    """The number of exits of a proxy that are up, by country; exits without a country in the settings do not count."""
    clock: Callable[[], float]
    """Seconds since the epoch."""
    ready: Callable[[], Coroutine[Any, Any, Mapping[str, bool]]]
    """Run the readiness checks: the name of each check, and whether it passed."""
    available: Callable[[], bool] = lambda: True
    """Whether the store answered its last query."""
    post: Callable[[Letter], bool] = lambda letter: False
    """Take a letter to be sent; False where too many wait already."""
    random: Callable[[int], bytes] = os.urandom
    settings: Callable[[], Iterable[SettingRow]] = tuple
    """Key, value and origin of each setting in force, secrets masked."""
    aside: Aside = _here
    try_exit: Callable[[Exit, str, int], Awaitable[Tried]] | None = None
    """Connect to a host and a port through an exit; None where there is no data plane."""
    places: Callable[[Family], Counted] = _nowhere
    """The places of a family at which exits of the gateway are up."""
    seals: Callable[[], Seals] = _no_seals
    """What passwords are sealed with that are told again; its key is made where there is none yet.  Raises: OSError."""

    published: Callable[[], Awaitable[None]] = _nothing
    """Let what is published be served from now on as the store has it, by this process."""
    offered: Callable[[], Offered] = Offered
    """What programs may set themselves up by."""
    unserved: Callable[[], Mapping[int, str]] = dict
    """By the id of a stream or a port forward: why this process does not serve it, or not all of it."""
    own_ports: Callable[[], frozenset[int]] = frozenset
    """TCP ports of the daemon's own listeners, whatever for."""
    bounds: Bounds = field(init=False)
    """What an account may guess: one count for all routes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "bounds", Bounds(self.clock))

    async def invoice(self, order: Order, invoice: Invoice) -> bytes:
        """Make an invoice's PDF.  Raises: Busy."""
        return await self.aside(partial(invoicefile.written, order, invoice, font=self.live.topology.selling.font))

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.clock())


class Routes:
    """What every group of routes keeps at hand of the services."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._perform, self._now, self._live = services.accounts.perform, services.now, services.live
