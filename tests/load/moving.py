"""A store as large as that of an installation that has grown."""

from __future__ import annotations

import contextlib
import sqlite3

from tests.support.figures import sized

ACCOUNTS = sized(3_000, 1_000_000)
HOURS = 10
"""Rows of usage for each account."""
START = 1_732_276_800


def fill(path: str, after: int = 0) -> None:
    """Make accounts with a hash and a token each, and their usage by the hour; after: an id that all are above."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("pragma synchronous = off")
        people = range(after + 1, after + ACCOUNTS + 1)
        database.executemany(
            "insert into accounts"
            " (id, username, username_key, role, plan, billing_day, created_at, password_hash, uuid)"
            " values (?, ?, ?, 'customer', '10', 1, 0, ?, ?)",
            ((n, f"User{n}", f"user{n}", f"$argon2id$v=19$m=65536,t=3${n:043}", f"{n:032x}") for n in people),
        )
        database.executemany(
            "insert into tokens (account_id, digest, created_at) values (?, ?, 0)",
            ((n, n.to_bytes(32)) for n in people),
        )
        database.executemany("insert into usage values (?, ?, ?, 0, ?, 0, 0)", ((n, n * 7, n * 3, n) for n in people))
        database.executemany(
            "insert into usage_hours values (?, ?, 0, ?, ?, 5)",
            ((n, START + 3600 * hour, n + hour, n * hour) for n in people for hour in range(HOURS)),
        )
        database.commit()
