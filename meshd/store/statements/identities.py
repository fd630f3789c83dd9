"""All that a decision about one account needs, found by the account's id, by its username or by a token."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshd.model import Account, Identity, Token
from meshd.store.statements import accounts, tokens
from meshd.store.statements.proxies import MOVING
from meshd.store.statements.rows import listed, numbered
from meshd.store.statements.texts import storable, username_key
from meshd.store.statements.usage import USED, current, used_of
from meshd.store.unit import Row, Statement, Unit
from meshd.values.times import today

WIDTH = len(accounts.FIELDS)

SELECT = f"""
select {accounts.columns_of("a")}, {accounts.columns_of("p")},
    {used_of("u")},
    {used_of("pu")}
from accounts as a
left join accounts as p on p.id = a.parent_id
left join usage as u on u.account_id = a.id
left join usage as pu on pu.account_id = a.parent_id
"""

PROXIES = """
select p.proxy, m.old from proxy_authorizations as p
left join moved_proxies as m on m.new = p.proxy and m.at > :since
where p.account_id = :account_id order by p.id
"""
"""The names of the account's proxies, and for MOVING seconds those that these proxies had before."""


def load(account_id: int, at: int) -> Unit[Identity | None]:
    """The account as it stands at the second `at`, which decides the billing period; None where there is none."""
    if not storable(account_id):
        return None
    return (yield from _one(SELECT + "where a.id = :id", {"id": account_id}, at))


def by_usernames(usernames: Sequence[str], at: int) -> Unit[Identity | None]:
    """The account with the longest of these usernames, whatever the case, as it stands at the second `at`."""
    keys = [(username_key(username),) for username in usernames]
    sql = f"{SELECT} where a.username_key in {listed('key', len(keys))} order by length(a.username_key) desc limit 1"
    return (yield from _one(sql, numbered(("key",), keys), at))


def by_token(digest: bytes, at: int) -> Unit[tuple[Identity, Token] | None]:
    """The token of that digest, even an inactive or expired one, and its account as it stands at the second `at`."""
    token = yield from tokens.by_digest(digest)
    if token is None:
        return None
    identity = yield from load(token.account_id, at)
    return (identity, token) if identity else None


def _one(sql: str, params: dict[str, Any], at: int) -> Unit[Identity | None]:
    rows = yield Statement(sql, params)
    if not rows:
        return None
    account, parent = _accounts(rows[0])
    found = yield Statement(PROXIES, {"account_id": (parent or account).id, "since": at - MOVING})
    proxies = dict.fromkeys([proxy for proxy, _ in found] + [old for _, old in found if old is not None])
    return _identity(account, parent, tuple(proxies), rows[0][2 * WIDTH :], at)


def _accounts(row: Row) -> tuple[Account, Account | None]:
    parent = row[WIDTH : 2 * WIDTH]
    return accounts.read(row[:WIDTH]), accounts.read(parent) if parent[0] is not None else None


def _identity(account: Account, parent: Account | None, proxies: tuple[str, ...], used: Row, at: int) -> Identity:
    day = (parent or account).billing_day
    return Identity(
        account=account,
        parent=parent,
        proxies=proxies,
        usage=current(account.id, day, at, used[: len(USED)]),
        parent_usage=current(parent.id, day, at, used[len(USED) :]) if parent else None,
        expired=any(each.expires_on and each.expires_on < today(at) for each in (account, parent) if each),
    )
