"""What meshd keeps is its own, or it does not start: what is mended, what is refused, and what is left alone."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from meshd.daemon.datafolder import DATABASE, Unsafe, foreign_file, foreign_folder, secure, shared
from meshd.daemon.pidfile import PidFile
from meshd.logs.linefile import LineFile

ME, STRANGER = 1000, 1001
POSTGRES = "postgresql://host/database"


def status(mode: int, uid: int = ME, links: int = 1) -> os.stat_result:
    return os.stat_result((mode, 1, 1, links, uid, 0, 0, 0, 0, 0))


class DecisionTests(SynchronousTestCase):
    """As tables."""

    def test_folders(self) -> None:
        """Another's, or one that holds other things, is not ours to mend; one that is only open is."""
        for mode, uid, kept, wanted in (
            (0o700, ME, [], ""),
            (0o777, ME, [], ""),
            (0o755, ME, [], ""),
            (0o700, ME, ["thesis.tex"], ""),
            (0o700, STRANGER, [], "belongs to user 1001"),
            (0o700, 0, [], "belongs to user 0"),
            (0o755, ME, ["thesis.tex"], "holds other things (thesis.tex): chmod 700"),
            (0o1777, ME, [], "shared by intention"),
        ):
            said = foreign_folder(status(stat.S_IFDIR | mode, uid), ME, kept)
            self.assertEqual(bool(said), bool(wanted), (oct(mode), uid, kept))
            self.assertIn(wanted, said)

    def test_folders_above(self) -> None:
        """Where everybody may write, another can be put in the place of ours; but not in sticky ones, as /tmp is."""
        for mode, wanted in ((0o755, ""), (0o775, ""), (0o1777, ""), (0o777, "can be written to by everybody")):
            said = shared(status(stat.S_IFDIR | mode))
            self.assertEqual(bool(said), bool(wanted), oct(mode))
            self.assertIn(wanted, said)

    def test_files(self) -> None:
        """Nothing is written through a link or a second name, and nothing of another user is trusted."""
        regular, link = stat.S_IFREG, stat.S_IFLNK | 0o777
        for mode, uid, links, written, wanted in (
            (regular | 0o600, ME, 1, True, ""),
            (regular | 0o644, ME, 1, True, ""),
            (regular | 0o600, STRANGER, 1, True, "belongs to user 1001"),
            (regular | 0o600, 0, 1, True, "belongs to user 0"),
            (regular | 0o640, 0, 1, False, ""),
            (regular | 0o640, STRANGER, 1, False, "belongs to user 1001"),
            (regular | 0o600, ME, 2, True, "hard link"),
            (regular | 0o600, ME, 2, False, ""),
            (link, ME, 1, True, "symbolic link"),
            (link, ME, 1, False, ""),
            (link, 0, 1, False, ""),
            (link, STRANGER, 1, False, "symbolic link of user 1001"),
            (stat.S_IFIFO | 0o600, ME, 1, True, "no file"),
            (stat.S_IFDIR | 0o700, ME, 1, True, "no file"),
        ):
            said = foreign_file(status(mode, uid, links), ME, written=written)
            self.assertEqual(bool(said), bool(wanted), (oct(mode), uid, links, written))
            self.assertIn(wanted, said)


