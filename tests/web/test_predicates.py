"""What is wrong with a value has words, whatever it is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.web.predicates import FLAWS, predicate
from meshd.web.problems import Flaw, NoChoice, TooLarge, TooLong, TooSmall, Unknown, Worded


class PredicateTests(SynchronousTestCase):
    def test_every_problem_has_words(self) -> None:
        """That go on where a sentence about the value has begun."""
        self.assertEqual(set(FLAWS), set(Flaw))
        for problem, text in (
            (Flaw.REQUIRED, "is required"),
            (TooLong(1, 2), "must have at most 1 characters; it has 2"),
            (TooSmall(1), "must be at least 1"),
            (TooLarge(1), "must be at most 1"),
            (NoChoice(("a", "b")), "must be one of a, b"),
            (Unknown("", ()), "is unknown; known are none"),
            (Unknown("name", ("name",)), "is unknown; did you mean name?"),
            (Worded("is odd"), "is odd"),
        ):
            self.assertEqual(predicate(problem), text)
