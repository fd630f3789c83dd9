"""A file that whole lines are appended to."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.logs.linefile import LineFile

_write = os.write


class LineFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.said: list[str] = []
        self.file = self.new(str(self.path))

    def new(self, path: str) -> LineFile:
        file = LineFile(path, lambda error: self.said.append(str(error)), lambda: self.said.append("healed"))
        self.addCleanup(file.close)
        return file

    def write_only(self, size: int) -> None:
        """A disk with room for so many bytes."""
        self.patch(os, "write", lambda fd, data: _write(fd, data[:size]))

    def test_lines_are_appended(self) -> None:
        """And counted; the place is told before they stand there."""
        places: list[tuple[int, int, int]] = []

        def noted(*place: int) -> None:
            places.append(place)  # type: ignore[arg-type]
            self.assertEqual(self.path.stat().st_size, place[2])

        self.assertEqual([self.file.append(b"a\nb\n", noted), self.file.append(b"c\n", noted)], [2, 1])
        status = self.path.stat()
        self.assertEqual(places, [(status.st_dev, status.st_ino, 0), (status.st_dev, status.st_ino, 4)])
        self.assertEqual((self.path.read_bytes(), self.said), (b"a\nb\nc\n", []))

    def test_whole_lines_of_a_part_that_was_written_stand(self) -> None:
        """However short it was; the torn end is gone, and what is written again follows a line."""
        for size, stand in ((0, b""), (1, b""), (3, b"aa\n"), (4, b"aa\n"), (6, b"aa\nbb\n"), (8, b"aa\nbb\n")):
            self.path.write_bytes(b"")
            self.write_only(size)
            self.assertEqual(self.file.append(b"aa\nbb\ncc\n"), stand.count(b"\n"), size)
            self.assertEqual((self.path.read_bytes(), self.file.failing), (stand, True), size)

    def test_a_line_that_a_dead_process_tore_is_ended_first(self) -> None:
        """Also where there is room for no more than that."""
        for size, stands, count in ((1, b"to\n", 0), (2, b"to\n", 0), (4, b"to\naa\n", 1), (9, b"to\naa\nbb\n", 2)):
            self.path.write_bytes(b"to")
            self.write_only(size)
            self.assertEqual(self.file.append(b"aa\nbb\n"), count, size)
            self.assertEqual(self.path.read_bytes(), stands, size)

    def test_an_outage_is_said_once_and_its_end_once(self) -> None:
        """Whatever became of each attempt."""
        self.write_only(4)
        for _ in range(3):
            self.file.append(b"aa\nbb\n")
        self.path.unlink()
        self.path.mkdir()
        self.assertEqual(self.file.append(b"aa\n"), 0)
        self.path.rmdir()
        self.assertEqual(self.said, ["only a part was written"])
        self.assertEqual([self.file.append(b"a\n"), self.file.append(b"b\n")], [1, 1])
        self.assertEqual(self.said, ["only a part was written", "healed"])

    def test_a_full_disk(self) -> None:
        """The real error of a real device."""
        full = self.new("/dev/full")
        self.assertEqual((full.append(b"a\n"), full.failing), (0, True))
        self.assertIn(os.strerror(errno.ENOSPC), self.said[0])

    def test_rotation(self) -> None:
        """After a rename the old file is written to until it is opened anew."""
        self.file.append(b"a\n")
        old = self.path.rename(f"{self.path}.1")
        self.file.append(b"b\n")
        self.file.reopen()
        self.file.append(b"c\n")
        self.assertEqual((old.read_bytes(), self.path.read_bytes()), (b"a\nb\n", b"c\n"))

    def test_a_rotation_that_finds_no_folder_is_tried_again(self) -> None:
        """With the next lines."""
        self.file.append(b"a\n")
        self.path.unlink()
        self.path.mkdir()
        self.file.reopen()
        self.assertEqual(self.file.append(b"b\n"), 0)
        self.path.rmdir()
        self.assertEqual((self.file.append(b"c\n"), self.path.read_bytes()), (1, b"c\n"))

    def test_a_wrong_path_is_said_at_the_start(self) -> None:
        """And only the owner reads the file."""
        self.assertRaises(OSError, self.new(str(self.path / "none")).open)
        self.file.open()
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_without_a_file_every_line_counts_as_written(self) -> None:
        """And nothing is opened."""
        file = self.new("")
        file.open()
        file.reopen()
        self.assertEqual((file.append(b"a\nb\n"), self.said), (2, []))
