"""The rows of an import, read and checked one by one, without the store.

The first line names the columns, with commas between, or semicolons or tabs as spreadsheets write them; only
`username` is required.  `export` writes the same columns, so that an export can be imported elsewhere; `created_at` is
then a new one, and the root's row is left out, since every store has its own.

A cell that a spreadsheet would take for a formula begins with an apostrophe in the file, which reading takes away.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import NamedTuple, cast

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError

from meshd.accounts import validate
from meshd.accounts.errors import Invalid
from meshd.accounts.importedrow import Common, ImportedAccount, Rules
from meshd.accounts.toplevel import Terms
from meshd.cli.badrows import BadRow
from meshd.cli.errors import Refused
from meshd.cli.values import limit_bytes
from meshd.model import Role
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

OWN = ("username", "parent", "first_name", "last_name", "email", *SECRETS)
"""The columns in which each row says something of its own."""

COMMON, SHORT = 4096, 256
"""Of how many rows it is kept what all other columns mean, and of how many characters at most: 6 MB."""

SUSPENDED = "suspended"
"""The value in the column `active` for a sub-account that the operator deactivated."""

NO_PROXIES = "(none)"
"""The value in the column `proxies` for none; an empty cell means the proxies that a new account of the plan has."""

_TRUTH = {"": True, "yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, SUSPENDED: False}
_LIMITS = ("monthly_limit", "total_limit", "monthly_ceiling", "total_ceiling")
_ROLES = ("customer", "admin", "viewer")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


class ReadRow(NamedTuple):
    """A row that is right as far as can be told without the store and the other rows."""

    account: ImportedAccount
    password: str = ""
    """The password in clear, still to be hashed; "" for none."""

    def __repr__(self) -> str:
        return f"ReadRow({self.account!r})"


class RootRow:
    """The row of the root account in an export."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What the settings offer to new accounts."""

    rules: Rules
    default_plan: str
    """The plan of a row that names none."""


def read(lines: Iterable[str], offered: Offered) -> Iterator[ReadRow | BadRow | RootRow]:
    """Read and check every row but blank ones.
    Raises: Refused where the text is no CSV, or its first line names unknown columns.
    """
    for line, reader, cells in _rows(lines, offered):
        yield _row(line, reader, cells, offered)


def again(lines: Iterable[str], offered: Offered, wanted: Callable[[int], bool]) -> Iterator[ReadRow]:
    """Read some rows, which `read` found right, once more.  wanted: asked by the row's number, from 0, blank rows not
    counted.  Raises: Refused where the rows are not what they were.
    """
    for number, (line, reader, cells) in enumerate(_rows(lines, offered)):
        if wanted(number):
            try:
                yield reader.read(line, cells)
            except (Invalid, ValueError) as error:
                raise Refused(f"line {line}: not what it was when it was checked") from error


def _rows(lines: Iterable[str], offered: Offered) -> Iterator[tuple[int, Reader, list[str]]]:
    """Every row but blank ones: its line, what reads it, and its cells."""
    waiting = iter(lines)
    first = next(waiting, "")
    separator = next((each for each in ",;\t" if each in first), ",")
    reader = csv.reader(chain([first], waiting), strict=True, delimiter=separator)
    try:
        rows = Reader(_columns(next(reader, [])), offered.default_plan)
        for cells in reader:
            if any(map(str.strip, cells)):
                yield reader.line_num, rows, cells
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


def _row(line: int, reader: Reader, cells: list[str], offered: Offered) -> ReadRow | BadRow | RootRow:
    if len(cells) != reader.width:
        return BadRow(line, reader.username(cells), f"{len(cells)} values under {reader.width} columns")
    if reader.is_root(cells):
        return RootRow()
    try:
        row = reader.read(line, cells)
    except (Invalid, ValueError) as error:
        return BadRow(line, reader.username(cells), str(error))
    found = offered.rules.problem(row.account)
    return row if found is None else BadRow(line, reader.username(cells), str(found))


class Reader:
    """Reads rows under the same columns.  A million rows say few different things but names, so that is kept."""

    def __init__(self, columns: Sequence[str], default_plan: str) -> None:
        self.width = len(columns)
        self._default_plan = default_plan
        self._columns = [name for name in columns if name not in OWN]
        absent = self.width  # of each row, once a blank cell was put behind the others
        places = {name: place for place, name in enumerate(columns)}
        self._own = itemgetter(*(places.get(name, absent) for name in OWN))
        self._others = itemgetter(*(places[name] for name in self._columns), absent, absent)
        self._role = places.get("role", absent)
        self._common = lru_cache(COMMON)(self._read_common)

    def username(self, cells: Sequence[str]) -> str:
        """What stands for the username in a row that is wrong, as much of it as is told."""
        return _meant(self._own([*cells, *[""] * (self.width + 1 - len(cells))])[0])[:40]

    def is_root(self, cells: Sequence[str]) -> bool:
        return self._role < self.width and _meant(cells[self._role]) == "root"

    def read(self, line: int, cells: list[str]) -> ReadRow:
        """Read a row.  Raises: ValueError, Invalid."""
        if len(cells) != self.width:
            raise ValueError("another number of cells")
        padded = [*cells, ""]
        *own, password, password_hash = self._own(padded)
        meant = [plain(cell).strip() if cell[:1] == "'" else cell.strip() for cell in own]  # as _meant, without calls
        username, parent, first_name, last_name, email = meant
        password_hash = password_hash.strip()
        if password or password_hash:
            _check_secrets(password, password_hash)
        others = self._others(padded)
        read = self._common if sum(map(len, others)) <= SHORT else self._read_common
        common = read(others, bool(parent))
        person = first_name, last_name, email
        return ReadRow(ImportedAccount(line, username, parent, common, password_hash, person), password)

    def _read_common(self, cells: Sequence[str], below: bool) -> Common:
        """Read what is common.  below: whether it is a sub-account's."""
        value = {name: _meant(cell) for name, cell in zip(self._columns, cells, strict=False)}.get
        monthly, total, monthly_ceiling, total_ceiling = (_limit(name, value(name, "")) for name in _LIMITS)
        role = _role(value("role", ""))
        # What an export says of a sub-account's plan, role and day is its parent's, and will be again.
        day = "" if below else value("billing_day", "")
        terms = Terms(role=role) if below else Terms(value("plan") or self._default_plan, role, _day(day))
        active = value("active", "").lower()
        return Common(
            terms,
            (monthly, total, monthly_ceiling, total_ceiling),
            _active(active),
            active == SUSPENDED,
            _proxies(text) if (text := value("proxies")) else None,
            _names("withheld_proxies", text) if (text := value("withheld_proxies")) else (),
        )


def _meant(cell: str) -> str:
    return (plain(cell) if cell[:1] == "'" else cell).strip()


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
