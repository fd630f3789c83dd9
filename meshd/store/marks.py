"""Marks of a move in a store's list of what was applied: it is half filled, or all of it has moved away.

Their numbers are beyond those of all migrations, so that programs that do not know of marks refuse such a store as one
with a newer schema.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshd.store.interface import SchemaError
from meshd.store.unit import Row, Statement, Unit

FILLING, MOVED = 1_000_001, 1_000_002

_NAMES = {FILLING: "being_filled", MOVED: "moved"}

_PUT = "insert into schema_migrations (number, name, sha256, applied_at) values (:number, :name, :place, :now)"


class Marked(SchemaError):
    """The store takes part in a move, and is not to be used."""

    def __init__(self, text: str, place: str) -> None:
        super().__init__(text)
        self.place = place
        """The other store, as `place` of a store's URL has it."""


class HalfFilled(Marked):
    """A move to this store has not come to its end."""

    def __init__(self, place: str) -> None:
        super().__init__(
            f"the store is half filled by a move from {place}: let `meshd move` come to its end, or use that one", place
        )


class MovedAway(Marked):
    """What is in the store is out of date."""

    def __init__(self, place: str) -> None:
        super().__init__(f"the store has moved to {place}: name that one in store.url", place)


def require_none(applied: Iterable[Row]) -> None:
    """applied: number, SHA-256 (for a mark: the other store) and name of each.  Raises: HalfFilled, MovedAway."""
    for number, place, _ in applied:
        if number == FILLING:
            raise HalfFilled(place)
        if number == MOVED:
            raise MovedAway(place)


def put(number: int, place: str, now: int) -> Unit[None]:
    """Mark the store; place: the other one, without secrets."""
    yield Statement(_PUT, {"number": number, "name": _NAMES[number], "place": place, "now": now})


def take_away(number: int) -> Unit[None]:
    yield Statement("delete from schema_migrations where number = :number", {"number": number})


def read() -> Unit[tuple[int, str] | None]:
    """The mark of a migrated store and the other store's place; None for none."""
    rows = yield Statement("select number, sha256 from schema_migrations where number >= :least", {"least": FILLING})
    return (int(rows[0][0]), str(rows[0][1])) if rows else None
