"""What accounts moved by target host: a report of bounded size, whose sum is exact and whose names are the largest."""

from __future__ import annotations

from dataclasses import dataclass

from meshd.accounts.errors import Invalid
from meshd.accounts.ownership import ActorId, own
from meshd.store.statements import tops
from meshd.store.statements.tops import OTHER, Sum
from meshd.store.unit import Unit
from meshd.values.times import DAY

__all__ = ["OTHER", "Domains", "Sum", "report"]

DAYS = 30
"""Days that are told where no range is given."""

MOST_READ = 200_000
"""Rows that the store reads for one answer, in about 200 ms: of an account alone five years and more."""


@dataclass(frozen=True, slots=True)
class Domains:
    """Sums by target host."""

    username: str
    since: int
    until: int
    rows: list[Sum]
    """Those with most bytes first; OTHER, where there is one, last."""


def report(
    actor_id: ActorId, username: str | None, *, since: int | None, until: int | None, family: bool = True, now: int
) -> Unit[Domains]:
    """What an account (None: the actor's own) moved in the days (UTC) that begin in [since, until), by target host.

    family: with its sub-accounts.  None means DAYS days ago, and now.
    Raises: NotYours; NotFound; Invalid (field `since`) for a range that is empty, or too much for one answer.
    """
    account = (yield from own(actor_id, username, change=False)).account
    until = now + 1 if until is None else until
    since = until - DAYS * DAY if since is None else since
    if since >= until:
        raise Invalid({"since": ["This must be before until."]})
    rows = yield from tops.domains(account.id, since, until, family=family, most=MOST_READ)
    if rows is None:
        raise Invalid({"since": ["This is too much at once: ask for a shorter range, or without sub-accounts."]})
    return Domains(account.username, since, until, rows)
