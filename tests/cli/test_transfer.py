from __future__ import annotations

import csv
import gc
import io
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from unittest import mock

from meshd.accounts.importing import add_batch
from meshd.accounts.toplevel import bootstrap
from meshd.auth import passwords
from meshd.auth.passwords import hash_now
from meshd.cli import transfer
from meshd.cli.badrows import KEPT, LONGEST, BadRow, BadRows
from meshd.cli.context import Context
from meshd.store.interface import StoreUnavailable
from meshd.store.statements import accounts
from meshd.topology import PLANS
from tests.cli.support import CommandCase, Result, named

PORTS = {4001: "us", 4002: "open", 4003: "world"}


def _without(names: dict[str, str], *others: str) -> dict[str, str]:
    return {name: value for name, value in names.items() if name not in (*others, "alice")}


class TransferCase(CommandCase):
    def file(self, *rows: Sequence[str], text: str | bytes | None = None) -> str:
        """A CSV file of these rows, or with this text."""
        path = os.path.join(self.folder, "accounts.csv")
        if text is None:
            lines = io.StringIO()
            csv.writer(lines).writerows(rows)
            text = lines.getvalue()
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def take(self, *rows: Sequence[str], options: Iterable[str] = ()) -> Result:
        return self.meshd("account", "import", self.file(*rows), *options)

    def names(self) -> list[str]:
        return [row["username"] for row in self.done("account", "list", "--json").json]

    def hash_of(self, username: str) -> str:
        account = self.store().run(accounts.by_username, username)
        assert account is not None
        return account.password_hash


