"""Under which key an account's PAC file is found: one key for each account that wants one."""

from __future__ import annotations

from meshd.store.statements.texts import searchable
from meshd.store.unit import Statement, Unit

PUT = """
insert into pac_files (account_id, secret, created_at) values (:account_id, :secret, :now)
on conflict (account_id) do update set secret = excluded.secret, created_at = excluded.created_at
"""

HOLDER = """
select coalesce(accounts.parent_id, accounts.id) from pac_files join accounts on accounts.id = pac_files.account_id
where pac_files.secret = :secret
"""


def of_account(account_id: int) -> Unit[str]:
    """The account's key; "" for none."""
    rows = yield Statement("select secret from pac_files where account_id = :account_id", {"account_id": account_id})
    return rows[0][0] if rows else ""


def put(account_id: int, secret: str, now: int) -> Unit[None]:
    """Give an account a key, in the place of the one that it may have."""
    yield Statement(PUT, {"account_id": account_id, "secret": secret, "now": now})


def remove(account_id: int) -> Unit[bool]:
    """Take an account's key; whether it had one."""
    sql = "delete from pac_files where account_id = :account_id returning account_id"
    return bool((yield Statement(sql, {"account_id": account_id})))


def family_of(secret: str) -> Unit[int | None]:
    """The id of the account whose key that is, or of its parent; None where it is nobody's."""
    rows = yield Statement(HOLDER, {"secret": searchable(secret)})
    return rows[0][0] if rows else None
