"""`meshd config check` says "right" of what the daemon takes without a word, and of nothing else."""

from __future__ import annotations

import getpass
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import trustme

from meshd.store.sqlite.file import SQLiteFile
from meshd.store.unit import Statement, Unit
from tests.cli.support import CommandCase, named


class CheckCase(CommandCase):
    def write(self, name: str, content: bytes, mode: int = 0o600) -> str:
        path = Path(self.folder, name)
        path.touch(mode=mode)
        path.write_bytes(content)
        return str(path)

    def check(self, config: str, line: str) -> None:
        """Refused, with these words in its one line."""
        result = self.meshd("config", "check", "--config", self.settings(config))
        self.assertEqual((1, "", 1), (result.code, result.out, len(result.err.splitlines())), result.err)
        self.assertIn(line, result.err)


class FaultTests(CheckCase):
    """What keeps the daemon from starting."""

    def test_certificates(self) -> None:
        """Garbage, a key of another certificate, an encrypted key; also among meshd's own."""
        pair = trustme.CA().issue_cert("a.test")
        certificate = pair.cert_chain_pems[0].bytes()
        self.write("good.pem", certificate)
        self.write("good.key", pair.private_key_pem.bytes())
        self.write("other.key", trustme.CA().private_key_pem.bytes())
        self.write("garbage", b"this is no PEM")
        for names, line in (
            (("garbage", "good.key"), "no certificate in PEM form"),
            (("good.pem", "garbage"), "no private key in PEM form"),
            (("good.pem", "other.key"), "not the key of the certificate"),
        ):
            with named(names):
                self.check(f'[api]\ncertificate = "{names[0]}"\nkey = "{names[1]}"\n', line)
        self.done("config", "check", "--config", self.settings('[api]\ncertificate = "good.pem"\nkey = "good.key"\n'))
        for name, line in (("key.pem", "no private key"), ("cert.pem", "no certificate")):
            own = Path(self.data_dir, name)
            own.touch(mode=0o600)
            own.write_bytes(b"garbage")
            self.check("", line)

    def test_authorities_of_an_exit(self) -> None:
        """A file that vouches for nobody."""
        self.write("ca.pem", b"garbage")
        exit_ = '[[exits]]\nname = "a"\nurl = "https://gw.test:443"\nca = "ca.pem"\n'
        self.check(exit_, "meshd.toml line 4: exits.a.ca: ")
        self.check(exit_, "no certificate in PEM form")
        self.write("ca.pem", trustme.CA().cert_pem.bytes())
        self.done("config", "check", "--config", self.settings(exit_))

    def test_endpoints(self) -> None:
        """A type that there is not, and two that are one place."""
        self.check('[api]\nlisten = ["tpc:0"]\n', "there is no endpoint of type 'tpc' (did you mean 'tcp'?)")
        self.check('[api]\nlisten = ["tcp:1"]\n[proxy]\nlisten = ["tcp:1:interface=127.0.0.1"]\n', "both api and")

    def test_stores(self) -> None:
        """URLs that only look like some, and files that could not be made."""
        for url, line in (
            ("postgresql://h/d?sslmoed=x", "unknown option sslmoed"),
            ("postgresql://h", "no database is named"),
            ("sqlite:///a.db?mode=ro", "sqlite takes a path and nothing more"),
            ("sqlite://a.db", "sqlite takes three slashes"),
            ("sqlite:////nowhere/at/all/a.db", "meshd.toml line 2: store.url: there is no folder /nowhere/at/all"),
            ("sqlite:////tmp", "store.url: /tmp is a folder"),
        ):
            with named(url):
                self.check(f'[store]\nurl = "{url}"\n', line)

    def test_logs(self) -> None:
        """Places where no file can be."""
        self.check('[log]\nexchanges = "/tmp"\n', "meshd.toml line 2: log.exchanges: /tmp is a folder")
        self.check('[log]\nrequests = "no/x.log"\n', f"log.requests: there is no folder {self.folder}/no")
        self.done("config", "check", "--config", self.settings('[log]\nexchanges = "/dev/null"\n'))

    def test_another_users_folder(self) -> None:
        """It is said to be that, and not that something in it cannot be read."""
        line = f"flag --data-dir: data_dir: {self.data_dir} is another user's: run this as {getpass.getuser()}"
        with mock.patch("os.access", return_value=False):
            for argv in (("account", "list"), ("config", "check")):
                self.refused(line, *argv)


class ProblemTests(CheckCase):
    """What the daemon takes, and tells."""

    def problems(self, config: str) -> list[str]:
        """Code 1, each in a line of its own, and as JSON."""
        path = self.settings(config)
        result = self.meshd("config", "check", "--config", path)
        self.assertEqual(1, result.code)
        self.assertNotIn("settings  right", result.out)
        found = result.out.splitlines()[1 + ("exits_from" in config) :]
        as_json = self.meshd("config", "check", "--json", "--config", path)
        self.assertEqual((1, False, found), (as_json.code, as_json.json["ok"], as_json.json["problems"]))
        said = f"{len(found)} problem{'s' if len(found) > 1 else ''}"
        self.assertEqual(f"meshd: {said}\n", result.err)
        return found

    def test_lines_of_lists_that_are_left_out(self) -> None:
        """By the list's name and the line."""
        self.write("bought.txt", b"gw.test:8080\nnonsense\ngw.test:99999\n")
        found = self.problems('exits_from = ["bought.txt"]\n')
        self.assertEqual(["bought.txt line 2: ", "bought.txt line 3: "], [line[:19] for line in found])

    def test_plans_that_accounts_have_and_the_settings_do_not(self) -> None:
        """By the plan, with how many it concerns; a sub-account has its parent's."""
        gold = self.settings("[plans.gold]\nsub_accounts = 5\n[plans.silver]\n")
        for name, plan in (("alice", "gold"), ("bob", "gold"), ("carol", "silver"), ("dave", "20")):
            self.customer(name, "--plan", plan, "--config", gold)
        self.customer("kid", "--parent", "alice", "--config", gold)
        self.done("config", "check", "--config", gold)
        rest = "it: nothing can be added to such an account"
        self.assertEqual(
            [
                f"plan 'gold' is not in the settings, and alice and 1 more has {rest}",
                f"plan 'silver' is not in the settings, and carol has {rest}",
            ],
            self.problems("[timeouts]\nidle = 5\n"),
        )

    def test_a_store_that_cannot_be_used(self) -> None:
        """Of a newer meshd, or no database at all."""
        with sqlite3.connect(os.path.join(self.data_dir, "meshd.sqlite3")) as store:
            store.execute("insert into schema_migrations values (9999, '9999_later.sql', 'x', 0)")
        (line,) = self.problems("")
        self.assertIn("store: the store's schema (9999) is newer", line)

    def test_a_store_that_is_not_there_yet_or_older(self) -> None:
        """A start makes it, or brings it up to date."""
        path = self.settings(f'[store]\nurl = "sqlite:///{self.folder}/new.sqlite3"\n')
        self.done("config", "check", "--config", path)
        SQLiteFile(f"{self.folder}/new.sqlite3").migrate()
        self.altered(f"{self.folder}/new.sqlite3", _forget_last)
        self.done("config", "check", "--config", path)

    def altered(self, path: str, unit: Callable[[], Unit[None]]) -> None:
        store = SQLiteFile(path)
        try:
            store.run(unit)
        finally:
            store.close()


def _forget_last() -> Unit[None]:
    yield Statement("delete from schema_migrations where number = (select max(number) from schema_migrations)", {})
