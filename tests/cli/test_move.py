"""`meshd move`: what it says, when it refuses, and that secrets are seen by nobody."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
from pathlib import Path

from meshd.cli.move import is_daemons
from meshd.daemon.pidfile import PidFile
from meshd.store.moving import open as ends
from tests.cli.support import CommandCase
from tests.support import stores


class MoveTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.meshd("account", "create", "anna")
        self.target = f"sqlite:///{self.folder}/other.sqlite3"

    def test_to_another_store(self) -> None:
        """Every table with both sums; what is to be done next; and the old store is closed to the command too."""
        done = self.meshd("--json", "move", "--to", self.target)
        self.assertEqual(done.code, 0, done.err)
        told = {each["table"]: each for each in done.json["tables"]}
        self.assertEqual(told["accounts"]["rows"], 1)
        self.assertEqual(told["accounts"]["before"], told["accounts"]["after"])
        self.assertEqual(done.json["rows"], sum(each["rows"] for each in told.values()))
        self.assertIn("name the new one in the settings (store.url, MESHD_STORE_URL or --store)", done.err)
        late = self.meshd("account", "create", "berta")
        self.assertEqual((late.code, late.out), (1, ""))
        self.assertIn(f"the store has moved to {self.target}: name that one in store.url", late.err)

    def test_as_a_table(self) -> None:
        """A line for each table."""
        done = self.meshd("move", "--to", self.target)
        self.assertRegex(done.out, r"(?m)^accounts +1  ([0-9a-f]{32})  \1$")

    def test_a_url_from_stdin(self) -> None:
        """Where it holds a password, it comes that way only, and is said nowhere."""
        done = self.meshd("move", "--to", "postgresql://meshd:secret@127.0.0.1:1/meshd")
        self.assertEqual(done.code, 1)
        self.assertIn("say --to - and give the URL on stdin", done.err)
        self.assertNotIn("secret", done.err + done.out)
        done = self.meshd("move", "--to", "-", stdin="postgresql://meshd:secret@127.0.0.1:1/meshd\n")
        self.assertEqual(done.code, 1)
        self.assertIn("cannot be reached", done.err)
        self.assertNotIn("secret", done.err + done.out)
        self.assertEqual(self.meshd("move", "--to", "-", stdin=f"{self.target}\n").code, 0)

    def test_rows_that_cannot_move(self) -> None:
        """Are listed on stdout; the reason is the one line on stderr."""
        target = stores.postgres_url(self)
        with contextlib.closing(sqlite3.connect(os.path.join(self.data_dir, "meshd.sqlite3"))) as database:
            database.execute("update accounts set notes = char(0)")
            database.commit()
        done = self.meshd("move", "--to", target)
        self.assertEqual((done.code, len(done.err.splitlines())), (1, 1))
        self.assertRegex(done.out, r"accounts +1 +notes holds a NUL")
        self.assertEqual(self.meshd("account", "list").code, 0)

    def test_while_a_daemon_runs(self) -> None:
        """Refused, and nothing is made."""
        daemon = PidFile(Path(self.data_dir))
        daemon.write()
        self.addCleanup(daemon.release)
        done = self.meshd("move", "--to", self.target)
        self.assertEqual(done.code, 1)
        self.assertIn(f"is in use by process {os.getpid()}: stop it first", done.err)
        self.assertFalse(os.path.exists(f"{self.folder}/other.sqlite3"))

    def test_a_daemon_on_another_folder(self) -> None:
        """Works on the same store, though its folder's name begins as this one's does: nothing moves."""
        with contextlib.closing(sqlite3.connect(os.path.join(self.data_dir, "meshd.sqlite3"))) as database:
            told = "insert into nodes (name, version, listeners, started_at, seen_at) values (?, '', '[]', 0, 1e12)"
            own = f"{socket.gethostname()}:{self.data_dir}"
            database.executemany(told, [(own,), (f"{own}~",), (f"{own}~#12",), (f"{own}2",)])
            database.commit()
        done = self.meshd("move", "--to", self.target)
        self.assertEqual(done.code, 1)
        self.assertIn(f"{own}2 works on the store", done.err)
        self.assertNotIn("~", done.err)

    def test_whose_a_process_is(self) -> None:
        """That of the data folder has the sign behind its name after every other restart."""
        for name, daemon, worker in (
            ("h:/srv/meshd", True, True),
            ("h:/srv/meshd~", True, True),
            ("h:/srv/meshd#1", False, True),
            ("h:/srv/meshd~#12", False, True),
            ("h:/srv/meshd2", False, False),
            ("h:/srv/meshd/2", False, False),
            ("h:/srv/meshd~~", False, False),
            ("i:/srv/meshd", False, False),
            ("~", False, False),
        ):
            with self.subTest(name=name):
                found = is_daemons(name, "h:/srv/meshd"), is_daemons(name, "h:/srv/meshd", workers=True)
                self.assertEqual(found, (daemon, worker))

    def test_live_without_a_daemon(self) -> None:
        """There is nobody who could go over."""
        done = self.meshd("move", "--live", "--to", self.target)
        self.assertEqual(done.code, 1)
        self.assertIn("no daemon runs on", done.err)
        self.assertIn("leave out --live", done.err)
        self.assertFalse(os.path.exists(f"{self.folder}/other.sqlite3"))

    def test_giving_up(self) -> None:
        """After a live move that was killed, changes are written down no more; one that has moved stays moved."""
        with ends.opened(f"sqlite:///{self.data_dir}/meshd.sqlite3") as end:
            with end.transaction():
                end.follow()
            self.assertEqual(self.meshd("move", "--cancel").code, 0)
            self.assertFalse(end.followed())
        self.assertEqual(self.meshd("account", "create", "berta").code, 0)
        self.assertEqual(self.meshd("move", "--to", self.target).code, 0)
        done = self.meshd("move", "--cancel")
        self.assertEqual(done.code, 1)
        self.assertIn("the store has moved to", done.err)

    def test_a_store_of_two_ways(self) -> None:
        """Wrong usage."""
        self.assertEqual(self.meshd("move").code, 2)
        self.assertEqual(self.meshd("move", "--cancel", "--to", self.target).code, 2)
