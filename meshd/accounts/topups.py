"""Top-ups: bytes that are added to an account and never taken away but by being used.

A payment has a reference, under which it counts once for its account, however often it is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from meshd.accounts import cursors, validate
from meshd.accounts.errors import Forbidden, Invalid
from meshd.accounts.ownership import ActorId, Subject, locked, own, subaccount
from meshd.accounts.trail import conclude
from meshd.model import GB, Usage, monthly_limit
from meshd.store.statements import accounts, topups, usage
from meshd.store.statements.topups import Stored
from meshd.store.unit import Unit
from meshd.topology import Plan, included_bytes

MOST = 1000
"""Top-ups of one page at most."""

KIND = "topups"

TopUp = Stored
Plans = Mapping[str, Plan]


class Topped(NamedTuple):
    """An account after a top-up."""

    topup: TopUp
    again: bool
    """Whether this top-up was told before, and added nothing now."""
    usage: Usage
    total_limit: int
    """The account's total limit, raised by the top-up; 0 for none."""


class Page(NamedTuple):
    """A part of an account's top-ups, the newest first."""

    rows: list[TopUp]
    cursor: str
    """Where the next page begins; "" where they end."""


def add(
    actor_id: ActorId,
    username: str,
    size: int,
    reference: str,
    *,
    note: str = "",
    plans: Mapping[str, Plan],
    now: int,
) -> Unit[Topped]:
    """Add bytes to an account that has a limit; told again with its reference, a top-up adds nothing.

    With a monthly limit, or a plan that includes traffic, they are prepaid: used once the period's limit is used up,
    and kept over its end.  A total limit is raised by them.
    Raises: Invalid (fields `bytes`, `reference`, `note`; an account without limits), NotYours; Forbidden to all but
    operators.
    """
    validate.require(
        bytes=None if 0 < size <= validate.MAX_LIMIT else "Enter a number of GB above 0, up to 1000000000.",
        reference=validate.reference(reference),
        note=validate.notes(note),
    )
    subject = yield from subaccount(actor_id, username)
    if not subject.by_operator:
        raise Forbidden("only the operator can do this")
    subject = yield from locked(subject)
    known = yield from topups.find(subject.account.id, reference)
    if known is not None and known.bytes != size:
        told = f"This is of a top-up of {Decimal(known.bytes) / GB:f} GB; give another payment a reference of its own."
        raise Invalid({"reference": [told]})
    if known is None:
        known = yield from _added(subject, size, reference, note, plans, now)
        return (yield from _topped(subject, known, False, now))
    return (yield from _topped(subject, known, True, now))


def paid(subject: Subject, size: int, reference: str, plans: Plans, now: int) -> Unit[Topped]:
    """Add what the account, which is locked, has paid for by a rule of its own.
    Raises: Invalid for an account without limits, beyond the largest limit, and for a reference that it has already.
    """
    if (yield from topups.find(subject.account.id, reference)) is not None:
        raise Invalid({"reference": [f"There is a top-up called {reference!r} already."]})
    made = yield from _added(subject, size, reference, "", plans, now)
    return (yield from _topped(subject, made, False, now))


def listing(actor_id: ActorId, username: str | None, *, cursor: str = "", limit: int = 100) -> Unit[Page]:
    """The account's top-ups, the newest first, at most `limit`; notes, and who added them, for operators alone.
    Raises: Invalid (fields `cursor`, `limit`), NotYours, NotFound.
    """
    validate.require(limit=None if 1 <= limit <= MOST else f"Enter a number from 1 to {MOST}.")
    subject = yield from own(actor_id, username, change=False)
    after = cursors.read(KIND, cursor, (int,))
    found = yield from topups.page(subject.account.id, int(after[0]) if after else None, limit + 1)
    following = (found[limit - 1].id,) if len(found) > limit else None
    rows = found[:limit]
    if not subject.by_operator:
        rows = [each._replace(note="", by="") for each in rows]
    return Page(rows, cursors.written(KIND, following))


def _added(subject: Subject, size: int, reference: str, note: str, plans: Mapping[str, Plan], now: int) -> Unit[TopUp]:
    """Add a top-up that is new.  Raises: Invalid for an account without limits, and beyond the largest limit."""
    account, included = subject.account, included_bytes(plans)
    monthly, total = monthly_limit(account, included), account.total_limit
    if not monthly and not total:
        raise Invalid({"username": ["This account has no limit, so there is nothing to add to."]})
    prepaid = (yield from usage.of_account(account.id, now)).prepaid_bytes
    if max(prepaid if monthly else 0, total) + size > validate.MAX_LIMIT:
        raise Invalid({"bytes": ["Together with what the account has this is more than 1000000000 GB."]})
    changed: dict[str, tuple[object, object]] = {}
    if monthly:
        yield from usage.prepay(account.id, size)
        changed = {"prepaid_bytes": (prepaid, prepaid + size)}
    if total:
        ceiling = account.total_ceiling
        columns = {"total_limit": total + size, "total_ceiling": ceiling + size if ceiling else 0}
        yield from accounts.edit(account.id, **columns)
        changed |= {name: (getattr(account, name), value) for name, value in columns.items()}
    made = yield from topups.add(account.id, reference, size, note, now, subject.by)
    yield from usage.judged(account.id, now, included)
    detail = f"{Decimal(size) / GB:f} GB, {reference}"
    yield from conclude(subject.by, "account.topup", account.id, detail, now, changed)
    return made


def _topped(subject: Subject, topup: TopUp, again: bool, now: int) -> Unit[Topped]:
    used = yield from usage.of_account(subject.account.id, now)
    account = yield from accounts.by_id(subject.account.id)
    return Topped(topup, again, used, account.total_limit if account is not None else 0)
