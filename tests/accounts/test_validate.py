from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts import validate
from meshd.accounts.errors import Invalid
from meshd.topology import PLANS
from tests.accounts.support import NOON, named


class FieldTests(SynchronousTestCase):
    """Tables of what a field takes and what it does not."""

    def test_usernames(self) -> None:
        """Letters, digits and .@+-_ of ASCII, one to thirty of them."""
        for text in ("a", "A.b@c+d-e_9", "x" * 30, "0"):
            with named(text):
                self.assertIsNone(validate.username(text))
        for text in ("", "x" * 31, "a b", "a:b", "a\n", "\u0430lice", "mar\u212a", "\uff11", "a/b", "a\0", "é", "a*"):
            with named(repr(text)):
                self.assertIsNotNone(validate.username(text))

    def test_usernames_with_a_selection(self) -> None:
        """What reads as another name with a selection is told which, and what to leave out."""
        for text, base, key in (
            ("bob-session-1", "bob", "session"),
            ("BOB-Strict", "BOB", "Strict"),
            ("a-country-exit-not", "a", "country"),
            ("do-not-reply", "do", "not"),
            ("-x-ttl", "-x", "ttl"),
            ("new-york-city", "new-york", "city"),
            ("my-filter-high", "my", "filter"),
            ("x-sid-1", "x", "sid"),
            ("eu-region", "eu", "region"),
        ):
            told = f"This reads as the name {base} with a selection; leave out -{key}."
            self.assertEqual(validate.username(text), told)
        for text in (
            "session-1",
            "-session-1",
            "bob-sessions",
            "bob_session-",
            "bob--x",
            "strict",
            "sid-1",
            "bob-sidney",
            "ph-8f2a1cxyzw",
        ):
            with named(text):
                self.assertIsNone(validate.username(text))

    def test_passwords(self) -> None:
        """One to 128 characters, colons and spaces among them."""
        self.assertEqual([None] * 3, [validate.password(text) for text in ("x", "a:b c", "ü" * 128)])
        self.assertIsNotNone(validate.password(""))
        self.assertIsNotNone(validate.password("x" * 129))

    def test_labels_and_names(self) -> None:
        """Any text without control characters, up to its length."""
        self.assertIsNone(validate.label("prod <b>ü</b> 中" + "x" * 80))
        for text in ("x" * 101, "a\nb", "a\x1b[31m", "a\u2028b", "\ud800", "\x85"):
            with named(repr(text)):
                self.assertIsNotNone(validate.label(text))

    def test_emails(self) -> None:
        """Something on both sides of one at sign, or nothing."""
        for text in ("", "a@b", "a.b+c@example.com"):
            with named(text):
                self.assertIsNone(validate.email(text))
        for text in ("a", "@b", "a@", "a@b@c", "a b@c", "x" * 250 + "@b.com", "a@b\n"):
            with named(repr(text)):
                self.assertIsNotNone(validate.email(text))

    def test_expiry(self) -> None:
        """A day as YYYY-MM-DD, today at the earliest, or nothing."""
        for text in ("", "2026-01-15", "2026-01-16", "9999-12-31"):
            with named(text):
                self.assertIsNone(validate.expiry(text, NOON))
        for text in (
            "2026-01-14",
            "2026-02-30",
            "20260116",
            "2026-W03-5",
            "16.1.2026",
            "soon",
            "\uff12026-01-16",
            "2026-01-16\n",
        ):
            with named(repr(text)):
                self.assertIsNotNone(validate.expiry(text, NOON))

    def test_what_nobody_sees(self) -> None:
        """In names, labels and e-mail addresses alike: what turns text about, hides in it or shows as nothing."""
        refused = {
            "a control character": "\x07",
            "a newline": "\n",
            "a soft hyphen": "\u00ad",
            "a grapheme joiner": "\u034f",
            "an Arabic letter mark": "\u061c",
            "a Hangul filler": "\u3164",
            "a half-width one": "\uffa0",
            "a Mongolian vowel separator": "\u180e",
            "a zero-width space": "\u200b",
            "a left-to-right mark": "\u200e",
            "a right-to-left mark": "\u200f",
            "a line separator": "\u2028",
            "an embedding": "\u202a",
            "an override": "\u202e",
            "a pop": "\u202c",
            "an isolate": "\u2066",
            "its end": "\u2069",
            "a word joiner": "\u2060",
            "an invisible times": "\u2062",
            "a blank of braille": "\u2800",
            "a byte order mark": "\ufeff",
            "an interlinear anchor": "\ufff9",
            "a lone surrogate": "\ud800",
            "a tag": "\U000e0041",
            "a joiner among Latin letters": "\u200d",
            "a non-joiner among them": "\u200c",
        }
        for sentence, char in refused.items():
            for text in (f"of{char}fice", f"{char}office", f"office{char}", char):
                with named((sentence, text)):
                    self.assertEqual("Control and invisible characters are not allowed.", validate.label(text))
                    self.assertEqual(validate.label(text), validate.short_text(text, validate.NAME))
                    self.assertIsNotNone(validate.email(f"{text}@x.example"))
        for text in (
            "büro 🏠",
            "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
            "क्\u200dष",
            "👩\u200d🔧",
            "❤\ufe0f",
            "東京",
            "O'Brien",
            "=1+1",
            "a b",
        ):
            with named(text):
                self.assertIsNone(validate.label(text))
        for text in ("👩\u200d\u200d🔧", "👩\u200d", "\u200d🔧", "\u0639\u200ca"):
            with named(text):
                self.assertIsNotNone(validate.label(text))

    def test_addresses(self) -> None:
        """One public address for customers, or a private one for the operator; no range, nor what is no client's."""
        table = [
            ("a public IPv4 address", "93.184.216.34", True, True),
            ("a public IPv6 address", "2606:2800:220:1::1", True, True),
            ("IPv4-mapped, which is IPv4", "::ffff:93.184.216.34", True, True),
            ("a private one, mapped", "::ffff:10.0.0.1", False, True),
            ("private", "10.0.0.1", False, True),
            ("loopback", "127.0.0.1", False, True),
            ("IPv6 loopback", "::1", False, True),
            ("carrier-grade NAT", "100.64.0.1", False, True),
            ("unique local", "fd00::1", False, True),
            ("link-local with a zone", "fe80::1%eth0", False, True),
            ("a private one behind NAT64", "64:ff9b::10.0.0.1", False, True),
            ("a private one by 6to4", "2002:a00:1::1", False, True),
            ("loopback inside an address of IPv6", "::127.0.0.1", False, True),
            ("6to4 relays", "192.88.99.1", False, True),
            ("site-local", "fec0::1", False, True),
            ("a public one by 6to4", "2002:5db8:d822::1", True, True),
            ("any", "0.0.0.0", False, False),
            ("any of IPv6", "::", False, False),
            ("broadcast", "255.255.255.255", False, False),
            ("multicast", "224.0.0.1", False, False),
            ("multicast of IPv6", "ff02::1", False, False),
            ("a range", "93.184.216.0/24", False, False),
            ("octal", "0177.0.0.1", False, False),
            ("decimal", "2130706433", False, False),
            ("with a port", "93.184.216.34:80", False, False),
            ("a name", "example.com", False, False),
            ("nothing", "", False, False),
        ]
        for sentence, text, customer, operator in table:
            with named(sentence):
                self.assertEqual(customer, validate.address(text, private=False) is None)
                self.assertEqual(operator, validate.address(text, private=True) is None)

    def test_hostnames(self) -> None:
        """A DNS name in ASCII; with a domain unless it is the operator's."""
        table = [
            ("plain", "home.example.com", True, True),
            ("upper case and a final dot", "Home.Example.COM.", True, True),
            ("of underscores and hyphens", "_a.b-c.example", True, True),
            ("punycode", "xn--bcher-kva.example", True, True),
            ("one label", "localhost", False, True),
            ("an IPv4 address", "93.184.216.34", False, False),
            ("an IPv6 address", "::1", False, False),
            ("a wildcard", "*.example.com", False, False),
            ("a URL", "http://example.com", False, False),
            ("not ASCII", "bücher.example", False, False),
            ("an empty label", "a..b", False, False),
            ("a label that begins with a hyphen", "-a.example", False, False),
            ("a label of 64", "a" * 64 + ".example", False, False),
            ("254 characters", "a." * 126 + "aa", False, False),
            ("a NUL", "a\0.example", False, False),
            ("nothing", "", False, False),
            ("a dot", ".", False, False),
        ]
        for sentence, text, customer, operator in table:
            with named(sentence):
                self.assertEqual(customer, validate.hostname(text, private=False) is None)
                self.assertEqual(operator, validate.hostname(text, private=True) is None)

    def test_numbers_and_plans(self) -> None:
        """Limits from none to an exabyte, days of a month, plans that there are."""
        self.assertEqual([None] * 2, [validate.limit(0), validate.limit(validate.MAX_LIMIT)])
        self.assertIsNotNone(validate.limit(-1))
        self.assertIsNotNone(validate.limit(validate.MAX_LIMIT + 1))
        self.assertEqual([None] * 2, [validate.billing_day(1), validate.billing_day(31)])
        self.assertIsNotNone(validate.billing_day(0))
        self.assertIsNotNone(validate.billing_day(32))
        self.assertIsNone(validate.plan("trial", PLANS))
        self.assertIsNotNone(validate.plan("30", PLANS))

    def test_all_problems_at_once(self) -> None:
        """Every field at fault is told, and those that are right are not."""
        error = self.assertRaises(Invalid, validate.require, a="wrong", b=None, c="too")
        self.assertEqual({"a": ["wrong"], "c": ["too"]}, error.messages)
        self.assertEqual("a", error.field)
        self.assertEqual("a: wrong; c: too", str(error))
        validate.require(a=None)
