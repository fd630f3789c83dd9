"""Which named proxies an account may use.  Rows are the parent's only; its sub-accounts follow them."""

from __future__ import annotations

from meshd.store.statements.texts import searchable
from meshd.store.unit import Statement, Unit


def of_account(account_id: int) -> Unit[list[str]]:
    """The names, in the order of authorisation."""
    rows = yield Statement(
        "select proxy from proxy_authorizations where account_id = :account_id order by id",
        {"account_id": account_id},
    )
    return [row[0] for row in rows]


AUTHORIZE = """
insert into proxy_authorizations (account_id, proxy, created_at)
values (:account_id, :proxy, :created_at)
on conflict (account_id, proxy) do nothing
returning id
"""


def authorize(account_id: int, proxy: str, now: int) -> Unit[bool]:
    """Whether it is new."""
    rows = yield Statement(AUTHORIZE, {"account_id": account_id, "proxy": proxy, "created_at": now})
    return bool(rows)


def revoke(account_id: int, proxy: str) -> Unit[bool]:
    """Whether it was there."""
    rows = yield Statement(
        "delete from proxy_authorizations where account_id = :account_id and proxy = :proxy returning id",
        {"account_id": account_id, "proxy": searchable(proxy)},
    )
    return bool(rows)
