"""How near a certificate is to its end, as a table."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.notify.ending import stage

DAY, HOUR = 86_400, 3600


class StageTests(SynchronousTestCase):
    def test_stages(self) -> None:
        """Of one that lives for a year, for ninety days, for six days, and of one whose dates make no sense."""
        for life, left, expected in (
            (365 * DAY, 15 * DAY, ""),
            (365 * DAY, 14 * DAY, "near"),
            (365 * DAY, 3 * DAY + 12 * HOUR, "close"),
            (365 * DAY, 1, "close"),
            (365 * DAY, 0, "ended"),
            (365 * DAY, -DAY, "ended"),
            (90 * DAY, 15 * DAY, ""),
            (90 * DAY, 14 * DAY, "near"),
            (6 * DAY, 2 * DAY, ""),
            (6 * DAY, DAY, "near"),
            (6 * DAY, 7 * HOUR, "close"),
            (-DAY, 1, ""),
            (-DAY, 0, "ended"),
        ):
            self.assertEqual(stage(1000 * DAY - life, 1000 * DAY, 1000 * DAY - left), expected, (life, left))
