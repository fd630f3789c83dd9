"""How many customers there are of some kind, counted along an index as far as a bound."""

from __future__ import annotations

from meshd.store.unit import Statement, Unit

MOST = 30_000
"""As far as is counted, in some 10 ms: of more, that there are so many is all that anybody looks for."""

ACTIVE = "select 1 from usage where seen_at >= :since limit :most"
# Not `parent_id is null`, by whose index SQLite would go through all accounts without parent.
NEW = "select 1 from accounts where created_at >= :since and coalesce(parent_id, 0) = 0 limit :most"


def active(since: int) -> Unit[int]:
    """Accounts, sub-accounts among them, that were billed themselves at or after that second; MOST for any more."""
    return (yield from _count(ACTIVE, max(since, 1)))  # 0 stands for never


def new(since: int) -> Unit[int]:
    """Accounts without a parent that were made at or after that second; MOST for any more."""
    return (yield from _count(NEW, since))


def _count(sql: str, since: int) -> Unit[int]:
    rows = yield Statement(f"select count(*) from ({sql}) as found", {"since": since, "most": MOST})  # noqa: S608
    return int(rows[0][0])
