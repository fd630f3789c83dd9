"""The examples of the manual's pages, run against a daemon; each page in a daemon and a shell of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon
from tests.support.manual import ROOT, examples, matches

MESHD = f"""#!/bin/sh
exec {sys.executable} -m meshd.cli.main "$@"
"""


class ManualTests(SynchronousTestCase):
    """What a page shows is what happens."""

    def test_the_page_about_the_api(self) -> None:
        """Every route, and the mistakes that one can make with them."""
        self._follow("docs/api.md")

    def _follow(self, name: str) -> None:
        """Ports are the daemon's own where the page has the usual ones."""
        for program in ("curl", "bash"):
            if shutil.which(program) is None:
                raise unittest.SkipTest(f"there is no {program} on this machine")
        daemon = LiveDaemon(self, None)
        before = ""
        for example in examples((ROOT / name).read_text()):
            commands, shown = (self._here(daemon, text) for text in example)
            printed = self._run(daemon, f"{before}\n{commands}")
            if shown:
                self.assertTrue(matches(shown, printed), f"{commands}\nprinted:\n{printed}")
            else:
                before += "".join(re.findall(r"^\w+=.*\n", commands, re.MULTILINE))

    def _here(self, daemon: LiveDaemon, text: str) -> str:
        return text.replace("8443", str(daemon.api_port)).replace("31280", str(daemon.proxy_port))

    def _run(self, daemon: LiveDaemon, script: str) -> str:
        command = Path(daemon.folder) / "bin" / "meshd"
        command.parent.mkdir(exist_ok=True)
        command.write_text(MESHD)
        command.chmod(0o755)
        environ = daemon.environ | {"PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-c", script], cwd=daemon.folder, env=environ, capture_output=True, text=True, timeout=60
        )
        return done.stdout + done.stderr
