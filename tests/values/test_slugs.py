"""Names of places as they are compared."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.values.slugs import read_slug, slug

SLUGS = {
    "New York": "new_york",
    "  New \t York\n": "new_york",
    "new_york": "new_york",
    "Saint-Denis": "saint-denis",
    "S\u00c3O PAULO": "s\u00e3o_paulo",
    "Sa\u0303o Paulo": "s\u00e3o_paulo",
    "New\u00a0York": "new_york",
    "": "",
}

READ = {"New%20York": "new_york", "100%25": "100%", "s%C3%A3o": "s\u00e3o"}

WRONG = {
    "100%": "needs a name, with %25 for a %",
    "a%2": "needs a name, with %25 for a %",
    "%ff": "has %XX that are not UTF-8",
    "\ud800": "has %XX that are not UTF-8",
    "": "needs a name of characters that can be printed",
    "%20": "needs a name of characters that can be printed",
    "a%00": "needs a name of characters that can be printed",
    "a\u202eb": "needs a name of characters that can be printed",
}


class SlugTests(SynchronousTestCase):
    def test_slugs(self) -> None:
        """Two names that people take for one have one."""
        for text, wanted in SLUGS.items():
            self.assertEqual(slug(text), wanted)

    @given(st.text())
    def test_the_slug_of_a_slug(self, text: str) -> None:
        """Is itself: it does not matter which of the two somebody writes."""
        self.assertEqual(slug(slug(text)), slug(text))

    def test_reading(self) -> None:
        """With codes for what a user name cannot have, or the reason why not."""
        for text, wanted in (*READ.items(), *SLUGS.items()):
            if wanted:
                self.assertEqual(read_slug(text), wanted)
        for text, wanted in WRONG.items():
            self.assertIn(wanted, str(self.assertRaises(ValueError, read_slug, text)), text)
