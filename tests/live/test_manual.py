"""The examples of the manual's pages, run against a daemon; each page in a daemon and a shell of its own."""

from __future__ import annotations

import os
import shutil
import sys
import unittest

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon
from tests.support.manual import ROOT, examples, matches
from tests.support.shell import Examples

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
        typed = Examples(daemon.folder, self._environment(daemon))
        self.addCleanup(typed.close)
        for example in examples((ROOT / name).read_text()):
            commands, shown = (self._here(daemon, text) for text in example)
            printed = typed.run(commands)
            self.assertTrue(not shown or matches(shown, printed), f"{commands}\nprinted:\n{printed}")

    def _here(self, daemon: LiveDaemon, text: str) -> str:
        return text.replace("8443", str(daemon.api_port)).replace("31280", str(daemon.proxy_port))

    def _environment(self, daemon: LiveDaemon) -> dict[str, str]:
        """With a `meshd` of this tree, whether or not it is installed."""
        command = daemon.folder / "bin" / "meshd"
        command.parent.mkdir()
        command.write_text(MESHD)
        command.chmod(0o755)
        return daemon.environ | {"PATH": f"{command.parent}{os.pathsep}{daemon.environ['PATH']}"}
