"""How often is looked for what has to hold within a second."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon import core
from meshd.exits import book

HALF = 0.5
"""Of the second; the other half is for the look itself."""


class LooksTests(SynchronousTestCase):
    def test_what_is_promised_within_a_second(self) -> None:
        """Changes of rights and of what is published, and exits that are drained, wherever that was said."""
        for name, seconds in (("the change feed", core.FEED_SECONDS), ("drained exits", book.SECONDS)):
            self.assertLessEqual(seconds, HALF, name)
