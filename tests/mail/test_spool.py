"""The folder of letters: nobody else's to read, each letter whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from meshd.mail import spool


class SpoolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())

    def test_a_letter(self) -> None:
        path = spool.put(self.folder, "abc", b"content")
        self.assertEqual((path.name, path.read_bytes()), ("abc.eml", b"content"))
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.folder.stat().st_mode), 0o700)

    def test_a_full_disk_leaves_nothing(self) -> None:
        with mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")):
            self.assertRaises(OSError, spool.put, self.folder, "abc", b"content")
        self.assertEqual(os.listdir(self.folder), [])

    def test_it_has_an_end(self) -> None:
        """Whoever takes nothing gets no more."""
        with mock.patch.object(spool, "MOST", 2):
            for name in ("a", "b"):
                spool.put(self.folder, name, b"")
            self.assertRaises(spool.SpoolFull, spool.put, self.folder, "c", b"")

    def test_no_link_is_followed(self) -> None:
        self.folder.mkdir()
        os.symlink(self.folder / "elsewhere", self.folder / ".abc.part")
        self.assertRaises(OSError, spool.put, self.folder, "abc", b"content")
        self.assertFalse((self.folder / "elsewhere").exists())
