"""What came of a move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from meshd.store.interface import StoreError
from meshd.store.moving.copying import Unfit


class Moved(NamedTuple):
    """One table that has moved."""

    table: str
    rows: int
    before: str
    """The checksum of what the source has."""
    after: str
    """That of what the target has: the same."""


class Unmovable(StoreError):
    """Rows do not fit into the target, and nothing was moved."""

    def __init__(self, rows: Sequence[Unfit], count: int) -> None:
        super().__init__(
            f"{count} rows cannot move, and so nothing has: mend or delete them in the old store, and start again"
        )
        self.rows = rows
        """The first of them."""


class Steps(Protocol):
    """How far a piece of work is."""

    def step(self, count: int = 1) -> None:
        """So many rows more are done."""


Progress = Callable[[str, int], AbstractContextManager[Steps]]
"""Begins to show a piece of work: what is done, and with how many rows."""
