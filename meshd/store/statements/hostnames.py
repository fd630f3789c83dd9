"""Names whose addresses stand for an account; each belongs to one account of the whole installation."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from meshd.model import AuthorizedHostname
from meshd.store.statements.texts import searchable
from meshd.store.unit import Row, Statement, Unit

COLUMNS = "account_id, hostname, created_at"

ORDER = "order by ordinal, created_at, hostname"
"""The oldest first: as they were added, whatever the clock."""


def read(row: Row) -> AuthorizedHostname:
    """One row of COLUMNS."""
    return AuthorizedHostname(*row)


def by_hostname(hostname: str) -> Unit[AuthorizedHostname | None]:
    rows = yield Statement(
        f"select {COLUMNS} from authorized_hostnames where hostname = :hostname", {"hostname": searchable(hostname)}
    )
    return read(rows[0]) if rows else None


def of_account(account_id: int) -> Unit[list[AuthorizedHostname]]:
    """The oldest first."""
    rows = yield Statement(
        f"select {COLUMNS} from authorized_hostnames where account_id = :account_id {ORDER}",
        {"account_id": account_id},
    )
    return [read(row) for row in rows]


def page(after: str, limit: int) -> Unit[list[AuthorizedHostname]]:
    """Those of all accounts that come after a name, by name; "" for the first page."""
    rows = yield Statement(
        f"select {COLUMNS} from authorized_hostnames where hostname > :after order by hostname limit :limit",
        {"after": after, "limit": limit},
    )
    return [read(row) for row in rows]


def count(account_id: int) -> Unit[int]:
    rows = yield Statement(
        "select count(*) from authorized_hostnames where account_id = :account_id", {"account_id": account_id}
    )
    return int(rows[0][0])


CREATE = f"""
insert into authorized_hostnames (account_id, hostname, created_at, ordinal)
values (:account_id, :hostname, :created_at,
    (select coalesce(max(ordinal), 0) + 1 from authorized_hostnames where account_id = :account_id))
returning {COLUMNS}
"""


def add(account_id: int, hostname: str, now: int) -> Unit[AuthorizedHostname]:
    """Conflict when any account has the name."""
    rows = yield Statement(CREATE, {"account_id": account_id, "hostname": hostname, "created_at": now})
    return read(rows[0])


def delete(account_id: int, hostname: str) -> Unit[bool]:
    """Whether the account had it."""
    rows = yield Statement(
        "delete from authorized_hostnames where account_id = :account_id and hostname = :hostname returning hostname",
        {"account_id": account_id, "hostname": searchable(hostname)},
    )
    return bool(rows)
