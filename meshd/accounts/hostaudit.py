"""The record of what was done by the API of published hosts: sign-ins, changes, and every request by a token.

It tells who, what and from where.  Entries are forgotten after some months, and the oldest of too many sooner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from meshd.accounts.errors import Invalid
from meshd.accounts.ownership import ActorId
from meshd.accounts.published.rights import CHANGERS, acting
from meshd.store.statements import accounts
from meshd.store.statements import hostsaudit as stored
from meshd.store.statements.hostsaudit import Asked, Entry
from meshd.store.statements.texts import searchable
from meshd.store.unit import Unit
from meshd.values.times import DAY

Told = Entry
"""An entry as it is told."""
KEPT = 90 * DAY
"""Seconds for which an entry is kept."""
MOST = 1_000_000
"""Entries: at 120 requests a minute, which an address may make, six days of one program that never rests."""
PRUNE_EVERY = 256
"""Entries after which old ones are forgotten, more of them than have come since."""
PRUNED = 1000
SCANNED = 100_000
"""Entries of one user, action or kind that are looked through for another condition; `until` finds older ones."""
DEEPEST = 50_000
"""Entries that pages reach back; older ones are found by `until`."""
MOST_PAGE = 100
LONGEST = {"username": 255, "email": 255, "action": 64, "resource_type": 64, "details": 4096, "address": 64}
"""Characters that are kept of each text: some of them are what strangers have sent."""


def record(
    *,
    at: int,
    action: str,
    resource_type: str = "",
    resource_id: int = 0,
    account_id: int = 0,
    username: str = "",
    email: str = "",
    details: Mapping[str, Any] | None = None,
    address: str = "",
) -> Unit[None]:
    """Note what was done, or tried.  details: what is to be known besides, nothing of it secret."""
    told = json.dumps(details, separators=(",", ":")) if details else ""
    texts = {
        "username": username,
        "email": email,
        "action": action,
        "resource_type": resource_type,
        "details": told if len(told) <= LONGEST["details"] else "{}",
        "address": address,
    }
    kept = {name: searchable(text[: LONGEST[name]]) for name, text in texts.items()}
    known = resource_id if 0 <= resource_id < 2**63 else 0
    entry = Entry(at=at, account_id=account_id, resource_id=known, **kept)  # type: ignore[arg-type]
    entry_id = yield from stored.record(entry)
    if entry_id % PRUNE_EVERY == 0:
        yield from stored.prune(at - KEPT, entry_id - MOST, PRUNED)


def listing(
    actor_id: ActorId,
    *,
    resource_type: str = "",
    action: str = "",
    user: str = "",
    since: int | None = None,
    until: int | None = None,
    page: int = 1,
    limit: int = 50,
) -> Unit[list[Entry]]:
    """One page of entries, the newest first.  user: a username or an e-mail address.

    Raises: Forbidden for a viewer; Invalid for a page that is too far back.
    """
    yield from acting(actor_id, change=False, roles=CHANGERS)
    if not 1 <= limit <= MOST_PAGE:
        raise Invalid({"limit": [f"This must be a number from 1 to {MOST_PAGE}."]})
    if page < 1 or page * limit > DEEPEST:
        raise Invalid({"page": [f"Pages reach back {DEEPEST} entries; ask for older ones by until."]})
    asked = Asked(searchable(resource_type), searchable(action), (yield from _username(user)), since, until)
    return (yield from stored.page(asked, scanned=SCANNED, skip=(page - 1) * limit, limit=limit))


def entry(actor_id: ActorId, id: int) -> Unit[Entry | None]:
    """One entry; None where there is none.  Raises: Forbidden for a viewer."""
    yield from acting(actor_id, change=False, roles=CHANGERS)
    return (yield from stored.by_id(id))


def _username(user: str) -> Unit[str]:
    """The username as entries have it, of whoever is named by a username in any case or by an e-mail address."""
    if not user:
        return ""
    named = yield from accounts.by_username(user)
    known = [] if named is not None else (yield from accounts.by_email(user, 1))
    return named.username if named is not None else known[0].username if known else searchable(user)
