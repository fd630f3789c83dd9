"""Addresses that accounts list as theirs; where several accounts list one, `claims` tells whose it is."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from meshd.model import AuthorizedIP
from meshd.store.statements.texts import searchable
from meshd.store.unit import Statement, Unit

COLUMNS = "account_id, address, label, created_at"


def of_both(account_id: int, address: str) -> Unit[AuthorizedIP | None]:
    """The account's entry for the address."""
    rows = yield Statement(
        f"select {COLUMNS} from authorized_ips where account_id = :account_id and address = :address",
        {"account_id": account_id, "address": searchable(address)},
    )
    return AuthorizedIP(*rows[0]) if rows else None


def of_account(account_id: int) -> Unit[list[AuthorizedIP]]:
    """The account's entries, the oldest first."""
    rows = yield Statement(
        f"select {COLUMNS} from authorized_ips where account_id = :account_id order by id",
        {"account_id": account_id},
    )
    return [AuthorizedIP(*row) for row in rows]


def count(account_id: int) -> Unit[int]:
    rows = yield Statement(
        "select count(*) from authorized_ips where account_id = :account_id", {"account_id": account_id}
    )
    return int(rows[0][0])


CREATE = f"""
insert into authorized_ips (account_id, address, label, created_at, token_id)
values (:account_id, :address, :label, :created_at, :token_id)
returning {COLUMNS}
"""


def add(account_id: int, address: str, label: str, now: int, *, token_id: int = 0) -> Unit[AuthorizedIP]:
    """Insert an entry.  token_id: the token that it goes back to; 0 for none.  Raises: Conflict where it is there."""
    rows = yield Statement(
        CREATE,
        {"account_id": account_id, "address": address, "label": label, "created_at": now, "token_id": token_id},
    )
    return AuthorizedIP(*rows[0])


def delete(account_id: int, address: str) -> Unit[bool]:
    """Delete the account's entry for the address; whether there was one."""
    rows = yield Statement(
        "delete from authorized_ips where account_id = :account_id and address = :address returning address",
        {"account_id": account_id, "address": searchable(address)},
    )
    return bool(rows)
