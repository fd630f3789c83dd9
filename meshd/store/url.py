"""Store URLs: `sqlite:///relative/path`, `sqlite:////absolute/path`, `postgresql://user:password@host:port/database`.

A PostgreSQL URL may name a socket folder (`?host=/run/postgresql`) and libpq's TLS settings after the question mark.
A password appears neither in a repr nor in an error.  No other module reads a store URL.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, unquote_to_bytes, urlsplit

from meshd.store.interface import StoreError

FORMS = "sqlite:///path, sqlite:////absolute/path or postgresql://user:password@host:port/database"

OPTIONS = frozenset(
    {
        "host",
        "port",
        "user",
        "password",
        "dbname",
        "passfile",
        "application_name",
        "sslmode",
        "sslrootcert",
        "sslcert",
        "sslkey",
        "sslpassword",
        "sslcrl",
        "channel_binding",
        "target_session_attrs",
        "gssencmode",
    }
)
"""The libpq settings that may stand after the question mark of a PostgreSQL URL."""


# Up to the last @: an @ that stands unescaped in a password does not end the password.
_PASSWORD = re.compile(r"(://[^:@/?#]*):.*@")
_PASSWORD_OPTION = re.compile(r"([?&]\w*password=)[^&#]*")
_HOST = re.compile(r"(?:.*@)?(?:\[[0-9a-fA-F:.]+\]|[^:\[\]]*)(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class SQLiteURL:
    """An SQLite file."""

    path: str
    """The absolute path, since a daemon changes its working directory."""


@dataclass(frozen=True, slots=True)
class PostgresURL:
    """A PostgreSQL server and a database there."""

    settings: Mapping[str, str] = field(repr=False)
    """libpq's connection settings, by their names."""


def read(url: str, base: str = "") -> SQLiteURL | PostgresURL:
    """What a store URL names.  base: the folder that a relative path starts from; "" for the working directory.
    Raises: StoreError, which says what is wrong with the URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise StoreError(f"store URL: not a URL; write {FORMS}") from None
    match parts.scheme:
        case "sqlite":
            return _sqlite(parts, base)
        case "postgresql" | "postgres":
            _check_escapes(url)
            return _postgres(parts)
        case _:
            raise StoreError(f"store URL: its scheme is none of those that are known; write {FORMS}")


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite store, by its absolute path; None for another store.  Raises: StoreError."""
    target = read(url)
    return Path(target.path) if isinstance(target, SQLiteURL) else None


def has_password(url: str) -> bool:
    """Whether the URL has a password or a password of a TLS key (`sslpassword`).  Raises: StoreError."""
    target = read(url)
    return isinstance(target, PostgresURL) and not {"password", "sslpassword"}.isdisjoint(target.settings)


def place(url: str) -> str:
    """What tells a store from others, to be shown and compared: without user, password and options.  StoreError."""
    target = read(url)
    if isinstance(target, SQLiteURL):
        return of_file(os.path.realpath(target.path))
    settings = target.settings
    return f"postgresql://{settings.get('host', '')}:{settings.get('port', '5432')}/{settings['dbname']}"


def of_file(path: str) -> str:
    """The URL of an SQLite file by its absolute path, which may hold any characters."""
    return f"sqlite:///{quoted(path)}"


def quoted(path: str) -> str:
    """A path, or a part of a path, percent-encoded for a URL."""
    return quote(os.fsencode(path))


def masked(url: str) -> str:
    """The URL with `***` for each password, to be shown."""
    return _PASSWORD_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))


def _sqlite(parts: SplitResult, base: str) -> SQLiteURL:
    if parts.netloc:
        raise StoreError("store URL: sqlite takes three slashes before a relative path, four before an absolute one")
    if parts.query or parts.fragment:
        raise StoreError("store URL: sqlite takes a path and nothing more; write ? as %3F and # as %23")
    path = os.fsdecode(unquote_to_bytes(parts.path))[1:]
    if not path or path == ":memory:" or path.endswith("/") or "\0" in path:
        raise StoreError("store URL: it names no file; write sqlite:///path or sqlite:////absolute/path")
    return SQLiteURL(os.path.abspath(os.path.join(base, _home(path))))


def _home(path: str) -> str:
    """The path with a leading `~` or `~user` replaced by that home folder.  Raises: StoreError."""
    expanded = os.path.expanduser(path)
    if path.startswith("~") and expanded.startswith("~"):
        raise StoreError("store URL: there is no such home folder")
    return expanded


def _check_escapes(url: str) -> None:
    """Refuse unescaped delimiters in a password: they would shift its rest into parts that errors quote."""
    if "://" not in url:
        raise StoreError(f"store URL: two slashes follow its scheme; write {FORMS}")
    host, _, rest = re.sub(r"[/?#]", "/", url.partition("://")[2]).partition("/")
    if ("@" in rest and "@" not in host) or "#" in url:
        raise StoreError("store URL: in a password, / ? # @ and % are written as %2F %3F %23 %40 and %25")
    if not _HOST.fullmatch(host):
        raise StoreError("store URL: its host or port is none")


def _postgres(parts: SplitResult) -> PostgresURL:
    named = {
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "host": unquote(parts.hostname or ""),
        "port": _port(parts),
        "dbname": unquote(parts.path[1:]),
    }
    settings = {name: value for name, value in named.items() if value} | _options(parts.query)
    if not settings.get("dbname"):
        raise StoreError("store URL: no database is named; write postgresql://user@host/database")
    if any("\0" in value for value in settings.values()):
        raise StoreError("store URL: it holds a NUL")
    return PostgresURL(settings)


def _port(parts: SplitResult) -> str:
    try:
        return str(parts.port or "")
    except ValueError:  # its text may quote a part of a password that holds an unescaped @ or /
        raise StoreError(
            "store URL: the port is not a number up to 65535; write @ and / in a password as %40 and %2F"
        ) from None


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := options.keys() - OPTIONS:
        raise StoreError(f"store URL: unknown option {', '.join(sorted(unknown))}")
    return options
