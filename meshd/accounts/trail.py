"""How every change ends: recorded in the audit, then published to all processes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from meshd.store.statements import audit, changes
from meshd.store.unit import Unit

Changed = Mapping[str, tuple[object, object] | None]
"""By field what was and what is now; None for a field of which only that is told: a person's, or a secret."""

PERSONAL = frozenset({"first_name", "last_name", "email", "notes", "password", "password_hash", "password_by"})
"""Fields whose values the audit, which outlives its account, never holds."""

NONE: Changed = {}


def conclude(
    actor: str, action: str, account_id: int, detail: str, now: int, changed: Changed = NONE, *, username: str = ""
) -> Unit[None]:
    """Record and publish a change: the last step of a unit, since the feed's counter stays locked until the commit.

    username: the account's, where the account is gone.
    """
    yield from audit.record(now, actor, action, account_id, detail, told(changed), username)
    yield from changes.publish(account_id)


def told(changed: Changed) -> str:
    """The fields that have changed, as JSON: `{"plan":["10","20"],"email":null}`; "" for none."""
    found = {
        name: None if values is None or name in PERSONAL else list(values)
        for name, values in sorted(changed.items())
        if values is None or values[0] != values[1]
    }
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False) if found else ""


def between(before: object, after: Mapping[str, object], but: Iterable[str] = ()) -> Changed:
    """What an object's attributes were, and are now by `after`."""
    return {name: (getattr(before, name), value) for name, value in after.items() if name not in but}
