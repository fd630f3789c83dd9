"""Sockets that are listened on: their files, and addresses that change hands."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.config.endpoints import parsed
from meshd.daemon.inherited import Inherited
from meshd.daemon.opening import ListenError, ListeningSocket, giving_way, open_sockets
from tests.support.daemon import free_port


class SocketCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="meshd-sockets-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = self.folder / "a.sock"

    def open(self, text: str, handed_over: Inherited | None = None) -> ListeningSocket:
        (made,) = open_sockets(parsed(text), handed_over or Inherited())
        self.addCleanup(made.close)
        made.listen(5)
        return made


class UnixTests(SocketCase):
    """The file of a Unix socket."""

    def test_it_comes_and_goes_with_the_socket(self) -> None:
        """With the mode that was asked for."""
        made = self.open(f"unix:{self.path}:mode=620")
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o620)
        made.close()
        self.assertEqual(os.listdir(self.folder), [])

    def test_one_that_a_dead_process_left_is_replaced(self) -> None:
        """Nobody listens on it any more."""
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(self.path))
            dead.listen(1)
        self.open(f"unix:{self.path}")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.path))

    def test_one_that_is_listened_on_is_left_alone(self) -> None:
        """It is another's, and stays so."""
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(self.path))
            other.listen(1)
            error = self.assertRaises(ListenError, self.open, f"unix:{self.path}")
            self.assertEqual(str(error), f"cannot listen on unix:{self.path}: Address already in use")
            self.assertTrue(self.path.exists())

    def test_a_file_that_is_no_socket_is_left_alone(self) -> None:
        """A typing mistake must not cost anybody's file."""
        self.path.write_text("mine")
        error = self.assertRaises(ListenError, self.open, f"unix:{self.path}")
        self.assertIn("there is a file that is no socket", str(error))
        self.assertEqual(self.path.read_text(), "mine")

    def test_a_file_that_is_anothers_by_now_is_not_removed(self) -> None:
        """Whoever took the path in the meantime keeps it."""
        made = self.open(f"unix:{self.path}")
        self.path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(self.path))
            made.close()
            self.assertTrue(self.path.exists())

    def test_the_file_of_a_socket_that_was_handed_over_is_not_ours(self) -> None:
        """Whoever opened it listens on it still."""
        with socket.socket(socket.AF_UNIX) as theirs:
            theirs.bind(str(self.path))
            theirs.listen(5)
            self.open("systemd:domain=UNIX:name=a", Inherited((theirs.fileno(), "a"))).close()
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(self.path))

    def test_a_folder_that_is_not_there(self) -> None:
        """Said in one line."""
        error = self.assertRaises(ListenError, self.open, f"unix:{self.folder}/no/a.sock")
        self.assertIn("No such file or directory", str(error))


class AddressTests(SocketCase):
    """Two sockets that share an address for a moment."""

    def test_an_address_is_handed_on_without_a_gap(self) -> None:
        """All addresses to one, and back: the new one listens before the old one is closed."""
        port = free_port()
        old = self.open(f"tcp:{port}")
        for text in (f"tcp:{port}:interface=127.0.0.1", f"tcp:{port}:interface=0.0.0.0", f"tcp6:{port}"):
            with giving_way([old]):
                (new,) = open_sockets(parsed(text), Inherited(), beside=True)
                new.listen(5)
            socket.create_connection(("127.0.0.1", port), 60).close()
            old.close()
            socket.create_connection(("127.0.0.1", port), 60).close()
            old = new
        old.close()

    def test_a_strangers_address_is_refused(self) -> None:
        """To give way is something that only our own do."""
        with socket.create_server(("127.0.0.1", 0)) as stranger:
            port = stranger.getsockname()[1]
            ours = self.open("tcp:0")
            with giving_way([ours]):
                error = self.assertRaises(ListenError, open_sockets, parsed(f"tcp:{port}"), Inherited(), beside=True)
            self.assertEqual(str(error), f"cannot listen on tcp:{port}: Address already in use")
