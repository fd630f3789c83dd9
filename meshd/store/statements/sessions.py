"""Sessions of the pages: who is signed in, by the digest of a cookie's secret."""

from __future__ import annotations

from typing import Any, NamedTuple

from meshd.store.unit import Row, Statement, Unit


class Session(NamedTuple):
    """One sign-in, as far as its holder may see it."""

    id: int
    account_id: int
    proof: str
    """SHA-256, in hex, of the password's hash that the session began with."""
    half: bool
    """Whether a code of the second factor is still to come."""
    tries: int
    """Wrong codes so far."""
    began_at: int
    seen_at: int
    until: int
    """The first second in which the session is over."""
    client: str
    """The address that the session was begun from."""
    agent: str
    """What the browser called itself."""


COLUMNS = "id, account_id, proof, half, tries, began_at, seen_at, until, client, agent"

BY_DIGEST = f"select {COLUMNS} from sessions where digest = :digest and until > :now"  # noqa: S608

BEGIN = """
insert into sessions (digest, account_id, proof, half, began_at, seen_at, until, client, agent)
values (:digest, :account_id, :proof, :half, :now, :now, :until, :client, :agent)
"""

OF_ACCOUNT = f"""
select {COLUMNS} from sessions where account_id = :account_id and until > :now and half = 0
order by seen_at desc, id desc limit :limit
"""  # noqa: S608

KEEP = """
delete from sessions where account_id = :account_id and id not in (
    select id from sessions where account_id = :account_id order by seen_at desc, id desc limit :keep
)
"""

SWEEP = "delete from sessions where id in (select id from sessions where until <= :now order by until limit :limit)"


def by_digest(digest: bytes, now: int) -> Unit[Session | None]:
    """The session of that cookie, if it is not over at the second `now`."""
    rows = yield Statement(BY_DIGEST, {"digest": digest, "now": now})
    return _read(rows[0]) if rows else None


def of_account(account_id: int, now: int, limit: int) -> Unit[list[Session]]:
    """The account's sessions that are signed in wholly, the one that was seen last first."""
    rows = yield Statement(OF_ACCOUNT, {"account_id": account_id, "now": now, "limit": limit})
    return [_read(row) for row in rows]


def add(
    digest: bytes, account_id: int, *, proof: str, half: bool, now: int, until: int, client: str, agent: str
) -> Unit[None]:
    facts = {"client": client, "agent": agent, "now": now, "until": until}
    whose = {"digest": digest, "account_id": account_id, "proof": proof, "half": int(half)}
    yield Statement(BEGIN, whose | facts)


def keep(account_id: int, most: int) -> Unit[None]:
    """Delete all of the account's sessions but the `most` that were seen last."""
    yield Statement(KEEP, {"account_id": account_id, "keep": most})


def sweep(now: int, limit: int) -> Unit[None]:
    """Delete up to `limit` sessions that are over, whosever they are."""
    yield Statement(SWEEP, {"now": now, "limit": limit})


def seen(session_id: int, now: int, until: int) -> Unit[None]:
    yield Statement(
        "update sessions set seen_at = :now, until = :until where id = :id",
        {"id": session_id, "now": now, "until": until},
    )


def tried(digest: bytes, most: int) -> Unit[bool]:
    """Count a try of a session that is half signed in; False where it has had `most` already, or there is none."""
    rows = yield Statement(
        "update sessions set tries = tries + 1 where digest = :digest and half = 1 and tries < :most returning id",
        {"digest": digest, "most": most},
    )
    return bool(rows)


def end(digest: bytes) -> Unit[None]:
    yield Statement("delete from sessions where digest = :digest", {"digest": digest})


def end_one(account_id: int, session_id: int) -> Unit[bool]:
    """Delete a session of this account; False where the account has none of that id."""
    rows = yield Statement(
        "delete from sessions where id = :id and account_id = :account_id returning id",
        {"id": session_id, "account_id": account_id},
    )
    return bool(rows)


def end_all(account_id: int) -> Unit[None]:
    yield Statement("delete from sessions where account_id = :account_id", {"account_id": account_id})


def _read(row: Row) -> Session:
    facts: tuple[Any, ...] = (*row[:3], bool(row[3]), *row[4:])
    return Session(*facts)
