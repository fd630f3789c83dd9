"""Whether others spend from the same store, judged by what each flush tells."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.usage.peers import LIVE, SILENT, Peers

EVERY = 1.0


class PeersTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.at = 1000.0
        self.peers = Peers(lambda: self.at, lambda: EVERY)

    def hear(self, after: float = 0.0, **batches: int) -> tuple[bool, bool]:
        """What is thought after a flush that told this: alone, joining."""
        self.at += after
        self.peers.heard(batches.items())
        return self.peers.alone, self.peers.joining

    def test_nothing_heard(self) -> None:
        """Nobody is alone on no word at all."""
        self.assertFalse(self.peers.alone)

    def test_nobody_else(self) -> None:
        self.assertEqual(self.hear(), (True, False))

    def test_another_is_there_already(self) -> None:
        """Then it has to hear of us first."""
        self.assertEqual(self.hear(other=5), (False, True))
        self.assertEqual(self.hear(2 * EVERY + 0.1, other=6), (False, False))

    def test_another_comes(self) -> None:
        """It waits for us, not we for it."""
        self.hear()
        self.assertEqual(self.hear(EVERY, other=1), (False, False))

    def test_one_that_flushes_no_more_counts_for_nothing(self) -> None:
        """Its process counts nothing, or is dead."""
        self.hear(other=5)
        seen = [self.hear(LIVE / 4, other=5)[0] for _ in range(6)]
        self.assertEqual(seen, [False] * 4 + [True] * 2)
        self.assertFalse(self.hear(1, other=6)[0])

    def test_one_that_is_gone_counts_for_nothing_at_once(self) -> None:
        self.hear(other=5)
        self.assertTrue(self.hear(1)[0])

    def test_who_was_silent_joins_anew(self) -> None:
        """Others may have written us off."""
        self.hear(other=5)
        self.assertEqual(self.hear(SILENT, other=6), (False, False))
        self.assertEqual(self.hear(SILENT + 1, other=7), (False, True))

    def test_old_word_is_no_word(self) -> None:
        self.hear()
        self.at += LIVE + 1
        self.assertFalse(self.peers.alone)

    def test_one_of_several_processes_of_a_daemon_is_never_alone(self) -> None:
        """They all may begin to spend before one has heard of another."""
        self.peers = Peers(lambda: self.at, lambda: EVERY, processes=2)
        self.assertEqual([self.hear(after)[0] for after in (0, 1, 2 * LIVE)], [False] * 3)
