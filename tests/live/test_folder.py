"""A start on a data folder that is not as meshd would have made it."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class FolderTests(SynchronousTestCase):
    """Mended and said, or refused in one line."""

    def daemon(self) -> LiveDaemon:
        daemon = LiveDaemon(self, start=False)
        daemon.data_dir.mkdir(mode=0o700)
        return daemon

    def refused(self, daemon: LiveDaemon, *words: str) -> None:
        code, said = daemon.failed_start()
        self.assertEqual((code, len(said.splitlines())), (1, 1), said)
        for word in words:
            self.assertIn(word, said)

    def test_an_empty_folder_that_everybody_may_write_to(self) -> None:
        """It is closed, and the log says so."""
        daemon = self.daemon()
        daemon.data_dir.chmod(0o777)
        daemon.start()
        self.assertEqual(mode(daemon.data_dir), 0o700)
        self.assertIn(f"{daemon.data_dir} was open to others (mode 0777) and is 0700 now", daemon.log_text())

    def test_a_store_that_was_restored_as_everybodys(self) -> None:
        """It is closed with what lies beside it, and works."""
        daemon = self.daemon()
        daemon.start()
        password = daemon.account("anna")
        daemon.kill()
        opened = [path for path in daemon.data_dir.iterdir() if path.name.startswith(("meshd.sqlite3", "exchanges"))]
        for path in opened:
            path.chmod(0o644)
        since = daemon.log_position
        daemon.start()
        said = "".join(daemon.log_lines(since))
        for path in opened:
            self.assertIn(f"{path} was open to others (mode 0644) and is 0600 now", said)
        self.assertEqual({mode(path) for path in opened if path.exists()}, {0o600})
        self.assertIn("anna", daemon.totals())
        self.assertTrue(password)

    def test_links_that_were_planted(self) -> None:
        """Nothing is written through them, whichever file they stand for."""
        victim = Path(tempfile.mkdtemp()) / "victim"
        for name in ("meshd.pid", "exchanges.log", "meshd.sqlite3", "journal"):
            daemon = self.daemon()
            victim.write_text("precious")
            daemon.data_dir.chmod(0o777)
            (daemon.data_dir / name).symlink_to(victim)
            self.refused(daemon, str(daemon.data_dir / name))
            self.assertEqual(victim.read_text(), "precious", name)
            self.assertEqual((os.listdir(daemon.data_dir), mode(daemon.data_dir)), ([name], 0o777))

    def test_the_command_looks_too(self) -> None:
        """`meshd migrate` makes no store through a link."""
        daemon = self.daemon()
        victim = daemon.folder / "victim"
        victim.touch()
        (daemon.data_dir / "meshd.sqlite3").symlink_to(victim)
        status, _, said = daemon.run_cli("migrate")
        self.assertEqual(status, 1)
        self.assertIn("meshd.sqlite3", said)
        self.assertEqual(victim.stat().st_size, 0)

    def test_the_command_says_what_it_closes(self) -> None:
        """On stderr, a line each."""
        daemon = self.daemon()
        daemon.data_dir.chmod(0o755)
        status, _, said = daemon.run_cli("migrate")
        self.assertEqual((status, mode(daemon.data_dir)), (0, 0o700))
        self.assertIn(f"{daemon.data_dir} was open to others (mode 0755) and is 0700 now", said)
