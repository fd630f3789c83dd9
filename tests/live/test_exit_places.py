"""A daemon that is told by a database where its exits are, and measures how fast they are."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin
from tests.support.places import write_places


class ExitPlaceTests(SynchronousTestCase):
    workers = 1

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="meshd-places-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.place(first="DE", second="FR")
        self.origin = RecordingOrigin(self)
        self.daemon = LiveDaemon(self, self.settings())
        self.password = self.daemon.account("anna")

    def place(self, first: str, second: str) -> None:
        found = {"127.0.0.2/32": {"country_code": first}, "127.0.0.3/32": {"country_code": second}}
        write_places(self.folder / "places.mmdb", found)

    def settings(self) -> str:
        exits = "".join(f'[[exits]]\nname = "e{n}"\nkind = "local"\naddress = "127.0.0.{n}"\n' for n in (2, 3))
        probes = f'[probes]\nurl = "{self.origin.url("/status/204")}"\nevery = 1\n'
        proxies = '[proxies.local]\nrotation = "fastest"\n'
        return f'workers = {self.workers}\nplaces_from = ["{self.folder}/places.mmdb"]\n{exits}{probes}{proxies}'

    def exit_in(self, country: str) -> str:
        """Where somebody leaves who asks for a country."""
        raw = Raw(self, self.daemon.proxy_port)
        head = b"GET http://meshd.internal/ HTTP/1.1\r\nHost: meshd.internal\r\nConnection: close\r\n"
        raw.send(head + basic(f"anna-country-{country}", self.password) + b"\r\n")
        body = raw.rest().partition(b"\r\n\r\n")[2]
        return str(json.loads(body).get("exit") or "") if body.startswith(b"{") else ""

    def all_in(self, country: str, address: str) -> None:
        """By every worker."""
        until(lambda: {self.exit_in(country) for _ in range(6)} == {address}, f"{country} is {address}")

    def rows(self) -> list[dict[str, Any]]:
        return list(json.loads(self.daemon.run_cli("exit", "list", "--json")[1]))

    def test_places(self) -> None:
        """Customers choose by what the database says; a new one is taken, and a damaged one is not."""
        self.all_in("de", "127.0.0.2")
        self.all_in("fr", "127.0.0.3")
        self.assertEqual(self.exit_in("jp"), "")
        self.assertEqual(
            [(row["country"], row["found"]) for row in self.rows()], [("DE", ["country"]), ("FR", ["country"])]
        )
        self.place(first="FR", second="JP")
        self.all_in("jp", "127.0.0.3")
        self.all_in("fr", "127.0.0.2")
        (self.folder / "places.mmdb").write_bytes(b"junk" * 1000)
        line = self.daemon.wait_for_log("what was read of it before is in use")
        self.assertIn("is no database of places (mmdb), or is damaged: fetch it again", line)
        self.assertIn("settings were not reloaded", self.daemon.reload())
        self.all_in("jp", "127.0.0.3")

    def test_latencies(self) -> None:
        """Told by the command once probes have measured them; requests find exits before that and after."""
        self.all_in("de", "127.0.0.2")
        until(lambda: all(row["latency_ms"] is not None for row in self.rows()), "latencies are told")
        self.all_in("de", "127.0.0.2")
        self.assertRegex(self.daemon.run_cli("exit", "list")[1], r"e2 .* \d+ ms +up\n")


class WorkersTests(ExitPlaceTests):
    workers = 2
