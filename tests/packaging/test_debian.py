"""What the Debian package has besides the program."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.config import load
from meshd.config.table import SETTINGS
from tests.support.manual import ROOT

DEBIAN = ROOT / "contrib" / "debian"


class SettingsTests(SynchronousTestCase):
    """/etc/meshd.toml."""

    def _load(self, text: str) -> object:
        folder = Path(tempfile.mkdtemp(prefix="meshd-settings-"))
        self.addCleanup(shutil.rmtree, folder)
        file = folder / "meshd.toml"
        file.touch(mode=0o600)
        file.write_text(text)
        return load({"config": str(file)}, {}, cwd=folder)

    def test_it_is_taken_as_it_comes(self) -> None:
        """And says where the data is, so that the command finds it too."""
        self.assertEqual(str(self._load((DEBIAN / "meshd.toml").read_text()).data_dir), "/var/lib/meshd")

    def test_its_examples_are_taken(self) -> None:
        """All together, with the certificate that they speak of left to the daemon."""
        text = re.sub(r"(?m)^#(?! )", "", (DEBIAN / "meshd.toml").read_text())
        config = self._load(re.sub(r"(?m)^(certificate|key) = .*\n", "", text))
        self.assertEqual([exit.name for exit in config.topology.exits], ["rack-1", "bought-1"])


class RotationTests(SynchronousTestCase):
    """/etc/logrotate.d/meshd."""

    def test_every_log_is_rotated(self) -> None:
        """Wherever it is by default, as operating.md has it too."""
        logs = [each for each in SETTINGS if each.key.startswith("log.") and str(each.default).endswith(".log")]
        paths = [str(each.default).format(data_dir="/var/lib/meshd") for each in logs]
        first = f"{' '.join(paths)} {{"
        self.assertGreater(len(paths), 2)
        self.assertEqual((DEBIAN / "meshd.logrotate").read_text().splitlines()[0], first)
        self.assertIn(f"\n{first}\n", (ROOT / "docs" / "operating.md").read_text())


class ManualTests(SynchronousTestCase):
    """docs/installing.md."""

    def test_it_names_no_version(self) -> None:
        """Which would be another one with the next release."""
        page = (ROOT / "docs" / "installing.md").read_text()
        self.assertEqual(set(re.findall(r"meshd_[^ `]*deb", page)), {"meshd_VERSION-1_ARCH.deb"})


class ScriptTests(SynchronousTestCase):
    """What dpkg runs as root."""

    def test_shells_understand_them(self) -> None:
        """With debhelper's part still a comment."""
        for name in ("meshd.postinst", "meshd.prerm", "meshd.postrm", "meshd.command"):
            text = (DEBIAN / name).read_text()
            done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
            self.assertEqual((done.stderr, done.returncode), ("", 0), name)
            if name != "meshd.command":
                self.assertIn("\nset -e\n", text)
                self.assertIn("\n#DEBHELPER#\n", text)

    def test_the_command_has_the_home_of_whom_it_becomes(self) -> None:
        """Where libpq looks for a password; the settings stay those that were asked for."""
        folder = Path(tempfile.mkdtemp(prefix="meshd-command-"))
        self.addCleanup(shutil.rmtree, folder)
        for name, line in (("id", "echo 0"), ("setpriv", 'echo "$HOME $MESHD_CONFIG" "$@"')):
            (folder / name).write_text(f"#!/bin/sh\n{line}\n")
            (folder / name).chmod(0o755)
        done = subprocess.run(
            ["/bin/sh", DEBIAN / "meshd.command", "node", "list"],
            env={"PATH": str(folder), "HOME": "/root", "MESHD_CONFIG": "/etc/other.toml"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        self.assertIn("--home /var/lib/meshd ", (DEBIAN / "meshd.postinst").read_text())
        self.assertTrue(done.stdout.startswith("/var/lib/meshd /etc/other.toml --reuid=meshd "), done.stdout)
        self.assertTrue(done.stdout.endswith(" node list\n"), done.stdout)

    def test_nothing_but_an_empty_data_folder_is_ever_removed(self) -> None:
        """Whatever dpkg is told."""
        for name in ("meshd.prerm", "meshd.postrm"):
            for line in (DEBIAN / name).read_text().splitlines():
                if "/var/lib/meshd" in line:
                    self.assertRegex(line.strip(), r"^(if \[ -[de] |rmdir --ignore-fail-on-non-empty |echo |#)")
