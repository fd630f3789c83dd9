"""The rules of migrations, without a database."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.dialect import IDENTITY, POSTGRES, SQLITE
from meshd.store.interface import SchemaError
from meshd.store.migrate import ADDITIVE, Migration, cut, ordered, pending, shipped, understood, upgrade

FIRST = Migration(1, "0001_a.sql", "create table a (id $IDENTITY);\n")
SECOND = Migration(2, "0002_b.sql", "create table b (id bigint);\n")

ADDS = re.compile(r"create (table|index) |alter table \w+ add column \w+ \w+(( not null)? default [^;]+)?;\s*\Z")


def bare(statement: str) -> str:
    """Without the comments before it."""
    return re.sub(r"\A(\s*--[^\n]*\n|\s+)*", "", statement)


CUT = {
    "two statements": ("a;\nb;\n", ["a;\n", "b;\n"]),
    "a semicolon in quotes": ("a ';\n';\n", ["a ';\n';\n"]),
    "a comment before and between": ("-- x;\na;\n-- y\nb;\n", ["-- x;\na;\n", "-- y\nb;\n"]),
    "nothing": ("", []),
    "a trigger": (
        "create trigger t after insert on a begin\nselect 1;\nselect 2;\nend;\nb;\n",
        ["create trigger t after insert on a begin\nselect 1;\nselect 2;\nend;\n", "b;\n"],
    ),
}

MISORDERED = {
    "a gap": ["0001_a.sql", "0003_c.sql"],
    "a number twice": ["0001_a.sql", "0001_b.sql"],
    "not from one": ["0002_a.sql"],
    "another name": ["1.sql"],
}


class MigrateTests(SynchronousTestCase):
    """What is applied, and what is refused."""

    def test_cut(self) -> None:
        """A script falls into its statements."""
        for case, (script, statements) in CUT.items():
            self.assertEqual(list(cut(script)), statements, case)

    def test_unfinished(self) -> None:
        """A script that ends inside a statement is refused."""
        self.assertRaises(SchemaError, list, cut("select 1"))

    def test_ordered(self) -> None:
        """Files come by number."""
        found = ordered([(SECOND.name, SECOND.text), (FIRST.name, FIRST.text)])
        self.assertEqual(found, [FIRST, SECOND])

    def test_misordered(self) -> None:
        """A gap, a number given twice and an odd name are refused."""
        for case, names in MISORDERED.items():
            with self.assertRaises(SchemaError, msg=case):
                ordered((name, "") for name in names)

    def test_pending(self) -> None:
        """What was applied is not applied again."""
        self.assertEqual(pending({}, [FIRST, SECOND]), [FIRST, SECOND])
        self.assertEqual(pending({1: FIRST.sha256}, [FIRST, SECOND]), [SECOND])

    def test_newer(self) -> None:
        """A schema of a newer program is refused."""
        error = self.assertRaises(SchemaError, pending, {1: FIRST.sha256, 2: SECOND.sha256}, [FIRST])
        self.assertIn("run a newer meshd", str(error))
        error = self.assertRaises(SchemaError, pending, {1: FIRST.sha256, 2: SECOND.sha256}, [FIRST], "7.1")
        self.assertIn("run meshd 7.1, which made it so, or a newer one", str(error))

    def test_additions(self) -> None:
        """What is newer and only adds is no reason to refuse; anything else is, also below an addition."""
        first = (1, FIRST.sha256, FIRST.name)
        added, more, changed = (2, "x", "0002_b_additive.sql"), (3, "y", "0003_c_additive.sql"), (2, "x", "0002_b.sql")
        for rows in ([first], [first, added], [first, added, more]):
            self.assertEqual(pending(understood(rows, [FIRST]), [FIRST]), [])
        for rows in ([first, changed], [first, changed, more], [(1, "another", FIRST.name), added]):
            self.assertRaises(SchemaError, pending, understood(rows, [FIRST]), [FIRST])
        third = Migration(3, "0003_c.sql", "")
        self.assertEqual(pending(understood([first], [FIRST, SECOND, third]), [FIRST, SECOND, third]), [SECOND, third])
        self.assertRaises(SchemaError, pending, understood([first, added], [FIRST, SECOND]), [FIRST, SECOND])

    def test_what_is_called_additive_only_adds(self) -> None:
        """Tables, indices, and columns that may be left out: what an older program writes and reads is as it was."""
        for migration in shipped():
            if migration.name.endswith(ADDITIVE):
                for statement in cut(migration.text):
                    self.assertRegex(bare(statement), ADDS, migration.name)
        for statement in (
            "drop table a;",
            "alter table a add column b text not null;",
            "update a set b = 1;",
            "alter table a rename column b to c;",
            "create unique index i on a (b);",
        ):
            self.assertNotRegex(statement, ADDS)
        self.assertRegex("alter table a add column b smallint not null default 0;", ADDS)

    def test_edited(self) -> None:
        """A file that was edited after it was applied is refused by its name."""
        error = self.assertRaises(SchemaError, pending, {1: "another"}, [FIRST])
        self.assertIn(FIRST.name, str(error))

    def test_identity(self) -> None:
        """The one token that differs is put in by the dialect; the checksum is the file's."""
        for dialect in (SQLITE, POSTGRES):
            sent = []
            unit = upgrade(dialect, [FIRST], 7)
            statement = next(unit)
            with self.assertRaises(StopIteration):
                while True:
                    sent.append(statement)
                    statement = unit.send([])
            self.assertEqual(
                [s.sql for s in sent if "create table a" in s.sql], [FIRST.text.replace(IDENTITY, dialect.identity)]
            )
            self.assertEqual([s.params["sha256"] for s in sent if "sha256" in s.params], [FIRST.sha256])

    def test_shipped(self) -> None:
        """The files of this program are well numbered and can be cut."""
        for migration in shipped():
            self.assertTrue(list(cut(migration.text)), migration.name)
