"""Pipes lent and taken back."""

from __future__ import annotations

import fcntl
import os

from twisted.trial.unittest import SynchronousTestCase

from meshd.sockets.pipes import Pipes
from tests.passing.hand import descriptors

F_GETPIPE_SZ = 1032
SIZE = 65536


class PipesTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.before = descriptors()
        self.pipes = Pipes(2, SIZE)
        self.addCleanup(self.pipes.close)

    def opened(self) -> int:
        return len(descriptors() - self.before)

    def test_size(self) -> None:
        """A pipe is as large as was asked for, and does not block."""
        pipe = self.pipes.take()
        self.assertEqual(fcntl.fcntl(pipe.write_end, F_GETPIPE_SZ), SIZE)
        self.assertFalse(os.get_blocking(pipe.write_end) or os.get_blocking(pipe.read_end))
        self.pipes.give_back(pipe)

    def test_clean_one_is_lent_again(self) -> None:
        """One that came back empty is the next one lent."""
        pipe = self.pipes.take()
        self.pipes.give_back(pipe)
        self.assertIs(self.pipes.take(), pipe)
        self.pipes.give_back(pipe)

    def test_dirty_one_is_closed(self) -> None:
        """One with bytes in it is never lent again: they were another tunnel's."""
        pipe = self.pipes.take()
        os.write(pipe.write_end, b"secret")
        pipe.fill = 6
        self.pipes.give_back(pipe)
        self.assertEqual(self.opened(), 0)
        fresh = self.pipes.take()
        self.assertIsNot(fresh, pipe)
        self.assertRaises(BlockingIOError, os.read, fresh.read_end, 1)
        self.pipes.give_back(fresh)

    def test_bounded(self) -> None:
        """There are so many and no more; one that came back, even dirty, makes room."""
        first, second = self.pipes.take(), self.pipes.take()
        self.assertIsNone(self.pipes.take())
        second.fill = 1
        self.pipes.give_back(second)
        third = self.pipes.take()
        self.assertIsNotNone(third)
        self.pipes.give_back(first)
        self.pipes.give_back(third)
        self.pipes.close()
        self.assertEqual(self.opened(), 0)

    def test_none_to_be_had(self) -> None:
        """Where the kernel refuses, there is none, nothing leaks, and the bound is not used up."""
        pipes = Pipes(2, 2**31)
        self.assertIsNone(pipes.take())
        self.assertIsNone(pipes.take())
        self.assertEqual((self.opened(), pipes._made), (0, 0))
