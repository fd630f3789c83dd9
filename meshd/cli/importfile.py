"""The file of an import, which is read more than once: first all of it is checked, then what is right is added.

What comes through a pipe is kept in memory meanwhile, and on no disk but for swap: there may be passwords in it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import islice
from typing import IO, Any

from meshd.cli.errors import Refused

AT_ONCE = 100
"""Lines that are read before it is looked whether the file is what it was."""


class ImportFile:
    """An open file of text lines, without a byte order mark.  Raises: Refused, by each of its calls."""

    def __init__(self, name: str, raw: IO[bytes]) -> None:
        self._name = name
        self._raw = raw if raw.seekable() else _in_memory(raw)
        self._begin = self._raw.tell()
        self._state = self._now()

    @contextmanager
    def lines(self) -> Iterator[Iterator[str]]:
        """The lines from the first on, each time that this is called."""
        with _readable(self._name):
            self._check()
            self._raw.seek(self._begin)
            start = self._raw.read(2)
            self._raw.seek(self._begin)
            encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
            lines = TextIOWrapper(self._raw, encoding, errors="surrogateescape")
            try:
                yield self._unchanged(_whole(lines))
            finally:
                lines.detach()

    def _unchanged(self, lines: Iterator[str]) -> Iterator[str]:
        """The lines, as long as the file is what it was: asked after some were read, before any of them is given."""
        while some := list(islice(lines, AT_ONCE)):
            self._check()
            yield from some
        self._check()

    def _check(self) -> None:
        if self._now() != self._state:
            raise Refused(f"{self._name}: it was changed while it was read")

    def _now(self) -> tuple[int, int, int]:
        found = os.fstat(self._raw.fileno())
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextmanager
def opened(name: str) -> Iterator[ImportFile]:
    """Open the file, or standard input for "-".  Raises: Refused."""
    if name == "-" and sys.stdin is None:
        raise Refused("-: there is no standard input")
    with _readable(name):
        source: Any = sys.stdin.fileno() if name == "-" else name
        raw = open(source, "rb", closefd=name != "-")  # noqa: SIM115 (closed below)
    with raw:
        with _readable(name):
            file = ImportFile(name, raw)
        yield file


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(f"{name}: cannot be read: {error.strerror or error}") from error


def _in_memory(raw: IO[bytes]) -> IO[bytes]:
    """A file in memory with all that comes."""
    copy = open(os.memfd_create("import"), "w+b")  # noqa: SIM115 (closed with the process, which ends with the import)
    shutil.copyfileobj(raw, copy)
    copy.seek(0)
    return copy


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """The lines.  Raises: Refused for one with bytes that are not of its encoding."""
    for number, line in enumerate(lines, 1):
        if not line.isascii() and any("\ud800" <= letter <= "\udfff" for letter in line):
            raise Refused(f"line {number}: not UTF-8")
        yield line
