"""Destination rules: how they are written."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.values.rules import MOST_ENTRIES, MOST_WORDS, Rules, RulesError, entry, parsed, read, spelled


class EntriesTest(SynchronousTestCase):
    def test_each_entry_has_one_spelling(self) -> None:
        """Names in lower case without a final dot, single addresses without a prefix, ports that are all left out."""
        for text, expected in (
            ("Example.COM.", "example.com"),
            ("*.Example.com", "*.example.com"),
            ("example.com:443", "example.com:443"),
            ("example.com:8000-8999", "example.com:8000-8999"),
            ("example.com:443-443", "example.com:443"),
            ("example.com:1-65535", "example.com"),
            ("*:25", "*:25"),
            ("*", "*"),
            ("192.0.2.1/32", "192.0.2.1"),
            ("192.0.2.0/24:80", "192.0.2.0/24:80"),
            ("2001:DB8::1", "2001:db8::1"),
            ("[2001:db8::/32]:443", "[2001:db8::/32]:443"),
            ("[2001:db8::1]", "2001:db8::1"),
            (" localhost ", "localhost"),
            ("_dmarc.example.com", "_dmarc.example.com"),
        ):
            self.assertEqual(spelled(entry(text)), expected, text)
            self.assertEqual(spelled(entry(expected)), expected)

    def test_what_is_no_entry_is_refused(self) -> None:
        """Whatever could be taken for another destination than was meant."""
        for text in (
            "", ".", "*.", "*example.com", "a.*.com", "http://example.com", "example.com/", "example.com:", "-",
            "example.com:0", "example.com:65536",
            "example.com:90-80", "example.com:http", "bücher.example", "0x7f.1", "127.1", "1.2.3.4.5",
            "192.0.2.1/24", "::ffff:192.0.2.1", "[192.0.2.1]:80", "[2001:db8::1", "[2001:db8::1]443", "a b", "a\nb",
            "*.192.0.2.1", "example.com:4٤3",
        ):  # fmt: skip
            self.assertRaises(ValueError, entry, text)


class RulesTest(SynchronousTestCase):
    def test_a_text_is_read_as_it_was_rendered(self) -> None:
        """With every part of it."""
        for rules in (
            Rules("only", ("example.com", "*:25")),
            Rules("except", ("10.0.0.0/8",), observe=True, words='Not "here": ask 555-0100'),
        ):
            self.assertEqual(parsed(rules.render()), rules)
            self.assertEqual(read(rules.given()), rules)

    def test_entries_that_are_one_stand_once(self) -> None:
        """In the order of the first."""
        self.assertEqual(read({"only": ["B.example", "a.example", "b.example."]}).entries, ("b.example", "a.example"))

    def test_what_is_no_rule_is_refused_by_name(self) -> None:
        """And says which part is at fault."""
        wrong: tuple[tuple[dict[str, Any], str], ...] = (
            ({}, "only"),
            ({"only": ["a.example"], "except": ["b.example"]}, "only"),
            ({"only": []}, "only"),
            ({"except": "a.example"}, "except"),
            ({"except": [25]}, "except"),
            ({"except": ["a.example", "b/c"]}, "except"),
            ({"only": ["a.example"], "observe": 1}, "observe"),
            ({"only": ["a.example"], "word": "no"}, "word"),
            ({"only": [f"a{i}.example" for i in range(MOST_ENTRIES + 1)]}, "only"),
            ({"only": [f"{'a' * 60}.{'b' * 60}.{i}.example" for i in range(MOST_ENTRIES)]}, "only"),
            *(
                ({"only": ["a.example"], "words": words}, "words")
                for words in ("a\r\nSet-Cookie: x", " a", "a ", "caf\u00e9", "x" * (MOST_WORDS + 1), "\x7f", 5)
            ),
        )
        for given, name in wrong:
            error = self.assertRaises(RulesError, read, given)
            self.assertEqual(error.name, name, given)

    def test_as_many_entries_as_are_allowed(self) -> None:
        """A full list is a list."""
        self.assertEqual(len(read({"only": [f"a{i}.example" for i in range(MOST_ENTRIES)]}).entries), MOST_ENTRIES)

    def test_a_text_of_the_store_that_is_none(self) -> None:
        """Is an error, never a rule that lets everything pass."""
        for text in ("x", "[]", "{}", "null", '{"only":null}'):
            self.assertRaises(RulesError, parsed, text)
