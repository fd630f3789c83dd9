"""What a service manager is told: datagrams in their order, for which nobody waits."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.heartbeat import STATUS, Heartbeat, watchdog
from meshd.daemon.notices import AGAIN, MOST, Notices
from meshd.daemon.safekeeping import Safekeeping


class NoticesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        folder = tempfile.mkdtemp(prefix="meshd-notices-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        self.address = f"{folder}/notify"
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.addCleanup(self.manager.close)
        self.manager.bind(self.address)
        self.notices = Notices(self.address, self.clock)
        self.addCleanup(self.notices.close)

    def next(self) -> tuple[str, int]:
        """The next notice, and how many descriptors came with it; "" where there is none."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self.manager, 4096, 253)
        except BlockingIOError:
            return "", 0
        for each in descriptors:
            os.close(each)
        return data.decode(), len(descriptors)

    def all(self) -> list[str]:
        return list(iter(lambda: self.next()[0], ""))


class NoticesTests(NoticesCase):
    def test_several_lines_are_one_datagram(self) -> None:
        """Which is what a reload needs; a value has no line of its own."""
        self.notices.tell("RELOADING=1", "MONOTONIC_USEC=5")
        self.notices.tell("STATUS=a\nREADY=1")
        self.assertEqual(self.all(), ["RELOADING=1\nMONOTONIC_USEC=5", "STATUS=a READY=1"])

    def test_descriptors_are_copies(self) -> None:
        """The caller may close its own before they are sent."""
        while self.notices._timer is None:
            self.notices.tell("WATCHDOG=1")
        number = os.open(os.devnull, os.O_RDONLY)
        self.notices.tell("FDSTORE=1", "FDNAME=a", descriptors=[number])
        os.close(number)
        self.all()
        self.clock.advance(AGAIN)
        found = list(iter(self.next, ("", 0)))
        self.assertEqual(found[-1], ("FDSTORE=1\nFDNAME=a", 1))

    def test_a_full_queue_is_waited_for_by_nobody(self) -> None:
        """What had no room comes later, in its order, up to a bound."""
        for number in range(MOST + 100):
            self.notices.tell(f"STATUS={number}")
        heard = self.all()
        while self.clock.getDelayedCalls():
            self.clock.advance(AGAIN)
            heard += self.all()
        self.assertEqual(heard, [f"STATUS={number}" for number in range(len(heard))])
        self.assertGreaterEqual(len(heard), MOST)
        self.assertLess(len(heard), MOST + 100)

    def test_a_manager_that_is_gone(self) -> None:
        """It is said in the log, and nothing waits for it to come back."""
        self.manager.close()
        os.unlink(self.address)
        self.notices.tell("READY=1")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_abstract_address_and_none(self) -> None:
        """As the variable has them; it is taken out of the environment."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as abstract:
            name = f"meshd-test-{os.getpid()}"
            abstract.bind(f"\0{name}")
            environ = {"NOTIFY_SOCKET": f"@{name}", "PATH": "/bin"}
            notices = Notices.take(environ, self.clock)
            self.assertEqual(environ, {"PATH": "/bin"})
            notices.tell("READY=1")
            self.assertEqual(abstract.recv(100), b"READY=1")
            notices.close()
        silent = Notices.take({}, self.clock)
        silent.tell("READY=1")
        self.assertFalse(silent)


class SafekeepingTests(NoticesCase):
    def setUp(self) -> None:
        super().setUp()
        self.sockets = [socket.socket() for _ in range(3)]
        for each in self.sockets:
            self.addCleanup(each.close)

    def test_what_is_open_is_kept_once_and_taken_back(self) -> None:
        """Only what is new is told; another socket of the same name takes the place of the first."""
        one, other, third = self.sockets
        keeping = Safekeeping(self.notices, ["meshd/tcp/9/*"])
        keeping.keep([("a", one), ("b", other), ("b", third)])
        self.assertEqual(self.next(), ("FDSTOREREMOVE=1\nFDNAME=meshd/tcp/9/*", 0))
        self.assertEqual(self.next(), ("FDSTORE=1\nFDNAME=a\nFDPOLL=0", 1))
        self.assertEqual(self.next(), ("FDSTORE=1\nFDNAME=b\nFDPOLL=0", 2))
        keeping.keep([("a", one), ("b", third), ("b", other)])
        self.assertEqual(self.all(), [])
        keeping.keep([("a", third)])
        self.assertEqual(
            self.all(),
            ["FDSTOREREMOVE=1\nFDNAME=a", "FDSTOREREMOVE=1\nFDNAME=b", "FDSTORE=1\nFDNAME=a\nFDPOLL=0"],
        )

    def test_what_was_kept_before_is_kept(self) -> None:
        """It is told again, which changes nothing there, and is not taken back in between."""
        keeping = Safekeeping(self.notices, ["a"])
        keeping.keep([("a", self.sockets[0])])
        self.assertEqual(self.all(), ["FDSTORE=1\nFDNAME=a\nFDPOLL=0"])

    def test_a_name_that_is_too_long(self) -> None:
        """systemd would refuse it: the socket is opened anew by the next process."""
        Safekeeping(self.notices, []).keep([("x" * 256, self.sockets[0])])
        self.assertEqual(self.all(), [])


class HeartbeatTests(NoticesCase):
    def beating(self, seconds: float) -> None:
        self.alive, self.status = True, "fine"
        heart = Heartbeat(self.notices, self.clock, seconds, lambda: self.alive, lambda: self.status)
        heart.start()

    def test_the_watchdog_hears_twice_in_its_time(self) -> None:
        """As long as all answer; the status is told when it has changed."""
        self.beating(2.0)
        self.assertEqual(self.all(), ["WATCHDOG=1", "STATUS=fine"])
        self.clock.advance(1.0)
        self.assertEqual(self.all(), ["WATCHDOG=1"])
        self.alive, self.status = False, "not so fine"
        self.clock.advance(1.0)
        self.assertEqual(self.all(), ["STATUS=not so fine"])

    def test_without_a_watchdog(self) -> None:
        """The status alone."""
        self.beating(0)
        self.assertEqual(self.all(), ["STATUS=fine"])
        self.status = "other"
        self.clock.advance(STATUS)
        self.assertEqual(self.all(), ["STATUS=other"])

    def test_whose_watchdog_it_is(self) -> None:
        """Its time, where it is this process's; both variables are taken out."""
        for usec, whose, seconds in (
            ("3000000", "", 3.0),
            ("3000000", "7", 3.0),
            ("3000000", "8", 0.0),
            ("x", "", 0.0),
            ("", "", 0.0),
            ("-5", "7", 0.0),
        ):
            environ = {"WATCHDOG_USEC": usec, "WATCHDOG_PID": whose}
            self.assertEqual(watchdog(environ, 7), seconds, (usec, whose))
            self.assertEqual(environ, {})
