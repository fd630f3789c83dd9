"""The files of an installation, as they are found."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

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

    def test_every_disk_is_looked_at(self) -> None:
        """That of the data folder, of the store's file and of each log, wherever a link leads; what is not there yet
        stands for what is above.
        """
        folder = Path(tempfile.mkdtemp(prefix="meshd-doctor-"))
        self.addCleanup(shutil.rmtree, folder)
        for name in ("data", "store", "logs", "elsewhere"):
            (folder / name).mkdir(mode=0o700)
        (folder / "logs" / "requests.txt").symlink_to(folder / "elsewhere" / "requests.txt")
        file = folder / "meshd.toml"
        file.touch(mode=0o600)
        file.write_text(
            f'data_dir = "{folder}/data"\n[store]\nurl = "sqlite:///{folder}/store/meshd.sqlite3"\n[log]\n'
            f'exchanges = "{folder}/data/exchanges.txt"\nrequests = "{folder}/logs/requests.txt"\n'
            f'changes = "{folder}/later/on/changes.txt"\n'
        )
        config = load({"config": str(file)}, {}, cwd=folder)
        with mock.patch("meshd.doctor.reading.paths._device", str):
            disks = paths.disks(config)
        wanted = [folder / "data", folder / "elsewhere", folder, folder / "store"]
        self.assertEqual([str(each) for each in wanted], [disk.path for disk in disks])
        self.assertTrue(all(disk.free and disk.files for disk in disks))
        self.assertLessEqual(len(paths.disks(config)), 1, "each once")

    def test_a_log_that_is_no_file(self) -> None:
        """Takes no room where its link leads: a pipe, as /dev/stdout often is, a device; nor does one that leads to
        itself.
        """
        folder = Path(tempfile.mkdtemp(prefix="meshd-doctor-"))
        self.addCleanup(shutil.rmtree, folder)
        (folder / "data").mkdir(mode=0o700)
        (folder / "round.txt").symlink_to(folder / "round.txt")
        read, write = os.pipe()
        for fd in (read, write):
            self.addCleanup(os.close, fd)
        (folder / "pipe.txt").symlink_to(f"/dev/fd/{write}")
        file = folder / "meshd.toml"
        file.touch(mode=0o600)
        file.write_text(
            f'data_dir = "{folder}/data"\n[log]\nexchanges = "{folder}/pipe.txt"\nrequests = "/dev/null"\n'
            f'changes = "{folder}/round.txt"\n'
        )
        config = load({"config": str(file)}, {}, cwd=folder)
        with mock.patch("meshd.doctor.reading.paths._device", str):
            self.assertEqual([disk.path for disk in paths.disks(config)], [str(folder / "data")])
