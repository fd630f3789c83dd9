"""Bans as the operator sees them: who is refused after too many wrong credentials, and letting them in again.

Lifting a ban publishes no change: every process reads the bans in force once a second.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshd.accounts.errors import NotFound
from meshd.accounts.ownership import ActorId, name_of, operating
from meshd.auth.secrets import ban_address
from meshd.model import Ban
from meshd.selection import stem
from meshd.store.statements import accounts, audit
from meshd.store.statements import bans as stored
from meshd.store.unit import Unit

MOST = 1_000
"""Bans in one page."""


@dataclass(frozen=True, slots=True)
class BanPage:
    """Bans that are in force, the last to end first."""

    rows: list[Ban]
    more: bool
    """Whether others follow; the next page is asked for by the last of these."""


def listing(actor_id: ActorId, *, after: Ban | None = None, limit: int, now: int) -> Unit[BanPage]:
    """The bans in force that come after one; None for the first page.  Raises: Forbidden."""
    yield from operating(actor_id, change=False)
    limit = max(1, min(limit, MOST))
    rows = yield from stored.page(after, now, limit + 1)
    return BanPage(rows[:limit], len(rows) > limit)


def lift(actor_id: ActorId, address: str, username: str, *, now: int) -> Unit[int]:
    """Lift this name's ban from an address, or with "" every ban of it; how many there were.
    Raises: Forbidden; NotFound where there is none.
    """
    actor = yield from operating(actor_id, change=True)
    banned = ban_address(address)
    lifted = yield from stored.lift(banned, stem(username))
    if lifted == 0:
        raise NotFound(f"{username!r} is not banned from {banned}" if username else f"there is no ban of {banned}")
    account = (yield from accounts.by_username(username)) if username else None
    yield from audit.record(
        now, name_of(actor), "ban.lift", account.id if account else 0, f"{banned} {username}".strip()
    )
    return lifted
