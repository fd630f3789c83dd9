"""Which named proxies an account may use.  Only top-level accounts have rows; a sub-account may use its parent's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshd.store.statements.rows import among
from meshd.store.statements.texts import searchable
from meshd.store.unit import Statement, Unit

MOVING = 86_400
"""Seconds for which a customer who was moved to a proxy's new name may use the former name too."""


def of_account(account_id: int) -> Unit[list[str]]:
    """The names of the account's proxies, in the order of authorisation."""
    rows = yield Statement(
        "select proxy from proxy_authorizations where account_id = :account_id order by id",
        {"account_id": account_id},
    )
    return [row[0] for row in rows]


def of_accounts(ids: Iterable[int]) -> Unit[dict[int, list[str]]]:
    """The names of many accounts' proxies, by account id; accounts that have none are left out."""
    found: dict[int, list[str]] = {}
    sql = "select account_id, proxy from proxy_authorizations where account_id in {0} order by id"
    for account_id, proxy in (yield from among(sql, ids)):
        found.setdefault(account_id, []).append(proxy)
    return found


AUTHORIZE = """
insert into proxy_authorizations (account_id, proxy, created_at, token_id)
values (:account_id, :proxy, :created_at, :token_id)
on conflict (account_id, proxy) do nothing
returning id
"""


def authorize(account_id: int, proxy: str, now: int, *, token_id: int = 0) -> Unit[bool]:
    """Authorise an account for a proxy; whether that is new.  token_id: the token that it goes back to; 0 for none."""
    row = {"account_id": account_id, "proxy": proxy, "created_at": now, "token_id": token_id}
    rows = yield Statement(AUTHORIZE, row)
    return bool(rows)


def revoke(account_id: int, proxy: str) -> Unit[bool]:
    """Take a proxy from an account; whether the account had it."""
    rows = yield Statement(
        "delete from proxy_authorizations where account_id = :account_id and proxy = :proxy returning id",
        {"account_id": account_id, "proxy": searchable(proxy)},
    )
    return bool(rows)


def formerly(names: Sequence[str], at: int) -> Unit[list[str]]:
    """The names that these proxies had before, and by which they may be asked for until MOVING seconds have passed."""
    sql = "select old from moved_proxies where at > :since and new in {0}"
    return [old for (old,) in (yield from among(sql, names, {"since": at - MOVING}))]
