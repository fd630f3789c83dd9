"""What came of a try, and when the next one is, as tables."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.notify.retrying import (
    JITTER,
    LONGEST,
    TARGET_LONGEST,
    TRIES,
    WAIT,
    Outcome,
    answered,
    next_try,
    pause,
    pause_of_target,
    waiting,
)

NOW = 1_800_000_000.0
DAY = 86_400


class AnswerTests(SynchronousTestCase):
    def test_statuses(self) -> None:
        """Any 2xx takes it, 410 ends it, all else is tried again."""
        for status, verdict in (
            (200, "taken"),
            (204, "taken"),
            (299, "taken"),
            (301, "again"),
            (307, "again"),
            (400, "again"),
            (401, "again"),
            (404, "again"),
            (410, "gone"),
            (429, "again"),
            (500, "again"),
            (503, "again"),
        ):
            self.assertEqual(answered(status, None, NOW).verdict, verdict, status)
        self.assertIn("not followed", answered(302, None, NOW).why)

    def test_retry_after(self) -> None:
        """Seconds or a date, within a bound; nonsense counts for nothing."""
        for text, seconds in (
            (None, 0),
            ("", 0),
            ("120", 120),
            (" 7 ", 7),
            ("999999999999999999999999", WAIT),
            ("-5", 0),
            ("1.5", 0),
            ("soon", 0),
            ("²", 0),
            ("Fri, 15 Jan 2027 08:01:00 GMT", 60),
            ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
            ("Fri, 15 Jan 2099 08:00:00 GMT", WAIT),
            ("Fri, 99 Jan 99999 08:00:00 GMT", 0),
        ):
            self.assertEqual(waiting(text, NOW), seconds, text)


class PauseTests(SynchronousTestCase):
    def test_pauses_grow(self) -> None:
        """Three times as long each, up to a bound, drawn apart by a fifth."""
        self.assertEqual([pause(tries, 0.5) for tries in (1, 2, 3, 4)], [5, 15, 45, 135])
        self.assertEqual(pause(TRIES, 0.5), LONGEST)
        self.assertEqual(pause(10**6, 0.5), LONGEST)
        self.assertAlmostEqual(pause(1, 0.0), 5 * (1 - JITTER))
        self.assertAlmostEqual(pause(1, 0.999999), 5 * (1 + JITTER), 3)

    def test_all_tries_take_about_the_time_for_which_a_notice_waits(self) -> None:
        """Neither bound makes the other useless."""
        days = sum(pause(tries, 0.5) for tries in range(1, TRIES)) / DAY
        self.assertTrue(1 < days < 3, days)

    def test_a_target_as_a_whole(self) -> None:
        """Is left alone for a second at first, for a minute at most."""
        self.assertEqual([pause_of_target(n, 0.5) for n in (1, 2, 3)], [1, 2, 4])
        self.assertEqual(pause_of_target(10**6, 0.5), TARGET_LONGEST)


class NextTryTests(SynchronousTestCase):
    def test_when(self) -> None:
        """After the pause, or what the receiver asked for if that is longer; not beyond the number or the age."""
        again, slow = Outcome("again", ""), Outcome("again", "", 600.0)
        for outcome, tries, age, due in (
            (again, 1, 0, 5),
            (slow, 1, 0, 600),
            (again, TRIES - 1, 0, LONGEST),
            (again, TRIES, 0, None),
            (again, 1, 3 * DAY - 6, 5),
            (again, 1, 3 * DAY - 5, None),
            (slow, 1, 3 * DAY - 300, None),
            (Outcome("over", ""), 1, 0, None),
            (Outcome("gone", ""), 1, 0, None),
        ):
            found = next_try(outcome, tries, int(NOW) - age, NOW, 0.5, 3 * DAY)
            self.assertEqual(found, None if due is None else int(NOW) + due, (outcome, tries, age))
