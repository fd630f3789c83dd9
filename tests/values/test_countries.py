"""Names of countries."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.values.countries import NAMES


class CountryTests(SynchronousTestCase):
    def test_all_there_are(self) -> None:
        """Each code of ISO 3166-1, each name once."""
        self.assertEqual(len(NAMES), 249)
        self.assertEqual(len(set(NAMES.values())), 249)
        for code, name in NAMES.items():
            self.assertRegex(code, r"\A[A-Z]{2}\Z")
            self.assertEqual(name, name.strip())

    def test_some(self) -> None:
        for code, name in {"AD": "Andorra", "US": "United States", "GB": "United Kingdom", "ZW": "Zimbabwe"}.items():
            self.assertEqual(NAMES[code], name)
