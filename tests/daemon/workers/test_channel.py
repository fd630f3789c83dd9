"""Frames and descriptors between two processes; here between two ends in one, whose reactor is played."""

from __future__ import annotations

import os
import select
import socket
from typing import Any

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.workers.channel import Channel

MOST = 1_000_000


class Played:
    """A reactor that looks at its descriptors when it is told to."""

    def __init__(self) -> None:
        self.readers: set[Any] = set()
        self.writers: set[Any] = set()

    def addReader(self, reader: Any) -> None:
        self.readers.add(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.discard(reader)

    def addWriter(self, writer: Any) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: Any) -> None:
        self.writers.discard(writer)

    def turn(self) -> bool:
        """Let each do once what it is ready for; whether any was."""
        reads = {each.fileno(): each for each in self.readers}
        writes = {each.fileno(): each for each in self.writers}
        readable, writable, _ = select.select(list(reads), list(writes), [], 0)
        for fd in writable:
            writes[fd].doWrite()
        for fd in readable:
            why = reads[fd].doRead()
            if why is not None:
                self.removeReader(reads[fd])
                self.removeWriter(reads[fd])
                reads[fd].connectionLost(Failure(why))
        return bool(readable or writable)

    def run(self) -> None:
        for _ in range(1000):
            if not self.turn():
                return
        raise AssertionError("it does not come to rest")


class ChannelTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Played()
        self.heard: list[bytes] = []
        self.lost = 0
        ours, theirs = socket.socketpair()
        self.sock = theirs
        self.addCleanup(theirs.close)
        self.one = Channel(self.reactor, ours, lambda content: None, self._lose, MOST)
        self.addCleanup(self.one.close)

    def _lose(self) -> None:
        self.lost += 1

    def other(self, descriptors: int = 0) -> Channel:
        other = Channel(self.reactor, self.sock, self.heard.append, self._lose, MOST, descriptors)
        self.addCleanup(other.close)
        return other

    def test_frames_come_whole_and_in_order(self) -> None:
        """However large, and however they are cut on their way."""
        self.other()
        sent = [b"a", b"", b"b" * 700_000, b"c" * 10, b"d" * 999_999]
        for content in sent:
            self.one.send(content)
        self.assertGreater(self.one.waiting, 0, "the kernel does not take all at once")
        self.reactor.run()
        self.assertEqual(self.heard, sent)
        self.assertEqual((self.one.waiting, self.reactor.writers, self.lost), (0, set(), 0))

    def test_descriptors_are_there_with_their_frame(self) -> None:
        """The sender's may be closed at once, and behind a frame that waits."""
        other = self.other(300)
        self.one.send(b"x" * 900_000)
        for number in range(300):
            read, write = os.pipe()
            os.write(write, b"%d" % number)
            self.one.send(b"%d" % number, [read])
            os.close(read)
            os.close(write)
        self.reactor.run()
        self.assertEqual(self.heard[1:], [b"%d" % number for number in range(300)])
        for number, descriptor in enumerate(other.take(300)):
            self.assertEqual(os.read(descriptor, 9), b"%d" % number)
            self.assertFalse(os.get_inheritable(descriptor))
            os.close(descriptor)
        self.assertRaises(IndexError, other.take, 1)

    def test_more_descriptors_than_a_message_takes(self) -> None:
        """Are all there when their frame is, however short that is."""
        other = self.other(600)
        read, write = os.pipe()
        self.one.send(b"x" * 10, [read] * 300)
        self.reactor.run()
        self.assertEqual(self.heard, [b"x" * 10])
        for descriptor in (*other.take(300), read, write):
            os.close(descriptor)

    def test_the_others_end_is_told_once(self) -> None:
        """Not to whoever sends before that is found."""
        self.sock.close()
        self.one.send(b"into nothing")
        self.assertEqual((self.lost, self.one.waiting), (0, 0))
        self.reactor.run()
        self.one.send(b"into nothing")
        self.reactor.run()
        self.assertEqual((self.lost, self.one.open, self.reactor.readers), (1, False, set()))

    def test_a_frame_that_is_too_large_ends_it(self) -> None:
        self.sock.sendall((MOST + 1).to_bytes(4, "big"))
        self.reactor.run()
        self.assertEqual(self.lost, 1)

    def test_descriptors_that_nobody_wants_end_it(self) -> None:
        """And are closed: whoever sends them takes none of ours."""
        self.other()
        read, write = os.pipe()
        self.one.send(b"x", [read])
        os.close(read)
        self.reactor.run()
        self.assertEqual((self.heard, self.lost), ([], 2), "both ends")
        with self.assertRaises(BrokenPipeError):
            os.write(write, b"x")
        os.close(write)

    def test_a_close_of_ones_own_is_not_told(self) -> None:
        read, write = os.pipe()
        self.one.send(b"x" * 900_000)
        self.one.send(b"y", [read])
        self.one.close()
        self.one.close()
        os.close(read)
        self.assertEqual(self.lost, 0)
        with self.assertRaises(BrokenPipeError):  # no copy is left
            os.write(write, b"x")
        os.close(write)

    def test_descriptors_that_cannot_be_copied(self) -> None:
        """Are not sent, and none of those before them is left to come with another frame."""
        read, write = os.pipe()
        with self.assertRaises(OSError):
            self.one.send(b"x", [read, -1])
        os.close(read)
        with self.assertRaises(BrokenPipeError):  # no copy is left
            os.write(write, b"x")
        os.close(write)
        self.one.send(b"y")
        self.other()
        self.reactor.run()
        self.assertEqual((self.heard, self.lost), ([b"y"], 0))
