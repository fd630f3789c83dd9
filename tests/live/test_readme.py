"""The README as a stranger follows it: a clone, its first command, the line that is printed, and the first hour.

It installs from the package index into an environment of its own, and needs the ports that the README speaks of.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import clean_environment, free_port
from tests.support.manual import ROOT, Block, Example, blocks, examples, matches, tracked
from tests.support.shell import STEP, Examples, Shell

PORTS = (31280, 8443)
INSTALLING = 300.0
WARNING = "plugin cache"


def taken() -> list[int]:
    """Of the ports that the README speaks of."""
    found: list[int] = []
    for port in PORTS:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("::", port))
            except OSError:
                found.append(port)
    return found


def clone(folder: Path) -> None:
    """The project's files, as somebody gets them."""
    for path in tracked():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def environment() -> dict[str, str]:
    """A stranger's: nothing of the environment that runs the tests."""
    mine = {"PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME"}
    kept = {name: value for name, value in clean_environment().items() if name not in mine}
    bare = [part for part in kept["PATH"].split(os.pathsep) if part != str(Path(sys.executable).parent)]
    return kept | {"PATH": os.pathsep.join(bare)}


class ReadmeTests(SynchronousTestCase):
    """One installation serves them all."""

    folder: Path
    daemon: Shell
    page: str

    @classmethod
    def setUpClass(cls) -> None:
        busy = taken()
        if busy:
            raise unittest.SkipTest(f"port {busy[0]} is taken on this machine")
        for program in ("curl", "bash", "awk"):
            if shutil.which(program) is None:
                raise unittest.SkipTest(f"there is no {program} on this machine")
        cls.page = (ROOT / "README.md").read_text()
        cls.folder = Path(tempfile.mkdtemp(prefix="meshd-readme-", dir="/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        clone(cls.folder)
        cls.daemon = Shell(["bash", "-c", marked(cls.page, "start").text], cls.folder, environment())
        cls.addClassCleanup(cls.daemon.close)
        at = cls.daemon.wait_for("try it: ", 0, INSTALLING)
        # pip speaks first where an index of the machine's own gives it something to warn of.
        first = next(place for place, line in enumerate(cls.daemon.lines) if line.startswith("proxy "))
        cls.announced = "".join(cls.daemon.lines[first : at + 1])
        cls.daemon.wait_for("API on ", 0, STEP)
        cls.typed = Examples(cls.folder, environment())
        cls.addClassCleanup(cls.typed.close)

    def test_the_first_command_announces_what_is_shown(self) -> None:
        """Before its log begins: where it listens, the password, the line to try."""
        shown = after(self.page, marked(self.page, "start"))
        self.assertTrue(matches(shown.text, self.announced), self.announced)

    def test_the_printed_line_works_when_pasted(self) -> None:
        """Offline too, since meshd answers that name itself."""
        line = self.announced.splitlines()[-1].removeprefix("try it: ")
        shown = after(self.page, after(self.page, marked(self.page, "start")))
        printed = self.typed.run(line.replace("curl", "curl -s", 1))  # no progress: its output is a pipe here
        self.assertTrue(matches(shown.text, printed), printed)

    def test_the_first_hour(self) -> None:
        """Every example, in its order, in one shell, prints what is shown."""
        for example in examples(self.page):
            self._follow(example)

    def _follow(self, example: Example) -> None:
        printed = self.typed.run(example.commands)
        self.assertTrue(matches(example.output, printed), f"{example.commands}\nprinted:\n{printed}")

    def test_whoever_may_not_write_to_the_environment_gets_no_warning(self) -> None:
        """After `python -m meshd.daemon.plugincache`, and not before."""
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root can become somebody else")
        python = self._python_of_nobody()
        for cache in self.folder.glob(".venv/lib/python3*/site-packages/twisted/plugins/dropin.cache"):
            cache.unlink()
        self.assertIn(WARNING, self._start_as_nobody(python))
        subprocess.run([self.folder / ".venv/bin/python", "-m", "meshd.daemon.plugincache"], cwd="/", check=True)
        self.assertNotIn(WARNING, self._start_as_nobody(python))

    def _python_of_nobody(self) -> list[str]:
        """An interpreter that nobody may run, with the packages of the environment."""
        self.folder.chmod(0o755)
        (packages,) = self.folder.glob(".venv/lib/python3*/site-packages")
        version = packages.parent.name
        for python in (self.folder / ".venv/bin/python", Path("/usr/bin") / version, Path("/usr/local/bin") / version):
            try:
                done = subprocess.run([python, "-c", ""], cwd="/", user="nobody", extra_groups=[], check=False)
            except OSError:
                continue
            if done.returncode == 0:
                return ["env", f"PYTHONPATH={packages}", "PYTHONDONTWRITEBYTECODE=1", str(python)]
        raise unittest.SkipTest(f"nobody may not run any {version} of this machine")

    def _start_as_nobody(self, python: list[str]) -> str:
        """All that a daemon says until it listens."""
        folder = Path(tempfile.mkdtemp(prefix="meshd-nobody-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
        flags = ["--proxy", f"tcp:{free_port()}", "--api", f"tcp:{free_port()}"]
        run = "from twisted.scripts.twistd import run; run()"
        shell = Shell(
            [*python, "-c", run, "--nodaemon", "--pidfile=", "meshd", *flags], folder, environment(), user="nobody"
        )
        try:
            shell.wait_for("API on ", 0, STEP)
        finally:
            shell.close()
        return "".join(shell.lines)


def marked(page: str, mark: str) -> Block:
    (found,) = (block for block in blocks(page) if block.mark == mark)
    return found


def after(page: str, block: Block) -> Block:
    """The block that follows this one."""
    found = blocks(page)
    return found[found.index(block) + 1]
