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
from meshd.accounts.attempt import perform_blocking
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
    """One run of a command; settings and store are read when an attribute first needs them."""

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
        """Standard input; an empty one where there is none at all, as after `<&-`."""
        return sys.stdin or StringIO()

    @property
    def _flags(self) -> dict[str, str | None]:
        return {name: getattr(self._args, name, None) for name in ("data_dir", "config")}

    @cached_property
    def data_dir(self) -> Path:
        """The data folder, found without reading the rest of the settings.  Raises: ConfigError."""
        return folder_of(self._flags, os.environ, Path.cwd())

    @property
    def file(self) -> str:
        """The settings file that flags or environment name; "" for none."""
        return self._flags["config"] or os.environ.get("MESHD_CONFIG") or ""

    @cached_property
    def config(self) -> Config:
        """The settings, from the file of the daemon on the data folder where none is named.  Raises: ConfigError."""
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
        """The operator, whom the audit names by the login name of whoever runs the command."""
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
        """The store, whose database the first unit opens.  Raises: StoreError for an impossible URL."""
        if self._store is None:
            self._store = BlockingStore(self.config.store_url)
        return self._store

    def now(self) -> int:
        return int(time.time())

    def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the unit as one transaction.  Raises: AccountError, StoreError, Refused."""
        self._require_store()
        return perform_blocking(self.store.run, unit, *args, **kwargs)

    def require_store(self) -> None:
        """Check at the start of a long command that the store answers.  Raises: StoreError, Refused."""
        self.run(overview.root)

    def has_store(self) -> bool:
        """Whether there may be a store: SQLite's file exists; a database server can be judged by a query only."""
        return self._missing() is None

    def _missing(self) -> Path | None:
        """The path of SQLite's file where that does not exist, else None."""
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
        """Write a line to stderr for people, apart from the output that a script reads."""
        self.err.write(text + "\n")

    def note_closed(self, path: str, was: str, now: str) -> None:
        """Note that `datafolder.secure` has changed the mode of a path."""
        self.note(f"{path} was open to others (mode {was}) and is {now} now")

    def show_rows(self, rows: Iterable[Mapping[str, Any]], table: Mapping[str, Callable[[Any], object]]) -> None:
        """Print the rows as JSON, or as a table that has for each header a function from a row to the cell."""
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
