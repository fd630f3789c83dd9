"""A daemon on the store of the first version: whoever was known then is served now."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import psycopg2
from twisted.trial.unittest import SynchronousTestCase

from meshd.store.migrate import shipped
from tests.live.raw import Raw
from tests.store.formerly import NEWEST, PASSWORD, TOKEN, released
from tests.support.daemon import LiveDaemon
from tests.support.load import Credential, basic, bearer
from tests.support.stores import postgres_url


class UpgradedTests(SynchronousTestCase):
    kind = "sqlite"

    def daemon(self) -> LiveDaemon:
        """Not started; with an empty store."""
        return LiveDaemon(self, start=False)

    def load(self, daemon: LiveDaemon, file: Path) -> None:
        daemon.data_dir.mkdir(mode=0o700)
        path = daemon.data_dir / "meshd.sqlite3"
        database = sqlite3.connect(path)
        database.executescript(file.read_text())
        database.close()
        os.chmod(path, 0o600)

    def passes(self, daemon: LiveDaemon, who: Credential) -> None:
        raw = Raw(self, daemon.proxy_port)
        raw.send(
            b"GET http://meshd.internal/ HTTP/1.1\r\nHost: meshd.internal\r\nConnection: close\r\n" + who.line + b"\r\n"
        )
        said = raw.rest()
        self.assertIn(b" 200 ", said.partition(b"\r\n")[0])
        self.assertIn(who.account.encode(), said)

    def test_the_first_and_the_newest_that_are_out(self) -> None:
        """By password, by a sub-account's, by token; and what is made now has a number of its own."""
        for number in (1, NEWEST):
            daemon = self.daemon()
            self.load(daemon, released(self.kind)[number])
            self.assertEqual(daemon.cli("migrate")["applied"], [each.name for each in shipped()[number:]])
            daemon.start()
            for who in (
                basic("alice", "alice", PASSWORD),
                basic("kid", "kid", PASSWORD),
                bearer("alice", TOKEN),
                basic("new", "new", daemon.account("new")),
            ):
                self.passes(daemon, who)
            self.assertIn("kid", {each["username"] for each in daemon.cli("account", "list")})
            self.assertEqual(0, daemon.terminate())


class PostgresUpgradedTests(UpgradedTests):
    kind = "postgres"

    def daemon(self) -> LiveDaemon:
        self.url = postgres_url(self)  # type: ignore[arg-type]
        return LiveDaemon(self, store=self.url, start=False)

    def load(self, daemon: LiveDaemon, file: Path) -> None:
        connection = psycopg2.connect(self.url)
        with connection, connection.cursor() as cursor:
            cursor.execute(file.read_text())
        connection.close()
