"""Which proxies accounts and tokens are for, whether or not the settings have them, and moving them to another."""

from __future__ import annotations

from meshd.store.statements.proxies import MOVING
from meshd.store.unit import Statement, Unit


def names() -> Unit[list[str]]:
    """The names of all proxies that accounts are authorised for: one look into the index for each of the names."""
    found: list[str] = []
    while True:
        after = found[-1] if found else ""
        rows = yield Statement(
            "select min(proxy) as next from proxy_authorizations where proxy > :after", {"after": after}
        )
        if rows[0][0] is None:
            return found
        found.append(rows[0][0])


def count(proxy: str) -> Unit[int]:
    """How many accounts are authorised for the proxy."""
    rows = yield Statement("select count(*) from proxy_authorizations where proxy = :proxy", {"proxy": proxy})
    return int(rows[0][0])


def confinements() -> Unit[list[tuple[tuple[str, ...], int]]]:
    """The sets of proxies that tokens are for, with how many tokens each has; tokens for all proxies are left out."""
    rows = yield Statement("select proxies, count(*) from tokens where proxies <> '' group by proxies", {})
    return [(tuple(proxies.split(",")), int(tokens)) for proxies, tokens in rows]


def confined() -> Unit[list[tuple[int, int, tuple[str, ...]]]]:
    """The id, the account's id and the proxies of each token that is for some proxies only."""
    rows = yield Statement("select id, account_id, proxies from tokens where proxies <> '' order by id", {})
    return [(token_id, account_id, tuple(proxies.split(","))) for token_id, account_id, proxies in rows]


def confine(token_id: int, proxies: tuple[str, ...]) -> Unit[None]:
    yield Statement(
        "update tokens set proxies = :proxies where id = :id", {"id": token_id, "proxies": ",".join(proxies)}
    )


REMEMBER = """
insert into moved_proxies (old, new, at) values (:old, :new, :now)
on conflict (old) do update set new = excluded.new, at = excluded.at
"""


def remember(old: str, new: str, now: int) -> Unit[None]:
    """For MOVING seconds let whoever may use the proxy `new` use `old` too, and names lately moved to `old`."""
    over = {"horizon": now - MOVING, "new": new}
    yield Statement("delete from moved_proxies where at <= :horizon or old = :new", over)
    yield Statement("update moved_proxies set new = :new where new = :old", {"old": old, "new": new})
    yield Statement(REMEMBER, {"old": old, "new": new, "now": now})


WITHHOLD = """
insert into withheld (account_id, kind, name, cause, at, by)
select account_id, kind, :new, cause, at, by from withheld
where kind = 'proxy' and name = :old
and account_id not in (select account_id from proxy_authorizations where proxy = :new)
on conflict (account_id, kind, name) do nothing
"""


def withhold(old: str, new: str) -> Unit[None]:
    """Withhold the new proxy from those from whom the old one is withheld, unless they have the new one already."""
    yield Statement(WITHHOLD, {"old": old, "new": new})


def stop_withholding(old: str) -> Unit[None]:
    yield Statement("delete from withheld where kind = 'proxy' and name = :old", {"old": old})


BOUND = """
select max(id) as bound from (
    select id from proxy_authorizations where proxy = :old order by id limit :limit
) as first
"""

AUDIT = """
insert into audit (at, actor, action, account_id, detail)
select :now, :actor, 'proxy.move', account_id, :detail from proxy_authorizations where proxy = :old and id <= :bound
"""

DROP = """
delete from proxy_authorizations where proxy = :old and id <= :bound and (
    account_id in (select account_id from withheld where kind = 'proxy' and name = :new and cause = 'operator')
    or account_id in (select account_id from proxy_authorizations where proxy = :new)
)
"""

MOVE = """
update proxy_authorizations set proxy = :new where proxy = :old and id <= :bound
"""


def move(old: str, new: str, limit: int, actor: str, detail: str, now: int) -> Unit[int]:
    """Give the next `limit` accounts of the old proxy the new one in its place; how many accounts there were.

    Those from whom the operator took the new proxy lose the old one only; those who had the new one have it once.
    """
    rows = yield Statement(BOUND, {"old": old, "limit": limit})
    bound = rows[0][0]
    if bound is None:
        return 0
    params = {"old": old, "new": new, "bound": bound}
    rows = yield Statement(
        "select count(*) from proxy_authorizations where proxy = :old and id <= :bound", {"old": old, "bound": bound}
    )
    yield Statement(AUDIT, {"old": old, "bound": bound, "now": now, "actor": actor, "detail": detail})
    yield Statement(DROP, params)
    yield Statement(MOVE, params)
    return int(rows[0][0])
