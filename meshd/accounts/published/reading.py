"""What a process reads to know what is published: all of it at first, then what has changed since.

Several changes may be read as one, and a row that has changed again is read as it is now.
"""

from __future__ import annotations

from typing import NamedTuple

from meshd.accounts.published.rows import Row, row
from meshd.store.statements import acme
from meshd.store.statements import published as stored
from meshd.store.unit import Unit


class News(NamedTuple):
    """What has changed after a revision."""

    rows: list[Row]
    """In the order of their last changes; a row that was deleted says so, and nothing else."""
    revision: int
    """Where to go on from."""
    more: bool
    """Whether there may be more, to be asked for at once."""
    lost: bool
    """Whether something was deleted so long ago that nobody can tell what: all has to be read anew, from 0, and what is
    not among it is gone."""


def newer(revision: int, limit: int) -> Unit[News]:
    """What has changed after a revision, some `limit` rows at a time; 0 for all that there is."""
    lost = revision > 0 and revision < (yield from stored.pruned())
    found = yield from stored.newer(revision, limit)
    rows = [row(each) for each in found]
    return News(rows, rows[-1].revision if rows else revision, len(rows) >= limit, lost)


def challenges() -> Unit[list[tuple[str, str]]]:
    """What ACME's authorities have to find here: tokens, and what stands behind each."""
    return (yield from acme.challenges())
