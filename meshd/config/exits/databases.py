"""`places_from`: databases of places (mmdb), which tell where an address is.

A database is copied into memory of this process and read there: whatever becomes of its file, the copy stays whole.
One that is damaged is refused; the one that was read before stays in use.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import maxminddb

from meshd.config.errors import ConfigError
from meshd.config.exits.placing import NOTHING, Found, read_record
from meshd.config.exits.stamps import Stamp, Stamps, stamp_of
from meshd.values.addresses import Address

MOST = 1024 * 1024 * 1024
"""Bytes of a database: the largest that are sold are about so large."""

TRIED = tuple(IPv4Address(number << 24 | 0x010101) for number in range(1, 224))
"""Addresses all over IPv4, which are looked up in a new database: damage that is all over shows."""


class Database(NamedTuple):
    """One database as it was read."""

    path: Path
    stamp: Stamp | None
    reader: Any

    def find(self, address: Address) -> Found:
        """What it says of an address.  Raises: ValueError, InvalidDatabaseError, or another where it is damaged."""
        if isinstance(address, IPv6Address) and self.reader.metadata().ip_version == 4:
            return NOTHING
        return read_record(self.reader.get(address))


@dataclass(frozen=True, slots=True)
class Places:
    """All databases, as they were read last.  Where it is pickled, its reader's process reads the files for itself."""

    databases: tuple[Database, ...] = field(default=(), repr=False)
    problems: tuple[str, ...] = ()
    """A line for each database that was read before and cannot be read now."""
    stamps: Stamps = field(default_factory=lambda: MappingProxyType({}))
    """Of the files, when they were looked at last."""

    def find(self, address: Address) -> Found:
        """What they say of an address; the first that says something counts, and one that is damaged there does not."""
        found = NOTHING
        for database in self.databases:
            try:
                found = found.over(database.find(address))
            except Exception:  # noqa: S112 (of a damaged file a reader may raise anything)
                continue
        return found

    def __reduce__(self) -> Any:
        return _again, (tuple(each.path for each in self.databases), dict(self.stamps))


def open_places(paths: Iterable[Path], before: Places, where: str) -> Places:
    """The databases as they are now.  before: as they were; where: the place in the settings that names them.

    Raises: ConfigError for one that cannot be read and was not read before.
    """
    known: Mapping[Path, Database] = {each.path: each for each in before.databases}
    found: list[Database] = []
    problems: list[str] = []
    stamps: dict[Path, Stamp | None] = {}
    for path in paths:
        stamps[path] = stamp = stamp_of(path)
        last = known.get(path)
        if last is not None and last.stamp == stamp:
            found.append(last)
            continue
        try:
            found.append(Database(path, stamp, _opened(path)))
        except ValueError as error:
            if last is None:
                raise ConfigError(f"{where}: places_from: {path} {error}") from error
            found.append(last)
            problems.append(f"places_from: {path} {error}; what was read of it before is in use")
    return Places(tuple(found), tuple(problems), MappingProxyType(stamps))


def _again(paths: tuple[Path, ...], stamps: dict[Path, Stamp | None]) -> Places:
    """With the stamps by which exits have their places: a file that has changed since is found to be another one."""
    try:
        found = open_places(paths, Places(), "").databases
    except ConfigError:
        found = ()
    return Places(found, stamps=MappingProxyType(stamps))


def _opened(path: Path) -> Any:
    """A reader of a copy of the file.  Raises: ValueError, whose text says what is wrong with the file."""
    try:
        if not path.is_file():  # opening a pipe would wait for its other end
            raise FileNotFoundError(2, "there is no such file")
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > MOST:
                raise ValueError(f"has more than {MOST} bytes")
            return _reader(file)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error


def _reader(file: Any) -> Any:
    copy = os.memfd_create("places", os.MFD_CLOEXEC)
    try:
        with open(copy, "wb", closefd=False) as written:
            shutil.copyfileobj(file, written, 1024 * 1024)
        reader = maxminddb.open_database(f"/proc/self/fd/{copy}")
        for address in TRIED:
            reader.get(address)
        return reader
    except OSError:
        raise
    except Exception as error:  # a damaged file raises many kinds, and their texts name the copy
        raise ValueError("is no database of places (mmdb), or is damaged: fetch it again") from error
    finally:
        os.close(copy)  # the reader has the copy mapped
