"""The examples of the manual's pages, run against a daemon; each page in a daemon and a shell of its own."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import sys
import tempfile
import unittest
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.manual import ROOT, blocks, examples, matches
from tests.support.origin import RecordingOrigin
from tests.support.shell import Examples

MESHD = f"""#!/bin/sh
exec {sys.executable} -m meshd.cli.main "$@"
"""


class ManualTests(SynchronousTestCase):
    """What a page shows is what happens."""

    def test_the_page_about_the_api(self) -> None:
        """Every route, and the mistakes that one can make with them."""
        self._follow("docs/api.md")

    def test_the_page_about_the_operators_api(self) -> None:
        """The life of a customer, by JSON alone."""
        self._follow("docs/admin.md")

    def test_the_page_about_selling(self) -> None:
        """From the offer to the invoice, and what a payment processor tells."""
        page = (ROOT / "docs/selling.md").read_text()
        (settings,) = [block.text for block in blocks(page) if block.language == "toml"]
        folder = Path(tempfile.mkdtemp(prefix="meshd-manual-"))
        self.addCleanup(shutil.rmtree, folder)
        (folder / "payments.secret").write_text("0123456789abcdef\n")
        (folder / "payments.secret").chmod(0o600)
        ports = f'gateway = ["tcp:{free_port()}"]\nsocks = ["tcp:{free_port()}"]\n'
        self._follow("docs/selling.md", settings + ports, folder)

    def test_the_page_about_proxyhats_dialect(self) -> None:
        """An operator's first hour with it."""
        gateway, socks = free_port(), free_port()
        self._follow(
            "docs/proxyhat.md",
            ports={"8080": str(gateway), "1080": str(socks)},
            MESHD_V1_REGISTRATION="invite",
            MESHD_V1_GATEWAY=f"tcp:{gateway}:interface=127.0.0.1",
            MESHD_V1_SOCKS=f"tcp:{socks}:interface=127.0.0.1",
        )

    def test_the_page_about_published_hosts(self) -> None:
        """Signing in, a token, a host's life, the audit log."""
        port = free_port()
        self._follow(
            "docs/hosts.md",
            ports={":81/": f":{port}/"},
            MESHD_HOSTS_LISTEN=f"tcp:{port}:interface=127.0.0.1",
            MESHD_HOSTS_HTTP=f"tcp:{free_port()}",
            MESHD_HOSTS_HTTPS=f"tcp:{free_port()}",
        )

    def _follow(
        self,
        name: str,
        config: str | None = None,
        folder: Path | None = None,
        ports: Mapping[str, str] = MappingProxyType({}),
        **more: str,
    ) -> None:
        """Ports are the daemon's own where the page has the usual ones, and the page's site is here."""
        for program in ("curl", "bash"):
            if shutil.which(program) is None:
                raise unittest.SkipTest(f"there is no {program} on this machine")
        origin = RecordingOrigin()
        self.addCleanup(origin.close)
        settings = {"MESHD_DESTINATIONS_ALLOW": f"127.0.0.1:{origin.port}", "MESHD_LIMITS_FLUSH_SECONDS": "0.05"}
        daemon = LiveDaemon(self, config, environ=settings | more, folder=folder)
        typed = Examples(daemon.folder, self._environment(daemon))
        self.addCleanup(typed.close)
        places = {
            "8443": str(daemon.api_port),
            "31280": str(daemon.proxy_port),
            "origin.example": "127.0.0.1",
            "8000": str(origin.port),
            "meshd-data": str(daemon.data_dir),
            **ports,
        }
        for example in examples((ROOT / name).read_text()):
            commands, shown = (_moved(text, places) for text in example)
            if "/api/activity/" in commands:
                until(lambda: _exchanges(daemon) >= 2, "both in the store")  # they are brought there once a second
            if "-ttl-30m" in commands:
                until(lambda commands=commands: "509" not in typed.run(commands), "the top-up holds")  # type: ignore[misc]
            printed = typed.run(commands)
            self.assertTrue(not shown or matches(shown, printed), f"{commands}\nprinted:\n{printed}")

    def _environment(self, daemon: LiveDaemon) -> dict[str, str]:
        """With a `meshd` of this tree, whether or not it is installed."""
        command = daemon.folder / "bin" / "meshd"
        command.parent.mkdir()
        command.write_text(MESHD)
        command.chmod(0o755)
        return daemon.environ | {"PATH": f"{command.parent}{os.pathsep}{daemon.environ['PATH']}"}


def _exchanges(daemon: LiveDaemon) -> int:
    with contextlib.closing(sqlite3.connect(daemon.data_dir / "meshd.sqlite3")) as database:
        count: int = database.execute("SELECT count(*) FROM activity").fetchone()[0]
        return count


def _moved(text: str, places: Mapping[str, str]) -> str:
    return re.sub("|".join(map(re.escape, places)), lambda found: places[found[0]], text)
