"""Completion as the shells do it themselves."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tools.packaging.completion import FILES, scripts

ASK_BASH = """
. "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
$(complete -p meshd | sed 's/.*-F \\([^ ]*\\) .*/\\1/') meshd "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""

ASK_FISH = 'source $argv[1]; complete --do-complete "$argv[2]"'


class CompletionTests(SynchronousTestCase):
    """Commands, options, choices and files."""

    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="meshd-completion-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        for name, text in scripts():
            (cls.folder / name).write_text(text)

    def _shell(self, shell: str, *words: str) -> list[str]:
        if shutil.which(shell) is None:
            raise unittest.SkipTest(f"there is no {shell} on this machine")
        done = subprocess.run([shell, *words], cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        return done.stdout.splitlines()

    def _bash(self, *words: str) -> set[str]:
        return {line.strip() for line in self._shell("bash", "-c", ASK_BASH, "bash", FILES["bash"], *words)}

    def test_bash(self) -> None:
        """By its own function, as it would be called for a line that somebody types."""
        self.assertLessEqual({"account", "token", "ready"}, self._bash("meshd", ""))
        self.assertEqual(self._bash("meshd", "acc"), {"account"})
        self.assertEqual(self._bash("meshd", "account", "act"), {"activate"})
        self.assertIn("--monthly-limit", self._bash("meshd", "account", "set", "--mo"))
        self.assertEqual(self._bash("meshd", "account", "set", "--role", "a"), {"admin"})
        (self.folder / "somewhere.backup").touch()
        self.assertIn("somewhere.backup", self._bash("meshd", "restore", "some"))

    def test_fish(self) -> None:
        """Likewise."""
        self.assertIn("activate", "".join(self._shell("fish", "-c", ASK_FISH, FILES["fish"], "meshd account act")))
        self.assertIn(
            "--monthly-limit", "".join(self._shell("fish", "-c", ASK_FISH, FILES["fish"], "meshd account set --mo"))
        )

    def test_zsh(self) -> None:
        """Read without a complaint; it completes in a terminal only."""
        self._shell("zsh", "-n", FILES["zsh"])
        self.assertTrue((self.folder / FILES["zsh"]).read_text().startswith("#compdef meshd"))
