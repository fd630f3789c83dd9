"""What the services ask of a store, and how it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from meshd.store.unit import Unit

P = ParamSpec("P")
T = TypeVar("T")


class StoreError(Exception):
    """The store could not carry out a unit; nothing of the unit was kept."""


class StoreUnavailable(StoreError):
    """The store is away, full or locked for too long; the same call may succeed later."""


class Conflict(StoreError):
    """A unique value is taken already."""


_NOUNS = {
    "accounts": "username",
    "authorized_ips": "address",
    "authorized_hostnames": "hostname",
    "tokens": "token",
}


def taken(table: str) -> Conflict:
    """The Conflict of a unique value of that table, in words that a caller may show."""
    return Conflict(f"this {_NOUNS.get(table, 'value')} is taken already")


class SchemaError(StoreError):
    """The schema is newer than this program, older than it needs, or was edited; the text says what to do."""


class SchemaBehind(SchemaError):
    """The schema is older than this program needs: a start, or `meshd migrate`, brings it up to date."""


class Store(Protocol):
    """Accounts and their usage in a database that may have other readers and writers."""

    async def start(self) -> None:
        """Open the store and check its schema.  Raises: SchemaError, StoreUnavailable."""

    async def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one unit as one transaction; a caller that stops waiting does not undo a unit that has begun.
        Raises: StoreUnavailable, Conflict, StoreError.
        """

    def on_change(self, wake: Callable[[], None]) -> None:
        """Call wake (in the reactor thread) soon after another process may have published a change."""

    async def stop(self) -> None:
        """Finish what runs, then close."""
