"""The systemd units in contrib/: they can be read, they expose little, and the manual shows them as they are."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.config.endpoints import BACKLOG
from meshd.topology import Timeouts
from tests.support.manual import ROOT

UNITS = ROOT / "contrib" / "systemd"
SERVICE = UNITS / "meshd.service"


def analyzed(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], check=False, capture_output=True, text=True, timeout=60)


def setting(name: str) -> str:
    found = re.search(rf"^{name}=(.*)$", SERVICE.read_text(), re.MULTILINE)
    assert found is not None, name
    return found[1]


class UnitTests(SynchronousTestCase):
    def test_the_exposure_is_ok(self) -> None:
        """In systemd's own words."""
        outcome = analyzed("security", "--offline=true", str(SERVICE))
        last = outcome.stdout.strip().splitlines()[-1]
        self.assertRegex(last, r"Overall exposure level for meshd\.service: [0-9.]+ OK", outcome.stderr)

    def test_systemd_understands_every_line(self) -> None:
        """Of the service with its socket; the programs are those of this environment."""
        folder = Path(tempfile.mkdtemp(prefix="meshd-units-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, folder)
        for unit in UNITS.glob("meshd.*"):
            text = unit.read_text().replace("/opt/meshd/bin/", f"{Path(sys.executable).parent}/")
            (folder / unit.name).write_text(text)
        outcome = analyzed("verify", *map(str, sorted(folder.iterdir())))
        self.assertEqual((outcome.returncode, outcome.stderr), (0, ""))

    def test_the_manual_shows_them(self) -> None:
        """To the letter."""
        page = (ROOT / "docs" / "restarting.md").read_text()
        for unit in sorted(UNITS.iterdir()):
            self.assertIn(f"```ini\n{unit.read_text()}```\n", page, unit.name)

    def test_times_and_numbers_fit_the_defaults(self) -> None:
        """The time to stop is longer than that to drain; the queue is as long as meshd's own."""
        self.assertGreater(float(setting("TimeoutStopSec")), Timeouts().drain)
        self.assertIn(f"Backlog={BACKLOG}\n", (UNITS / "meshd.socket").read_text())
