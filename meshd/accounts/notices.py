"""Notices that wait for the operator's webhooks and mailboxes, or were given up: looked at, and sent again."""

from __future__ import annotations

from meshd.accounts.errors import NotFound
from meshd.accounts.ownership import Operator
from meshd.store.statements import audit, noticekeeping
from meshd.store.statements.noticekeeping import Kept, Target
from meshd.store.unit import Unit

PAGE = 500
"""Notices in one query."""


def targets() -> Unit[list[Target]]:
    """Whom daemons have told, by name, with what became of that."""
    return (yield from noticekeeping.targets())


def listing(after: int) -> Unit[list[Kept]]:
    """Notices that are still there, at most PAGE that come after an id, by id."""
    return (yield from noticekeeping.page(after, PAGE))


def again(operator: Operator, target: str, now: int) -> Unit[int]:
    """Have what waits for a target, or was given up, tried anew at once; "" for every target; how many.
    Raises: NotFound.
    """
    known = {each.name for each in (yield from noticekeeping.targets())}
    if target and target not in known:
        raise NotFound(f"no daemon has told the store of a webhook or mailbox {target!r}")
    count = yield from noticekeeping.again(target, now)
    yield from audit.record(now, operator.name, "notify.retry", 0, f"{count} notices{target and f' to {target}'}")
    return count
