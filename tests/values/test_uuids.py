"""UUIDs as people and programs write them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.values.uuids import digits, written

KEPT = "0f8fad5bd9cb469fa16570867728950e"


class UuidTests(SynchronousTestCase):
    def test_how_it_is_read(self) -> None:
        for text, found in (
            (KEPT, KEPT),
            ("0F8FAD5B-D9CB-469F-A165-70867728950E", KEPT),
            (written(KEPT), KEPT),
            (KEPT[:-1], ""),
            (f"{KEPT}0", ""),
            (f"{KEPT[:-1]}g", ""),
            (f"{KEPT[:-1]}\u0663", ""),
            ("", ""),
        ):
            self.assertEqual(digits(text), found, text)

    def test_how_it_is_written(self) -> None:
        self.assertEqual(written(KEPT), "0f8fad5b-d9cb-469f-a165-70867728950e")
