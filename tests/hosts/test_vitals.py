"""How upstreams do."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.vitals import Hold, Vital, Vitals, usable
from meshd.values.published import Ejection, Upstream

A, B = Upstream("10.0.0.1", 80), Upstream("10.0.0.2", 80)
RULE = Ejection(seconds=30, failures=3, slowest=2)


class EjectionTests(SynchronousTestCase):
    def test_an_upstream_rests_after_its_failures(self) -> None:
        vital = Vital("http", A)
        self.assertEqual([vital.failed(RULE, now) for now in (0, 1, 2)], [False, False, True])
        self.assertEqual(vital.rests_until, 32)

    def test_failures_that_are_long_past_do_not_count(self) -> None:
        vital = Vital("http", A)
        self.assertEqual([vital.failed(RULE, now) for now in (0, 1, 31, 32)], [False, False, False, False])
        self.assertTrue(vital.failed(RULE, 33))

    def test_no_number_of_failures_is_none(self) -> None:
        vital = Vital("http", A)
        self.assertFalse(any(vital.failed(Ejection(failures=0), now) for now in range(9)))
        self.assertFalse(any(vital.failed(Ejection(seconds=0), now) for now in range(9)))

    def test_slow_answers_are_failures(self) -> None:
        vital = Vital("http", A)
        self.assertEqual([vital.answered(RULE, 2.5, now) for now in (0, 1, 2)], [False, False, True])
        quick = Vital("http", A)
        self.assertFalse(any(quick.answered(RULE, 1.9, now) or quick.answered(Ejection(), 99, now) for now in range(9)))


class UsableTests(SynchronousTestCase):
    def test_who_may_be_asked(self) -> None:
        well, resting, down = Vital("http", A), Vital("http", B), Vital("https", A)
        resting.rests_until, down.down = 100, True
        for sentence, given, now, tried, expected in (
            ("all that are well", [well, resting, down], 50, [], [well]),
            ("a rest ends", [well, resting], 100, [], [well, resting]),
            ("where all rest, they are asked all the same", [resting, down], 50, [], [resting]),
            ("a lone upstream too", [resting], 50, [], [resting]),
            ("what is down never is", [down], 50, [], []),
            ("what was tried is not tried again", [well, resting], 100, [well], [resting]),
            ("after the last nobody is left", [well], 50, [well], []),
        ):
            self.assertEqual(list(usable(given, now, tried)), expected, sentence)


class KeptTests(SynchronousTestCase):
    def test_what_is_known_outlives_changes(self) -> None:
        vitals = Vitals()
        (first,) = vitals.of(1, "http", (A,))
        self.assertEqual(vitals.of(1, "http", (B, A, A))[1:], (first,))
        self.assertNotIn(first, vitals.of(2, "http", (A,)) + vitals.of(1, "https", (A,)))
        vitals.keep([first])
        self.assertEqual(len(vitals), 1)

    def test_an_exchange_counts_on_one_at_a_time(self) -> None:
        one, other, hold = Vital("http", A), Vital("http", B), Hold()
        hold.move(one)
        hold.move(other)
        self.assertEqual((one.open, other.open), (0, 1))
        self.assertEqual((hold.end(), hold.end(), other.open), ("", "", 0))
