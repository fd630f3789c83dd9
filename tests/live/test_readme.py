"""The README as a stranger follows it: a clone, its first command, the line that is printed, and the first hour.

It installs from the package index into an environment of its own, and needs the ports that the README speaks of.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import clean_environment, free_port
from tests.support.manual import ROOT, Block, Example, blocks, examples, matches, tracked

PORTS = (31280, 8443)
INSTALLING = 300.0
STEP = 60.0
MARK = "an-example-has-ended"
WARNING = "plugin cache"


def taken() -> list[int]:
    """Of the ports that the README speaks of."""
    found = []
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


class Shell:
    """A process whose output is read line by line while it runs; ended with all that it began."""

    def __init__(self, command: Sequence[str], cwd: Path, *, user: str | None = None) -> None:
        self.lines: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment() | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            user=user,
            extra_groups=[] if user else None,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            with self._news:
                self.lines.append(line)
                self._news.notify_all()

    def wait_for(self, wanted: str, since: int, deadline: float) -> int:
        """The position of the first line from since on with this in it.  AssertionError with what came instead."""
        end = time.monotonic() + deadline
        with self._news:
            while True:
                for at, line in enumerate(self.lines[since:], since):
                    if wanted in line:
                        return at
                if time.monotonic() > end or not self._reader.is_alive():
                    raise AssertionError(f"no {wanted!r} within {deadline} s:\n{''.join(self.lines[since:])}")
                self._news.wait(0.2)

    def type(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def close(self) -> None:
        """Its whole group, which it leads."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._reader.join(5)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


class Examples:
    """One bash that carries out example after example, as a reader does who types them in."""

    def __init__(self, cwd: Path) -> None:
        self.shell = Shell(["bash", "--norc"], cwd)

    def run(self, commands: str) -> str:
        """What they print, errors included."""
        since = len(self.shell.lines)
        self.shell.type(f"{commands}\nprintf '\\n{MARK}\\n'\n")
        at = self.shell.wait_for(MARK, since, STEP)
        return "".join(self.shell.lines[since:at])


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
        cls.daemon = Shell(["bash", "-c", marked(cls.page, "start").text], cls.folder)
        cls.addClassCleanup(cls.daemon.close)
        at = cls.daemon.wait_for("try it: ", 0, INSTALLING)
        cls.announced = "".join(cls.daemon.lines[: at + 1])
        cls.daemon.wait_for("API on ", 0, STEP)
        cls.typed = Examples(cls.folder)
        cls.addClassCleanup(cls.typed.shell.close)

    def test_the_first_command_announces_what_is_shown(self) -> None:
        """Before its log begins: where it listens, the password, the line to try."""
        shown = after(self.page, marked(self.page, "start"))
        self.assertTrue(matches(shown.text, self.announced), self.announced)

    def test_the_printed_line_works_when_pasted(self) -> None:
        """Offline too, since meshd answers that name itself."""
        line = self.announced.splitlines()[-1].removeprefix("try it: ")
        shown = after(self.page, after(self.page, marked(self.page, "start")))
        done = subprocess.run(["bash", "-c", line], env=environment(), capture_output=True, text=True, timeout=STEP)
        self.assertTrue(matches(shown.text, done.stdout), done.stdout + done.stderr)

    def test_the_first_hour(self) -> None:
        """Every example, in its order, in one shell, prints what is shown."""
        for example in examples(self.page):
            self._follow(example)

    def _follow(self, example: Example) -> None:
        printed = self.typed.run(example.commands)
        self.assertTrue(matches(example.output, printed), f"{example.commands}\nprinted:\n{printed}")

    def test_whoever_may_not_write_to_the_environment_gets_no_warning(self) -> None:
        """After `python -m meshd.plugincache`, and not before."""
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root can become somebody else")
        python = self._python_of_nobody()
        for cache in self.folder.glob(".venv/lib/python3*/site-packages/twisted/plugins/dropin.cache"):
            cache.unlink()
        self.assertIn(WARNING, self._start_as_nobody(python))
        subprocess.run([self.folder / ".venv/bin/python", "-m", "meshd.plugincache"], cwd="/", check=True)
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
        shell = Shell([*python, "-c", run, "--nodaemon", "--pidfile=", "meshd", *flags], folder, user="nobody")
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
