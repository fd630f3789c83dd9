"""The file of the key for passwords that are told again."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.vault import BadKey, Vault


class VaultTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def test_it_is_made_once(self) -> None:
        """For its owner alone; whoever opens it later opens what was sealed before."""
        sealed = Vault(self.path).seals().seal("password", 1, "hash")
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        self.assertEqual(Vault(self.path).seals().open(sealed, 1, "hash"), "password")
        vault = Vault(self.path)
        self.assertIs(vault.seals(), vault.seals())

    def test_what_is_no_key(self) -> None:
        """Is told, and left alone: sealed by another key, all passwords would be lost."""
        for content in (b"", b"x" * 31, b"x" * 33):
            self.path.write_bytes(content)
            error = self.assertRaises(BadKey, Vault(self.path).seals)
            self.assertIn(str(self.path), str(error))
            self.assertEqual(self.path.read_bytes(), content)

    def test_no_folder(self) -> None:
        self.assertRaises(OSError, Vault(self.path / "absent" / "key").seals)
        self.assertFalse(os.path.lexists(self.path))
