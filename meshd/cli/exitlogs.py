"""The exchange log's files on this machine, searched for exchanges by one exit: the present one and those rotated away.

Lines are read one after the other, whatever the size of a file.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from calendar import timegm
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from meshd.accounts.exitusers import User
from meshd.topology import Exit
from meshd.values.addresses import parse_ip

LOOKED_AT = 1_000
"""Lines at the beginning of a file among which the first one that can be read is looked for."""
REMEMBERED = 100_000
"""Exits that it is remembered of whether they fit: a prefix has addresses without number."""

_EXIT = re.compile(rb'"exit":"([ !#-\[\]-~]*)"')
"""In a line without an escape there, of which nearly all are; in any other text of a line quotes are escaped."""

Note = Callable[[str], None]
"""Takes a line for people about a file that cannot be read."""


class Found(NamedTuple):
    """What the files have."""

    rows: list[User]
    more: bool
    """Whether there are others: ask for a shorter time."""
    since: int
    """The end, in milliseconds, of the first exchange in the oldest file; 0 where there is no file."""


def search(path: Path, fits: Callable[[str], bool], *, since: int, until: int, limit: int, note: Note) -> Found:
    """The exchanges with a fitting exit that were open at any time from `since` to `until`, in seconds."""
    rows: list[User] = []
    firsts: list[int] = []
    for file in files(path):
        try:
            if (first := _first(file)) is not None:
                firsts.append(first)
            if file.stat().st_mtime >= since:  # a line is written after its exchange's end
                found = (each for each in _users(file, fits) if _open_within(each, since * 1000, until * 1000 + 999))
                rows += islice(found, limit + 1 - len(rows))
        except (OSError, EOFError, zlib.error) as error:
            note(f"{file} cannot be read to its end: {error}")
    return Found(rows[:limit], len(rows) > limit, min(firsts, default=0))


def _open_within(user: User, since: int, until: int) -> bool:
    return user.began <= until and user.ended >= since


def files(path: Path) -> list[Path]:
    """The log itself and the files beside it that rotation has made of it, as `exchanges.log.1` and `….2.gz`."""
    rotated = path.parent.glob(f"{path.name}[.-]*") if path.parent.is_dir() else ()
    return [*([path] if path.is_file() else []), *sorted(each for each in rotated if each.is_file())]


def _opened(file: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(file) if file.suffix == ".gz" else file.open("rb")


def _first(file: Path) -> int | None:
    """The end of the first exchange that a file tells of; None where it tells of none."""
    with _opened(file) as lines:
        return next((user.ended for user in map(_user, islice(lines, LOOKED_AT)) if user is not None), None)


def _users(file: Path, fits: Callable[[str], bool]) -> Iterator[User]:
    """Each line that tells of an exchange by a fitting exit; what is cut off is passed over."""
    known: dict[bytes, bool] = {}
    with _opened(file) as lines:
        for line in lines:
            exit_ = _EXIT.search(line)
            if exit_ is not None:
                if exit_[1] not in known:
                    known = known if len(known) < REMEMBERED else {}
                    known[exit_[1]] = fits(exit_[1].decode("ascii", "replace"))
                if not known[exit_[1]]:
                    continue
            user = _user(line)
            if user is not None and fits(user.exit):
                yield user


def _user(line: bytes) -> User | None:
    try:
        facts = json.loads(line)
        began = _milliseconds(facts["at"])
        whose = (facts["account"], facts["username"], facts["token"], facts["proxy"], facts["client"])
        where = (facts["method"], facts["host"], facts["port"], facts["exit"], facts["up"], facts["down"])
        return User(began, began + round(facts["seconds"] * 1000), facts["id"], *whose, *where)
    except (ValueError, LookupError, TypeError):
        return None


def _milliseconds(text: str) -> int:
    at = datetime.fromisoformat(text)
    return timegm(at.utctimetuple()) * 1000 + at.microsecond // 1000


def fitting(exits: Sequence[Exit], name: str) -> Callable[[str], bool]:
    """Whether an exit that the log has, as a client was told, is the exit of that name, or that very name or address.

    exits: those of the settings.  A direct exit is told by its source address, which no other exit has.
    """
    mine = [each for each in exits if each.name == name]
    others = [each for each in exits if each.name != name]
    called = {name.casefold(), *(each.address for each in mine if each.address)}
    prefixes = [each.prefix for each in mine if each.prefix is not None]
    direct = any(not each.address and each.prefix is None and each.upstream is None for each in mine)

    def fits(label: str) -> bool:
        if not label:
            return False
        if label.casefold() in called:
            return True
        if not prefixes and not direct:
            return False
        address = parse_ip(label)
        if address is None:
            return False
        if any(address in prefix for prefix in prefixes):
            return True
        return direct and not any(
            label == each.address or (each.prefix is not None and address in each.prefix) for each in others
        )

    return fits
