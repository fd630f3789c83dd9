"""Sockets that a service manager hands over: which is meant, and what becomes of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from meshd.config.endpoints import Inherited as Place
from meshd.daemon.inherited import Inherited

ACTIVATED = """
import os, sys
from meshd.daemon.inherited import Inherited
from meshd.config.endpoints import Inherited as Place
found = Inherited.take(os.environ)
print([found.number(Place("INET", index=at)) for at in range(2)], found.number(Place("INET", "b")))
print(sorted(name for name in os.environ if name.startswith("LISTEN_")), [os.get_inheritable(fd) for fd in (3, 4)])
"""

LAUNCH = """
import os, socket, sys
for number in (3, 4):
    listener = socket.create_server(("127.0.0.1", 0))
    if listener.fileno() != number:
        os.dup2(listener.fileno(), number)
    else:
        listener.detach()
    os.set_inheritable(number, True)
os.environ.update(LISTEN_FDS="2", LISTEN_FDNAMES="a:b", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""


class InheritedTests(SynchronousTestCase):
    def listening(self, family: int = socket.AF_INET) -> socket.socket:
        made = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(made.close)
        made.bind(("127.0.0.1", 0) if family == socket.AF_INET else b"\0meshd-test-%d" % os.getpid())
        made.listen(5)
        return made

    def test_by_name_and_by_place(self) -> None:
        """Both of them are the descriptor that was handed over."""
        found = Inherited((7, "api"), (8, "proxy"), (9, ""))
        for place, number in ((Place("INET", "proxy"), 8), (Place("INET", index=0), 7), (Place("UNIX", index=2), 9)):
            self.assertEqual(found.number(place), number)

    def test_what_is_not_there(self) -> None:
        """Said as it is."""
        found = Inherited((7, "api"))
        for place in (Place("INET", "proxy"), Place("INET", index=1)):
            error = self.assertRaises(ValueError, found.number, place)
            self.assertEqual(str(error), "systemd has handed over no such socket")

    def test_a_name_that_two_have(self) -> None:
        """One of them would be let wait for ever: who means which has to say so."""
        found = Inherited((7, "proxy"), (8, "api"), (9, "proxy"))
        error = self.assertRaises(ValueError, found.number, Place("INET", "proxy"))
        self.assertIn("2 sockets of that name: choose by index=0 or index=2", str(error))
        self.assertEqual(found.number(Place("INET", "api")), 8)

    def test_a_copy_leaves_the_original_as_it_is(self) -> None:
        """However many are made and closed, its number stays its own, and it goes on listening."""
        listener = self.listening()
        found = Inherited((listener.fileno(), "proxy"))
        for _ in range(3):
            copy = found.copy(Place("INET", "proxy"))
            self.assertNotEqual(copy.fileno(), listener.fileno())
            self.assertEqual(copy.getsockname(), listener.getsockname())
            copy.close()
        socket.create_connection(listener.getsockname(), 60).close()

    def test_a_socket_of_another_kind(self) -> None:
        """Neither one that does not listen, nor one of another family, nor a file; nothing stays open."""
        bound = socket.socket()
        self.addCleanup(bound.close)
        unix = self.listening(socket.AF_UNIX)
        with open(os.devnull) as file:
            before = len(os.listdir("/proc/self/fd"))
            for number, family, reason in (
                (bound.fileno(), "INET", "it is no socket that listens"),
                (unix.fileno(), "INET", "its domain is UNIX"),
                (self.listening().fileno(), "UNIX", "its domain is INET"),
                (file.fileno(), "INET", "Socket operation on non-socket"),
            ):
                error = self.assertRaises((ValueError, OSError), Inherited((number, "")).copy, Place(family, index=0))
                self.assertIn(reason, str(error))
            self.assertEqual(len(os.listdir("/proc/self/fd")), before + 1)  # of the listener made in between

    def test_the_environment_tells_children_nothing(self) -> None:
        """Neither the variables nor the descriptors go on to them; Twisted may have read them first."""
        done = subprocess.run(
            [sys.executable, "-c", LAUNCH, ACTIVATED], check=True, capture_output=True, text=True, timeout=60
        )
        self.assertEqual(done.stdout.splitlines(), ["[3, 4] 4", "[] [False, False]"])
