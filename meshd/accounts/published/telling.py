"""How a change of what is published ends: recorded in the audit, then told to every process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshd.accounts.published.rights import Actor
from meshd.accounts.trail import told
from meshd.store.statements import audit, changes
from meshd.store.statements import published as stored
from meshd.store.unit import Unit
from meshd.values.published import HOSTS, Kind

NOTHING: Mapping[str, Any] = {}


def conclude(
    actor: Actor,
    action: str,
    kind: Kind,
    row_id: int,
    ids: Iterable[int],
    now: int,
    before: Mapping[str, Any] = NOTHING,
    after: Mapping[str, Any] = NOTHING,
) -> Unit[None]:
    """Record a change of one resource, by the names of its members that differ, and announce `ids`, which changed with
    it: the last step of a unit.
    """
    changed = {name: None for name in {*before, *after} if before.get(name) != after.get(name)}
    yield from audit.record(now, actor.by, f"hosts.{action}", actor.account_id, f"{kind} {row_id}", told(changed))
    yield from announce(ids)


def announce(ids: Iterable[int]) -> Unit[None]:
    """Tell every process that these rows have changed, and that it may find other challenges."""
    revision = yield from changes.publish(HOSTS)
    yield from stored.revise(sorted(set(ids)), revision)
