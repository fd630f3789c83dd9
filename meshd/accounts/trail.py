"""How every change ends: written down, then announced."""

from __future__ import annotations

from meshd.store.statements import audit, changes
from meshd.store.unit import Unit


def concluded(actor: str, action: str, account_id: int, detail: str, now: int) -> Unit[None]:
    """Record the change and publish it.  The last step of a unit: the feed's counter is locked from here to the end."""
    yield from audit.record(now, actor, action, account_id, detail)
    yield from changes.publish(account_id)
