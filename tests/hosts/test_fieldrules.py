"""Changes of header fields."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.fieldrules import FieldRules, Known
from meshd.values.published import FieldRule

KNOWN = Known(b"192.0.2.1", b"https", b"a.example", b"GET", b"/x?y", b"i-1")
GIVEN = [(b"A", b"1"), (b"b", b"2"), (b"a", b"3")]


def rule(operation: str, name: str, value: str = "") -> FieldRule:
    return FieldRule("request", operation, name, value)  # type: ignore[arg-type]


class ApplyTests(SynchronousTestCase):
    def test_each_rule_does_what_it_says(self) -> None:
        for sentence, rules, expected in (
            ("set takes the place of all of the name", [rule("set", "a", "9")], [(b"b", b"2"), (b"a", b"9")]),
            ("set makes what was not there", [rule("set", "C", "9")], [*GIVEN, (b"C", b"9")]),
            ("add leaves the others", [rule("add", "A", "9")], [*GIVEN, (b"A", b"9")]),
            ("delete takes all of the name", [rule("delete", "A")], [(b"b", b"2")]),
            ("rules follow one another", [rule("delete", "a"), rule("add", "a", "9")], [(b"b", b"2"), (b"a", b"9")]),
            ("an empty name is no rule", [rule("set", "", "9")], GIVEN),
            ("a name that is no token is no rule", [rule("set", "A B", "9")], GIVEN),
            ("a value cannot end its line", [rule("set", "a", "9\r\nEvil: 1")], GIVEN),
            (
                "framing is not theirs",
                [rule("set", "Content-Length", "9"), rule("add", "TE", "x")],
                GIVEN,
            ),
            ("nor is the connection", [rule("set", "Connection", "x"), rule("set", "Upgrade", "x")], GIVEN),
            (
                "placeholders are filled",
                [rule("set", "p", "{remote_host} {scheme} {host} {method} {uri} {request_id}")],
                [*GIVEN, (b"p", b"192.0.2.1 https a.example GET /x?y i-1")],
            ),
            ("other braces stay", [rule("set", "p", "{x} {scheme")], [*GIVEN, (b"p", b"{x} {scheme")]),
            ("an empty value is a value", [rule("set", "p", "")], [*GIVEN, (b"p", b"")]),
        ):
            self.assertEqual(FieldRules(rules, "request").apply(GIVEN, KNOWN), expected, sentence)

    def test_each_direction_has_its_own(self) -> None:
        rules = [FieldRule("response", "set", "X", "1")]
        self.assertFalse(FieldRules(rules, "request"))
        self.assertTrue(FieldRules(rules, "response"))

    def test_what_changes_with_each_request_is_known(self) -> None:
        """The rest is worked out once for a connection that repeats its fields."""
        for value, steady in (
            ("x", True),
            ("{remote_host}{scheme}{host}", True),
            ("{uri}", False),
            ("a{method}", False),
        ):
            self.assertIs(FieldRules([rule("set", "p", value)], "request").steady, steady, value)
