"""A Debian that systemd has booted, as a container in namespaces of its own whose network is loopback alone."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from tests.support.daemon import at_end_of, until
from tests.support.debian import ENVIRONMENT, BareDebian
from tests.support.shell import Examples

BOOTING = 120.0
ENDING = 30.0


class Booted:
    """Runs from the constructor on, until the test that owns it ends."""

    def __init__(self, owner: Any, system: BareDebian) -> None:
        """system: with `systemd-sysv` installed.  SkipTest where this machine cannot boot one."""
        if shutil.which("systemd-nspawn") is None:
            raise unittest.SkipTest("there is no systemd-nspawn on this machine")
        folder = tempfile.mkdtemp(prefix="meshd-booted-", dir="/tmp")
        at_end_of(owner, lambda: shutil.rmtree(folder))
        self._said = Path(folder) / "console"
        alone = ["--private-network", "--register=no", "--keep-unit", "--console=pipe"]
        command = ["systemd-nspawn", "--quiet", "--boot", *alone, f"--directory={system.root}"]
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
        at_end_of(owner, self._close)
        until(lambda: self._stands() or self._process.poll() is not None, "a system that has started", BOOTING)
        if self._process.poll() is not None:
            raise unittest.SkipTest(f"this machine boots no container: {self._said.read_text()[-300:]!r}")
        self._owner = owner

    def shell(self) -> Examples:
        shell = Examples(Path("/"), ENVIRONMENT, wrap=self._words)
        at_end_of(self._owner, shell.close)
        return shell

    @property
    def _words(self) -> list[str]:
        """Words before a command that is to run there."""
        return ["nsenter", "-t", self._leader() or "-", "-m", "-p", "-n", "-u", "-i", "-C", "--"]

    def _leader(self) -> str:
        """The number that its first process has on this machine, at first another; "" before there is one."""
        try:
            return Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()[0]
        except (OSError, IndexError):
            return ""

    def _stands(self) -> bool:
        asked = [*self._words, "systemctl", "is-system-running"]
        said = subprocess.run(asked, env=ENVIRONMENT, check=False, capture_output=True, text=True).stdout.strip()
        return said in ("running", "degraded")

    def _close(self) -> None:
        """Its first process first, with which all others end."""
        leader = self._leader()
        if leader:
            subprocess.run(["kill", "-KILL", leader], check=False)
        try:
            self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
