"""Where the next process finds what must not be on a disk."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.volatile import in_memory, mounts, volatile_file
from tests.support.stores import folder

MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:21 / /run rw,nosuid shared:5 - tmpfs tmpfs rw
24 23 8:2 / /run/disk rw - ext4 /dev/sdb1 rw
25 22 0:30 / /with\\040blank rw - ramfs none rw
"""


class VolatileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(folder(self)).resolve()
        self.mounted = f"22 1 8:1 / / rw - ext4 x rw\n23 22 0:1 / {self.folder} rw - tmpfs tmpfs rw\n"

    def file(self, data_dir: str = "/data", **environ: str) -> Path | None:
        return volatile_file(Path(data_dir), "proven", environ, self.mounted)

    def test_in_memory(self) -> None:
        """By the mount that is nearest above a path."""
        for path, expected in (
            ("/run/meshd", True),
            ("/run", True),
            ("/run/disk/meshd", False),
            ("/var/lib", False),
            ("/with blank/a", True),
        ):
            self.assertEqual(in_memory(Path(path), MOUNTS), expected, path)
        self.assertFalse(in_memory(Path("/run"), ""))

    def test_names_that_look_like_ends_of_lines(self) -> None:
        """What Linux leaves unescaped in a mount point's name ends no line, and what it escapes is read."""
        odd = "26 22 0:31 / /a\x0cb\u2028c rw - tmpfs x rw\n27 22 0:32 / /d\\134e\\011f rw - tmpfs x rw\n"
        self.assertTrue(in_memory(Path("/a\x0cb\u2028c"), MOUNTS + odd))
        self.assertTrue(in_memory(Path("/d\\e\tf"), MOUNTS + odd))
        self.assertFalse(in_memory(Path("/a"), MOUNTS + odd))

    def test_the_service_managers(self) -> None:
        """One file a data folder, in the first of the folders that systemd has made."""
        found = self.file(RUNTIME_DIRECTORY=f"{self.folder}:/other", XDG_RUNTIME_DIR="/elsewhere")
        assert found is not None
        self.assertEqual((found.parent, found.name[:7]), (self.folder, "proven-"))
        self.assertNotEqual(found, self.file("/data2", RUNTIME_DIRECTORY=str(self.folder)))

    def test_a_users(self) -> None:
        """A folder of our own below it, which is made."""
        found = self.file(XDG_RUNTIME_DIR=str(self.folder))
        assert found is not None
        self.assertEqual(found.parent, self.folder / "meshd")
        self.assertEqual(found.parent.stat().st_mode & 0o777, 0o700)

    def test_none(self) -> None:
        """On a disk, where others may write, in place of a file, below nothing."""
        self.assertIsNone(self.file(RUNTIME_DIRECTORY=str(self.folder.parent)))
        self.folder.chmod(0o770)
        self.assertIsNone(self.file(RUNTIME_DIRECTORY=str(self.folder)))
        self.folder.chmod(0o700)
        (self.folder / "file").touch()
        self.assertIsNone(self.file(RUNTIME_DIRECTORY=str(self.folder / "file")))
        self.assertIsNone(self.file(RUNTIME_DIRECTORY=str(self.folder / "missing" / "below")))

    def test_somebody_elses(self) -> None:
        self.patch(os, "geteuid", lambda: os.getuid() + 1)
        self.assertIsNone(self.file(RUNTIME_DIRECTORY=str(self.folder)))

    def test_what_linux_says(self) -> None:
        self.assertIn(" / ", mounts())
