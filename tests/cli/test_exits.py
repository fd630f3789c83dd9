from __future__ import annotations

import os
import time

from meshd.model import RestingExit
from meshd.store.statements import exits, latencies, tops
from meshd.values.latencies import Latency
from tests.cli.support import CommandCase, Result, named
from tests.support.daemon import free_port

SETTINGS = """
[[exits]]
name = "rack-1"
kind = "local"
address = "127.0.0.51"
country = "us"
tags = ["fast", "eu"]
weight = 7
city = "Albany"
[[exits]]
name = "bought"
kind = "http"
upstream = "proxy.example:3128"
username = "us"
password = "open sesame"
[[exits]]
name = "six"
kind = "local"
address = "2001:db8:1::/64"
"""


class ExitTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.private(SETTINGS)

    def private(self, text: str) -> str:
        """A settings file that nobody else can read: it has a password in it."""
        path = self.settings(text)
        os.chmod(path, 0o600)
        return path

    def exit(self, *argv: str) -> Result:
        return self.done("exit", *argv, "--config", self.file)

    def rest(self, node: str, name: str, seconds: int) -> None:
        until = int(time.time()) + seconds
        self.store().run(exits.record, node, [RestingExit(node, name, until, 4, "exit-refused", until)], [])

    def states(self) -> dict[str, str]:
        return {row["name"]: row["state"] for row in self.exit("list", "--json").json}

    def test_every_exit_is_listed(self) -> None:
        """With all that there is to know of it but its credentials."""
        measured = [Latency(node, "rack-1", ms, int(time.time())) for node, ms in (("a:/data", 100), ("b:/data", 140))]
        self.store().run(latencies.record, measured)
        table = self.exit("list")
        self.assertEqual(
            ["NAME", "KIND", "ADDRESS", "COUNTRY", "PLACE", "FROM", "TAGS", "WEIGHT", "LATENCY", "STATE"],
            table.rows[0],
        )
        self.assertEqual(
            ["rack-1", "local", "127.0.0.51", "US", "Albany", "settings", "eu,fast", "7", "120", "ms", "up"],
            table.rows[1],
        )
        self.assertEqual(["bought", "http", "proxy.example:3128", "-", "-", "-", "-", "1", "-", "up"], table.rows[2])
        self.assertEqual(["six", "local", "2001:db8:1::/64", "-", "-", "-", "-", "1", "-", "up"], table.rows[3])
        shown = self.exit("list", "--json")
        self.assertEqual(
            {
                "name": "bought", "kind": "http", "address": None, "upstream": "proxy.example:3128", "country": None,
                "tags": [], "weight": 1, "region": None, "city": None, "isp": None, "zip": None,
                "asn": None, "cost": None, "found": [], "latency_ms": None,
                "state": "up", "drained": None, "resting": [],
            },
            shown.json[1],
        )  # fmt: skip
        for secret in ("open sesame", '"us"'):
            self.assertNotIn(secret, table.out + shown.out)

    def test_drained_and_undrained(self) -> None:
        """By whom, and in which state from then on."""
        self.assertEqual("bought, rack-1", self.exit("drain", "rack-1", "bought").facts["drained"])
        self.assertEqual({"drained": []}, self.exit("drain", "rack-1", "--json").json)
        self.assertEqual({"rack-1": "drained", "bought": "drained", "six": "up"}, self.states())
        self.assertRegex(self.exit("list").out, r"rack-1 .* drained by operator:\w+ at \d{4}-\d\d-\d\dT[\d:]+Z\n")
        self.exit("undrain", "rack-1", "bought")
        self.assertEqual({"up"}, set(self.states().values()))

    def test_resting(self) -> None:
        """In which process, until when and why; what is drained is that first."""
        self.rest("a:/data", "bought", 60)
        self.rest("b:/data", "bought", -1)
        (row,) = (row for row in self.exit("list", "--json").json if row["name"] == "bought")
        self.assertEqual("resting", row["state"])
        shown = [(each["node"], each["over"], each["failures"], each["reason"]) for each in row["resting"]]
        self.assertEqual([("a:/data", False, 4, "exit-refused"), ("b:/data", True, 4, "exit-refused")], shown)
        pattern = r"resting until [\dT:-]+Z \(a:/data: exit-refused\); is tried next \(b:/data: exit-refused\)\n"
        self.assertRegex(self.exit("list").out, pattern)
        self.exit("drain", "bought")
        self.assertEqual("drained", self.states()["bought"])

    def test_refused(self) -> None:
        """One line says why."""
        for line, argv in (
            ("there is no exit named 'rack-9'", ["drain", "rack-1", "rack-9"]),
            ("'rack-1' is not drained", ["undrain", "rack-1"]),
            ("there is no exit named 'rack-9'", ["test", "rack-9", "--to", "127.0.0.1:80"]),
            ("say where to connect with --to HOST:PORT, or set probes.url", ["test", "rack-1"]),
        ):
            with named(argv):
                self.refused(line, "exit", *argv, "--config", self.file)
        for argv in (["drain"], ["test"], ["test", "rack-1", "--to", "nowhere"], ["test", "rack-1", "--to", "a b:80"]):
            with named(argv):
                self.misused("exit", *argv)

    def test_the_probes_url_is_where_a_test_goes(self) -> None:
        """Where nothing else is said; its port, or its scheme's."""
        port = free_port()
        file = self.private(SETTINGS + f'[probes]\nurl = "http://127.0.0.1:{port}/ok"\n')
        line = "rack-1: connection-refused (the destination)"
        self.refused(line, "exit", "test", "rack-1", "--config", file)

    def test_what_exits_cost(self) -> None:
        """By day, span and month; what is not known is no zero."""
        text = SETTINGS.replace('name = "rack-1"', 'name = "rack-1"\ncost = "2.50"') + "[proxies.x]\n"
        self.file = self.private('cost_currency = "EUR"\n' + text)
        now = int(time.time())
        hour = now - now % 3600
        rows = [(("exit", hour, name), [10**9, 10**9, 3, 1]) for name in ("rack-1", "bought")]
        self.store().run(tops.record, [], rows)
        for argv in ([], ["--span", "hour"], ["--month", time.strftime("%Y-%m", time.gmtime(now))]):
            with named(argv):
                shown = self.exit("usage", *argv, "--json")
                found = {row["exit"]: (row["cost"], row["currency"]) for row in shown.json}
                self.assertEqual(found, {"rack-1": ("5.00", "EUR"), "bought": (None, "EUR")})
        table = self.exit("usage")
        self.assertIn("together 5.00 EUR; what 1 more cost is not known\n", table.err)
        self.assertEqual(table.rows[1][-2:], ["GB", "-"])
        self.assertEqual(self.exit("usage", "--month", "2024-01", "--json").json, [])
        self.misused("exit", "usage", "--month", "2024-13")
        self.misused("exit", "usage", "--month", "2024-01", "--span", "month")
