"""The address of a PAC file on the page of settings."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.web.dashboard.support import PagesTestCase

SETTINGS = "/account/settings/"


class PacTests(PagesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.browser.sign_in()

    def address(self) -> str:
        """What the page shows; "" for none."""
        found = re.search(
            r"https://api[.]mesh[.]example:8443(/proxy[.]pac[?]key=[\w-]{32})", self.browser.open(SETTINGS).html
        )
        return found[1] if found else ""

    def status(self, path: str) -> int:
        return self.world.get(path, who=None).status

    def test_a_life(self) -> None:
        self.assertEqual(self.address(), "")
        self.browser.send(f"{SETTINGS}pac/create/")
        first = self.address()
        self.assertEqual(self.status(first), 200)
        self.browser.send(f"{SETTINGS}pac/create/")
        second = self.address()
        self.assertEqual((self.status(first), self.status(second)), (404, 200))
        self.browser.send(f"{SETTINGS}pac/delete/")
        self.assertEqual((self.address(), self.status(second)), ("", 404))

    def test_off(self) -> None:
        self.world.offered = replace(self.world.offered, pac=False)
        self.assertNotIn("PAC", self.browser.open(SETTINGS).html)
