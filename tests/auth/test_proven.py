"""What the slow hash found right, kept for the next process."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.auth import proven
from meshd.auth.proven import DAY, SECONDS, Proven
from tests.support.stores import folder


class ProvenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.path = Path(folder(self)) / "proven"

    def process(self, path: Path | None = None) -> Proven:
        """Another process that is given the same path."""
        return Proven(path or self.path, self.clock, self.clock.seconds)

    def left(self) -> None:
        """One process finds a password right, and ends."""
        one = self.process()
        one.note("encoded", "right")
        one.close()

    def assert_nothing_is_known(self) -> None:
        self.assertEqual(len(self.process()), 0)

    def test_the_next_process_knows(self) -> None:
        """That password for that hash, and no other of either."""
        self.left()
        other = self.process()
        found = [other.knows(*pair) for pair in (("encoded", "right"), ("encoded", "wrong"), ("changed", "right"))]
        self.assertEqual(found, [True, False, False])

    def test_processes_of_one_daemon_know_what_one_has_found(self) -> None:
        """Before one begins, and from then on; what is no finding is not heeded."""
        one = self.process()
        one.note("encoded", "before")
        other = Proven(None, self.clock, self.clock.seconds, known=one.state())
        one.told = other.learn
        one.note("encoded", "after")
        for nonsense in (b"", b"x", one.state()):
            other.learn(nonsense)
        self.assertEqual([other.knows("encoded", word) for word in ("before", "after", "never")], [True, True, False])
        self.assertEqual(len(other), 2)

    def test_nothing_of_it_can_be_read(self) -> None:
        """Neither the hash nor the password, and by nobody else at all."""
        self.left()
        data = self.path.read_bytes()
        self.assertEqual((b"right" in data, b"encoded" in data), (False, False))
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_for_a_day(self) -> None:
        self.left()
        self.clock.advance(DAY - 1)
        self.assertTrue(self.process().knows("encoded", "right"))
        self.clock.advance(1)
        self.assertFalse(self.process().knows("encoded", "right"))

    def test_a_clock_that_was_put_back(self) -> None:
        """What was found in the future is found again."""
        self.left()
        self.clock.rightNow -= 10
        self.assertFalse(self.process().knows("encoded", "right"))

    def test_written_soon(self) -> None:
        """A process that is killed leaves what it found until a moment before."""
        self.process().note("encoded", "right")
        self.clock.advance(SECONDS)
        self.assertTrue(self.process().knows("encoded", "right"))

    def test_nowhere(self) -> None:
        """Without a path a process knows by itself, and writes nothing."""
        alone = Proven(None, self.clock, self.clock.seconds)
        alone.note("encoded", "right")
        alone.close()
        self.assertTrue(alone.knows("encoded", "right"))
        self.assertEqual((self.clock.getDelayedCalls(), self.path.exists()), ([], False))

    def test_another_keys_digests(self) -> None:
        """Two processes that share nothing write different digests of the same."""
        self.left()
        first = self.path.read_bytes()
        self.path.unlink()
        self.left()
        self.assertNotEqual(first[-20:-4], self.path.read_bytes()[-20:-4])

    def test_what_is_not_trusted(self) -> None:
        """A file that others may read or write, a link, another program's, one that was cut off."""
        for spoil in (
            lambda: self.path.chmod(0o640),
            lambda: self.path.chmod(0o602),
            lambda: (self.path.rename(self.path.with_name("other")), self.path.symlink_to("other")),
            lambda: self.path.write_bytes(b"something else"),
            lambda: self.path.write_bytes(b""),
            lambda: self.path.write_bytes(self.path.read_bytes()[:-1]),
        ):
            self.path.unlink(missing_ok=True)
            self.left()
            spoil()
            self.assert_nothing_is_known()

    def test_a_folder_that_cannot_be_written(self) -> None:
        """Costs hashes at the next start, and no more."""
        one = self.process(self.path / "missing" / "file")
        one.note("encoded", "right")
        one.close()
        self.assertTrue(one.knows("encoded", "right"))

    def test_what_a_killed_process_began(self) -> None:
        """Is no obstacle, though it has the same process id."""
        self.path.with_suffix(f".{os.getpid()}").write_bytes(b"half")
        self.left()
        self.assertTrue(self.process().knows("encoded", "right"))

    def test_bounded(self) -> None:
        self.patch(proven, "MOST", 2)
        one = self.process()
        for word in "abc":
            one.note("encoded", word)
        one.close()
        self.assertEqual([self.process().knows("encoded", word) for word in "abc"], [False, True, True])
