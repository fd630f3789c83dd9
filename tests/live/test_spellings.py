"""Each spelling of a request, as docs/proxy.md says what becomes of it, and as it does through other proxies."""

from __future__ import annotations

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from bench.peers import Missing
from tools import spellings
from tools.spellings import MANUAL, SPELLINGS, YES, Outcome


class SpellingsTest(SynchronousTestCase):
    ours: Outcome

    @classmethod
    def setUpClass(cls) -> None:
        cls.ours = spellings.through_meshd()

    def test_manual(self) -> None:
        """The table has every spelling, and in the column of meshd what it does today."""
        _, _, rest = MANUAL.read_text().partition(spellings.BEGIN)
        rows = rest.partition(spellings.END)[0].splitlines()[2:]
        told = [[cell.strip() for cell in row.replace("\\|", "\0").split("|")[1:4]] for row in rows]
        for spelling, cell, row in zip(SPELLINGS, self.ours.cells, told, strict=True):
            self.assertEqual(row, [spelling.what.replace("|", "\0"), spelling.readings or "one", cell])

    def test_one_meaning(self) -> None:
        """What has one meaning is carried, and what has two is refused for what it is."""
        for spelling, cell in zip(SPELLINGS, self.ours.cells, strict=True):
            self.assertIn(cell, {"400", "501", "505"} if spelling.readings else {YES}, spelling.what)

    def test_others(self) -> None:
        """What both other proxies carry is carried, or has two readings that are told."""
        try:
            others = [spellings.through_peer(maker) for maker in ("squid", "tinyproxy")]
        except Missing as missing:
            raise SkipTest(str(missing)) from missing
        for number, spelling in enumerate(SPELLINGS):
            if all(each.cells[number] == YES for each in others):
                self.assertTrue(self.ours.cells[number] == YES or spelling.readings, spelling.what)
        plain = [each.cells[0] for each in others]
        self.assertEqual(plain, [YES, YES])
