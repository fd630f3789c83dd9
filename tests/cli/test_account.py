from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

from meshd.accounts.toplevel import bootstrap
from meshd.auth import passwords
from meshd.auth.passwords import hash_now
from meshd.cli import ambiguous
from meshd.cli.main import main
from meshd.store.statements import accounts
from meshd.topology import PLANS
from tests.cli.support import CommandCase, Result, Terminal, named


class CreateTests(CommandCase):
    def test_generated_password(self) -> None:
        """Without a terminal a password is made, printed once, and stored as argon2id only."""
        result = self.done("account", "create", "alice")
        self.assertEqual({"account": "alice", "plan": "10"}, {k: result.facts[k] for k in ("account", "plan")})
        password = result.facts["password"]
        self.assertEqual("The password is shown this once.\n", result.err)
        account = self.store().run(accounts.by_username, "alice")
        assert account is not None
        self.assertTrue(account.password_hash.startswith("$argon2id$"))
        self.assertTrue(passwords._verify_now(account.password_hash, password))
        for command in (["account", "show", "alice"], ["account", "export", "--with-hashes"], ["audit", "alice"]):
            self.assertNotIn(password, self.done(*command).out)

    def test_json(self) -> None:
        """The account as JSON, before or after the sub-command, with the made password."""
        for argv in (
            ["--json", "account", "create", "a1"],
            ["account", "--json", "create", "a2"],
            ["account", "create", "a3", "--json"],
        ):
            with named(argv):
                shown = self.done(*argv).json
                self.assertEqual(
                    (argv[-1] if argv[-1] != "--json" else "a3", "10", True),
                    (shown["username"], shown["plan"], shown["active"]),
                )
                self.assertEqual(21, len(shown["password"]))

    def test_password_from_stdin(self) -> None:
        """The first line is the password, whatever it holds; it is printed nowhere."""
        for number, (sentence, text, password) in enumerate(
            (
                ("plain", "s3cret:with colon \n", "s3cret:with colon "),
                ("without an end of line", "s3cret", "s3cret"),
                ("with one of Windows", "s3cret\r\nmore\n", "s3cret"),
                ("not ASCII", "sécrét\n", "sécrét"),
            )
        ):
            with named(sentence):
                result = self.done("account", "create", f"c{number}", "--password-stdin", stdin=text)
                self.assertNotIn("cr", result.out + result.err)
                account = self.store().run(accounts.by_username, f"c{number}")
                assert account is not None
                self.assertTrue(passwords._verify_now(account.password_hash, password))

    def test_a_piped_password_is_not_passed_over(self) -> None:
        """Another one was made and printed, and the customer told the wrong one."""
        told = (
            "standard input is no terminal and may hold a password: say --password-stdin to take its first line, "
            "--generate to have one made, or --no-password"
        )
        self.refused(told, "account", "create", "alice", stdin="correct horse\n")
        self.assertEqual([], self.done("account", "list", "--json").json)
        self.customer("bob")
        self.refused(told, "account", "passwd", "bob", stdin="correct horse\n")
        self.assertIn("password", self.done("account", "passwd", "bob", "--generate", stdin="x").facts)

    def test_without_any_standard_input(self) -> None:
        """As after `<&-`: a password is made, and nothing is deleted."""
        out, codes = io.StringIO(), []
        with mock.patch.object(sys, "stdin", None), redirect_stdout(out), redirect_stderr(io.StringIO()):
            for words in (("create", "alice"), ("delete", "alice"), ("import", "-")):
                with self.environment():
                    codes.append(main(["--data-dir", self.data_dir, "account", *words]))
        self.assertEqual(([0, 1, 1], 1), (codes, out.getvalue().count("password")))

    def test_bad_passwords(self) -> None:
        """Empty or too long ones are refused and nothing is made; the text does not show them."""
        for text in ("", "\n", "x" * 129 + "\n"):
            result = self.meshd("account", "create", "alice", "--password-stdin", stdin=text)
            self.assertEqual(1, result.code)
            self.assertNotIn("xxx", result.err)
        self.assertEqual([], self.done("account", "list", "--json").json)

    def prompted(self, *typed: str | BaseException) -> Result:
        with mock.patch("meshd.cli.passwords.choose.__defaults__", (mock.Mock(side_effect=list(typed)),)):
            return self.meshd("account", "create", "alice", stdin=Terminal())

    def test_prompt(self) -> None:
        """On a terminal the password is typed twice alike; nothing typed means one is made."""
        result = self.prompted("one", "other", "s3cret", "s3cret")
        self.assertEqual((0, False), (result.code, "password" in result.out))
        self.done("account", "delete", "alice", "--yes")
        self.assertIn("password", self.prompted("").facts)

    def test_prompt_given_up(self) -> None:
        """Three pairs that differ, an end of file, Ctrl-C: nothing is made."""
        for typed, code, line in (
            (["a", "b"] * 3, 1, "meshd: the two passwords differed 3 times\n"),
            ([EOFError()], 1, "meshd: no password was typed\n"),
            ([KeyboardInterrupt()], 130, "meshd: interrupted\n"),
        ):
            result = self.prompted(*typed)
            self.assertEqual((code, "", line), (result.code, result.out, result.err))
        self.assertEqual([], self.done("account", "list", "--json").json)

    def test_no_prompt_for_nothing(self) -> None:
        """What is refused anyway is refused before a password is typed."""
        self.customer("alice")
        result = self.prompted(AssertionError("asked"))
        self.assertEqual((1, "meshd: username: This username is taken.\n"), (result.code, result.err))

    def test_all_options(self) -> None:
        """Terms and limits as they are given; a fraction of a GB is exact bytes."""
        shown = self.done(
            "account",
            "create",
            "alice",
            "--plan",
            "50",
            "--role",
            "viewer",
            "--billing-day",
            "31",
            "--monthly-limit",
            "0.01",
            "--total-limit",
            "1.000000001",
            "--first-name",
            "A",
            "--last-name",
            "B",
            "--email",
            "a@b.example",
            "--no-password",
            "--json",
        ).json
        expected = {
            "plan": "50",
            "role": "viewer",
            "billing_day": 31,
            "monthly_limit": 10_000_000,
            "total_limit": 1_000_000_001,
            "first_name": "A",
            "last_name": "B",
            "email": "a@b.example",
            "parent": None,
        }
        self.assertEqual(expected, {name: shown[name] for name in expected})
        self.assertNotIn("password", shown)

    def test_sub_account(self) -> None:
        """Below its parent, with the parent's plan, day and proxies."""
        self.customer("alice", "--plan", "20", "--billing-day", "7")
        self.done("account", "create", "kid", "--parent", "Alice", "--total-limit", "0.01")
        shown = self.done("account", "show", "kid", "--json").json
        self.assertEqual(
            ("alice", "20", 7, 10_000_000, ["local"]),
            tuple(shown[name] for name in ("parent", "plan", "billing_day", "total_limit", "proxies")),
        )

    def test_proxies_of_the_file(self) -> None:
        """As many as the plan allows, in the file's order, `world` by the plan."""
        names = ["world", "us", "open"]
        path = self.settings("".join(f'[proxies.{n}]\nlisten = ["tcp:{i + 4000}"]\n' for i, n in enumerate(names)))
        for plan, expected in (("trial", ["us"]), ("10", ["us", "open"]), ("50", names)):
            self.done("account", "create", f"on{plan}", "--plan", plan, "--no-password", "--config", path)
            rows = self.done("proxy", "list", f"on{plan}", "--json", "--config", path).json
            self.assertEqual(expected, [row["proxy"] for row in rows])

    def test_refused(self) -> None:
        """One line says why, and nothing is made."""
        self.customer("alice", "--plan", "trial")
        for line, argv in (
            ("username: This username is taken.", ["ALICE"]),
            ("username: This username is taken.", ["admin"]),
            ("username: Use letters, digits and .@+-_ only.", ["a b"]),
            ("username: Use letters, digits and .@+-_ only.", ["a\nb\x1b[31m"]),
            ("username: This field is required.", [""]),
            ("plan: There is no plan '30'; there are trial, 10, 20, 50, 100.", ["bob", "--plan", "30"]),
            ("billing_day: Enter a day of the month, 1 to 31.", ["bob", "--billing-day", "0"]),
            ("email: Enter an e-mail address.", ["bob", "--email", "x"]),
            ("there is no account named 'nobody'", ["bob", "--parent", "nobody"]),
            ("plan trial allows 0 sub-accounts", ["bob", "--parent", "alice"]),
            ("a sub-account has its parent's plan", ["bob", "--parent", "alice", "--plan", "10"]),
        ):
            with named(argv):
                self.refused(line, "account", "create", *argv)
        self.assertEqual(1, len(self.done("account", "list", "--json").json))

    def test_wrong_usage(self) -> None:
        """What no command line can mean."""
        for argv in (
            [],
            ["a", "b"],
            ["a", "--role", "root"],
            ["a", "--total-limit", "-1"],
            ["a", "--total-limit", "1e3"],
            ["a", "--total-limit", "nan"],
            ["a", "--total-limit", "0.0000000001"],
            ["a", "--billing-day", "x"],
            ["a", "--password", "secret"],
            ["a", "--password-stdin", "--generate"],
            ["a", "--pass"],
        ):
            with named(argv):
                self.misused("account", "create", *argv)


class ChangeTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.customer("alice", "--plan", "20")
        self.customer("kid", "--parent", "alice")

    def test_show(self) -> None:
        """For people in units, for programs in bytes; no hash in either."""
        self.done("account", "passwd", "alice", "--generate")
        facts = self.done("account", "show", "Alice").facts
        self.assertEqual(
            ("alice", "20", "none", "yes", "set"),
            tuple(facts[name] for name in ("account", "plan", "total limit", "active", "password")),
        )
        shown = self.done("account", "show", "alice", "--json")
        self.assertEqual((0, 0, 0), tuple(shown.json[name] for name in ("total_bytes", "period_bytes", "total_limit")))
        self.assertNotIn("argon2", shown.out)

    def test_list(self) -> None:
        """The oldest first, or one account's sub-accounts."""
        header, first, second = self.done("account", "list").rows
        self.assertEqual(["ID", "ACCOUNT", "PARENT"], header[:3])
        self.assertEqual((["1", "alice"], ["2", "kid", "alice"]), (first[:2], second[:3]))
        below = self.done("account", "list", "--parent", "ALICE", "--json").json
        self.assertEqual([("kid", "alice")], [(row["username"], row["parent"]) for row in below])
        self.refused("parent: There is no account of this name.", "account", "list", "--parent", "nobody")

    def test_names_with_a_selection(self) -> None:
        """None is made; those of before are told by what lists and shows accounts, on stderr, and stay as they are."""
        told = "username: This reads as the name alice with a selection; leave out -session."
        for options in ([], ["--parent", "alice"]):
            self.refused(told, "account", "create", "alice-session-1", "--no-password", *options)
        for name in ("alice-session-1", "Kid-country-us-strict", "alice-countryside"):
            self.old_account(name)
        lines = [
            "alice-session-1 reads as alice with the selection session-1, which alice cannot use: "
            "give its holder an account with another name.",
            "Kid-country-us-strict reads as Kid with the selection country-us-strict, which Kid cannot use: "
            "give its holder an account with another name.",
        ]
        for flags in ([], ["--json"]):
            result = self.done("account", "list", *flags)
            self.assertEqual(result.err.splitlines(), lines)
            self.assertEqual(result.out.count("alice-session-1"), 1)
        self.assertEqual(self.done("account", "show", "ALICE-session-1").err.splitlines(), lines[:1])
        self.assertEqual(self.done("account", "show", "alice-countryside").err, "")
        self.assertEqual(self.done("account", "list", "--parent", "alice").err, "")
        self.patch(ambiguous, "TOLD", 1)
        self.assertEqual(self.done("account", "list").err.splitlines(), [lines[0], "… and 1 name more"])
        self.done("account", "delete", "alice-session-1", "--yes")

    def test_set(self) -> None:
        """What is named changes and the account is shown; what a smaller plan takes is told."""
        self.done("token", "create", "kid")
        result = self.done("account", "set", "alice", "--plan", "trial", "--total-limit", "2", "--email", "", "--json")
        self.assertEqual(("trial", 2 * 10**9), (result.json["plan"], result.json["total_limit"]))
        self.assertEqual("Out of use, since the plan has none: 1 bearer token.\n", result.err)
        self.assertFalse(self.done("token", "list", "kid", "--json").json[0]["is_active"])

    def test_what_plans_take_and_bring_back(self) -> None:
        """Told for people and for programs, in both directions; what somebody else ended stays ended."""
        for name in ("kid", "alice"):
            self.done("token", "create", name)
        self.done("token", "deactivate", "alice", "2")
        taken = self.done("account", "set", "alice", "--plan", "trial", "--json")
        self.assertEqual([1], taken.json["deactivated_tokens"])
        listed = self.done("token", "list", "kid", "--json").json
        self.assertEqual([(False, "plan")], [(row["is_active"], row["deactivated_by"]) for row in listed])
        back = self.done("account", "set", "alice", "--plan", "10", "--json")
        self.assertEqual([1], back.json["reactivated_tokens"])
        self.assertEqual("In use again, since the plan has them: 1 bearer token.\n", back.err)
        self.assertTrue(self.done("token", "list", "kid", "--json").json[0]["is_active"])
        self.assertFalse(self.done("token", "list", "alice", "--json").json[0]["is_active"])

    def test_limits_of_a_sub_account(self) -> None:
        """Are shown as what its parent may set at most."""
        shown = self.done("account", "set", "kid", "--monthly-limit", "5")
        self.assertEqual("5 GB, its parent may set 5 GB at most", shown.facts["monthly limit"])
        self.assertEqual(5 * 10**9, self.done("account", "show", "kid", "--json").json["monthly_ceiling"])
        self.done("account", "set", "kid", "--monthly-limit", "0")
        self.assertNotIn("monthly_ceiling", self.done("account", "show", "kid", "--json").json)

    def test_set_refused(self) -> None:
        """Nothing named is wrong usage; the rest says why."""
        self.misused("account", "set", "alice")
        self.refused("there is no account named 'nobody'", "account", "set", "nobody", "--plan", "10")
        self.refused("plan: A sub-account has its parent's.", "account", "set", "kid", "--plan", "10")

    def test_passwd(self) -> None:
        """By stdin, made, or none at all."""
        store = self.store()

        def stored() -> str:
            account = store.run(accounts.by_username, "alice")
            assert account is not None
            return account.password_hash

        self.done("account", "passwd", "alice", "--password-stdin", stdin="one\n")
        self.assertTrue(passwords._verify_now(stored(), "one"))
        made = self.done("account", "passwd", "alice", "--json").json["password"]
        self.assertTrue(passwords._verify_now(stored(), made))
        self.done("account", "passwd", "alice", "--no-password")
        self.assertEqual("", stored())
        self.refused("there is no account named 'nobody'", "account", "passwd", "nobody")

    def test_activate_and_deactivate(self) -> None:
        """Both show the account as it is now."""
        self.assertFalse(self.done("account", "deactivate", "kid", "--json").json["active"])
        self.assertEqual("yes", self.done("account", "activate", "kid").facts["active"])
        self.refused("there is no account named 'nobody'", "account", "activate", "nobody")

    def test_delete(self) -> None:
        """The family goes."""
        deleted = self.done("account", "delete", "ALICE", "--yes", "--json").json
        self.assertEqual({"deleted": "alice", "sub_accounts": 1}, deleted)
        self.assertEqual([], self.done("account", "list", "--json").json)
        self.refused("there is no account named 'alice'", "account", "delete", "alice")

    def test_delete_without_a_terminal(self) -> None:
        """Nobody is there to be asked, and what is piped in is no answer: only --yes is."""
        told = "there is no terminal to ask on: say --yes to delete alice with 1 sub-account and their usage, for good"
        for stdin in ("", "alice\n", "y\n"):
            self.refused(told, "account", "delete", "alice", stdin=stdin)
        self.assertEqual(2, len(self.done("account", "list", "--json").json))

    def test_delete_on_a_terminal(self) -> None:
        """It asks for the name, unless it was told not to."""
        for typed in ("", "y\n", "kid\n"):
            result = self.meshd("account", "delete", "alice", stdin=Terminal(typed))
            self.assertEqual(1, result.code)
            self.assertIn("with 1 sub-account and", result.err)
        self.done("account", "delete", "kid", stdin=Terminal("Kid\n"))
        self.done("account", "delete", "alice", "--yes", stdin=Terminal())

    def test_the_root(self) -> None:
        """It can be neither deactivated, deleted nor given another role."""
        self.store().run(bootstrap, hash_now("x"), plans=PLANS, proxies=["local"], now=1)
        self.refused("username: The root account cannot be deactivated.", "account", "deactivate", "admin")
        self.refused("username: The root account cannot be deleted.", "account", "delete", "admin", "--yes")
        self.refused("role: The root account keeps its role.", "account", "set", "admin", "--role", "customer")
        self.done("account", "passwd", "admin", "--password-stdin", stdin="new\n")


