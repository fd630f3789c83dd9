"""When certificates are renewed, as tables."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.acme.schedule import LONGEST, next_look, renewal, retry
from tests.web.support import NOON, named

DAY = 86400
FROM, UNTIL = NOON - 60 * DAY, NOON + 30 * DAY


class ScheduleTests(SynchronousTestCase):
    def test_a_third_of_the_life_is_left(self) -> None:
        """Of ninety days thirty, of six two; of one that makes no sense, at once."""
        for first, last, moment in ((0, 90 * DAY, 60 * DAY), (0, 6 * DAY, 4 * DAY), (9, 9, 9), (9, 3, 3)):
            with named((first, last)):
                self.assertEqual(renewal(first, last), moment)

    def test_when_to_look_again(self) -> None:
        """The authority's moment comes first, and is asked for again before; without one, the third counts."""
        for sentence, advised, again, moment in (
            ("it has no opinion, and a third is left", None, 6 * 3600, NOON),
            ("it is asked again before its moment", NOON + 5 * DAY, 6 * 3600, NOON + 6 * 3600),
            ("its moment comes first", NOON + 3600, 6 * 3600, NOON + 3600),
            ("its moment has passed", NOON - 1, 6 * 3600, NOON),
            ("its moment is too late", NOON + 99 * DAY, 99 * DAY, UNTIL - 9 * DAY),
        ):
            with named(sentence):
                self.assertEqual(next_look(FROM, UNTIL, NOON, advised, again), moment)
        self.assertEqual(next_look(NOON, NOON + 90 * DAY, NOON, None, 9), NOON + 60 * DAY)

    def test_tries_after_failures(self) -> None:
        """Twice as far apart each time, to a day, drawn apart by a fifth; longer where the authority asked for it."""
        for failures, pause in ((0, 900), (1, 900), (2, 1800), (3, 3600), (8, LONGEST), (10**9, LONGEST)):
            with named(failures):
                self.assertEqual(retry(failures, 0, 0.5, NOON), NOON + pause)
        self.assertEqual(retry(1, 0, 0.0, NOON), NOON + 720)
        self.assertEqual(retry(1, 0, 1.0, NOON), NOON + 1080)
        self.assertEqual(retry(1, 5000, 0.5, NOON), NOON + 5000)

    def test_what_a_public_authority_takes(self) -> None:
        """Five failed challenges an hour for a name, however the pauses are drawn."""
        at, tries = NOON, [NOON]
        for failures in range(1, 20):
            at = retry(failures, 0, 0.0, at)
            tries.append(at)
        self.assertLess(max(sum(first <= each < first + 3600 for each in tries) for first in tries), 5)
        self.assertLess(sum(each < NOON + DAY for each in tries), 10)
