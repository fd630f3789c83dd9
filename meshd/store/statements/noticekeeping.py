"""Notices that wait or were given up: kept within bounds, looked at, sent again."""

from __future__ import annotations

from typing import NamedTuple

from meshd.store.statements.notices import AT_ONCE, FAILED, MOST
from meshd.store.unit import Statement, Unit
from meshd.values.times import DAY

AGE = 3 * DAY
"""Seconds after which a notice that still waits is given up: over a weekend a receiver may be down."""

KEPT = 7 * DAY
"""Seconds for which one that was given up can be looked at and sent again."""


class Tidied(NamedTuple):
    """What a tidying came to."""

    dropped: dict[str, int]
    """By target, how many notices too many waited; the oldest of them are gone."""
    late: dict[str, int]
    """By target, how many have waited for AGE and are given up."""


CROWDED = "select target, count(*) from notices where state = :state group by target having count(*) > :most"

OLDEST = """
delete from notices where target = :target and state = :state and id <= (
    select id from notices where target = :target and state = :state order by id desc limit 1 offset :most
)
returning id
"""

LATE = """
update notices set state = 'failed', until = 0, owner = '', why = 'it has waited for too long'
where state = 'waiting' and queued_at < :horizon returning target
"""

OLD = "delete from notices where state = 'failed' and queued_at < :horizon"

MARKS = """
delete from notice_marks where mark in (select mark from notice_marks where until < :now order by until limit :most)
"""


def tidy(now: int) -> Unit[Tidied]:
    """Hold what is kept to its bounds."""
    dropped = yield from _cut("waiting", MOST)
    for target, count in sorted(dropped.items()):
        yield Statement(
            "update notice_targets set dropped = dropped + :count where name = :name", {"name": target, "count": count}
        )
    late: dict[str, int] = {}
    for (target,) in (yield Statement(LATE, {"horizon": now - AGE})):
        late[target] = late.get(target, 0) + 1
    for target, count in sorted(late.items()):
        yield Statement(
            "update notice_targets set failed = failed + :count where name = :name", {"name": target, "count": count}
        )
    yield from _cut("failed", FAILED)
    yield Statement(OLD, {"horizon": now - AGE - KEPT})
    yield Statement(MARKS, {"now": now, "most": AT_ONCE})
    return Tidied(dropped, late)


def _cut(state: str, most: int) -> Unit[dict[str, int]]:
    """Delete the oldest beyond so many of each target; by target how many that were."""
    found: dict[str, int] = {}
    for target, _ in (yield Statement(CROWDED, {"state": state, "most": most})):
        found[target] = len((yield Statement(OLDEST, {"target": target, "state": state, "most": most})))
    return found


class Target(NamedTuple):
    """A target, with what became of its notices."""

    name: str
    gone: bool
    """Whether it wants nothing any more."""
    waiting: int
    sent: int
    failed: int
    dropped: int


TARGETS = """
select t.name, t.gone, (select count(*) from notices where target = t.name and state = 'waiting'),
    t.sent, t.failed, t.dropped
from notice_targets as t order by t.name
"""


def targets() -> Unit[list[Target]]:
    """The targets that daemons have named, by name."""
    rows = yield Statement(TARGETS, {})
    return [Target(name, bool(gone), *map(int, counts)) for name, gone, *counts in rows]


class Kept(NamedTuple):
    """A notice that waits, or was given up."""

    id: int
    target: str
    notice: str
    kind: str
    at: int
    subject: str
    state: str
    """`waiting` or `failed`."""
    tries: int
    due: int
    """When it is tried next; 0 for as soon as may be."""
    why: str
    """What came of the last try; "" before the first."""


def page(after: int, limit: int) -> Unit[list[Kept]]:
    """Those that come after an id, by id."""
    rows = yield Statement(
        f"select {', '.join(Kept._fields)} from notices where id > :after order by id limit :limit",  # noqa: S608
        {"after": after, "limit": limit},
    )
    return [Kept(*row) for row in rows]


AGAIN = """
update notices set state = 'waiting', tries = 0, due = 0, queued_at = :now
where until <= :now and (target = :target or :target = '') returning id
"""


def again(target: str, now: int) -> Unit[int]:
    """Have all that waits for a target, or was given up, tried anew at once; "" for every target; how many."""
    rows = yield Statement(AGAIN, {"target": target, "now": now})
    yield Statement("update notice_targets set gone = 0 where name = :target or :target = ''", {"target": target})
    return len(rows)
