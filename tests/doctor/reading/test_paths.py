"""The files of an installation, as they are found."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.config import load
from meshd.doctor.reading import paths


class LogTests(SynchronousTestCase):
    def test_every_log_is_looked_at(self) -> None:
        """Wherever the settings put it."""
        folder = Path(tempfile.mkdtemp(prefix="meshd-doctor-"))
        self.addCleanup(shutil.rmtree, folder)
        logs = {str(folder / f"{name}.txt") for name in ("exchanges", "requests", "changes")}
        file = folder / "meshd.toml"
        file.touch(mode=0o600)
        file.write_text("[log]\n" + "".join(f'{Path(each).stem} = "{each}"\n' for each in logs))
        for each in logs:
            Path(each).touch(mode=0o600)
        found = paths.files(load({"config": str(file)}, {}, cwd=folder), "", 0, runs=False)
        self.assertLessEqual(logs, {each.path for each in found.inside if each.written})
