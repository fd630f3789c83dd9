"""The manual pages: all that the parser, twistd's options and the settings know is there, and formatters like them."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.cli.main import parser
from meshd.config.table import SETTINGS
from meshd.tap import Options
from tools.packaging.manual import pages
from tools.packaging.roff import Page, literal, plain

DATE, VERSION = "2026-11-29", "1.2.3"


def commands(
    top: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Each command that does something, by its words."""
    nested = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]
    if not nested:
        yield words, top
    for action in nested:
        for name, below in action.choices.items():
            yield from commands(below, (*words, name))


class ManualTests(SynchronousTestCase):
    """Every page, as it is packed."""

    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="meshd-man-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        for page in pages(DATE, VERSION):
            (cls.folder / page.file).write_text(page.text())

    def _text(self, name: str) -> str:
        """What stands there to be read, without escapes and fonts."""
        return re.sub(r"\\&", "", re.sub(r"\\f.", "", (self.folder / name).read_text())).replace("\\-", "-")

    def test_every_command_has_its_place(self) -> None:
        """With each of its options, on the page of its first word."""
        for words, each in commands(parser()):
            page = self._text(f"meshd-{words[0]}.1")
            self.assertIn(f"meshd {' '.join(words)}", page)
            for action in each._actions:
                for option in set(action.option_strings) - {"-h", "--help", "--data-dir", "--config", "--json"}:
                    self.assertRegex(page, rf"(?m)^{option}\b", str(words))
        for option in ("--data-dir", "--config", "--json", "--version"):
            self.assertRegex(self._text("meshd.1"), rf"(?m)^{option}\b")

    def test_every_flag_of_the_daemon_has_its_place(self) -> None:
        """Those that take a value each, and those that may be repeated."""
        page = self._text("twistd-meshd.8")
        flags = [row[0] for row in Options.optParameters] + ["proxy", "api", "hosts"]
        for flag in flags:
            self.assertRegex(page, rf"(?m)^--{flag}\b")

    def test_every_setting_has_its_place(self) -> None:
        """Below its section, with what it is."""
        page = self._text("meshd.toml.5")
        for setting in SETTINGS:
            section, _, name = setting.key.rpartition(".")
            title = f"[{section}]" if section else "AT THE TOP OF THE FILE"
            part = page.partition(f".SH {title}\n")[2].partition("\n.SH ")[0]
            self.assertIn(f"\n.TP\n{name}\n", f"\n{part}", setting.key)

    def test_pages_that_are_spoken_of_exist(self) -> None:
        """But for twistd's own."""
        known = {tuple(path.name.rsplit(".", 1)) for path in self.folder.iterdir()} | {("twistd", "1")}
        for path in self.folder.iterdir():
            self.assertLessEqual(set(re.findall(r"([\w.-]+)\(([158])\)", self._text(path.name))), known, path.name)

    def test_mandoc_has_nothing_to_say(self) -> None:
        """Of levels from warnings up."""
        if shutil.which("mandoc") is None:
            raise unittest.SkipTest("there is no mandoc on this machine")
        names = sorted(path.name for path in self.folder.iterdir())
        done = subprocess.run(
            ["mandoc", "-T", "lint", "-W", "warning", *names],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((done.stdout + done.stderr, done.returncode), ("", 0))

    def test_man_has_nothing_to_say(self) -> None:
        """With every warning of groff's."""
        if shutil.which("man") is None or shutil.which("groff") is None:
            raise unittest.SkipTest("there is no man or no groff on this machine")
        for path in sorted(self.folder.iterdir()):
            done = subprocess.run(
                ["man", "--warnings", "--encoding=UTF-8", "--local-file", "--ditroff", path],
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"},
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
            self.assertEqual((done.stderr, done.returncode), ("", 0), path.name)


class RoffTests(SynchronousTestCase):
    """What troff would take for something else."""

    def test_characters(self) -> None:
        """Each stands for itself."""
        for text, wanted in (
            ("a\\b", "a\\eb"),
            ("it's `x` ~ ^", "it\\(aqs \\(gax\\(ga \\(ti \\(ha"),
            ("well-kept --json -c", "well-kept \\-\\-json \\-c"),
            ("  two\n lines ", "two lines"),
        ):
            self.assertEqual(plain(text), wanted)
        self.assertEqual(literal("second-factor"), "second\\-factor")

    def test_no_line_of_a_text_is_a_request(self) -> None:
        """Also where a sentence or a line happens to begin so."""
        page = Page("x", 1, DATE, VERSION, "about")
        page.heading("DESCRIPTION")
        page.paragraphs(".SH one\n\n" + "word " * 15 + ".TP 'two")
        page.block([".so /etc/passwd"])
        requests = [line for line in page.text().splitlines()[2:] if line.startswith((".", "'"))]
        self.assertEqual(requests, [".nh", ".ad l", ".SH NAME", ".SH DESCRIPTION", ".PP", ".PP", ".nf", ".fi"])