class ImportTests(TransferCase):
    def test_all_columns(self) -> None:
        """Every column of the file is kept, sub-accounts come below their parents wherever those stand."""
        encoded = hash_now("known")
        result = self.take(
            [
                "username",
                "parent",
                "plan",
                "email",
                "first_name",
                "last_name",
                "monthly_limit",
                "total_limit",
                "password",
                "password_hash",
            ],
            ["kid", "TOP", "", "", "", "", "0.5", "", "pass:word ", ""],
            ["top", "", "20", "t@x.example", "Té", "Op", "1.5", "2", "", encoded],
        )
        self.assertEqual((0, "2 accounts imported\n"), (result.code, result.out))
        top, kid = self.done("account", "list", "--json").json
        self.assertEqual(
            ("top", "20", "t@x.example", "Té", 1_500_000_000, 2 * 10**9),
            tuple(top[name] for name in ("username", "plan", "email", "first_name", "monthly_limit", "total_limit")),
        )
        self.assertEqual(("kid", "top", 500_000_000), (kid["username"], kid["parent"], kid["monthly_limit"]))
        self.assertEqual(encoded, self.hash_of("top"))
        self.assertTrue(passwords._verify_now(self.hash_of("kid"), "pass:word "))
        self.assertEqual(["local"], self.done("account", "show", "kid", "--json").json["proxies"])

    def test_thousands(self) -> None:
        """More than one batch: all of them, in the file's order."""
        rows = [[f"user{number:04}"] for number in range(3000)]
        result = self.take(["username"], *rows)
        self.assertEqual((0, "3,000 accounts imported\n", ""), (result.code, result.out, result.err))
        self.assertEqual([name for (name,) in rows], self.names())
        self.assertEqual("", self.hash_of("user2999"))

    def test_without_a_store(self) -> None:
        """Said before the first row is read, and before a file is opened; so for a schema that is not this one's."""
        path = self.file(["username"], ["a"])
        os.remove(os.path.join(self.data_dir, "meshd.sqlite3"))
        with mock.patch("meshd.cli.csvrows.read", side_effect=AssertionError):
            result = self.meshd("account", "import", path)
        self.assertEqual((1, ""), (result.code, result.out))
        self.assertIn("there is no store at", result.err)
        with (
            open(os.path.join(self.data_dir, "meshd.sqlite3"), "wb"),
            mock.patch("meshd.cli.csvrows.read", side_effect=AssertionError),
        ):
            self.assertIn("meshd migrate", self.meshd("account", "import", path).err)

    def test_progress(self) -> None:
        """On stderr where it is asked for, and only there."""
        with mock.patch.object(Context, "progress", autospec=True, side_effect=Context.progress) as progress:
            self.take(["username"], ["a"], options=["--progress"])
        self.assertEqual(["checked", "imported"], [call.args[1] for call in progress.call_args_list])

    BAD: tuple[tuple[str, list[str], str], ...] = (
        ("a name that is none", ["a b", "", "", ""], "username: Use letters"),
        (
            "a name with a selection",
            ["good-strict", "", "", ""],
            "username: This reads as the name good with a selection",
        ),
        ("the same below", ["kid-ttl-5", "alice", "", ""], "username: This reads as the name kid with a"),
        ("no name", ["", "", "", "1"], "username: This field is required."),
        ("a taken name", ["ALICE", "", "", ""], "username: This username is taken."),
        ("a name given twice", ["Good", "", "", ""], "username: also in line 2"),
        ("the root's name", ["admin", "", "", ""], "username: This username is the root account's."),
        ("an unknown plan", ["x", "", "30", ""], "plan: There is no plan '30'"),
        ("no number", ["x", "", "", "many"], "total_limit: 'many' is not a number of GB"),
        ("a negative limit", ["x", "", "", "-1"], "total_limit: '-1' is not a number of GB"),
        ("a parent that is nobody", ["x", "nobody", "", ""], "parent: 'nobody' is no account"),
        ("a parent that is a sub-account", ["x", "kid", "", ""], "parent: 'kid' is a sub-account itself"),
        ("itself as parent", ["x", "x", "", ""], "parent: 'x' is no account"),
        ("too few values", ["x"], "1 values under 4 columns"),
        ("too many values", ["x", "", "", "", "y"], "5 values under 4 columns"),
    )

    def test_bad_rows(self) -> None:
        """Each is told with its line; nothing at all is imported."""
        self.customer("alice")
        self.customer("kid", "--parent", "alice")
        for sentence, row, reason in self.BAD:
            with named(sentence):
                result = self.take(["username", "parent", "plan", "total_limit"], ["good", "", "", ""], row)
                self.assertEqual((1, ""), (result.code, result.out))
                told, last = result.err.splitlines()
                self.assertTrue(told.startswith("line 3: ") and reason in told, told)
                self.assertEqual("meshd: 1 row cannot be imported, so nothing was; --skip-bad leaves them out", last)
        self.assertEqual(["alice", "kid"], self.names())

    def test_skip_bad(self) -> None:
        """The good rows are imported, the bad ones told; done is done."""
        self.customer("alice")
        self.customer("kid", "--parent", "alice")
        rows = [row for _, row, _ in self.BAD]
        result = self.take(
            ["username", "parent", "plan", "total_limit"], ["good", "", "", ""], *rows, options=["--skip-bad", "--json"]
        )
        self.assertEqual((0, 1), (result.code, result.json["imported"]))
        self.assertEqual(list(range(3, 3 + len(rows))), [row["line"] for row in result.json["bad"]])
        self.assertEqual(["alice", "kid", "good"], self.names())

    def test_optional_columns(self) -> None:
        """Role, day and state: what they take, and what they refuse."""
        columns = ["username", "role", "billing_day", "active"]
        result = self.take(columns, ["a", "viewer", "31", "No"], ["b", "", "", "1"])
        self.assertEqual(0, result.code)
        shown = [(row["role"], row["active"]) for row in self.done("account", "list", "--json").json]
        self.assertEqual([("viewer", False), ("customer", True)], shown)
        for row, reason in (
            (["x", "boss", "", ""], "role: 'boss' is none of customer, admin, viewer"),
            (["x", "", "32", ""], "billing_day: Enter a day of the month, 1 to 31."),
            (["x", "", "0x1", ""], "billing_day: '0x1' is not a day of the month"),
            (["x", "", "", "perhaps"], "active: 'perhaps' is neither yes nor no"),
        ):
            with named(row):
                self.assertIn(f"line 2: x: {reason}\n", self.take(columns, row).err)

    def test_many_bad_rows(self) -> None:
        """A file of the wrong kind does not fill the screen."""
        result = self.take(["username"], *(["a b"] for _ in range(250)))
        self.assertEqual(102, len(result.err.splitlines()))
        self.assertIn("… and 150 rows more", result.err)

    def test_bad_rows_as_json(self) -> None:
        """The first thousand by their lines, and how many there are: a file of a million must not fill memory."""
        rows = [[f"kid{n}", "nobody" * 100] for n in range(1500)] + [["a b", ""] for _ in range(1500)]
        result = self.take(["username", "parent"], *rows, ["good", ""], options=["--skip-bad", "--json"])
        self.assertEqual((1, 3000), (result.json["imported"], result.json["bad_rows"]))
        self.assertEqual(list(range(2, 1002)), [row["line"] for row in result.json["bad"]])
        self.assertEqual({LONGEST + 1}, {len(row["reason"]) for row in result.json["bad"]})
        bad = BadRows()
        for line in range(5000, 0, -1):
            bad.add(BadRow(line, "x", "y"))
            self.assertLess(len(bad._kept), 2 * KEPT)
        self.assertEqual(list(range(1, KEPT + 1)), [row.line for row in bad])

    def test_room_below_a_parent(self) -> None:
        """What the plan allows is counted with those that exist and those of the file."""
        self.customer("alice")
        for number in range(8):
            self.customer(f"old{number}", "--parent", "alice")
        result = self.take(
            ["username", "parent"], *([f"new{number}", "alice"] for number in range(3)), options=["--skip-bad"]
        )
        self.assertEqual("line 4: new2: parent: plan 10 allows 10 sub-accounts\n", result.err)
        self.assertEqual("2 accounts imported, 1 row left out\n", result.out)

    def test_mixed_thousands(self) -> None:
        """Sub-accounts before and behind their parents, of the file and of the store, over many batches."""
        self.customer("alice")
        rows = [row for n in range(700) for row in ([f"kid{n}", f"TOP{n}"], [f"top{n}", ""])]
        rows += [[f"more{n}", "alice"] for n in range(11)]
        result = self.take(["username", "parent"], *rows, options=["--skip-bad", "--json"])
        self.assertEqual((0, 1410), (result.code, result.json["imported"]))
        (bad,) = result.json["bad"]
        self.assertEqual((1412, "parent: plan 10 allows 10 sub-accounts"), (bad["line"], bad["reason"]))
        parents = {row["username"]: row["parent"] for row in self.done("account", "list", "--json").json}
        self.assertEqual([f"top{n}" for n in range(700)], [parents[f"kid{n}"] for n in range(700)])
        self.assertEqual(10, list(parents.values()).count("alice"))

    def test_odd_parents(self) -> None:
        """Text that is no name, also one that reads like rows of the check's own."""
        for parent in ("a\t2 0 20\nb", "a\nb", "x" * 100, "\0"):
            with named(repr(parent)):
                result = self.take(["username", "parent"], ["a", ""], ["b", ""], ["c", parent])
                self.assertIn(
                    f"line {4 + parent.count(chr(10))}: c: parent: {parent.lower()!r} is no account", result.err
                )

    def test_changed_between_check_and_import(self) -> None:
        """Nothing is imported of a file that is not what was checked."""
        path = self.file(["username"], ["a"])
        tell = BadRows.tell

        def changed(bad: BadRows, context: Context) -> None:
            self.file(["username"], ["a"], ["b c"])
            tell(bad, context)

        with mock.patch.object(BadRows, "tell", changed):
            self.refused(f"{path}: it was changed while it was read", "account", "import", path)
        self.assertEqual([], self.names())

    def test_below_a_bad_parent(self) -> None:
        """A sub-account of a row that is left out is left out too."""
        result = self.take(
            ["username", "parent", "plan"], ["top", "", "30"], ["sub", "top", ""], options=["--skip-bad", "--json"]
        )
        self.assertEqual([2, 3], [row["line"] for row in result.json["bad"]])

    def test_the_collector_is_as_before(self) -> None:
        """Whatever has become of the import."""
        before = gc.get_threshold()
        for path in (self.file(("username", "password"), ("gina", "a-long-password")), f"{self.folder}/missing.csv"):
            self.meshd("account", "import", path)
            self.assertEqual(gc.get_threshold(), before)

    def test_files_that_are_none(self) -> None:
        """One line, and nothing is imported."""
        for sentence, text, line in (
            ("an empty file", "", "line 1: it must name the columns, username among them"),
            ("no header", "alice,bob\n", "line 1: unknown column 'alice'; there are "),
            ("a column twice", "username,username\n", "line 1: a column is named twice"),
            ("no username", "plan\n10\n", "line 1: it must name the columns, username among them"),
            ("an open quote", 'username\n"a\n', "line 2: not CSV: "),
            ("not UTF-8", b"username\n\xff\n", "line 2: not UTF-8"),
            ("not UTF-8, far from the beginning", b"username\n" + b"\n" * 5000 + b"\xff\n", "line 5002: not UTF-8"),
            ("a value without end", "username\n" + "x" * 200_000 + "\n", "line 2: not CSV: "),
        ):
            with named(sentence):
                result = self.meshd("account", "import", self.file(text=text))
                self.assertEqual((1, 1), (result.code, len(result.err.splitlines())))
                self.assertIn(line, result.err)
        missing = os.path.join(self.folder, "missing.csv")
        self.refused(f"{missing}: cannot be read: No such file or directory", "account", "import", missing)
        self.refused(f"{self.folder}: cannot be read: Is a directory", "account", "import", self.folder)
        self.assertEqual([], self.names())

    def test_spreadsheets(self) -> None:
        """A byte order mark, Windows' ends of lines, blank lines, spaces around and capitals in names of columns."""
        text = "\ufeffUsername , Plan\r\n\r\n alice , 20 \r\n\r\n"
        self.assertEqual("1 account imported\n", self.done("account", "import", self.file(text=text)).out)
        self.assertEqual(["alice"], self.names())

    def test_other_spreadsheets(self) -> None:
        """Semicolons, tabs, UTF-16, lines that end in CR alone, and rows in which nothing stands."""
        rows = ("username;plan", ";", "{};20", "; ;", "")
        for number, (encoding, separator, end) in enumerate(
            (("utf-8", ";", "\n"), ("utf-16", "\t", "\r\n"), ("utf-8-sig", ",", "\r"), ("utf-16", ",", "\n"))
        ):
            text = end.join(rows).replace(";", separator).format(f"alice{number}").encode(encoding)
            self.assertEqual("1 account imported\n", self.done("account", "import", self.file(text=text)).out)
        self.assertEqual([f"alice{number}" for number in range(4)], self.names())

    def test_generated_passwords(self) -> None:
        """Made for rows without one, printed once as CSV; what people read goes to stderr then."""
        result = self.take(["username", "password"], ["a", ""], ["b", "given"], options=["--generate-passwords"])
        self.assertEqual("2 accounts imported\n", result.err)
        (header, (name, password)) = csv.reader(result.out.splitlines())
        self.assertEqual((["username", "password"], "a"), (header, name))
        self.assertTrue(passwords._verify_now(self.hash_of("a"), password))
        self.assertTrue(passwords._verify_now(self.hash_of("b"), "given"))

    def test_secrets_that_are_wrong(self) -> None:
        """Refused without being shown."""
        columns = ["username", "password", "password_hash"]
        for row in (
            ["a", "s3cret" * 30, ""],
            ["a", "", "s3cret"],
            ["a", "s3cret", hash_now("x")],
            ["a", "", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$s3cret"],
        ):
            result = self.take(columns, row)
            self.assertEqual(1, result.code)
            self.assertNotIn("s3cret", result.out + result.err)

    def test_interrupted(self) -> None:
        """Ctrl-C in the third batch: two are kept and counted, and --skip-bad goes on."""
        calls: list[Any] = []
        run = Context.run

        def twice(context: Context, unit: Any, *args: Any, **kwargs: Any) -> Any:
            calls.append(unit)
            if calls.count(add_batch) == 3:
                raise KeyboardInterrupt
            return run(context, unit, *args, **kwargs)

        rows = [[f"user{number:04}"] for number in range(1600)]
        with mock.patch.object(Context, "run", twice):
            result = self.take(["username"], *rows)
        self.assertEqual((130, ""), (result.code, result.out))
        self.assertEqual(
            ["1,000 accounts had been imported by then; --skip-bad goes on from there.", "meshd: interrupted"],
            result.err.splitlines(),
        )
        result = self.take(["username"], *rows, options=["--skip-bad"])
        self.assertEqual("600 accounts imported, 1,000 rows left out\n", result.out)
        self.assertEqual([name for (name,) in rows], self.names())

    def test_passwords_of_an_interrupted_import(self) -> None:
        """What was made and kept is printed, since nobody else knows it."""
        run = Context.run

        def once(context: Context, unit: Any, *args: Any, **kwargs: Any) -> Any:
            if unit is add_batch and kwargs["now"] and args[1][0].row.line > 2:
                raise StoreUnavailable("the disk of the database is full")
            return run(context, unit, *args, **kwargs)

        with mock.patch.object(Context, "run", once), mock.patch("meshd.cli.importcheck.BATCH", 1):
            result = self.take(["username"], ["a"], ["b"], options=["--generate-passwords"])
        self.assertEqual(1, result.code)
        self.assertEqual("meshd: the disk of the database is full", result.err.splitlines()[-1])
        (_, (name, password)) = csv.reader(result.out.splitlines())
        self.assertEqual("a", name)
        self.assertTrue(passwords._verify_now(self.hash_of("a"), password))

    def test_overtaken(self) -> None:
        """A name that somebody takes between check and import: that row is told, or left out."""
        add = transfer._add
        for number, options in enumerate(([], ["--skip-bad"])):
            rows = [[f"a{number}"], [f"b{number}"]]
            with mock.patch("meshd.cli.transfer._add", self.overtaken(add, f"b{number}")):
                result = self.take(["username"], *rows, options=options)
            self.assertIn("username: This username is taken.", result.err)
            self.assertEqual((int(not options), bool(options)), (result.code, f"a{number}" in self.names()))

    def overtaken(self, add: Callable[..., None], name: str) -> Callable[..., None]:
        """The same, after somebody else has made an account of that name."""

        def overtake(*args: Any, **kwargs: Any) -> None:
            self.customer(name)
            add(*args, **kwargs)

        return overtake


class ExportTests(TransferCase):
    def setUp(self) -> None:
        super().setUp()
        self.done(
            "account",
            "create",
            "alice",
            "--plan",
            "20",
            "--total-limit",
            "0.01",
            "--first-name",
            'A, "B"',
            "--billing-day",
            "31",
            "--password-stdin",
            stdin="s3cret\n",
        )
        self.customer("kid", "--parent", "alice", "--email", "ü@x.example")
        self.done("account", "deactivate", "kid")

    def test_csv(self) -> None:
        """One row an account under the columns that an import reads, no hash among them."""
        result = self.done("account", "export")
        alice, kid = csv.DictReader(io.StringIO(result.out))
        self.assertEqual(
            ("alice", "", "20", "0.01", 'A, "B"', "31"),
            tuple(alice[name] for name in ("username", "parent", "plan", "total_limit", "first_name", "billing_day")),
        )
        self.assertEqual(("kid", "alice", "suspended"), (kid["username"], kid["parent"], kid["active"]))
        self.assertNotIn("argon2", result.out)

    def test_json(self) -> None:
        """The same as JSON, with hashes where they are asked for."""
        alice, kid = self.done("account", "export", "--json").json
        self.assertEqual((10_000_000, False), (alice["total_limit"], kid["active"]))
        self.assertNotIn("password_hash", alice)
        alice, _ = self.done("account", "export", "--json", "--with-hashes").json
        self.assertEqual(self.hash_of("alice"), alice["password_hash"])

    def test_there_and_back(self) -> None:
        """What is exported with hashes and imported into a new store is exported the same, but for the root."""
        self.store().run(bootstrap, hash_now("x"), plans=PLANS, proxies=["local"], now=1)
        exported = self.done("account", "export", "--with-hashes").out
        path = self.file(text=exported)
        self.data_dir = os.path.join(self.folder, "other")
        self.done("migrate")
        result = self.done("account", "import", path)
        self.assertEqual(
            ("2 accounts imported\n", "The root account's row was left out: every store has its own.\n"),
            (result.out, result.err),
        )
        again = list(csv.DictReader(io.StringIO(self.done("account", "export", "--with-hashes").out)))
        before = [row for row in csv.DictReader(io.StringIO(exported)) if row["role"] != "root"]
        for row in (*again, *before):
            del row["created_at"]
        self.assertEqual(before, again)

    def test_formulas(self) -> None:
        """No cell is one for a spreadsheet, and each comes back as it was, apostrophes of its own included."""
        names = ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "''+1", "'t Hooft", "'", "''", "\uff1d1+1", " =1", "a=1", "=''"]
        for number, name in enumerate(names):
            self.done("account", "create", f"@user{number}", "--no-password", f"--first-name={name}")
        exported = self.done("account", "export").out
        for row in csv.reader(exported.splitlines()[1:]):
            for cell in row:
                self.assertNotRegex(cell, r"\A\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
        path = self.file(text=exported)
        self.data_dir = os.path.join(self.folder, "other")
        self.done("migrate")
        self.done("account", "import", path)
        back = {row["username"]: row["first_name"] for row in self.done("account", "list", "--json").json}
        self.assertEqual({f"@user{number}": name.strip() for number, name in enumerate(names)}, _without(back, "kid"))
        self.assertIn("\n'@user0,", exported)

    def test_a_file_of_somebody_elses(self) -> None:
        """A spreadsheet's own apostrophe is taken off; a password's is the password's."""
        path = self.file(["username", "first_name", "password"], ["a", "'=1", "'=secret"])
        self.done("account", "import", path)
        (row,) = [each for each in self.done("account", "list", "--json").json if each["username"] == "a"]
        self.assertEqual("=1", row["first_name"])
        self.assertTrue(passwords._verify_now(self.hash_of("a"), "'=secret"))

    def test_invisible_characters(self) -> None:
        """Are refused, as everywhere."""
        result = self.meshd("account", "import", self.file(["username", "last_name"], ["a", "a\u202eb"]))
        self.assertIn("last_name: Control and invisible characters are not allowed.", result.err)

    def test_what_the_operator_took(self) -> None:
        """Goes along: proxies, a sub-account's state, its limits; and proxies that an account does not have."""
        config = self.settings('[proxies.us]\nlisten = ["tcp:4001"]\n[proxies.eu]\nlisten = ["tcp:4002"]\n')
        options = ("--config", config)
        self.customer("bob", *options)
        self.done("proxy", "revoke", "bob", "us", *options)
        self.customer("none", *options)
        for name in ("us", "eu"):
            self.done("proxy", "revoke", "none", name, *options)
        self.customer("son", "--parent", "bob", "--monthly-limit", "5", *options)
        self.done("account", "set", "alice", "--total-limit", "1", *options)
        self.done("proxy", "move", "local", "us", *options)
        exported = self.done("account", "export", *options).out
        path = self.file(text=exported)
        self.data_dir = os.path.join(self.folder, "other")
        self.done("migrate")
        self.done("account", "import", path, *options)
        again = self.done("account", "export", *options).out
        before, after = (
            sorted(row[:11] + row[12:] for row in csv.reader(text.splitlines())) for text in (exported, again)
        )
        self.assertEqual(before, after)
        rows = {row["username"]: row for row in csv.DictReader(io.StringIO(again))}
        self.assertEqual(("eu", "us"), (rows["bob"]["proxies"], rows["bob"]["withheld_proxies"]))
        self.assertEqual(("(none)", "us,eu"), (rows["none"]["proxies"], rows["none"]["withheld_proxies"]))
        self.assertEqual(("5", "suspended"), (rows["son"]["monthly_ceiling"], rows["kid"]["active"]))
        self.assertEqual("us", rows["alice"]["proxies"])

    def test_proxies_that_cannot_be(self) -> None:
        """Those that the settings do not have, that the plan has no room for, that are no names."""
        for cell, plan, reason in (
            ("moon", "10", "proxies: There is no proxy 'moon'."),
            ("us,world", "10", "proxies: Plan 10 has no room for the proxy 'world'."),
            ("us,open", "trial", "proxies: Plan trial has no room for the proxy 'open'."),
            ("u s", "10", "proxies: 'u s' is no name of a proxy"),
        ):
            config = self.settings("".join(f'[proxies.{n}]\nlisten = ["tcp:{p}"]\n' for p, n in PORTS.items()))
            with named(cell):
                path = self.file(["username", "plan", "proxies"], ["a", plan, cell])
                self.assertIn(reason, self.meshd("account", "import", path, "--config", config).err)

    def test_empty(self) -> None:
        """A header without rows, an empty array."""
        self.done("account", "delete", "alice", "--yes")
        self.assertEqual(1, len(self.done("account", "export").out.splitlines()))
        self.assertEqual([], self.done("account", "export", "--json").json)
