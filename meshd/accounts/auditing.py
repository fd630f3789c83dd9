"""Who changed what, over all accounts: for operators, page by page, the newest first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from meshd.accounts import cursors, validate
from meshd.accounts.errors import NotFound
from meshd.accounts.ownership import ActorId, operating
from meshd.store.statements import accounts, audit
from meshd.store.statements.audit import AuditEntry
from meshd.store.unit import Unit

MOST = 1000
"""Entries of one page at most."""

KIND = "audit"

Entry = AuditEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What is asked of the entries, all of it at once; "", 0 and None for nothing."""

    account: str = ""
    """A username: all about the account that has it now, under whatever name; else about those that had it."""
    account_id: int = 0
    """Also of an account that is gone, whose name another one may have by now."""
    actor: str = ""
    """Who made the change, as entries name it: `alice`, `alice (token 3)`, `operator:root`."""
    action: str = ""
    """How the action begins: `account.`, `token.create`."""
    since: int | None = None
    until: int | None = None


class Page(NamedTuple):
    """A part of the entries."""

    entries: list[Entry]
    cursor: str
    """Where the next page begins; "" where the entries end."""


def entries(actor_id: ActorId, filters: Filters, *, cursor: str = "", limit: int = 100) -> Unit[Page]:
    """The next entries, at most `limit`: a page may have fewer, or none, and others follow it while there is a cursor.
    Raises: Forbidden; Invalid (fields `cursor`, `limit`); NotFound for a name that no account has or had.
    """
    yield from operating(actor_id, change=False)
    validate.require(limit=None if 1 <= limit <= MOST else f"Enter a number from 1 to {MOST}.")
    after = cursors.read(KIND, cursor, (int, int))
    asked = yield from _asked(filters)
    found = yield from audit.page(asked, after=after, limit=limit)
    return Page(found.entries, cursors.written(KIND, found.after))


def changed(entry: Entry) -> dict[str, Any]:
    """By field what was and what is, as a pair; None for a field of which only that it changed is kept."""
    found: dict[str, Any] = json.loads(entry.changed) if entry.changed else {}
    return found


def _asked(filters: Filters) -> Unit[audit.Asked]:
    username, account_id = filters.account, filters.account_id
    if username and not account_id:
        account = yield from accounts.by_username(username)
        if account is not None:
            username, account_id = "", account.id
        elif not (yield from audit.named(username)):
            raise NotFound(f"there is no account named {username!r}, and none was")
    return audit.Asked(
        username=username,
        account_id=account_id,
        actor=filters.actor,
        action=filters.action,
        since=filters.since,
        until=filters.until,
    )
