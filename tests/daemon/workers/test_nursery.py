"""The nursery's end, which is the daemon's."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.workers import nursery
from meshd.daemon.workers.channel import frame
from meshd.daemon.workers.messages import FORK


class AskedTests(SynchronousTestCase):
    def test_a_request_brings_a_channel(self) -> None:
        ours, theirs = socket.socketpair()
        one, other = socket.socketpair()
        with ours, theirs, one, other:
            socket.send_fds(ours, [frame(FORK)], [one.fileno()])
            asked, (descriptor,) = nursery._asked(theirs)
            self.assertEqual(asked, frame(FORK))
            with socket.socket(fileno=descriptor) as came:
                came.sendall(b"x")
            self.assertEqual(other.recv(1), b"x")

    def test_the_daemons_end_is_no_fault(self) -> None:
        """Whether or not it had read all that it was told."""
        for told in (b"", b"something"):
            ours, theirs = socket.socketpair()
            with theirs:
                theirs.sendall(told)
                ours.close()
                self.assertEqual(nursery._asked(theirs), (b"", []))