class FolderTests(SynchronousTestCase):
    """On a disk."""

    def setUp(self) -> None:
        self.above = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.above)
        self.folder = self.above / "meshd-data"
        self.folder.mkdir(mode=0o700)
        (self.folder / "meshd.pid").touch(0o600)
        self.victim = self.above / "victim"
        self.victim.write_text("precious")
        self.said: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.said.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.said.append)

    def mode(self, path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    def refused(self, *words: str) -> None:
        with self.assertRaises(Unsafe) as caught:
            secure(self.folder, POSTGRES)
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertEqual(self.victim.read_text(), "precious")

    def test_what_is_open_is_closed_and_said(self) -> None:
        """Folder, store with all that SQLite puts beside it, logs, pid file, journals: a line each, once."""
        (self.folder / "journal").mkdir()
        names = [f"meshd.sqlite3{end}" for end in ("", "-wal", "-shm")]
        names += ["meshd.pid", "exchanges.log", "requests.log", "journal/1.journal", "journal/2.journal.damaged"]
        paths = [self.folder / name for name in names]
        for path in paths:
            path.write_bytes(DATABASE)
            path.chmod(0o644)
        for folder in (self.folder, self.folder / "journal"):
            folder.chmod(0o777)
        secure(self.folder, POSTGRES)
        self.assertEqual({self.mode(path) for path in paths}, {0o600})
        self.assertEqual({self.mode(self.folder), self.mode(self.folder / "journal")}, {0o700})
        told = {event["path"] for event in self.said if "was open to others" in event["log_format"]}
        self.assertEqual(told, {*map(str, paths), str(self.folder), str(self.folder / "journal")})
        self.said.clear()
        secure(self.folder, POSTGRES)
        self.assertEqual(self.said, [])

    def test_a_store_elsewhere(self) -> None:
        """It is closed too, and no link is followed to it."""
        store = self.above / "a.sqlite3"
        store.touch()
        store.chmod(0o644)
        secure(self.folder, f"sqlite:///{store}")
        self.assertEqual(self.mode(store), 0o644, "it is no store yet")
        store.write_bytes(DATABASE)
        secure(self.folder, f"sqlite:///{store}")
        self.assertEqual(self.mode(store), 0o600)
        store.unlink()
        store.symlink_to(self.victim)
        self.assertRaises(Unsafe, secure, self.folder, f"sqlite:///{store}")

    def test_links_in_the_place_of_files(self) -> None:
        """Refused by name; nobody's file is opened, cut or closed to others."""
        self.victim.chmod(0o644)
        for name in ("meshd.pid", "exchanges.log", "requests.log", "meshd.sqlite3", "meshd.sqlite3-wal", "journal"):
            path = self.folder / name
            path.unlink(missing_ok=True)
            path.symlink_to(self.victim)
            self.refused(name)
            path.unlink()
            path.symlink_to(self.above / "nowhere")
            self.refused(name)
            path.unlink()
        self.assertEqual(self.mode(self.victim), 0o644)

    def test_a_second_name_of_a_file(self) -> None:
        """What is written to one is written to the other."""
        os.link(self.victim, self.folder / "exchanges.log")
        self.refused("exchanges.log", "hard link")

    def test_the_operators_own_certificate_may_be_a_link(self) -> None:
        """It is only read, and its mode is left alone."""
        self.victim.chmod(0o640)
        (self.folder / "key.pem").symlink_to(self.victim)
        secure(self.folder, POSTGRES)
        self.assertEqual(self.mode(self.victim), 0o640)

    def test_of_another_user(self) -> None:
        """A folder, a file, a link: whoever owns it can change it."""
        if os.geteuid():
            raise SkipTest("only root can give files away")
        os.chown(self.folder / "meshd.pid", STRANGER, STRANGER)
        self.refused("meshd.pid", str(STRANGER))
        os.chown(self.folder / "meshd.pid", 0, 0)
        os.chown(self.folder, STRANGER, STRANGER)
        self.refused(str(self.folder), str(STRANGER))
        os.chown(self.folder, 0, 0)
        linked = self.above / "linked"
        linked.symlink_to(self.folder)
        self.folder, folder = linked, self.folder
        secure(self.folder, POSTGRES)
        os.lchown(linked, STRANGER, STRANGER)
        self.refused("symbolic link")
        self.folder = folder

    def test_a_folder_that_everybody_may_write_above(self) -> None:
        """Ours could be renamed, and another put in its place."""
        self.above.chmod(0o777)
        self.refused(str(self.above), "everybody")
        self.above.chmod(0o1777)
        secure(self.folder, POSTGRES)

    def test_a_folder_of_other_things(self) -> None:
        """It is not closed behind its owner's back."""
        (self.folder / "meshd.pid").unlink()
        (self.folder / "thesis.tex").touch()
        self.folder.chmod(0o755)
        self.refused("thesis.tex", "chmod 700")
        self.assertEqual(self.mode(self.folder), 0o755)

    def test_a_folder_that_is_to_be_made(self) -> None:
        """Nothing is wrong with it yet."""
        secure(self.above / "none" / "yet", POSTGRES)


class OpeningTests(SynchronousTestCase):
    """What is planted after the check is not followed either."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.victim = self.folder / "victim"
        self.victim.write_text("precious")

    def test_the_pid_file(self) -> None:
        """A link in its place is an error, and what it leads to is not cut."""
        (self.folder / "meshd.pid").symlink_to(self.victim)
        self.assertRaises(OSError, PidFile, self.folder)
        self.assertEqual(self.victim.read_text(), "precious")

    def test_a_log(self) -> None:
        """A stranger's link is an error; one of the system or of this user, as /dev/stdout is, leads where it leads."""
        link = self.folder / "log"
        link.symlink_to(self.victim)
        self.append(link)
        self.assertEqual(self.victim.read_text(), "precious\nline\n")
        if os.geteuid():
            raise SkipTest("only root can give links away")
        os.lchown(link, STRANGER, STRANGER)
        self.assertRaises(OSError, LineFile(str(link), lambda error: None, lambda: None).open)
        self.assertEqual(self.victim.read_text(), "precious\nline\n")

    def append(self, path: Path) -> None:
        failures: list[OSError] = []
        told: Callable[[OSError], None] = failures.append
        file = LineFile(str(path), told, lambda: None)
        file.append(b"line\n")
        file.close()
        self.assertEqual(failures, [])
