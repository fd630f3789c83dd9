"""Sockets of an earlier process: their names, who finds them, and what becomes of those that nobody wants."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.config.endpoints import TCP, Unix, parsed
from meshd.daemon.inherited import Inherited
from meshd.daemon.keeping import LONGEST, hosted_name, name_of, named
from meshd.daemon.opening import open_sockets
from meshd.daemon.sharing import open_shared
from meshd.hosts.ports import Place

NAMES = {
    TCP(31280): "meshd/tcp/31280/*",
    TCP(8443, "127.0.0.1"): "meshd/tcp/8443/127.0.0.1",
    TCP(1, "::1"): "meshd/tcp/1/%3A%3A1",
    Unix("/run/a b:c.sock"): "meshd/unix/%2Frun%2Fa%20b%3Ac.sock",
}


class NameTests(SynchronousTestCase):
    def test_names(self) -> None:
        """As systemd takes them: printable, without a colon, and not the same for two places."""
        for place, name in NAMES.items():
            self.assertEqual(name_of(place), name)
        self.assertEqual(hosted_name(Place("udp", 53, "eth0:1")), "meshd/hosts/udp/53/eth0%3A1")
        self.assertLess(len(name_of(TCP(65535, "f" * 39))), LONGEST)

    def test_only_what_meshd_opens_itself_has_one(self) -> None:
        """A socket of systemd's keeps that one's name."""
        texts = ("tcp:1", "haproxy:tcp:2", "systemd:domain=INET:name=a")
        self.assertEqual(named(map(parsed, texts)), {"meshd/tcp/1/*", "meshd/tcp/2/*"})


class KeptTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.port = 0

    def listening(self, *, shared: bool = False) -> int:
        """The descriptor of a socket that listens, as another process has left it: blocking."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        sock.bind(("127.0.0.1", self.port))
        sock.listen(5)
        self.port = sock.getsockname()[1]
        return sock.detach()

    def text(self) -> str:
        return f"tcp:{self.port}:interface=127.0.0.1"

    def name(self) -> str:
        return f"meshd/tcp/{self.port}/127.0.0.1"

    def test_who_waits_in_it_is_let_in(self) -> None:
        """By whoever wants the place now; the copy does not block, whatever the one before did."""
        number = self.listening()
        client = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(client.close)
        handed_over = Inherited((number, self.name()))
        (taken,) = open_sockets(parsed(self.text()), handed_over)
        self.addCleanup(taken.close)
        handed_over.settle()
        self.assertRaises(OSError, os.fstat, number)
        taken.listen(9)
        self.assertFalse(taken.sock.getblocking())
        taken.sock.accept()[0].close()

    def test_a_unix_socket_that_is_not_served_keeps_its_file(self) -> None:
        """The process before still listens there; once it does not, the file goes with the socket."""
        folder = Path(tempfile.mkdtemp(prefix="meshd-kept-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, folder)
        path = folder / "a.sock"
        with socket.socket(socket.AF_UNIX) as before:
            before.bind(str(path))
            before.listen(5)
            handed_over = Inherited((os.dup(before.fileno()), name_of(Unix(str(path)))))
            self.addCleanup(handed_over.settle)
            (taken,) = open_sockets(parsed(f"unix:{path}"), handed_over)
            taken.close()
            self.assertTrue(path.exists())
            (taken,) = open_sockets(parsed(f"unix:{path}"), handed_over)
            taken.own()
            taken.close()
            self.assertFalse(path.exists())

    def test_it_is_no_place_of_systemds(self) -> None:
        """Those are counted without it."""
        number = self.listening()
        handed_over = Inherited((number, self.name()), (7, "proxy"))
        self.addCleanup(handed_over.settle)
        self.assertEqual(handed_over.activated, ((7, "proxy"),))
        self.assertEqual(handed_over.kept, {self.name()})

    def test_what_is_not_wanted_is_closed(self) -> None:
        """At once, but for ports of streams, of which the settings do not know."""
        here, gone = self.listening(), os.open(os.devnull, os.O_RDONLY)
        name, streams = self.name(), os.open(os.devnull, os.O_RDONLY)
        handed_over = Inherited((here, name), (gone, "meshd/tcp/1/*"), (streams, "meshd/hosts/udp/53/*"))
        handed_over.keep({name})
        self.assertEqual(handed_over.kept, {name, "meshd/hosts/udp/53/*"})
        self.assertRaises(OSError, os.fstat, gone)
        handed_over.settle()
        self.assertEqual(handed_over.kept, frozenset())
        self.assertEqual(handed_over.came, {name, "meshd/tcp/1/*", "meshd/hosts/udp/53/*"})

    def test_all_of_a_shared_port_are_taken(self) -> None:
        """For each number of workers as many for one as for another; where there were fewer, more are opened."""
        for before, workers, now in ((1, 1, 1), (1, 3, 3), (4, 4, 4), (4, 3, 6), (4, 2, 4), (2, 5, 5)):
            with self.subTest(before=before, workers=workers):
                self.port = 0
                numbers = [self.listening(shared=before > 1) for _ in range(before)]
                handed_over = Inherited(*((number, self.name()) for number in numbers))
                made = open_shared(parsed(self.text()), workers, handed_over, beside=False)
                handed_over.settle()
                for each in made:
                    each.listen(5)
                    self.addCleanup(each.close)
                self.assertEqual(len(made), now)
                self.assertEqual({each.sock.getsockname()[1] for each in made}, {self.port})

    def test_one_process_takes_all(self) -> None:
        """Without workers too."""
        numbers = [self.listening(shared=True) for _ in range(3)]
        handed_over = Inherited(*((number, self.name()) for number in numbers))
        made = open_sockets(parsed(self.text()), handed_over)
        handed_over.settle()
        for each in made:
            self.addCleanup(each.close)
        self.assertEqual(len(made), 3)
