"""How long the place of a worker that has died stays empty."""

from __future__ import annotations

from itertools import accumulate

from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.workers.patience import FIRST, FREE, LONGEST, SOUND, pause, row


class PatienceTests(SynchronousTestCase):
    def test_pauses(self) -> None:
        """A moment for the first few, then twice as long each time, and never longer than bearable."""
        self.assertEqual([pause(deaths) for deaths in range(1, FREE + 1)], [FIRST] * FREE)
        self.assertEqual([pause(FREE + more) for more in (1, 2, 3)], [FIRST * 2, FIRST * 4, FIRST * 8])
        self.assertEqual([pause(deaths) for deaths in (FREE + 9, FREE + 1000, 10**9)], [LONGEST] * 3)

    def test_who_has_lived_long_begins_a_new_row(self) -> None:
        lives = [1.0, 0.0, SOUND - 0.1, SOUND, 1.0, 10 * SOUND]
        self.assertEqual(list(accumulate(lives, row, initial=0)), [0, 1, 2, 3, 1, 2, 1])
