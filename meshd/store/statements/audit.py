"""Who changed what: entries about a deleted top-level account are kept, those about a sub-account go with it."""

from __future__ import annotations

from typing import NamedTuple

from meshd.store.unit import Statement, Unit


class AuditEntry(NamedTuple):
    """One change that was made."""

    at: int
    actor: str
    action: str
    account_id: int
    detail: str


RECORD = """
insert into audit (at, actor, action, account_id, detail)
values (:at, :actor, :action, :account_id, :detail)
"""


def record(at: int, actor: str, action: str, account_id: int, detail: str = "") -> Unit[None]:
    yield Statement(RECORD, {"at": at, "actor": actor, "action": action, "account_id": account_id, "detail": detail})


def of_account(account_id: int, limit: int) -> Unit[list[AuditEntry]]:
    """The entries about the account, at most `limit`, the newest first."""
    rows = yield Statement(
        """
        select at, actor, action, account_id, detail from audit
        where account_id = :account_id order by id desc limit :limit
        """,
        {"account_id": account_id, "limit": limit},
    )
    return [AuditEntry(*row) for row in rows]


def forget(account_id: int) -> Unit[None]:
    """Delete the entries about the account."""
    yield Statement("delete from audit where account_id = :account_id", {"account_id": account_id})
