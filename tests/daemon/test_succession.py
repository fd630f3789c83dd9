"""A process and its successor: what passes between them, and what leaves everything as it was."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meshd.daemon.handover import Handover
from meshd.daemon.pidfile import PID_FILE, FolderInUse, PidFile
from meshd.daemon.predecessor import LEFT, Predecessor
from meshd.daemon.succession import VARIABLE, Command, Estate, NotSucceeded, described, other_part
from meshd.daemon.successor import Successor
from meshd.daemon.twistdfile import TwistdFile
from meshd.daemon.workers.channel import frame

READY = """
import json, os, socket
sock = socket.socket(fileno=int(os.environ["SUCCEEDS_MESHD"]))
data, descriptors, _, _ = socket.recv_fds(sock, 65536, 10)
said = json.loads(data[4:4 + int.from_bytes(data[:4], "big")])
word = json.dumps({"kind": "ready", "pid": os.getpid()} if len(descriptors) == 1 + len(said["names"]) else {}).encode()
sock.sendall(len(word).to_bytes(4, "big") + word)
"""
FAILED = """
import json, os, socket
sock = socket.socket(fileno=int(os.environ["SUCCEEDS_MESHD"]))
word = json.dumps({"kind": "failed", "why": "the port is taken"}).encode()
sock.sendall(len(word).to_bytes(4, "big") + word)
"""


def watched(successor: Successor) -> Deferred[None]:
    """Fires when the process has ended, and that is known."""
    ended: Deferred[None] = Deferred()
    said = successor.ended

    def tell(reason: Failure) -> None:
        said(reason)
        ended.callback(None)

    successor.ended = tell  # type: ignore[method-assign]
    return ended


class SuccessorTests(TestCase):
    """Small programs stand for a successor."""

    def successor(self, program: str) -> Successor:
        environ = {name: value for name, value in os.environ.items() if name != VARIABLE}
        return Successor(reactor, Command((sys.executable, "-c", program), environ, "/"))

    def estate(self) -> Estate:
        folder = tempfile.mkdtemp(prefix="meshd-estate-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        with open(f"{folder}/file", "wb") as file:
            number = os.dup(file.fileno())
        self.addCleanup(os.close, number)
        return Estate(number, [(number, "meshd/tcp/1/*"), (number, "proxy")], b"known", "")

    async def test_one_that_is_ready(self) -> None:
        """It has got the lock and every socket, and tells its number."""
        successor = self.successor(READY)
        pid = await successor.begin(self.estate())
        self.assertGreater(pid, 1)
        successor.leave()
        ended = watched(successor)
        await ended

    async def test_those_that_are_not(self) -> None:
        """The reason is its own, or what the system says of its end."""
        for program, why in (
            (FAILED, "the port is taken"),
            ("raise SystemExit(3)", "exit code 3|ended before it was ready"),
            ("import os; os.kill(os.getpid(), 9)", "signal 9|ended before it was ready"),
        ):
            successor = self.successor(program)
            ended = watched(successor)
            with self.assertRaisesRegex(NotSucceeded, why):
                await successor.begin(self.estate())
            await ended

    async def test_one_that_is_given_up(self) -> None:
        """It is ended, and who waits is told why."""
        successor = self.successor("import time; time.sleep(60)")
        ended = watched(successor)
        waiting = successor.begin(self.estate())
        successor.give_up("meshd is being stopped")
        with self.assertRaisesRegex(NotSucceeded, "being stopped"):
            await waiting
        await ended

    async def test_one_that_is_given_up_when_it_is_ready(self) -> None:
        """It ends, as it hears of nobody whose place it might take."""
        successor = self.successor(READY + "sock.recv(1) and input()")
        ended = watched(successor)
        await successor.begin(self.estate())
        successor.give_up("its predecessor goes on")
        await ended

    async def test_a_program_that_is_no_more(self) -> None:
        """As after a move of the installation."""
        successor = Successor(reactor, Command(("/nowhere/python",), {}, "/"))
        ended = watched(successor)
        with self.assertRaises(NotSucceeded):
            await successor.begin(self.estate())
        await ended


class Watching(Clock):
    """A reactor whose readers are told when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def addWriter(self, writer: Any) -> None:
        """What is sent here has gone at once."""

    removeWriter = addWriter

    def read(self) -> None:
        """Everything that has come, and what was put off to a later turn."""
        for reader in list(self.readers):
            if (end := reader.doRead()) is not None:
                reader.connectionLost(Failure(end))
        self.advance(0)


class PredecessorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.theirs, ours = socket.socketpair()
        self.addCleanup(self.theirs.close)
        self.number = ours.detach()

    def take(self) -> Predecessor | None:
        environ = {VARIABLE: str(self.number), "PATH": "/bin"}
        found = Predecessor.take(environ)
        self.assertEqual(environ, {"PATH": "/bin"})
        return found

    def test_what_it_leaves(self) -> None:
        """The lock, sockets by their names, what it knows of passwords, and a name that is not its own."""
        with socket.socket() as sock, open(os.devnull, "rb") as lock:
            estate = Estate(lock.fileno(), [(sock.fileno(), "meshd/tcp/1/*"), (sock.fileno(), "api")], b"k" * 99, "~")
            numbers = [estate.lock, *(number for number, _ in estate.sockets)]
            socket.send_fds(self.theirs, [frame(described(estate))], numbers)
            self.theirs.sendall(frame(estate.known))
            before = self.take()
        assert before is not None
        self.assertEqual((before.pid, before.known, before.part), (os.getpid(), b"k" * 99, ""))
        self.assertEqual(before.handed_over.kept, {"meshd/tcp/1/*"})
        ((number, name),) = before.handed_over.activated
        self.assertEqual(name, "api")
        before.failed("no")
        size = int.from_bytes(self.theirs.recv(4), "big")
        self.assertEqual(json.loads(self.theirs.recv(size)), {"kind": "failed", "why": "no"})
        before.handed_over.settle()
        os.close(number)
        os.close(before.lock)
        self.assertEqual(other_part(other_part("")), "")

    def test_its_end(self) -> None:
        """What it may have left is looked for a while after; where it had let nobody in yet, that is a failure."""
        for yields in (True, False):
            self.theirs, ours = socket.socketpair()
            self.number = ours.detach()
            with open(os.devnull, "rb") as lock:
                estate = Estate(lock.fileno(), [], b"", "")
                socket.send_fds(self.theirs, [frame(described(estate))], [estate.lock])
                self.theirs.sendall(frame(estate.known))
                before = self.take()
            assert before is not None
            clock, left = Watching(), mock.Mock()
            waiting = Deferred.fromCoroutine(before.yields(clock, left))
            if yields:
                self.theirs.sendall(frame(b"{}"))
                clock.read()
                self.successResultOf(waiting)
            self.theirs.close()
            clock.read()
            if not yields:
                self.failureResultOf(waiting, NotSucceeded)
            clock.advance(1)
            self.assertEqual(left.call_count, 0)
            clock.advance(LEFT)
            self.assertEqual((left.call_count, before.alive), (int(yields), False))
            os.close(before.lock)

    def test_what_is_no_predecessor(self) -> None:
        """A variable that somebody has set, and one that ends too soon or says too much: a line, and no traceback."""
        for said in (b"", frame(b"{}"), frame(b"[]") + frame(b""), (2**31).to_bytes(4, "big"), frame(b"\xff") * 2):
            with self.subTest(said=said):
                theirs, ours = socket.socketpair()
                theirs.sendall(said)
                theirs.close()
                self.number = ours.detach()
                with self.assertRaisesRegex(OSError, "SUCCEEDS_MESHD is for processes that meshd starts itself"):
                    Predecessor.take({VARIABLE: str(self.number)})
        self.assertIsNone(Predecessor.take({}))
        self.assertRaises(OSError, Predecessor.take, {VARIABLE: "nonsense"})


NOTHING = Estate(0, (), b"", "")