class StoreTests(CommandCase):
    """What every command says of a store that it cannot use."""

    COMMANDS = (
        ["account", "list"],
        ["account", "create", "x"],
        ["usage", "x"],
        ["token", "create", "x"],
        ["ban", "list"],
    )

    def test_no_store(self) -> None:
        """How to get one, and none is made by the way."""
        self.data_dir = os.path.join(self.folder, "none")
        path = os.path.join(self.data_dir, "meshd.sqlite3")
        for argv in self.COMMANDS:
            with named(argv):
                self.refused(f"there is no store at {path} yet: start the daemon, or run `meshd migrate`", *argv)
        self.assertFalse(os.path.exists(self.data_dir))

    def test_no_database(self) -> None:
        """A file that is something else is left as it is."""
        path = os.path.join(self.data_dir, "meshd.sqlite3")
        with open(path, "wb") as file:
            file.write(b"this is no database, whatever it is" * 100)
        for argv in (*self.COMMANDS, ["migrate"]):
            with named(argv):
                self.assertEqual(1, len(self.refused("the database file cannot be used", *argv).err.splitlines()))

    def test_a_newer_schema(self) -> None:
        """A store that a later meshd has upgraded."""
        store = self.store()
        store.check()
        assert store._connection is not None
        store._connection.execute("insert into schema_migrations values (999, 'later', 'x', 1)")
        store.close()
        for argv in (*self.COMMANDS, ["migrate"]):
            with named(argv):
                result = self.meshd(*argv)
                self.assertEqual((1, ""), (result.code, result.out))
                self.assertRegex(result.err, r"\Ameshd: the store's schema \(999\) is newer [^\n]*\n\Z")

    def test_migrate(self) -> None:
        """It makes folder and store for the owner alone, and a second time does nothing."""
        self.data_dir = os.path.join(self.folder, "deep", "new")
        self.assertEqual(["0001_initial.sql"], self.done("migrate", "--json").json["applied"][:1])
        self.assertEqual(0o700, os.stat(self.data_dir).st_mode & 0o777)
        self.assertEqual(0o600, os.stat(os.path.join(self.data_dir, "meshd.sqlite3")).st_mode & 0o777)
        self.assertEqual([], self.done("migrate", "--json").json["applied"])

    def test_migrate_where_no_folder_can_be(self) -> None:
        """The folder is named, with the system's reason."""
        blocker = os.path.join(self.folder, "file")
        open(blocker, "w").close()
        self.data_dir = os.path.join(blocker, "data")
        result = self.meshd("migrate")
        self.assertEqual((1, 1), (result.code, len(result.err.splitlines())))

    def test_a_daemon_at_work(self) -> None:
        """Another connection that is open, and writes in between, is no hindrance; it sees the change."""
        daemon = self.store()
        self.assertIsNone(daemon.run(accounts.by_username, "alice"))
        self.customer("alice")
        self.assertIsNotNone(daemon.run(accounts.by_username, "alice"))
