"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd import wholefile
from tests.support.stores import folder


class PutTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(folder(self)) / "file"

    def test_a_new_one_and_another_in_its_place(self) -> None:
        """For nobody else to read, and with nothing beside it."""
        for data in (b"first", b"second"):
            wholefile.put(self.path, data)
            self.assertEqual((self.path.read_bytes(), self.path.stat().st_mode & 0o777), (data, 0o600))
        self.assertEqual(os.listdir(self.path.parent), ["file"])

    def test_one_that_cannot_be_put(self) -> None:
        """Leaves what was there, and no draft, which may hold secrets."""
        self.path.mkdir()
        self.assertRaises(OSError, wholefile.put, self.path, b"data")
        self.assertEqual(os.listdir(self.path.parent), ["file"])
