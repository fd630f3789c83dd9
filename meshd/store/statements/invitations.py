"""Invitations: codes that let somebody register, each as often as it says."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from typing import NamedTuple

from meshd.store.statements.texts import LARGEST, storable
from meshd.store.unit import Statement, Unit


class Invitation(NamedTuple):
    """One invitation, without its code."""

    id: int
    label: str
    uses: int
    """How often it still does."""
    until: int
    """The first second in which it does no more; 0 for none."""
    created_at: int
    by: str
    """Who made it, as the audit names people."""


COLUMNS = ", ".join(Invitation._fields)


def create(digest: bytes, label: str, uses: int, until: int, now: int, by: str) -> Unit[Invitation]:
    rows = yield Statement(
        "insert into invitations (digest, label, uses, until, created_at, by)"
        f" values (:digest, :label, :uses, :until, :now, :by) returning {COLUMNS}",
        {"digest": digest, "label": label, "uses": uses, "until": until, "now": now, "by": by},
    )
    return Invitation(*rows[0])


def page(before: int | None, limit: int) -> Unit[list[Invitation]]:
    """The invitations with an id below `before` (None: all), at most `limit`, the newest first."""
    rows = yield Statement(
        f"select {COLUMNS} from invitations where id < :before order by id desc limit :limit",
        {"before": before if before is not None else LARGEST, "limit": limit},
    )
    return [Invitation(*row) for row in rows]


def does(digest: bytes, now: int) -> Unit[bool]:
    """Whether an invitation lets somebody register."""
    rows = yield Statement(
        "select 1 from invitations where digest = :digest and uses > 0 and (until = 0 or until > :now)",
        {"digest": digest, "now": now},
    )
    return bool(rows)


def take(digest: bytes, now: int) -> Unit[int]:
    """Use an invitation up by one; its id, 0 where it does not do any more, or never did."""
    rows = yield Statement(
        "update invitations set uses = uses - 1"
        " where digest = :digest and uses > 0 and (until = 0 or until > :now) returning id",
        {"digest": digest, "now": now},
    )
    return int(rows[0][0]) if rows else 0


def delete(invitation_id: int) -> Unit[str | None]:
    """Delete an invitation; its label, None where there is no such invitation."""
    if not storable(invitation_id):
        return None
    rows = yield Statement("delete from invitations where id = :id returning label", {"id": invitation_id})
    return str(rows[0][0]) if rows else None
