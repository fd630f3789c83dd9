"""What a command works with: the settings, the store, the operator, and where to print."""

from __future__ import annotations

import getpass
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any, ParamSpec, TextIO, TypeVar

from meshd.accounts import overview
from meshd.accounts.attempt import performed
from meshd.accounts.ownership import Operator
from meshd.cli import output
from meshd.cli.errors import Refused
from meshd.cli.progress import Progress
from meshd.config import Config, Daemons, folder_of, load
from meshd.daemon import runfile
from meshd.store.open import BlockingStore
from meshd.store.unit import Unit
from meshd.store.url import sqlite_file
from meshd.topology import Plan

P = ParamSpec("P")
T = TypeVar("T")


class Context:
    """One run of the command; settings and store are read when they are first asked for."""

    def __init__(self, args: Namespace) -> None:
        self.json: bool = getattr(args, "json", False)
        self._args = args
        self._store: BlockingStore | None = None

    @property
    def out(self) -> TextIO:
        return sys.stdout

    @property
    def err(self) -> TextIO:
        return sys.stderr

    @property
    def input(self) -> TextIO:
        """Empty where there is none at all, as after `<&-`."""
        return sys.stdin or StringIO()

    @property
    def _flags(self) -> dict[str, str | None]:
        return {name: getattr(self._args, name, None) for name in ("data_dir", "config")}

    @cached_property
    def data_dir(self) -> Path:
        """Without reading the rest of the settings.  ConfigError."""
        return folder_of(self._flags, os.environ, Path.cwd())

    @property
    def file(self) -> str:
        """The settings file that this command is told of; "" for none."""
        return self._flags["config"] or os.environ.get("MESHD_CONFIG") or ""

    @cached_property
    def config(self) -> Config:
        """With the settings of the folder's daemon where the command is told none itself.  ConfigError."""
        running = runfile.read(self.data_dir)
        if running is None:
            return load(self._flags, os.environ, cwd=Path.cwd())
        flags = self._flags
        if not self.file and os.path.exists(running.config):
            flags["config"] = running.config
        daemons = Daemons(running.given, Path(running.cwd))
        return load(flags, os.environ, cwd=Path.cwd(), daemons=daemons)

    @cached_property
    def operator(self) -> Operator:
        """Named for the audit by the login name of whoever runs the command."""
        try:
            return Operator(f"operator:{getpass.getuser()}")
        except (KeyError, OSError, ImportError):
            return Operator()

    @property
    def plans(self) -> Mapping[str, Plan]:
        return self.config.topology.plans

    @property
    def proxies(self) -> Sequence[str]:
        """The names of the proxies, in the file's order."""
        return list(self.config.topology.proxies)

    @property
    def store(self) -> BlockingStore:
        """StoreError for an impossible URL; the database itself is opened by the first unit."""
        if self._store is None:
            self._store = BlockingStore(self.config.store_url)
        return self._store

    def now(self) -> int:
        return int(time.time())

    def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """One unit, one transaction.  AccountError, StoreError, Refused."""
        self._require_store()
        return performed(self.store.run, unit, *args, **kwargs)

    def require_store(self) -> None:
        """What a long command begins with: is there a store, and does it answer?  StoreError, Refused."""
        self.run(overview.root)

    def has_store(self) -> bool:
        """Whether there may be one: of SQLite a file, of a server only asking it tells."""
        return self._missing() is None

    def _missing(self) -> Path | None:
        """The file that there is not."""
        path = sqlite_file(self.config.store_url)
        return path if path is not None and not path.exists() else None

    def _require_store(self) -> None:
        if self._store is None and (path := self._missing()) is not None:
            raise Refused(f"there is no store at {path} yet: start the daemon, or run `meshd migrate`")

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    @contextmanager
    def progress(self, doing: str, total: int = 0) -> Iterator[Progress]:
        """Tell on stderr how far the block is, where stderr is a terminal or `--progress` asks for it."""
        wanted = self.err.isatty() or getattr(self._args, "progress", False)
        progress = Progress(self.err, doing, total, wanted=wanted, clock=time.monotonic)
        try:
            yield progress
        finally:
            progress.close()

    def note(self, text: str) -> None:
        """For people, beside what a script reads."""
        self.err.write(text + "\n")

    def note_closed(self, path: str, was: str, now: str) -> None:
        """Of what `datafolder.secure` has closed."""
        self.note(f"{path} was open to others (mode {was}) and is {now} now")

    def show_rows(self, rows: Iterable[Mapping[str, Any]], table: Mapping[str, Callable[[Any], object]]) -> None:
        """The rows as JSON, or as a table: for each header, what it shows of a row."""
        if self.json:
            output.show_json_rows(self.out, rows)
        else:
            output.show_table(self.out, list(table), ([cell(row) for cell in table.values()] for row in rows))

    def show(self, value: Mapping[str, Any], facts: Mapping[str, object] | None = None) -> None:
        """Print the value as JSON, or the facts (None: those of the value), a line each."""
        if self.json:
            output.show_json(self.out, value)
        else:
            output.show_facts(self.out, value if facts is None else facts)
