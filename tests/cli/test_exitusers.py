from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

from meshd.cli.exitlogs import fitting
from meshd.config import load
from meshd.store.statements import accounts, activity
from meshd.usage import loglines
from meshd.values.exchanges import Exchange
from meshd.values.times import read_time
from tests.cli.support import CommandCase, Result, named

NOON = read_time("2026-01-15T12:00:00") or 0

SETTINGS = """
[[exits]]
name = "rack-1"
kind = "local"
address = "127.0.0.51"
[[exits]]
name = "six"
kind = "local"
address = "2001:db8:1::/64"
[[exits]]
name = "way"
kind = "direct"
"""


def exchange(id_: str, **facts: Any) -> Exchange:
    known = Exchange(
        id_, NOON, 1, 7, "alice", 3, "us", "192.0.2.1", "GET", "h.example", 80, "127.0.0.51", 200, "", 5, 6, "rack-1"
    )
    return known._replace(**facts)


class ExitUsersTests(CommandCase):
    """Three files of the log, and a store that has some of the same, and one of another machine."""

    def setUp(self) -> None:
        super().setUp()
        self.file = self.settings(SETTINGS)
        self.log(
            "exchanges.log",
            exchange("now-1"),
            exchange("now-2", exit="127.0.0.52"),
            exchange("long-1", at=NOON - 9999, seconds=99999),
        )
        self.log("exchanges.log.1", exchange("old-1", at=NOON - 30), exchange("old-2", at=NOON - 99))
        packed = gzip.compress(
            self.lines(exchange("packed-1", at=NOON + 30, host='"exit":"x"'), exchange("packed-2", at=NOON + 99))
        )
        self.write("exchanges.log.2.gz", packed)
        self.write("exchanges.log.3.gz", packed[:-20])
        self.write("exchanges.log.4", b'{"at":"2026-01-15T1')
        self.write("exchanges.logbook", self.lines(exchange("not-1")))

    def lines(self, *exchanges: Exchange) -> bytes:
        text = "".join(loglines.of_exchange(each, "j-1-1", each.up, each.down) for each in exchanges)
        return (text + loglines.of_remainder(NOON, "j-2-1", 7, 0, (1, 2, 3))).encode()

    def log(self, name: str, *exchanges: Exchange) -> None:
        self.write(name, self.lines(*exchanges))

    def write(self, name: str, data: bytes) -> None:
        with open(os.path.join(self.data_dir, name), "wb") as file:
            file.write(data)

    def users(self, name: str = "rack-1", *options: str) -> Result:
        return self.done("exit", "users", name, "--at", "2026-01-15T12:00:00Z", "--config", self.file, *options)

    def ids(self, name: str = "rack-1", *options: str) -> list[str]:
        return [row["id"] for row in self.users(name, *options, "--json").json]

    def test_the_log_files_of_this_machine(self) -> None:
        """All that was open within the time, once; a file that is damaged is told of, and read as far as it goes."""
        self.assertEqual(["long-1", "old-1", "now-1", "packed-1"], self.ids())
        self.assertEqual(["long-1", "now-1"], self.ids("rack-1", "--within", "0"))
        self.assertEqual(["now-2"], self.ids("127.0.0.52"))
        result = self.users()
        self.assertEqual(
            ["FROM", "UNTIL", "ACCOUNT", "TOKEN", "CLIENT", "TO", "EXIT", "UP", "DOWN", "ID"], result.rows[0]
        )
        self.assertEqual(["alice", "3", "192.0.2.1", "h.example:80", "127.0.0.51"], result.rows[3][2:7])
        self.assertIn("exchanges.log.3.gz cannot be read to its end: ", result.err)
        self.assertTrue(
            result.err.endswith(
                "exchange log: all of this machine's since 2026-01-15T11:59:31Z, which is later than asked for; "
                "store, for all machines: none that have ended, and what is open\n"
            )
        )

    def test_the_store_has_those_of_other_machines(self) -> None:
        """What both have is told once."""
        self.customer("alice")
        account = self.store().run(accounts.by_username, "alice")
        assert account is not None
        told = [exchange(id_, account_id=account.id) for id_ in ("now-1", "far-1")]
        self.store().run(activity.add, told)
        self.assertEqual(["long-1", "old-1", "far-1", "now-1", "packed-1"], self.ids())
        self.assertIn("all machines: the newest of each account since 2026-01-15T12:00:01Z", self.users().err)

    def test_a_file_that_ended_before_is_not_read(self) -> None:
        """Its lines were written before that time; it still tells how far back the log goes."""
        path = os.path.join(self.data_dir, "exchanges.log.1")
        os.utime(path, (NOON - 90, NOON - 90))
        self.assertEqual(["long-1", "now-1", "packed-1"], self.ids())
        self.assertIn("since 2026-01-15T11:59:31Z", self.users().err)

    def test_without_a_log(self) -> None:
        """As on a machine without a daemon."""
        for name in os.listdir(self.data_dir):
            if name.startswith("exchanges.log"):
                os.remove(os.path.join(self.data_dir, name))
        self.assertEqual([], self.ids())
        self.assertIn("exchange log: there is no exchange log here; store", self.users().err)

    def test_more_than_an_answer_holds(self) -> None:
        """It is said."""
        self.log("exchanges.log", *(exchange(f"r-{n}") for n in range(10_001)))
        result = self.users("rack-1", "--json")
        self.assertEqual(10_000, len(json.loads(result.out)))
        self.assertIn("there are more than 10,000: ask for fewer seconds with --within\n", result.err)

    def test_wrong_usage(self) -> None:
        """A time is asked for, and must be one."""
        for argv in (["rack-1"], ["rack-1", "--at", "noon"], ["rack-1", "--at", "2026-01-15", "--within", "-1"]):
            with named(argv):
                self.misused("exit", "users", *argv)


class FittingTests(CommandCase):
    def test_what_an_exit_is_called(self) -> None:
        """By its name, its address, any address of its prefix; a direct one by an address that no other has."""
        flags = {"config": self.settings(SETTINGS), "data_dir": self.data_dir}
        exits = load(flags, {}, cwd=Path(self.folder)).topology.exits
        for name, label, fits in (
            ("rack-1", "127.0.0.51", True),
            ("rack-1", "Rack-1", True),
            ("rack-1", "127.0.0.52", False),
            ("rack-1", "", False),
            ("six", "2001:db8:1::77", True),
            ("six", "2001:db8:2::77", False),
            ("six", "six", True),
            ("six", "sixty", False),
            ("way", "192.0.2.9", True),
            ("way", "127.0.0.51", False),
            ("way", "2001:db8:1::77", False),
            ("way", "rack-1", False),
            ("gone", "gone", True),
            ("gone", "192.0.2.9", False),
            ("192.0.2.9", "192.0.2.9", True),
        ):
            with named((name, label)):
                self.assertEqual(fits, fitting(exits, name)(label))
