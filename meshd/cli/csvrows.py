"""The rows of an import, read and checked one by one, without the store.

The first line names the columns, with commas between, or semicolons or tabs as spreadsheets write them; only
`username` is required.  `export` writes the same columns, so that an export can be imported elsewhere; `created_at` is
then a new one, and the root's row is left out, since every store has its own.

A cell that a spreadsheet would take for a formula begins with an apostrophe in the file, which reading takes away.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import cast

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError

from meshd.accounts import validate
from meshd.accounts.errors import Invalid
from meshd.accounts.importing import ImportedAccount, problem
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.toplevel import Terms
from meshd.cli.errors import Refused
from meshd.cli.values import limit_bytes
from meshd.model import Role
from meshd.topology import Plan
from meshd.values.cells import plain

COLUMNS = (
    "username",
    "parent",
    "role",
    "plan",
    "active",
    "email",
    "first_name",
    "last_name",
    "monthly_limit",
    "total_limit",
    "billing_day",
    "created_at",
    "monthly_ceiling",
    "total_ceiling",
    "proxies",
    "withheld_proxies",
)
"""The columns that an export writes; limits in GB, names of proxies with commas between."""

SECRETS = ("password", "password_hash")

SUSPENDED = "suspended"
"""The value in the column `active` for a sub-account that the operator deactivated."""

NO_PROXIES = "(none)"
"""The value in the column `proxies` for none; an empty cell means the proxies that a new account of the plan has."""

_TRUTH = {"": True, "yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, SUSPENDED: False}
_ROLES = ("customer", "admin", "viewer")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row that is right as far as can be told without the store and the other rows."""

    account: ImportedAccount
    password: str = field(default="", repr=False)
    """The password in clear, still to be hashed; "" for none."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be imported, and the reason."""

    line: int
    username: str
    reason: str


class RootRow(Exception):
    """The row of the root account in an export."""


def read(
    lines: Iterable[str], plans: Mapping[str, Plan], proxies: Sequence[str], default_plan: str
) -> Iterator[ReadRow | BadRow | RootRow]:
    """Read every row but blank ones; proxies: the names of those in the settings.
    Raises: Refused where the text is no CSV, or its first line names unknown columns.
    """
    waiting = iter(lines)
    first = next(waiting, "")
    separator = next((each for each in ",;\t" if each in first), ",")
    reader = csv.reader(chain([first], waiting), strict=True, delimiter=separator)
    try:
        columns = _columns(next(reader, []))
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _row(reader.line_num, columns, cells, plans, proxies, default_plan)
    except csv.Error as error:
        raise Refused(f"line {reader.line_num}: not CSV: {error}") from error
    except UnicodeDecodeError as error:
        raise Refused(f"after line {reader.line_num}: not UTF-8") from error


def _columns(cells: list[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    known = COLUMNS + SECRETS
    unknown = [name for name in columns if name not in known]
    if unknown:
        raise Refused(f"line 1: unknown column {unknown[0][:40]!r}; there are {', '.join(known)}")
    if "username" not in columns:
        raise Refused("line 1: it must name the columns, username among them")
    if len(set(columns)) < len(columns):
        raise Refused("line 1: a column is named twice")
    return columns


def _row(
    line: int,
    columns: list[str],
    cells: list[str],
    plans: Mapping[str, Plan],
    proxies: Sequence[str],
    default_plan: str,
) -> ReadRow | BadRow | RootRow:
    values = {name: cell if name in SECRETS else plain(cell) for name, cell in zip(columns, cells, strict=False)}
    username = values.get("username", "")[:40]
    if len(cells) != len(columns):
        return BadRow(line, username, f"{len(cells)} values under {len(columns)} columns")
    if values.get("role", "").strip() == "root":
        return RootRow()
    try:
        row = _read(line, values, default_plan)
    except (Invalid, ValueError) as error:
        return BadRow(line, username, str(error))
    found = problem(row.account, plans, proxies)
    return row if found is None else BadRow(line, username, found)


def _read(line: int, values: Mapping[str, str], default_plan: str) -> ReadRow:
    """Read the cells of a row, by column.  Raises: ValueError, Invalid."""

    def value(name: str) -> str:
        return values.get(name, "").strip()

    password, password_hash = values.get("password", ""), value("password_hash")
    _check_secrets(password, password_hash)
    new = NewAccount(
        username=value("username"),
        password_hash=password_hash,
        profile=Profile(
            first_name=value("first_name"),
            last_name=value("last_name"),
            email=value("email"),
            monthly_limit=_limit("monthly_limit", value("monthly_limit")),
            total_limit=_limit("total_limit", value("total_limit")),
        ),
        monthly_ceiling=_limit("monthly_ceiling", value("monthly_ceiling")),
        total_ceiling=_limit("total_ceiling", value("total_ceiling")),
    )
    parent = value("parent")
    # What an export says of a sub-account's plan, role and day is its parent's, and will be again.
    terms = Terms(role=_role(value("role"))) if parent else _terms(value("plan") or default_plan, value)
    active = value("active").lower()
    account = ImportedAccount(
        line,
        new,
        parent,
        terms,
        _active(active),
        suspended=active == SUSPENDED,
        proxies=_proxies(value("proxies")),
        withheld=_names("withheld_proxies", value("withheld_proxies")),
    )
    return ReadRow(account, password)


def _terms(plan: str, value: Callable[[str], str]) -> Terms:
    return Terms(plan, _role(value("role")), _day(value("billing_day")))


def _limit(name: str, text: str) -> int:
    try:
        return limit_bytes(text) if text else 0
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _role(text: str) -> Role | None:
    if text and text not in _ROLES:
        raise ValueError(f"role: {text[:40]!r} is none of {', '.join(_ROLES)}")
    return cast(Role, text) if text else None


def _day(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise ValueError(f"billing_day: {text[:40]!r} is not a day of the month")
    return int(text) if text else None


def _proxies(text: str) -> tuple[str, ...] | None:
    """The names of the proxies; None for an empty cell, which leaves them to the plan."""
    return () if text == NO_PROXIES else _names("proxies", text) if text else None


def _names(column: str, text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    wrong = next((name for name in names if not _NAME.fullmatch(name)), None)
    if wrong is not None:
        raise ValueError(f"{column}: {wrong[:40]!r} is no name of a proxy")
    return names


def _active(text: str) -> bool:
    if text not in _TRUTH:
        raise ValueError(f"active: {text[:40]!r} is neither yes nor no")
    return _TRUTH[text]


def _check_secrets(password: str, password_hash: str) -> None:
    """Check a row's password and hash.  Raises: ValueError, whose text holds nothing of either."""
    if password and password_hash:
        raise ValueError("password: give it or its hash, not both")
    if password and (wrong := validate.password(password)) is not None:
        raise ValueError(f"password: {wrong}")
    if password_hash and not _is_argon2id(password_hash):
        raise ValueError("password_hash: not an argon2id hash in its encoded form")


def _is_argon2id(text: str) -> bool:
    try:
        return text.startswith("$argon2id$") and len(text) < 512 and bool(extract_parameters(text))
    except InvalidHashError:
        return False
