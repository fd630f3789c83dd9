"""Who hears of a descriptor that is ready, and who does not."""

from __future__ import annotations

import socket
from collections.abc import Callable

from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase

from meshd.sockets.poll import BATCH, GONE, IN, Poller


class Owner:
    """Notes what it was told of, and does then what a test wants."""

    def __init__(self, does: Callable[[int], None] = lambda fd: None) -> None:
        self.does = does
        self.heard: list[tuple[int, int]] = []

    def ready(self, fd: int, events: int) -> None:
        self.heard.append((fd, events))
        self.does(fd)


class Behind:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def closed(self) -> None:
        self.heard.append("closed")

    def abort(self) -> None:
        self.heard.append("abort")


class PollerTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.poller = Poller(reactor)  # type: ignore[arg-type]
        self.poller.start()
        self.addCleanup(self.poller.stop)

    def pair(self) -> tuple[socket.socket, socket.socket]:
        near, far = socket.socketpair()
        near.setblocking(False)
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        return near, far

    def readable(self, owner: Owner) -> int:
        """A registered descriptor with something to read."""
        near, far = self.pair()
        far.send(b"x")
        self.poller.add(near.fileno(), owner)
        return near.fileno()

    def test_what_is_handed_out_counts(self) -> None:
        """A descriptor that is served elsewhere counts until it is closed; who stands behind it hears of it no more."""
        near, _ = self.pair()
        behind, before = Behind(), len(self.poller)
        self.poller.add(near.fileno(), Owner())
        self.poller.stand_behind(near.fileno(), behind, outside=0)
        self.assertIs(self.poller.hand_out(near.fileno()), behind)
        self.assertEqual((len(self.poller), behind.heard), (before + 1, []))
        self.poller.handed_in()
        self.assertEqual(len(self.poller), before)

    def test_told_once(self) -> None:
        """An edge is told once; a descriptor without an owner tells nobody."""
        owner = Owner()
        fd = self.readable(owner)
        self.poller.doRead()
        self.poller.doRead()
        (heard,) = owner.heard
        self.assertEqual((heard[0], heard[1] & IN, self.poller.turns), (fd, IN, 2))
        self.poller.tell_again(fd)
        self.poller.remove(fd)
        self.poller.doRead()
        self.assertEqual(len(owner.heard), 1)
        self.assertRaises(KeyError, self.poller.remove, fd)

    def test_an_end(self) -> None:
        near, far = self.pair()
        owner = Owner()
        self.poller.add(near.fileno(), owner)
        far.close()
        self.poller.doRead()
        self.assertTrue(owner.heard[0][1] & GONE)

    def test_closed_in_the_same_batch(self) -> None:
        """Whoever has the number by then hears nothing of it; in the next batch it does."""
        heir = Owner()

        def close_all(fd: int) -> None:
            for each in fds:
                self.poller.remove(each)
                self.poller._owners[each] = heir

        owner = Owner(close_all)
        fds = [self.readable(owner), self.readable(owner)]
        self.poller.doRead()
        self.assertEqual((len(owner.heard), heir.heard), (1, []))
        for fd in fds:
            self.poller.tell_again(fd)
        self.poller.doRead()
        self.assertEqual(sorted(fd for fd, _ in heir.heard), sorted(fds))

    def test_one_that_fails(self) -> None:
        """It is told of, and the others go on; what is no failure ends the batch, and nothing of it is left."""

        def fail(fd: int) -> None:
            raise LookupError("of its own")

        def leave(fd: int) -> None:
            self.poller.remove(fd)
            raise SystemExit

        owner = Owner(fail)
        self.readable(owner)
        self.readable(owner)
        self.poller.doRead()
        self.assertEqual(len(owner.heard), 2)
        failures = self.flushLoggedErrors(LookupError)
        self.assertEqual([str(failure.value) for failure in failures], ["of its own", "of its own"])
        leaving = Owner(leave)
        fd = self.readable(leaving)
        self.assertRaises(SystemExit, self.poller.doRead)
        heir = Owner()
        self.poller._owners[fd] = heir
        self.poller.tell_again(fd)
        self.poller.doRead()
        self.assertEqual(len(heir.heard), 1)

    def test_more_than_a_batch(self) -> None:
        """The rest comes with the next one."""
        owner = Owner()
        for _ in range(BATCH // 2 + 1):
            near, far = self.pair()
            for each in (near, far):
                self.poller.add(each.fileno(), owner)
        self.poller.doRead()
        self.assertEqual(len(owner.heard), BATCH)
        self.poller.doRead()
        self.assertEqual(len(owner.heard), BATCH + 2)

    def test_another_behind(self) -> None:
        """Hears that the registered end is closed, and counts until then."""
        fd, behind = self.readable(Owner()), Behind()
        self.poller.stand_behind(fd, behind)
        self.assertEqual(len(self.poller), 3)
        self.poller.remove(fd)
        self.assertEqual((behind.heard, len(self.poller)), (["closed"], 0))

    def test_what_cannot_be_added(self) -> None:
        """One that is there already, and what no descriptor is; nobody owns these then."""
        fd = self.readable(Owner())
        self.assertRaises(FileExistsError, self.poller.add, fd, Owner())
        for odd in (-1, 2**40, 10**6, "1"):
            self.assertRaises((OSError, OverflowError, TypeError, ValueError), self.poller.add, odd, Owner())
        self.assertEqual(list(self.poller._owners), [fd])

    def test_only_some_events(self) -> None:
        """Those that are asked for."""
        owner = Owner()
        near, far = self.pair()
        self.poller.add(near.fileno(), owner, IN)
        self.poller.doRead()
        self.assertEqual(owner.heard, [])
        far.send(b"x")
        self.poller.doRead()
        self.poller.doRead()
        self.assertEqual(owner.heard, [(near.fileno(), IN)] * 2)

    def test_an_error_of_one_that_is_paused(self) -> None:
        """Is told once at most, and again as soon as it may be read."""
        owner = Owner()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
                far.bind(("127.0.0.1", 0))
                near.connect(far.getsockname())
            self.poller.add(near.fileno(), owner, IN)
            self.poller.pause(near.fileno())
            near.send(b"to nobody")
            for _ in range(3):
                self.poller.doRead()
            self.assertLessEqual(len(owner.heard), 1)
            self.poller.resume(near.fileno())
            before = len(owner.heard)
            self.poller.doRead()
            self.assertEqual(len(owner.heard), before + 1)
            self.assertTrue(owner.heard[-1][1] & GONE)
            self.assertRaises(ConnectionRefusedError, near.recv, 1)

    def test_after_the_end(self) -> None:
        """To look then is an error."""
        poller = Poller(reactor)  # type: ignore[arg-type]
        poller.start()
        poller.stop()
        self.assertRaises(ValueError, poller.doRead)
        self.assertRaises(ValueError, poller.add, 0, Owner())
