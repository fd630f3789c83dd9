"""The command works on what the daemon of the folder works on, whatever that was started with."""

from __future__ import annotations

import json
import os
import stat
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.open import BlockingStore
from meshd.store.statements import accounts
from tests.live.raw import Raw, basic
from tests.support.daemon import CommandError, LiveDaemon
from tests.support.stores import postgres_url


class FoundSettingsTests(SynchronousTestCase):
    def bare(self, daemon: LiveDaemon, *argv: str) -> Any:
        """A command that is told the folder alone."""
        file, daemon.config_file = daemon.config_file, None
        try:
            return daemon.cli(*argv)
        finally:
            daemon.config_file = file

    def test_a_store_that_only_a_flag_names(self) -> None:
        """While the daemon runs and when it has ended; no other store comes to be."""
        daemon = LiveDaemon(self, config=None, arguments=["--store", "sqlite:///elsewhere.sqlite3"])
        self.bare(daemon, "account", "create", "anna")
        self.assertEqual(self.names(f"sqlite:///{daemon.folder}/elsewhere.sqlite3"), ["admin", "anna"])
        shown = {row["key"]: (row["value"], row["origin"]) for row in self.bare(daemon, "config", "show")}
        self.assertEqual(
            shown["store.url"], (f"sqlite:///{daemon.folder}/elsewhere.sqlite3", "flag --store of the daemon")
        )
        self.assertEqual(shown["proxies.local.listen"], (f"tcp:{daemon.proxy_port}", "flag --proxy of the daemon"))
        self.assertEqual(daemon.terminate(), 0)
        self.bare(daemon, "account", "create", "bert")
        self.assertEqual(self.names(f"sqlite:///{daemon.folder}/elsewhere.sqlite3"), ["admin", "anna", "bert"])
        self.assertNotIn("meshd.sqlite3", os.listdir(daemon.data_dir))

    def test_a_proxy_that_only_the_daemons_file_names(self) -> None:
        """The file is found; one that the command names itself goes before it."""
        daemon = LiveDaemon(self, config="", start=False)
        daemon.configure(f'[proxies.us]\nlisten = ["tcp:{daemon.proxy_port}"]\n')
        daemon.start()
        password = daemon.account("anna")
        self.assertEqual([row["proxy"] for row in self.bare(daemon, "proxy", "list", "anna")], ["us"])
        self.assertEqual(self.bare(daemon, "config", "check")["file"], str(daemon.config_file))
        self.assertTrue(self.bare(daemon, "reload")["reloaded"])
        self.assertEqual(Raw(self, daemon.proxy_port).get("http://meshd.internal/", basic("anna", password)), 200)
        other = daemon.folder / "other.toml"
        other.write_text("[proxies.them]\n")
        self.assertEqual([row["proxy"] for row in self.bare(daemon, "--config", str(other), "proxy", "list")], ["them"])
        error = self.assertRaises(CommandError, self.bare, daemon, "--config", str(other), "reload")
        self.assertIn(f"the daemon reads {daemon.config_file}, and not {other}", error.err)

    def test_a_password_of_the_store_is_kept_nowhere(self) -> None:
        """The command says what it lacks, and takes no other store for the daemon's."""
        url = postgres_url(self)
        secret = url.replace("@", ":s3cret-of-it@", 1) if "@" in url else url + "&password=s3cret-of-it"
        daemon = LiveDaemon(self, config=None, environ={"MESHD_STORE_URL": secret})
        told = daemon.data_dir / "meshd.run"
        self.assertEqual(stat.S_IMODE(told.stat().st_mode), 0o600)
        self.assertNotIn("s3cret", told.read_text())
        self.assertIn("store.url", json.loads(told.read_text())["given"])
        error = self.assertRaises(CommandError, self.bare, daemon, "account", "list")
        self.assertIn("set MESHD_STORE_URL", error.err)
        self.assertTrue(self.bare(daemon, "reload")["reloaded"])

    def names(self, url: str) -> list[str]:
        store = BlockingStore(url)
        try:
            return [account.username for account in store.run(accounts.page, 0, 10)]
        finally:
            store.close()
