"""A list in pages is read to its end, each page once."""

from __future__ import annotations

from typing import NamedTuple

from twisted.trial.unittest import SynchronousTestCase

from meshd.cli.paging import every


class Part(NamedTuple):
    rows: list[int]
    cursor: str


class PagingTests(SynchronousTestCase):
    def test_every_row_of_every_page(self) -> None:
        """Also where a page in between has none."""
        pages = {"": Part([1, 2], "b"), "b": Part([], "c"), "c": Part([3], "")}
        asked: list[str] = []

        def read(cursor: str) -> Part:
            asked.append(cursor)
            return pages[cursor]

        self.assertEqual(list(every(read)), [1, 2, 3])
        self.assertEqual(asked, ["", "b", "c"])
