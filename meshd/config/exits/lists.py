"""`exits_from`: lists of exits in files of their own, which may change while meshd runs.

A wrong line is skipped.  A list that cannot be read, or has no right line, is refused whole: so a list that is just
being written, or was emptied by a failed download, replaces none that works.
"""

from __future__ import annotations

import os
import re
import stat
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from meshd.config.errors import ConfigError
from meshd.config.exits.described import where
from meshd.config.exits.lines import Lines, Problem, Source, read
from meshd.config.exits.remote import RemoteList
from meshd.config.exits.stamps import Stamp, Stamps, stamp, stamp_of
from meshd.topology import Exit
from meshd.values.internet import is_public_host

MOST = 1_000_000
"""Exits of all lists: a place on the ring of sticky keys has twenty bits for them.  A list that is fetched has as many
lines at most, since a line costs as much whether or not it is an exit.
"""

_BASE64 = re.compile(rb"[A-Za-z0-9_-]+=*|[A-Za-z0-9+/]+=*")
_BLANKS = b" \t\n\r\v\f"
_HEAD = 4096
"""Bytes at the beginning that tell whether a list may be base64."""

TOLD = 3
"""Most problems that a message quotes."""


class TooLong(ValueError):
    """A list that is fetched has more lines than are read."""


@dataclass(frozen=True, slots=True)
class ExitLists:
    """What was read from all lists."""

    exits: tuple[Exit, ...] = field(default=(), repr=False)
    problems: tuple[str, ...] = ()
    """One line each, with the list's name and the line in it."""
    stamps: Stamps = field(default_factory=lambda: MappingProxyType({}))


def read_lists(
    paths: Iterable[Path], own: Iterable[Exit], place: str, fetched: Iterable[tuple[RemoteList, Path]] = ()
) -> ExitLists:
    """Read all lists.  Raises: ConfigError.

    own: exits that the settings describe; place: where the settings name the lists, for messages; fetched: lists of
    other places, and the files that keep what was fetched last.  What is wrong with these is a problem, no error.
    """
    reading = _Reading(own, place)
    reading.of(paths)
    for source, path in fetched:
        reading.remote(source, path)
    return reading.done()


def read_fetched(raw: bytes, source: RemoteList, taken: dict[str, Source]) -> Lines:
    """The exits of a list that was fetched, as `lines.read` has it.

    Whoever wrote the list is a stranger: no line of it may have requests leave by an address of this machine, nor lead
    into a private network, unless the settings say that it is the operator's own.
    Raises: TooLong, before a line is read.
    """
    text = decoded(raw)
    if text.count("\n") + (not text.endswith("\n")) > MOST:
        raise TooLong(f"the list has more than {MOST} lines")
    found = read(text, source.name, taken, source.name)
    problems, exits = list(found.problems), []
    for exit_ in found.exits:
        reason = "" if source.private else _strange(exit_)
        if reason:
            problems.append(Problem(taken[exit_.name].line, reason))
        else:
            exits.append(_taken_over(exit_, source))
    return Lines(tuple(exits), tuple(problems))


def _strange(exit_: Exit) -> str:
    """Why an exit is refused of a stranger; "" where it is not."""
    if exit_.upstream is None:
        return "an exit of this machine, which a list that is fetched cannot have"
    if not is_public_host(exit_.upstream.host):
        return "a proxy at a private address, which a list that is fetched cannot have unless it says private = true"
    return ""


def _taken_over(exit_: Exit, source: RemoteList) -> Exit:
    """The exit with what the settings say of the whole list."""
    upstream = exit_.upstream
    if upstream is not None and not source.private:
        upstream = replace(upstream, strange=True)
    return replace(exit_, cost=source.cost if exit_.cost is None else exit_.cost, upstream=upstream)


def first_of(problems: tuple[str, ...]) -> str:
    """The first few problems, for one line of a log."""
    more = len(problems) - TOLD
    return "; ".join(problems[:TOLD]) + (f"; and {more} more" if more > 0 else "")


