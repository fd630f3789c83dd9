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
from functools import lru_cache
from itertools import chain
from typing import cast

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError

from meshd.accounts import validate
from meshd.accounts.errors import Invalid
from meshd.accounts.importing import ImportedAccount, problem
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.toplevel import Terms
from meshd.cli.badrows import BadRow
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
_LIMITS = ("monthly_limit", "total_limit", "monthly_ceiling", "total_ceiling")
_ROLES = ("customer", "admin", "viewer")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row that is right as far as can be told without the store and the other rows."""

    account: ImportedAccount
    password: str = field(default="", repr=False)
    """The password in clear, still to be hashed; "" for none."""


class RootRow:
    """The row of the root account in an export."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What the settings offer to new accounts."""

    plans: Mapping[str, Plan]
    proxies: Sequence[str]
    """Their names."""
    default_plan: str
    """The plan of a row that names none."""


def read(lines: Iterable[str], offered: Offered) -> Iterator[ReadRow | BadRow | RootRow]:
    """Read and check every row but blank ones.
    Raises: Refused where the text is no CSV, or its first line names unknown columns.
    """
    for line, columns, cells in _rows(lines):
        yield _row(line, columns, cells, offered)


def again(lines: Iterable[str], offered: Offered, wanted: Callable[[int], bool]) -> Iterator[ReadRow]:
    """Read some rows, which `read` found right, once more.  wanted: asked by the row's number, from 0, blank rows not
    counted.  Raises: Refused where the rows are not what they were.
    """
    for number, (line, columns, cells) in enumerate(_rows(lines)):
        if wanted(number):
            try:
                yield _read(line, _values(columns, cells), offered.default_plan)
            except (Invalid, ValueError) as error:
                raise Refused(f"line {line}: not what it was when it was checked") from error


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str], list[str]]]:
    """Every row but blank ones: its line, the names of the columns, and its cells."""
    waiting = iter(lines)
    first = next(waiting, "")
    separator = next((each for each in ",;\t" if each in first), ",")
    reader = csv.reader(chain([first], waiting), strict=True, delimiter=separator)
    try:
        columns = _columns(next(reader, []))
        for cells in reader:
            if any(map(str.strip, cells)):
                yield reader.line_num, columns, cells
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


def _row(line: int, columns: list[str], cells: list[str], offered: Offered) -> ReadRow | BadRow | RootRow:
    values = _values(columns, cells)
    username = values.get("username", "")[:40]
    if len(cells) != len(columns):
        return BadRow(line, username, f"{len(cells)} values under {len(columns)} columns")
    if values.get("role") == "root":
        return RootRow()
    try:
        row = _read(line, values, offered.default_plan)
    except (Invalid, ValueError) as error:
        return BadRow(line, username, str(error))
    found = problem(row.account, offered.plans, offered.proxies)
    return row if found is None else BadRow(line, username, found)


def _values(columns: list[str], cells: list[str]) -> dict[str, str]:
    """What stands in the cells, by column, as it is meant; a secret as it stands."""
    return {name: cell if name in SECRETS else plain(cell).strip() for name, cell in zip(columns, cells, strict=False)}


def _read(line: int, values: Mapping[str, str], default_plan: str) -> ReadRow:
    """Read the values of a row.  Raises: ValueError, Invalid."""
    value = values.get
    password, password_hash = value("password", ""), value("password_hash", "").strip()
    if password or password_hash:
        _check_secrets(password, password_hash)
    limits = {name: _limit(name, text) if (text := value(name)) else 0 for name in _LIMITS}
    new = NewAccount(
        username=value("username", ""),
        password_hash=password_hash,
        profile=Profile(
            first_name=value("first_name", ""),
            last_name=value("last_name", ""),
            email=value("email", ""),
            monthly_limit=limits["monthly_limit"],
            total_limit=limits["total_limit"],
        ),
        monthly_ceiling=limits["monthly_ceiling"],
        total_ceiling=limits["total_ceiling"],
    )
    parent, role = value("parent", ""), _role(value("role", ""))
    # What an export says of a sub-account's plan, role and day is its parent's, and will be again.
    day = "" if parent else value("billing_day", "")
    terms = Terms(role=role) if parent else Terms(value("plan") or default_plan, role, _day(day))
    active = value("active", "").lower()
    account = ImportedAccount(
        line,
        new,
        parent,
        terms,
        _active(active),
        suspended=active == SUSPENDED,
        proxies=_proxies(text) if (text := value("proxies")) else None,
        withheld=_names("withheld_proxies", text) if (text := value("withheld_proxies")) else (),
    )
    return ReadRow(account, password)


def _limit(name: str, text: str) -> int:
    try:
        return _limit_bytes(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


_limit_bytes = lru_cache(1024)(limit_bytes)
"""Most rows have one of a few limits."""


def _role(text: str) -> Role | None:
    if text and text not in _ROLES:
        raise ValueError(f"role: {text[:40]!r} is none of {', '.join(_ROLES)}")
    return cast(Role, text) if text else None


def _day(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise ValueError(f"billing_day: {text[:40]!r} is not a day of the month")
    return int(text) if text else None


def _proxies(text: str) -> tuple[str, ...]:
    return () if text == NO_PROXIES else _names("proxies", text)


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
