"""Notices to the operator, written in the very transaction of what they tell of: an outbox.

A row stands for each target that wants the kind; where none does, nothing is written.  Rows of one target and subject
are handed out one at a time, the oldest first, so that none overtakes another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from secrets import token_hex
from typing import NamedTuple

from meshd.store.statements.rows import among
from meshd.store.unit import Statement, Unit
from meshd.values.notices import Notice

MOST = 10_000
"""Notices that wait for one target: some five megabytes, and what a receiver that comes back takes in minutes."""

FAILED = 1_000
"""Notices of one target that were given up, of which people may look at the newest and have them sent again."""

UNSEEN = 3600
"""Seconds after which a target that no daemon names any more is forgotten: longer than all nodes take to restart."""

AT_ONCE = 1_000
"""Rows that one tidying deletes of what has become too old, so that others wait for milliseconds at most."""

TELL = """
insert into notices (target, subject, notice, kind, at, account_id, username, data, queued_at)
select name, :subject, :notice, :kind, :at, :account_id,
    coalesce((select username from accounts where id = :account_id), :username), :data, :at
from notice_targets where gone = 0 and kinds like :wanted
"""


def tell(
    kind: str, subject: str, at: int, data: Mapping[str, object], *, account_id: int = 0, username: str = ""
) -> Unit[None]:
    """Write a notice for each target that wants the kind.  subject: what it is about, within which the order holds;
    data: nothing secret; username: of an account that is gone.
    """
    told = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    notice = Notice(new_id(), kind, at, told, account_id, username)
    yield Statement(TELL, {**notice._asdict(), "subject": subject, "wanted": f"%,{notice.kind},%"})


def wanted(kind: str) -> Unit[bool]:
    """Whether anybody wants the kind: what is told once only is to be told when somebody does."""
    rows = yield Statement(
        "select 1 from notice_targets where gone = 0 and kinds like :wanted limit 1", {"wanted": f"%,{kind},%"}
    )
    return bool(rows)


def new_id() -> str:
    """An id that no other notice has."""
    return f"msg_{token_hex(16)}"


PUT_FOR = """
insert into notices (target, subject, notice, kind, at, account_id, username, data, queued_at)
values (:target, :subject, :notice, :kind, :at, :account_id, :username, :data, :queued_at)
"""


def put_for(target: str, notice: Notice, subject: str, now: int) -> Unit[None]:
    """Write this notice for one target alone, wanted or not."""
    yield Statement(PUT_FOR, {**notice._asdict(), "target": target, "subject": subject, "queued_at": now})


def once(mark: str, until: int) -> Unit[bool]:
    """Whether this is noted for the first time, as far as the store remembers; it does until then."""
    rows = yield Statement(
        "insert into notice_marks (mark, until) values (:mark, :until) on conflict (mark) do nothing returning mark",
        {"mark": mark, "until": until},
    )
    return bool(rows)


def unmark(marks: Iterable[str]) -> Unit[list[str]]:
    """Forget that these were noted; those that were."""
    rows = yield from among("delete from notice_marks where mark in {0} returning mark", marks)
    return [mark for (mark,) in rows]


# Targets


class Told(NamedTuple):
    """A target as a daemon names it."""

    name: str
    kinds: Sequence[str]
    place: str
    """Where it is, or a digest of that: with another place, one that had gone is asked again."""


SEEN = """
insert into notice_targets (name, kinds, place, seen_at) values (:name, :kinds, :place, :now)
on conflict (name) do update set
    gone = case when notice_targets.place = excluded.place then notice_targets.gone else 0 end,
    kinds = excluded.kinds, place = excluded.place, seen_at = excluded.seen_at
"""


def seen(targets: Iterable[Told], now: int) -> Unit[None]:
    """Note that a daemon wants these told; targets that none has named for an hour are forgotten."""
    for each in sorted(targets):
        told = {"name": each.name, "kinds": f",{','.join(each.kinds)},", "place": each.place}
        yield Statement(SEEN, {**told, "now": now})
    yield Statement("delete from notice_targets where seen_at < :horizon", {"horizon": now - UNSEEN})


def retire(names: Iterable[str]) -> Unit[None]:
    """Forget targets, since the settings have them no more; what waits for them is given up in its time."""
    yield from among("delete from notice_targets where name in {0}", sorted(names))


# Sending


class Row(NamedTuple):
    """A notice that this process has in hand."""

    id: int
    tries: int
    """How often it was tried before."""
    queued_at: int
    """Since when it waits."""
    notice: Notice


# Along the ids, so that with many waiting the first few are found without a look at the others.
CLAIM = """
update notices set owner = :owner, until = :until where id in (
    select n.id from notices as n
    where n.target = :target and n.state = 'waiting' and n.due <= :now and n.until <= :now and n.id = (
        select min(e.id) from notices as e
        where e.target = :target and e.state = 'waiting' and e.subject = n.subject
    )
    order by n.id limit :most
) and state = 'waiting' and until <= :now
returning id, tries, queued_at, notice, kind, at, data, account_id, username
"""


def claim(target: str, owner: str, now: int, until: int, most: int) -> Unit[list[Row]]:
    """Take notices of a target in hand that are due, the first of each subject, until then; the oldest first."""
    rows = yield Statement(CLAIM, {"target": target, "owner": owner, "now": now, "until": until, "most": most})
    return sorted(Row(row[0], row[1], row[2], Notice(*row[3:])) for row in rows)


OURS = "where id = :id and owner = :owner and state = 'waiting'"


def sent(row_id: int, owner: str, target: str) -> Unit[None]:
    """The target has it."""
    yield Statement(f"delete from notices {OURS}", {"id": row_id, "owner": owner})  # noqa: S608
    yield Statement("update notice_targets set sent = sent + 1 where name = :name", {"name": target})


def later(row_id: int, owner: str, due: int, why: str) -> Unit[None]:
    """It was tried in vain, and is to be tried again then."""
    yield Statement(
        f"update notices set tries = tries + 1, due = :due, until = 0, owner = '', why = :why {OURS}",  # noqa: S608
        {"id": row_id, "owner": owner, "due": due, "why": why},
    )


def given_up(row_id: int, owner: str, target: str, why: str) -> Unit[None]:
    """It was tried in vain for the last time."""
    failed = "update notices set tries = tries + 1, state = 'failed', until = 0, owner = '', why = :why"
    rows = yield Statement(f"{failed} {OURS} returning id", {"id": row_id, "owner": owner, "why": why})
    yield from _failed(target, len(rows))


def gone(target: str, why: str) -> Unit[int]:
    """The target wants nothing any more: give up what waits for it, and write nothing for it; how many waited."""
    rows = yield Statement(
        "update notices set state = 'failed', until = 0, owner = '', why = :why"
        " where target = :target and state = 'waiting' returning id",
        {"target": target, "why": why},
    )
    yield Statement("update notice_targets set gone = 1 where name = :name", {"name": target})
    yield from _failed(target, len(rows))
    return len(rows)


def _failed(target: str, count: int) -> Unit[None]:
    yield Statement(
        "update notice_targets set failed = failed + :count where name = :name", {"name": target, "count": count}
    )


def released(owner: str) -> Unit[None]:
    """Let go what a process of this name had in hand when it died."""
    yield Statement("update notices set owner = '', until = 0 where owner = :owner", {"owner": owner})
