"""What a token has made and what is there still: that outlives the token, until somebody takes it away."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from meshd.store.unit import Statement, Unit
from meshd.values.traces import Entry, Made

_OF_FAMILY = ":family_id in (a.id, a.parent_id)"

_SUB_ACCOUNTS = f"""
select a.username from accounts as a where a.made_by = :token_id and {_OF_FAMILY} order by a.id
"""

_PASSWORDS = f"""
select a.username from accounts as a
where a.password_by = :token_id and a.made_by <> :token_id and {_OF_FAMILY} order by a.id
"""

_ENTRIES = f"""
select a.username, e.%s from %s as e join accounts as a on a.id = e.account_id
where e.token_id = :token_id and {_OF_FAMILY} order by e.id
"""


def of_token(token_id: int, family_id: int) -> Unit[Made]:
    """What the token has made of the account `family_id` and those below it; nothing for 0, which is no token."""
    if not token_id:
        return Made()
    params = {"token_id": token_id, "family_id": family_id}
    made = yield Statement(_SUB_ACCOUNTS, params)
    passwords = yield Statement(_PASSWORDS, params)
    ips = yield Statement(_ENTRIES % ("address", "authorized_ips"), params)
    hostnames = yield Statement(_ENTRIES % ("hostname", "authorized_hostnames"), params)
    proxies = yield Statement(_ENTRIES % ("proxy", "proxy_authorizations"), params)
    return Made(
        tuple(name for (name,) in made),
        tuple(name for (name,) in passwords),
        *(tuple(Entry(*row) for row in rows) for rows in (ips, hostnames, proxies)),
    )
