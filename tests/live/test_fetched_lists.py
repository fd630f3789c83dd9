"""A daemon whose exits come from a seller's server: at the start, as they change, and while the server misbehaves."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, until
from tests.support.listserver import ListServer
from tests.support.origin import RecordingOrigin
from tests.support.places import write_places

SECRETS = ("s3cret", "p@ss", "p%40ss")


class FetchedListTests(SynchronousTestCase):
    """The list is the operator's own, as its exits are addresses of this machine."""

    workers = 1

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="meshd-fetched-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.server = ListServer(self.folder)
        self.addCleanup(self.server.close)
        self.server.text = b"127.0.0.2\n"
        write_places(self.folder / "places.mmdb", {"127.0.0.0/29": {"country_code": "DE"}})
        self.daemon = LiveDaemon(self, self.settings(), start=False)
        self.daemon.start()
        self.anna = basic("anna", self.daemon.account("anna"))
        self.comes("127.0.0.2")

    def settings(self, **given: object) -> str:
        keys: dict[str, object] = {"url": self.server.url(), "ca": str(self.server.ca), "every": 60, "private": True}
        rows = "".join(f"{key} = {json.dumps(value)}\n" for key, value in (keys | given).items())
        return f'workers = {self.workers}\nplaces_from = ["{self.folder}/places.mmdb"]\n[exit_lists.seller]\n{rows}'

    def facts(self) -> dict[str, str]:
        raw = Raw(self, self.daemon.proxy_port)
        head = b"GET http://meshd.internal/ HTTP/1.1\r\nHost: meshd.internal\r\nConnection: close\r\n"
        raw.send(head + self.anna + b"\r\n")
        body = raw.rest().partition(b"\r\n\r\n")[2]
        raw.close()
        return dict(json.loads(body)) if body.startswith(b"{") else {}

    def comes(self, address: str) -> None:
        """Until every process uses it: the kernel gives each of so many connections to any of them."""
        times = 1 if self.workers == 1 else 16
        until(lambda: [self.facts().get("exit") for _ in range(times)] == [address] * times, f"{address} is used")

    def state(self) -> dict[str, Any]:
        _, out, _ = self.daemon.run_cli("exit", "lists", "--json")
        return dict(json.loads(out)[0])

    def refresh(self) -> tuple[int, str, str]:
        return self.daemon.run_cli("exit", "refresh", "seller")

    def nothing_told(self) -> None:
        """Neither by the log, nor by a command, nor in a file but the settings."""
        shown = self.daemon.log_text() + str(self.daemon.run_cli("config", "show"))
        shown += str(self.daemon.run_cli("exit", "list")) + str(self.state())
        for secret in SECRETS:
            self.assertNotIn(secret, shown)

    def test_a_life(self) -> None:
        """Fetched at the start, found in a country, refreshed, kept while the server fails, used after a restart."""
        echo = RecordingOrigin(self, raw="echo")
        tunnel = Raw(self, self.daemon.proxy_port)
        self.assertEqual(tunnel.tunnel(echo.authority, self.anna), 200)
        (row,) = json.loads(self.daemon.run_cli("exit", "list", "--json")[1])
        self.assertEqual((row["address"], row["country"], row["found"]), ("127.0.0.2", "DE", ["country"]))
        self.server.text = b"127.0.0.3\n"
        self.assertEqual(self.refresh()[0], 0)
        self.comes("127.0.0.3")
        self.assertTrue(tunnel.echoes())
        asked = len(self.server.requests)
        self.assertEqual((self.refresh()[0], self.state()["exits"]), (0, 1))
        self.assertIn("if-none-match", self.server.requests[asked][1])
        for text, status, why in (
            (b"", 200, "the list is empty"),
            (b"<html>", 200, "no line that is an"),
            (b"x", 500, "500"),
        ):
            self.server.text, self.server.status = text, status
            code, out, err = self.refresh()
            self.assertEqual((code, err), (1, "meshd: not taken: seller\n"))
            self.assertIn(why, out)
            self.assertIn(why, self.state()["error"])
            self.assertEqual(self.state()["exits"], 1)
        self.assertIn(
            "list seller: the server answers 500; the last one is of ", self.daemon.run_cli("exit", "list")[2]
        )
        self.daemon.terminate()
        self.server.close()
        self.daemon.start()
        self.daemon.wait_for_log(
            "the list of exits seller was not taken, the last one stays: its server cannot be reached"
        )
        self.comes("127.0.0.3")
        self.nothing_told()

    def test_a_stranger_inside(self) -> None:
        """Without `private` neither the server is asked nor are its exits used, which are of this machine."""
        self.daemon.configure(self.settings(private=False) + "[destinations]\nallow = []\n")
        self.daemon.reload()
        code, out, _ = self.refresh()
        self.assertEqual(code, 1)
        self.assertIn("its server is where customers may not go (acl-private): say private = true", out)
        self.assertIsNone(self.facts()["exit"])
        self.nothing_told()


class WorkersTests(FetchedListTests):
    """One process fetches, and all serve what has come."""

    workers = 2

    def test_one_process_fetches(self) -> None:
        self.assertEqual(len(self.server.requests), 1)
