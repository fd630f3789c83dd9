"""`meshd backup` and `meshd restore`: what they say, and when they refuse."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from meshd.daemon.pidfile import FolderInUse, PidFile
from meshd.store import backup
from tests.cli.support import CommandCase


class BackupTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = os.path.join(self.folder, "backup")

    def names(self) -> list[str]:
        return [account["username"] for account in self.meshd("--json", "account", "list").json]

    def test_there_and_back(self) -> None:
        """A file of mode 0600, and a store that is as it was; what was there in between is kept."""
        self.meshd("account", "create", "anna")
        done = self.meshd("--json", "backup", self.file)
        self.assertEqual(done.json, {"file": self.file, "bytes": os.path.getsize(self.file)})
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        self.meshd("account", "create", "berta")
        done = self.meshd("--json", "restore", self.file)
        self.assertEqual((done.code, done.json["restored"], done.json["journals"]), (0, self.file, 0))
        self.assertTrue(os.path.exists(done.json["kept"]))
        self.assertEqual(self.names(), ["anna"])

    def test_nothing_is_written_over(self) -> None:
        """Status 1, one line."""
        self.meshd("backup", self.file)
        done = self.meshd("backup", self.file)
        self.assertEqual((done.code, len(done.err.splitlines())), (1, 1))
        self.assertIn("is there already", done.err)

    def test_a_restore_while_a_daemon_runs(self) -> None:
        """Refused, and nothing has changed; a backup goes on."""
        self.meshd("backup", self.file)
        self.meshd("account", "create", "berta")
        daemon = PidFile(Path(self.data_dir))
        daemon.write()
        done = self.meshd("restore", self.file)
        self.assertEqual(done.code, 1)
        self.assertIn(f"is in use by process {os.getpid()}: stop it first", done.err)
        self.assertEqual(self.names(), ["berta"])
        self.assertEqual(self.meshd("backup", f"{self.file}2").code, 0)
        daemon.release()
        self.assertEqual(self.meshd("restore", self.file).code, 0)

    def test_a_daemon_that_starts_meanwhile(self) -> None:
        """It finds the folder taken, as by another daemon."""
        self.meshd("backup", self.file)
        restore, seen = backup.restore, []

        def watched(*args: object, **kwargs: object) -> object:
            try:
                PidFile(Path(self.data_dir))
            except FolderInUse as error:
                seen.append(error)
            return restore(*args, **kwargs)  # type: ignore[arg-type]

        self.patch(backup, "restore", watched)
        self.assertEqual(self.meshd("restore", self.file).code, 0)
        self.assertEqual(len(seen), 1)

    def test_onto_a_fresh_machine(self) -> None:
        """The folder is made, of mode 0700."""
        self.meshd("account", "create", "anna")
        self.meshd("backup", self.file)
        self.data_dir = os.path.join(self.folder, "fresh")
        done = self.meshd("restore", self.file)
        self.assertEqual((done.code, done.facts["kept"]), (0, "nothing was there"))
        self.assertEqual(stat.S_IMODE(os.stat(self.data_dir).st_mode), 0o700)
        self.assertEqual(self.names(), ["anna"])

    def test_without_a_store(self) -> None:
        """There is nothing to back up."""
        self.data_dir = os.path.join(self.folder, "none")
        done = self.meshd("backup", self.file)
        self.assertEqual(done.code, 1)
        self.assertIn("there is no store", done.err)
        self.assertFalse(os.path.exists(self.file))

    def test_waiting_journals_are_told(self) -> None:
        """The next start bills them."""
        self.meshd("backup", self.file)
        os.mkdir(os.path.join(self.data_dir, "journal"), 0o700)
        with open(os.path.join(self.data_dir, "journal", "0123456789abcdef.journal"), "wb"):
            pass
        self.assertEqual(self.meshd("--json", "restore", self.file).json["journals"], 1)
