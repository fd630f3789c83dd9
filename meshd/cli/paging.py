"""Lists that come in pages, read whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Page(Protocol[T_co]):
    """A part of a list."""

    @property
    def rows(self) -> Sequence[T_co]: ...

    @property
    def cursor(self) -> str:
        """Where the next page begins; "" where the list ends."""


def every(read: Callable[[str], Page[T]]) -> Iterator[T]:
    """The rows of all pages.  read: gives the page at a cursor, the first one for "", in a transaction of its own."""
    cursor = ""
    while True:
        page = read(cursor)
        yield from page.rows
        cursor = page.cursor
        if not cursor:
            return
