"""Texts of /proc, and what is read out of them; and this very process."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.doctor.listeners import Owner
from meshd.doctor.reading import kernel
from meshd.topology import Limits
from tests.doctor.support import status

LOCKS = """\
1: FLOCK  ADVISORY  WRITE 4242 00:2a:77 0 EOF
1: -> FLOCK  ADVISORY  WRITE 4243 00:2a:78 0 EOF
2: POSIX  ADVISORY  READ 12 fe:01:1234 128 128
garbage
"""

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:7A30 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 555 1 0 100 0 0 10 0
   1: 0100007F:7A31 0100007F:1234 01 00000000:00000000 00:00000000 00000000  1000        0 556 1 0 20 4 30 10 -1
   2: 00000000000000000000000000000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 557 1 0
"""


class TextTests(SynchronousTestCase):
    def test_locks(self) -> None:
        """By the inode and its file system; one that is waited for is locked too."""
        for inode, held in ((77, True), (78, True), (1234, False), (12, False)):
            self.assertEqual(kernel.locked(status(inode=inode), LOCKS), held, inode)
        self.assertFalse(kernel.locked(status(inode=77), ""))

    def test_listeners(self) -> None:
        self.assertEqual(list(kernel.listeners(TCP)), [(31280, 555), (80, 557)])

    def test_limits(self) -> None:
        text = "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 4096      files\n"
        self.assertEqual(kernel.soft_limit(text), 1024)
        self.assertRaises(ValueError, kernel.soft_limit, "")


class MachineTests(SynchronousTestCase):
    def test_a_lock(self) -> None:
        """By the table, and by trying, which leaves no lock."""
        with tempfile.NamedTemporaryFile() as file:
            path = Path(file.name)
            self.assertEqual((False, False), (kernel.locked(path.stat(), kernel.locks()), kernel.held(path)))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.assertEqual((True, True), (kernel.locked(path.stat(), kernel.locks()), kernel.held(path)))

    def test_a_listener(self) -> None:
        """Whose it is."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            inodes = kernel.listening()[server.getsockname()[1]]
            (found,) = kernel.owners(inodes).values()
            self.assertIn(os.getpid(), [owner.pid for owner in found])
            self.assertIsInstance(found[0], Owner)
        self.assertEqual(kernel.owners(()), {})

    def test_this_process(self) -> None:
        self.assertIn(os.getpid(), kernel.family(os.getpid()))
        machine = kernel.machine(Limits(), 4, os.getpid())
        self.assertTrue(machine.of_daemon)
        self.assertGreater(machine.descriptors, machine.opened or 0)
        self.assertFalse(kernel.machine(Limits(), 1, 0).of_daemon)
        self.assertIsNone(kernel.descriptors(2**22 + 1))
        self.assertIsNone(kernel.word("no/such/file"))
