"""Names that accounts list, for the addresses that they resolve to; whose such an address is, `claims` tells."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from meshd.model import AuthorizedHostname
from meshd.store.statements.texts import searchable
from meshd.store.unit import Statement, Unit

COLUMNS = "account_id, hostname, created_at"


def of_both(account_id: int, hostname: str) -> Unit[AuthorizedHostname | None]:
    """The account's entry for the name."""
    rows = yield Statement(
        f"select {COLUMNS} from authorized_hostnames where account_id = :account_id and hostname = :hostname",
        {"account_id": account_id, "hostname": searchable(hostname)},
    )
    return AuthorizedHostname(*rows[0]) if rows else None


def of_account(account_id: int) -> Unit[list[AuthorizedHostname]]:
    """The account's entries, the oldest first."""
    rows = yield Statement(
        f"select {COLUMNS} from authorized_hostnames where account_id = :account_id order by id",
        {"account_id": account_id},
    )
    return [AuthorizedHostname(*row) for row in rows]


def page(after: tuple[str, int], limit: int) -> Unit[list[AuthorizedHostname]]:
    """The entries of all accounts after (hostname, account id), in that order; ("", 0) for the first page."""
    rows = yield Statement(
        f"""
        select {COLUMNS} from authorized_hostnames where (hostname, account_id) > (:hostname, :account_id)
        order by hostname, account_id limit :limit
        """,
        {"hostname": after[0], "account_id": after[1], "limit": limit},
    )
    return [AuthorizedHostname(*row) for row in rows]


def count(account_id: int) -> Unit[int]:
    rows = yield Statement(
        "select count(*) from authorized_hostnames where account_id = :account_id", {"account_id": account_id}
    )
    return int(rows[0][0])


CREATE = f"""
insert into authorized_hostnames (account_id, hostname, created_at, token_id)
values (:account_id, :hostname, :created_at, :token_id)
returning {COLUMNS}
"""


def add(account_id: int, hostname: str, now: int, *, token_id: int = 0) -> Unit[AuthorizedHostname]:
    """Insert an entry.  token_id: the token that it goes back to; 0 for none.  Raises: Conflict where it is there."""
    row = {"account_id": account_id, "hostname": hostname, "created_at": now, "token_id": token_id}
    rows = yield Statement(CREATE, row)
    return AuthorizedHostname(*rows[0])


def delete(account_id: int, hostname: str) -> Unit[bool]:
    """Delete the account's entry for the name; whether there was one."""
    rows = yield Statement(
        "delete from authorized_hostnames where account_id = :account_id and hostname = :hostname returning hostname",
        {"account_id": account_id, "hostname": searchable(hostname)},
    )
    return bool(rows)
