"""Sealed passwords: what opens them, and what does not."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
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

    def test_other_secrets(self) -> None:
        """Any bytes, for what they are about; no password is opened in their place, nor the other way round."""
        seals = Seals(b"k" * KEY_BYTES)
        sealed = seals.seal_bytes(b"\xff key", "certificate 7")
        self.assertEqual(seals.open_bytes(sealed, "certificate 7"), b"\xff key")
        self.assertIsNone(seals.open_bytes(sealed, "certificate 8"))
        self.assertIsNone(seals.open_bytes(sealed[:-1], "certificate 7"))
        self.assertIsNone(Seals(b"x" * KEY_BYTES).open_bytes(sealed, "certificate 7"))
        self.assertIsNone(seals.open(seals.seal_bytes(b"p", "7 hash"), 7, "hash"))
        self.assertIsNone(seals.open_bytes(seals.seal("p", 7, "hash"), "7 hash"))

    def test_what_was_sealed_before_is_opened(self) -> None:
        """The bytes that are in the stores of running installations."""
        sealed = bytes(12) + AESGCM(b"k" * KEY_BYTES).encrypt(bytes(12), "pässword".encode(), b"7 hash")
        self.assertEqual(Seals(b"k" * KEY_BYTES).open(sealed, 7, "hash"), "pässword")

    def test_a_short_key(self) -> None:
        with self.assertRaises(ValueError):
            Seals(b"short")
