"""The `meshd` command run in this process, on a store in a temporary folder."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from meshd.cli.main import main
from meshd.store.sqlite.file import SQLiteFile
from meshd.store.statements import accounts
from tests.accounts.support import named

__all__ = ["CommandCase", "Result", "Terminal", "named"]


@dataclass(frozen=True)
class Result:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The cells of a table's lines, its header first."""
        return [line.split() for line in self.out.splitlines()]

    @property
    def facts(self) -> dict[str, str]:
        """The lines of name and value."""
        pairs = (line.partition("  ") for line in self.out.splitlines())
        return {name: value.strip() for name, _, value in pairs}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class CommandCase(SynchronousTestCase):
    """A working folder with a migrated store in it."""

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="meshd-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.data_dir = os.path.join(self.folder, "data")
        self.assertEqual(0, self.meshd("migrate").code)

    def meshd(self, *argv: str, stdin: io.StringIO | str = "", err: io.StringIO | None = None) -> Result:
        """Run one command on this test's data folder."""
        out, err = io.StringIO(), err or io.StringIO()
        given = io.StringIO(stdin) if isinstance(stdin, str) else stdin
        with redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "stdin", given), self.environment():
            code = main(["--data-dir", self.data_dir, *argv])
        return Result(code, out.getvalue(), err.getvalue())

    @contextmanager
    def environment(self, **more: str) -> Iterator[None]:
        """No setting from outside the test."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MESHD_")}
        with mock.patch.dict(os.environ, kept | more, clear=True):
            yield

    def done(self, *argv: str, **how: Any) -> Result:
        """Run a command that succeeds."""
        result = self.meshd(*argv, **how)
        self.assertEqual((0, ""), (result.code, result.err if result.code else ""))
        return result

    def refused(self, line: str, *argv: str, **how: Any) -> Result:
        """Run a command that is refused: code 1, nothing on stdout, this last line on stderr."""
        result = self.meshd(*argv, **how)
        self.assertEqual((1, ""), (result.code, result.out))
        self.assertEqual(f"meshd: {line}", result.err.splitlines()[-1])
        return result

    def misused(self, *argv: str, **how: Any) -> Result:
        """Run a command that is wrong usage: code 2, usage on stderr, nothing on stdout."""
        result = self.meshd(*argv, **how)
        self.assertEqual((2, ""), (result.code, result.out))
        self.assertIn("usage: meshd", result.err)
        return result

    def customer(self, name: str, *options: str) -> None:
        self.done("account", "create", name, "--no-password", *options)

    def old_account(self, name: str) -> None:
        """One with a name that no new one can have."""
        terms: dict[str, Any] = {"parent_id": None, "role": "customer", "plan": "10", "billing_day": 1, "now": 0}
        self.store().run(accounts.create, name, password_hash="", **terms)

    def settings(self, text: str) -> str:
        """A settings file with this text."""
        path = os.path.join(self.folder, "meshd.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def store(self) -> SQLiteFile:
        """The store itself, as a daemon would have it open."""
        store = SQLiteFile(os.path.join(self.data_dir, "meshd.sqlite3"))
        self.addCleanup(store.close)
        return store
