"""Sealed passwords: what opens them, and what does not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.sealing import KEY_BYTES, Seals
from tests.web.support import named


class SealsTests(SynchronousTestCase):
    def test_what_opens_it(self) -> None:
        """The same key, for the same account, as long as the password is the same."""
        seals = Seals(b"k" * KEY_BYTES)
        sealed = seals.seal("pässword", 7, "hash")
        self.assertEqual(seals.open(sealed, 7, "hash"), "pässword")
        self.assertNotIn(b"ssword", sealed)
        for opener, content, account_id, password_hash in (
            (Seals(b"x" * KEY_BYTES), sealed, 7, "hash"),
            (seals, sealed, 8, "hash"),
            (seals, sealed, 7, "another hash"),
            (seals, sealed[:-1], 7, "hash"),
            (seals, sealed[:5], 7, "hash"),
            (seals, b"", 7, "hash"),
        ):
            with named((content, account_id, password_hash)):
                self.assertIsNone(opener.open(content, account_id, password_hash))

    def test_no_two_are_the_same(self) -> None:
        seals = Seals(b"k" * KEY_BYTES)
        self.assertNotEqual(seals.seal("password", 7, "hash"), seals.seal("password", 7, "hash"))

    def test_a_short_key(self) -> None:
        with self.assertRaises(ValueError):
            Seals(b"short")
