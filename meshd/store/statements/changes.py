"""The change feed: numbers in commit order, each telling every process whose identity to forget."""

from __future__ import annotations

from meshd.model import Change
from meshd.store.unit import Statement, Unit

KEEP = 10_000
"""Numbers that stay readable; a process that slept longer is told to forget everything."""

PRUNE_EVERY = 1_000

PUBLISH = "insert into changes (seq, account_id) values (:seq, :account_id)"
"""The stores look out for this text, to wake the feeds after the commit of a unit that publishes."""


def publish(account_id: int) -> Unit[int]:
    """Publish a change of an account (0: of every account; HOSTS: of what is published, of no account), at the end of a
    unit that changes who may pass; its number.

    The counter's row is locked until the commit, so that numbers appear in their order; all who publish queue here.
    """
    rows = yield Statement("update change_counter set seq = seq + 1 where id = 1 returning seq", {})
    seq = int(rows[0][0])
    yield Statement(PUBLISH, {"seq": seq, "account_id": account_id})
    if seq % PRUNE_EVERY == 0:
        yield from prune(KEEP)
    return seq


def queue() -> Unit[None]:
    """Queue with all who publish, before a unit reads what none of them may have changed when it writes.

    The rows of accounts that the unit changes must be locked before, as others lock an account and publish then.
    """
    yield Statement("update change_counter set seq = seq where id = 1", {})


SINCE = """
select counter.seq, changes.seq, changes.account_id
from change_counter as counter
left join changes on changes.seq > :seq
order by changes.seq
limit :limit
"""


def since(seq: int, limit: int) -> Unit[list[Change]]:
    """The changes after a number, oldest first.

    A gap, because older numbers were pruned or the database was put back to an earlier state, is told as
    `Change(number to go on from, 0)` in its place.
    """
    rows = yield Statement(SINCE, {"seq": seq, "limit": limit})
    newest = int(rows[0][0])
    found = [Change(row[1], row[2]) for row in rows if row[1] is not None]
    if found:
        return found if found[0].seq == seq + 1 else [Change(found[0].seq - 1, 0), *found]
    return [] if newest == seq else [Change(newest, 0)]


def newest() -> Unit[int]:
    """The number of the newest change; 0 for none yet."""
    rows = yield Statement("select seq from change_counter where id = 1", {})
    return int(rows[0][0])


def prune(keep: int) -> Unit[None]:
    """Delete all changes but those of the newest `keep` numbers."""
    yield Statement(
        "delete from changes where seq <= (select seq from change_counter where id = 1) - :keep", {"keep": keep}
    )
