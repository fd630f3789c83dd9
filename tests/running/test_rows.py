"""Those who wait in rows, as a table of who asked when."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.running.rows import Rows


class RowsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.refused: list[str] = []
        self.rows: Rows[str] = Rows(lambda: 6, self.refused.append)

    def put(self, pieces: str) -> None:
        """Each is called by who asks and its number."""
        for piece in pieces.split():
            self.rows.put(piece[0], piece)

    def left(self) -> str:
        taken = []
        while (piece := self.rows.take()) is not None:
            taken.append(piece)
        return " ".join(taken)

    def test_turns(self) -> None:
        """In its row each comes in the order of asking; who has had a turn is behind who has not."""
        self.put("a1 a2 a3 b1 c1 b2")
        self.assertEqual(self.left(), "a1 b1 c1 a2 b2 a3")
        self.put("a1 a2")
        self.assertEqual(self.rows.take(), "a1")
        self.put("b1 a3")
        self.assertEqual(self.left(), "a2 b1 a3")
        self.assertEqual(len(self.rows), 0)

    def test_too_many(self) -> None:
        """The newest of the longest row gives way, and of rows that are equally long one's own."""
        self.put("a1 a2 a3 a4 a5 a6 a7")
        self.assertEqual(self.refused, ["a7"])
        self.put("b1 b2 b3 c1")
        self.assertEqual(self.refused, ["a7", "a6", "a5", "a4", "a3"])
        self.put("c2 c3")
        self.assertEqual(self.refused[5:], ["b3", "c3"])
        self.assertEqual(self.left(), "a1 b1 c1 a2 b2 c2")
