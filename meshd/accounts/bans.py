"""Bans as the operator sees them: who is refused after too many wrong credentials, and letting them in again.

Lifting a ban publishes no change: every process reads the bans in force once a second.
"""

from __future__ import annotations

from meshd.accounts.errors import NotFound
from meshd.accounts.ownership import Operator
from meshd.auth.secrets import ban_address
from meshd.model import Ban
from meshd.selection import stem
from meshd.store.statements import accounts, audit
from meshd.store.statements import bans as stored
from meshd.store.unit import Unit


def listing(*, limit: int, now: int) -> Unit[list[Ban]]:
    """Up to `limit` bans that are in force, the last to end first."""
    return (yield from stored.active(now, limit))


def lift(operator: Operator, address: str, username: str, *, now: int) -> Unit[int]:
    """Lift this name's ban from an address, or with "" every ban of it; how many there were.  Raises: NotFound."""
    banned = ban_address(address)
    lifted = yield from stored.lift(banned, stem(username))
    if lifted == 0:
        raise NotFound(f"{username!r} is not banned from {banned}" if username else f"there is no ban of {banned}")
    account = (yield from accounts.by_username(username)) if username else None
    yield from audit.record(
        now, operator.name, "ban.lift", account.id if account else 0, f"{banned} {username}".strip()
    )
    return lifted
