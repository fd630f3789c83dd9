"""Fields: what came, in order, and what is asked of it by name."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.fields import Fields

PAIRS = [(b"Host", b"a"), (b"Cookie", b"1"), (b"X-Y", b""), (b"cookie", b"2"), (b"COOKIE", b"3")]


class FieldsTests(SynchronousTestCase):
    def test_order_and_case_are_kept(self) -> None:
        """What is handed on is what came."""
        self.assertEqual(list(Fields(PAIRS)), PAIRS)
        self.assertEqual(len(Fields(PAIRS)), 5)
        self.assertEqual(Fields(PAIRS).names, [b"host", b"cookie", b"x-y", b"cookie", b"cookie"])

    def test_first_and_all(self) -> None:
        """`get` is the first of a name, `all` each of them, whatever their case, in either order of asking."""
        for first in (b"cookie", b"host"):
            fields = Fields(PAIRS)
            fields.get(first)
            self.assertEqual(fields.get(b"cookie"), b"1")
            self.assertEqual(fields.all(b"cookie"), [b"1", b"2", b"3"])
            self.assertEqual(fields.all(b"host"), [b"a"])

    def test_empty_is_not_absent(self) -> None:
        """A field without a value is there, one that did not come is not."""
        fields = Fields(PAIRS)
        self.assertEqual((fields.get(b"x-y"), fields.all(b"x-y"), b"x-y" in fields), (b"", [b""], True))
        self.assertEqual((fields.get(b"x-z"), fields.all(b"x-z"), b"x-z" in fields), (None, [], False))

    def test_no_fields(self) -> None:
        """An empty head answers every question."""
        fields = Fields([])
        self.assertEqual((fields.get(b"a"), fields.all(b"a"), fields.tokens(b"a"), fields.names), (None, [], [], []))
        self.assertNotIn(b"a", fields)

    def test_all_of_unrepeated_fields(self) -> None:
        """Where no name is repeated, `all` is the one value."""
        self.assertEqual(Fields(PAIRS[:3]).all(b"cookie"), [b"1"])

    def test_tokens(self) -> None:
        """List members over all lines, in lower case, without blanks and empty members."""
        fields = Fields([(b"Connection", b" Keep-Alive ,, X-A\t,"), (b"A", b"b"), (b"connection", b"CLOSE")])
        self.assertEqual(fields.tokens(b"connection"), [b"keep-alive", b"x-a", b"close"])
        self.assertEqual(fields.tokens(b"te"), [])

    def test_values_are_not_in_the_repr(self) -> None:
        """A head that ends up in a log shows no credential."""
        self.assertNotIn("secret", repr(Fields([(b"Proxy-Authorization", b"Basic secret")])))

    def test_equal_by_content(self) -> None:
        """Two heads of one text are equal; names differ by case."""
        self.assertEqual(Fields(PAIRS), Fields(list(PAIRS)))
        self.assertNotEqual(Fields([(b"A", b"1")]), Fields([(b"a", b"1")]))
        self.assertNotEqual(Fields([]), [])
