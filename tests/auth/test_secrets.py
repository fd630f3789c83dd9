"""Tokens, passwords, addresses: how they are written and compared."""

from __future__ import annotations

import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.secrets import (
    ban_address,
    looks_like_token,
    new_password,
    new_token,
    normal_address,
    token_digest,
)

NORMAL = {
    "IPv4 stays": ("192.0.2.1", "192.0.2.1"),
    "an IPv4-mapped address is IPv4": ("::ffff:192.0.2.1", "192.0.2.1"),
    "so it is in hexadecimal": ("::FFFF:C000:0201", "192.0.2.1"),
    "IPv6 is written in one way": ("2001:DB8:0:0::1", "2001:db8::1"),
    "a zone is dropped": ("fe80::1%eth0", "fe80::1"),
    "a zone of a mapped address too": ("::ffff:192.0.2.1%1", "192.0.2.1"),
    "a range is none": ("192.0.2.0/24", None),
    "leading zeros are refused": ("192.0.2.010", None),
    "a number is none": ("3221225985", None),
    "a name is none": ("localhost", None),
    "blanks are refused": (" 192.0.2.1", None),
    "nothing is none": ("", None),
    "a Unix socket's path is none": ("/run/meshd.sock", None),
}

BANNED_AS = {
    "IPv4 as itself": ("192.0.2.1", "192.0.2.1"),
    "mapped as IPv4": ("::ffff:192.0.2.1", "192.0.2.1"),
    "IPv6 as its /64": ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    "and with a zone": ("fe80::1%eth0", "fe80::/64"),
    "what is no address as its text, cut": ("x" * 100, "x" * 64),
}


class TokenTests(SynchronousTestCase):
    def test_form(self) -> None:
        """A token is pm_, base62 of all its bytes, and a checksum; always as long."""
        for secret in (bytes(32), b"\xff" * 32):
            self.assertRegex(new_token(secret), r"\Apm_[0-9A-Za-z]{49}\Z")
        self.assertEqual(new_token(bytes(32))[:46], "pm_" + "0" * 43)

    def test_fresh(self) -> None:
        """Without bytes given, no two are alike."""
        self.assertNotEqual(new_token(), new_token())

    def test_wrong_number_of_bytes(self) -> None:
        """Fewer bytes than promised are no token."""
        self.assertRaises(ValueError, new_token, b"short")

    def test_every_typing_error_is_seen(self) -> None:
        """A token with any one character changed, cut or added is not well-formed."""
        token = new_token(bytes(range(32)))
        self.assertTrue(looks_like_token(token))
        for position in range(len(token)):
            other = "a" if token[position] != "a" else "b"
            self.assertFalse(looks_like_token(token[:position] + other + token[position + 1 :]), position)
        for wrong in (token[:-1], token + "0", token + "\n", "", "pm_"):
            self.assertFalse(looks_like_token(wrong), wrong)

    def test_digest(self) -> None:
        """The store has the SHA-256 of the whole token."""
        token = new_token()
        self.assertEqual(token_digest(token), hashlib.sha256(token.encode()).digest())

    def test_any_text_has_a_digest(self) -> None:
        """What a client sends is never an error here."""
        self.assertEqual(len(token_digest("\ud800")), 32)


class PasswordTests(SynchronousTestCase):
    def test_form(self) -> None:
        """120 bits in letters and digits, of the same length whatever they are."""
        for secret in (None, bytes(15), b"\xff" * 15):
            self.assertRegex(new_password(secret), r"\A[0-9A-Za-z]{21}\Z")
        self.assertNotEqual(new_password(), new_password())

    def test_nothing_is_lost(self) -> None:
        """Different bytes make different passwords."""
        self.assertNotEqual(new_password(b"\xff" * 15), new_password(b"\xff" * 14 + b"\xfe"))
        self.assertNotEqual(new_password(b"\xff" * 15), new_password(b"\x7f" + b"\xff" * 14))


class AddressTests(SynchronousTestCase):
    def test_normal(self) -> None:
        """One text for each address, None for what is no single one."""
        for sentence, (text, expected) in NORMAL.items():
            self.assertEqual(normal_address(text), expected, sentence)

    def test_ban_address(self) -> None:
        """Bans concern what one customer of a network provider has whole."""
        for sentence, (text, expected) in BANNED_AS.items():
            self.assertEqual(ban_address(text), expected, sentence)

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """Whatever a socket or a form says, there is an answer."""
        normal = normal_address(text)
        self.assertTrue(normal is None or re.fullmatch(r"[0-9a-f.:]+", normal))
        self.assertLessEqual(len(ban_address(text)), 64)
