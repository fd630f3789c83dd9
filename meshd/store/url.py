"""Store URLs: `sqlite:///relative/path`, `sqlite:////absolute/path`, `postgresql://user:password@host:port/database`.

A PostgreSQL URL may name a socket folder (`?host=/run/postgresql`) and libpq's TLS settings after the question mark.
A password appears neither in a repr nor in an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

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
"""What may stand after the question mark."""


# Up to the last @: one that a careless password holds is not the end of it.
_PASSWORD = re.compile(r"(://[^:@/?#]*):.*@")
_PASSWORD_OPTION = re.compile(r"([?&]\w*password=)[^&#]*")


@dataclass(frozen=True, slots=True)
class SQLiteURL:
    """A file."""

    path: str
    """Absolute, since a daemon changes its working directory."""


@dataclass(frozen=True, slots=True)
class PostgresURL:
    """A server and a database."""

    settings: Mapping[str, str] = field(repr=False)
    """By libpq's names."""


def read(url: str) -> SQLiteURL | PostgresURL:
    """StoreError that says what is wrong with it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise StoreError(f"store URL: not a URL; write {FORMS}") from None
    match parts.scheme:
        case "sqlite":
            return _sqlite(parts)
        case "postgresql" | "postgres":
            return _postgres(parts)
        case _:
            raise StoreError(f"store URL: {parts.scheme or 'no scheme'}: unknown; write {FORMS}")


def masked(url: str) -> str:
    """The URL without its password, for people."""
    return _PASSWORD_OPTION.sub(r"\1…", _PASSWORD.sub(r"\1:…@", url))


def _sqlite(parts: SplitResult) -> SQLiteURL:
    if parts.netloc:
        raise StoreError("store URL: sqlite takes three slashes before a relative path, four before an absolute one")
    path = unquote(parts.path)[1:]
    if not path or path.endswith("/"):
        raise StoreError("store URL: no file is named; write sqlite:///path or sqlite:////absolute/path")
    if parts.query or parts.fragment or "\0" in path:
        raise StoreError("store URL: sqlite takes a path and nothing more; write ? as %3F and # as %23")
    return SQLiteURL(os.path.abspath(path))


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
    if parts.fragment or any("\0" in value for value in settings.values()):
        raise StoreError("store URL: write # and other odd characters of a password as %23 and so on")
    return PostgresURL(settings)


def _port(parts: SplitResult) -> str:
    try:
        return str(parts.port or "")
    except ValueError:  # its text quotes what stands there: part of a password, when an @ or / in it is not escaped
        raise StoreError(
            "store URL: the port is not a number up to 65535; write @ and / in a password as %40 and %2F"
        ) from None


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := options.keys() - OPTIONS:
        raise StoreError(f"store URL: unknown option {', '.join(sorted(unknown))}")
    return options
