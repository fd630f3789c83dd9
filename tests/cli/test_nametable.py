from __future__ import annotations

from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from meshd.cli.nametable import NameTable


class NameTableTests(SynchronousTestCase):
    def test_put_and_get(self) -> None:
        """As a dict would; also where all names share one string, and where a name is the end or start of another."""
        for buckets in (1, 65_536):
            with mock.patch("meshd.cli.nametable.BUCKETS", buckets):
                table = NameTable()
                names = ["a", "aa", "ba", "b", "", "é", "a b"]
                for number, name in enumerate(names):
                    self.assertIsNone(table.get(name))
                    table.put(name, f"{number} x")
                table.put("aa", "other")
                expected = {name: f"{number} x" for number, name in enumerate(names)} | {"aa": "other"}
                self.assertEqual(expected, {name: table.get(name) for name in names})
                self.assertIsNone(table.get("c"))

    def test_white_space(self) -> None:
        """A name that would be taken for two is nowhere, and is not put."""
        with mock.patch("meshd.cli.nametable.BUCKETS", 1):
            table = NameTable()
            table.put("a", "1")
            table.put("b", "2")
            self.assertIsNone(table.get("a\t1\nb"))
            for name in ("a\n", "\t"):
                self.assertRaises(ValueError, table.put, name, "")
