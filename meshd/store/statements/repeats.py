"""Requests that were carried out and may come again, by the digest of the key that their client gave."""

from __future__ import annotations

from typing import NamedTuple

from meshd.store.unit import Statement, Unit


class Kept(NamedTuple):
    """What a request asked for, and how it was answered."""

    request: bytes
    answer: bytes


def find(key: bytes) -> Unit[Kept | None]:
    rows = yield Statement("select request, answer from repeats where key = :key", {"key": key})
    return Kept(bytes(rows[0][0]), bytes(rows[0][1])) if rows else None


def claim(key: bytes, request: bytes, at: int) -> Unit[None]:
    """Take a key for a request that is being carried out.  Raises: Conflict where another process has just taken it."""
    yield Statement(
        "insert into repeats (key, request, answer, at) values (:key, :request, :answer, :at)",
        {"key": key, "request": request, "answer": b"", "at": at},
    )


def answer(key: bytes, sealed: bytes) -> Unit[None]:
    """Keep the answer to the request that has taken the key."""
    yield Statement("update repeats set answer = :answer where key = :key", {"key": key, "answer": sealed})


SWEEP = """
delete from repeats where key in (select key from repeats where at < :before order by at limit :most)
"""


def sweep(before: int, most: int) -> Unit[None]:
    """Forget requests that were carried out before then, the oldest first."""
    yield Statement(SWEEP, {"before": before, "most": most})
