"""The change log of a real daemon: each change once, whatever way it came, and found again by its request's id."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support import stores
from tests.support.daemon import LiveDaemon, until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def lines(daemon: LiveDaemon, name: str) -> list[dict[str, Any]]:
    path = daemon.data_dir / name
    return [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []


class Cases:
    """On either store."""

    daemon: LiveDaemon

    def ask(self: Any, path: str, *words: str) -> str:
        curl = ["curl", "-sk", "-u", f"anna:{self.password}", *words, f"{self.daemon.api}{path}"]
        return subprocess.run(curl, capture_output=True, text=True, timeout=60, check=True).stdout

    def changes(self: Any, count: int) -> list[dict[str, Any]]:
        """Once there are so many."""
        return until(
            lambda: len(found := lines(self.daemon, "changes.log")) >= count and found, f"{count} changes", 30.0
        )

    def test_each_change_is_one_line(self: Any) -> None:
        """By the command, by the API, by a reload; and a restart neither leaves out nor repeats one."""
        self.password = self.daemon.account("anna")
        self.assertIn("93.184.215.14", self.ask("/api/ip/add/", "-d", "ip=93.184.215.14", "-H", "X-Request-Id: mine"))
        self.ask("/api/ip/add/", "-d", "ip=93.184.215.15", "-H", f"traceparent: 00-{TRACE}-00f067aa0ba902b7-01")
        self.ask("/api/ip/add/", "-d", "ip=93.184.215.16")
        create, *added = self.changes(4)
        self.assertEqual((create["action"], create["way"], create["account"]), ("account.create", "cli", "anna"))
        self.assertTrue(create["actor"].startswith("operator"))
        self.assertEqual([each["actor"] for each in added], ["anna"] * 3)
        self.assertEqual([each["way"] for each in added], ["api"] * 3)
        asked = until(lambda: len(found := lines(self.daemon, "requests.log")) >= 3 and found)
        self.assertEqual([each["request"] for each in added], [each["request"] for each in asked])
        self.assertEqual([each["request"] for each in asked][:2], ["mine", TRACE])
        self.assertEqual([each.get("trace") for each in asked], [None, TRACE, None])
        self.daemon.reload("[timeouts]\nhead = 11\n")
        *_, reload = self.changes(5)
        self.assertEqual((reload["way"], reload["changed"]), ("reload", {"timeouts.head": ["10", "11"]}))
        self.daemon.terminate()
        self.daemon.cli("account", "set", "anna", "--plan", "20")
        self.daemon.start()
        found = [each["id"] for each in self.changes(6) if "id" in each]
        self.assertEqual(len(set(found)), 5, found)
        self.assertEqual(len(found), 5, found)
        self.daemon.kill()
        self.daemon.cli("account", "set", "anna", "--plan", "50")
        self.daemon.start()
        self.ask("/api/ip/add/", "-d", "ip=93.184.215.17")
        found = [each["id"] for each in self.changes(8) if "id" in each]
        self.assertEqual(sorted(set(found)), sorted(found))
        self.assertNotIn(self.password, (self.daemon.data_dir / "changes.log").read_text())

    def test_a_file_that_was_moved_away_is_begun_anew(self: Any) -> None:
        self.daemon.account("anna")
        self.changes(1)
        path = self.daemon.data_dir / "changes.log"
        path.rename(f"{path}.1")
        self.daemon.reload()
        self.daemon.account("bert")
        until(lambda: [each.get("account") for each in lines(self.daemon, "changes.log")] == ["bert"])
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)


class SQLiteTests(Cases, SynchronousTestCase):
    def setUp(self) -> None:
        assert shutil.which("curl")
        self.daemon = LiveDaemon(self)


class PostgresTests(Cases, SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = LiveDaemon(self, store=stores.postgres_url(self))
