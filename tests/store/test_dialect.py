"""One text for both databases."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.dialect import only_reads, psycopg_text, sqlite_text

REWRITTEN = {
    "a parameter": ("where id = :id", "where id = %(id)s"),
    "parameters without spaces around": ("values(:a,:b_2)", "values(%(a)s,%(b_2)s)"),
    "the same parameter twice": (":a + :a", "%(a)s + %(a)s"),
    "a literal per cent sign": ("x % 2 = :r", "x %% 2 = %(r)s"),
    "a per cent sign in quotes": ("like 'a%'", "like 'a%%'"),
    "a colon in quotes": ("':no' || :yes", "':no' || %(yes)s"),
    "a quote within quotes": ("'it''s :no' || :yes", "'it''s :no' || %(yes)s"),
    "a quoted name": ('":no%" = :yes', '":no%%" = %(yes)s'),
    "a line's comment": ("a -- it's :no %\n= :yes", "a -- it's :no %%\n= %(yes)s"),
    "a block comment": ("a /* it's :no\n% */ = :yes", "a /* it's :no\n%% */ = %(yes)s"),
    "a cast": ("a::text = :yes::text", "a::text = %(yes)s::text"),
    "a slice of an array": ("a[1:2]", "a[1:2]"),
    "nothing": ("", ""),
}

MARKED = {
    "a parameter": ("where id = :id", "where id = ?", ("id",)),
    "the same parameter twice": (":a + :b + :a", "? + ? + ?", ("a", "b", "a")),
    "rows": ("values (:a0, :b0), (:a1, :b1)", "values (?, ?), (?, ?)", ("a0", "b0", "a1", "b1")),
    "a colon in quotes": ("':no' || :yes", "':no' || ?", ("yes",)),
    "a comment": ("a -- :no\n= :yes /* :no */", "a -- :no\n= ? /* :no */", ("yes",)),
    "a per cent sign": ("x % 2 = :r", "x % 2 = ?", ("r",)),
    "nothing": ("", "", ()),
}

READS = {
    "a select": ("select 1", True),
    "a select after blank lines": ("\n  SELECT\n1", True),
    "an insert": ("insert into a select 1", False),
    "a name that begins like select": ("selection", False),
    "a common table expression, which may write": ("with a as (delete from b returning 1) select 1 from a", False),
}


class DialectTests(SynchronousTestCase):
    """The tables above."""

    def test_rewriting(self) -> None:
        """Parameters are rewritten, and only they."""
        for case, (sql, expected) in REWRITTEN.items():
            self.assertEqual(psycopg_text(sql), expected, case)

    def test_marks(self) -> None:
        """Parameters are marks without names, and their names are told in the order of the marks."""
        for case, (sql, text, names) in MARKED.items():
            self.assertEqual(sqlite_text(sql), (text, names), case)

    def test_reading(self) -> None:
        """Only a plain select counts as one that takes no lock."""
        for case, (sql, expected) in READS.items():
            self.assertEqual(only_reads(sql), expected, case)
