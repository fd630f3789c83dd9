"""How every change ends: recorded in the audit, then published to all processes."""

from __future__ import annotations

from meshd.store.statements import audit, changes
from meshd.store.unit import Unit


def conclude(actor: str, action: str, account_id: int, detail: str, now: int) -> Unit[None]:
    """Record and publish a change: the last step of a unit, since the feed's counter stays locked until the commit."""
    yield from audit.record(now, actor, action, account_id, detail)
    yield from changes.publish(account_id)
