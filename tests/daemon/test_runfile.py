"""The file that tells the command what runs in a folder."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.runfile import RUN_FILE, Running, Verdict, read, write


class RunFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="meshd-run-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)

    def test_what_is_written_is_read(self) -> None:
        """Closed to others, whole, and nothing beside it."""
        said = {"store.url": ("sqlite:///a", "flag --store"), "api.listen": (["tcp:1"], "flag --api")}
        for running in (
            Running(17),
            Running(17, "/srv", "/etc/meshd.toml", said),
            Running(17, begun=3, ended=2, verdict=Verdict(False, ("no", "because"))),
        ):
            write(self.folder, running)
            self.assertEqual(read(self.folder), running)
        self.assertEqual(os.listdir(self.folder), [RUN_FILE])
        self.assertEqual(stat.S_IMODE((self.folder / RUN_FILE).stat().st_mode), 0o600)

    def test_what_is_no_such_file(self) -> None:
        """It tells nothing, whatever it is."""
        self.assertIsNone(read(self.folder))
        self.assertIsNone(read(self.folder / "nowhere"))
        for content in (b"", b"{", b"[]", b"null", b'{"pid": 1}', b"\xff", b'{"pid": "x"}', b"0" * 2_000_000):
            (self.folder / RUN_FILE).write_bytes(content)
            self.assertIsNone(read(self.folder), content[:20])

    def test_a_write_that_fails_leaves_the_old_one(self) -> None:
        """And no draft."""
        write(self.folder, Running(17))
        self.patch(os, "rename", self._full)
        self.patch(Path, "rename", self._full)
        self.assertRaises(OSError, write, self.folder, Running(18))
        self.assertEqual((read(self.folder), os.listdir(self.folder)), (Running(17), [RUN_FILE]))

    def _full(self, *given: object) -> None:
        raise OSError(28, "No space left on device")

    def test_reloads_are_counted(self) -> None:
        """The verdict is that of the latest that has ended."""
        running = Running(17).reload_begins()
        self.assertEqual((running.begun, running.ended, running.verdict), (1, 0, None))
        running = running.reload_ends(Verdict(True)).reload_begins()
        self.assertEqual((running.begun, running.ended, running.verdict), (2, 1, Verdict(True)))