def decoded(raw: bytes) -> str:
    """The text of a list: UTF-8, or UTF-16 as spreadsheets write it, with any line ends; or all of that in base64, as
    links to lists of share URLs give it.
    """
    if (bare := _unwrapped(raw)) is not None:
        raw = bare
    text = raw.decode(_encoding(raw), "replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unwrapped(raw: bytes) -> bytes | None:
    """What was wrapped in base64, in either alphabet and with or without its padding; None for any other text.

    A line that is an exit has a colon or a dot, which base64 has not.
    """
    head = raw[:_HEAD].translate(None, _BLANKS)
    if not head or not _BASE64.fullmatch(head):
        return None
    packed = raw.translate(None, _BLANKS)
    if not _BASE64.fullmatch(packed):
        return None
    try:
        bare = b64decode(
            packed.rstrip(b"=") + b"=" * (-len(packed.rstrip(b"=")) % 4),
            altchars=b"-_" if b"-" in packed or b"_" in packed else None,
        )
    except ValueError:
        return None
    return bare if b":" in bare or b"." in bare else None


def _encoding(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if raw[1:2] == b"\0" != raw[:1]:  # without a mark; the first character of a list is of ASCII
        return "utf-16-le"
    return "utf-16-be" if raw[:1] == b"\0" != raw[1:2] else "utf-8"


class _Reading:
    def __init__(self, own: Iterable[Exit], place: str) -> None:
        self._place = place
        self._taken: dict[str, Source] = {}
        for exit_ in own:
            self._taken.update({key: Source("", 0) for key in (exit_.name, where(exit_)) if key})
        self._exits: list[Exit] = []
        self._problems: list[str] = []
        self._stamps: dict[Path, Stamp | None] = {}

    def of(self, paths: Iterable[Path]) -> None:
        for path in paths:
            text, mode = self._read(path)
            found = read(text, path.stem, self._taken, path.name)
            problems = [f"{path.name} line {line}: {reason}" for line, reason in found.problems]
            if not found.exits:
                why = f" ({first_of(tuple(problems))})" if problems else ""
                raise self._wrong(path, f"has no line that is an exit{why}")
            self._exits += found.exits
            self._problems += [*_openness(path, mode, found.exits), *problems]

    def remote(self, source: RemoteList, path: Path) -> None:
        """Read what was fetched last.  However much the lists of others have, it is a problem of theirs alone."""
        self._stamps[path] = stamp_of(path)
        try:
            found = read_fetched(path.read_bytes(), source, self._taken)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            why = "it was not fetched yet" if missing else f"what is kept of it cannot be read: {error.strerror}"
            self._problems.append(f"{source.name}: {why}")
            return
        except TooLong as error:
            self._problems.append(f"{source.name}: {error}")
            return
        room = max(0, MOST - len(self._exits))
        if len(found.exits) > room:
            left = len(found.exits) - room
            self._problems.append(f"{source.name}: its last {left} exits are left out, as all lists have over {MOST}")
        self._exits += found.exits[:room]
        self._problems += [f"{source.name} line {line}: {reason}" for line, reason in found.problems]
        if not found.exits:
            self._problems.append(f"{source.name}: what is kept of it has no line that is an exit")

    def done(self) -> ExitLists:
        if len(self._exits) > MOST:
            raise ConfigError(f"{self._place}: exits_from: more than {MOST} exits")
        return ExitLists(tuple(self._exits), tuple(self._problems), MappingProxyType(self._stamps))

    def _read(self, path: Path) -> tuple[str, int]:
        """The text and the mode of a file.  Raises: ConfigError."""
        try:
            if not path.is_file():  # opening a pipe would wait for its other end
                raise FileNotFoundError(2, "there is no such file")
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                raw = file.read()
        except (OSError, ValueError) as error:
            raise self._wrong(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
        self._stamps[path] = stamp(status)
        return decoded(raw), stat.S_IMODE(status.st_mode)

    def _wrong(self, path: Path, text: str) -> ConfigError:
        return ConfigError(f"{self._place}: exits_from: {path} {text}")


def _openness(path: Path, mode: int, exits: Iterable[Exit]) -> Iterator[str]:
    if mode & 0o027 and any(exit_.upstream and exit_.upstream.password for exit_ in exits):
        yield f"{path.name} holds passwords and is open to others (mode {mode:04o}): chmod 640 or 600"