class Begun(Successor):
    """One that is ready when the test says so."""

    def __init__(self) -> None:
        self.ready: Deferred[int] = Deferred()
        self.begun, self.given_up = False, 0

    def begin(self, estate: Estate) -> Deferred[int]:
        self.begun = True
        return self.ready

    def give_up(self, why: str) -> None:
        self.given_up += 1


class Before:
    """A predecessor, as far as it is asked."""

    pid = 17
    alive = True


class HandoverTests(SynchronousTestCase):
    def test_what_is_not_begun(self) -> None:
        """Where a plugin's listener could not be handed on."""
        Handover(None).check([])
        with self.assertRaisesRegex(NotSucceeded, "^onion:1 is opened by a plugin, and cannot be handed on"):
            Handover(None).check(["onion:1"])

    def test_when_the_store_stays(self) -> None:
        """While another process may write to it: the one that is about to follow, and the one that was followed."""
        before: Any = Before()
        handover, successor = Handover(before), Begun()
        self.assertRegex(handover.busy(), "^process 17, .* still lets its last exchanges end")
        before.alive = False
        self.assertEqual(handover.busy(), "")
        ready = Deferred.fromCoroutine(handover.ready(successor, NOTHING, lambda: False))
        self.assertIn("is being restarted", handover.busy())
        successor.ready.callback(18)
        self.assertEqual(self.successResultOf(ready), 18)
        self.assertIn("is being restarted", handover.busy())
        self.assertTrue(handover.stop())
        self.assertEqual(successor.given_up, 0)

    def test_a_move_that_comes_first(self) -> None:
        """No process is begun meanwhile; and one that was begun before the command came does not take over."""
        handover, successor, moves = Handover(None), Begun(), [True]
        self.failureResultOf(Deferred.fromCoroutine(handover.ready(successor, NOTHING, lambda: moves[0])), NotSucceeded)
        self.assertFalse(successor.begun)
        moves[0] = False
        ready = Deferred.fromCoroutine(handover.ready(successor, NOTHING, lambda: moves[0]))
        moves[0] = True
        successor.ready.callback(18)
        self.assertIn("being moved", self.failureResultOf(ready, NotSucceeded).getErrorMessage())
        self.assertEqual((successor.given_up, handover.busy(), handover.stop()), (1, "", False))


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="meshd-pid-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)

    def test_the_lock_is_that_of_both(self) -> None:
        """And free when both have let go; the file of another folder is refused."""
        one = PidFile(self.folder)
        copy = os.dup(one.descriptor)
        other = PidFile.inherited(self.folder, copy)
        one.leave()
        with self.assertRaises(FolderInUse):
            PidFile(self.folder)
        other.write()
        self.assertEqual((self.folder / PID_FILE).read_text(), f"{os.getpid()}\n")
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        with self.assertRaisesRegex(FolderInUse, "takes a stop and a start"):
            PidFile.inherited(elsewhere, copy)
        other.release()
        PidFile(self.folder).release()

    def test_a_longer_number_before(self) -> None:
        """Nothing of it stays."""
        (self.folder / PID_FILE).write_text("12345678901\n")
        file = PidFile(self.folder)
        file.write()
        self.assertEqual((self.folder / PID_FILE).read_text(), f"{os.getpid()}\n")
        file.release()

    def test_twistds_own_file(self) -> None:
        """Written by the process that takes over when it does, and not removed by the one before."""
        path = str(self.folder / "twistd.pid")
        old, new = {"pidfile": path}, {"pidfile": path}
        before, after = TwistdFile(old, succeeding=False), TwistdFile(new, succeeding=True)
        self.assertEqual((old, new), ({"pidfile": path}, {"pidfile": ""}))
        before.leave()
        after.claim()
        self.assertEqual((old, new), ({"pidfile": ""}, {"pidfile": path}))
        self.assertEqual(Path(path).read_text(), str(os.getpid()))

    def test_twistds_own_file_unasked(self) -> None:
        """None is written."""
        options = {"pidfile": "twistd.pid"}
        TwistdFile(options, succeeding=False).claim()
        self.assertEqual(options, {"pidfile": ""})
