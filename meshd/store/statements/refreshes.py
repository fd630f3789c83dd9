"""What renews sign-ins at the API of published hosts, each used once; those that renewed each other are a family."""

from __future__ import annotations

from typing import Any, NamedTuple

from meshd.store.unit import Statement, Unit


class Refresh(NamedTuple):
    """What a client can renew its sign-in with, or could."""

    id: int
    account_id: int
    family: int
    proof: str
    """What the account's password and role were at the sign-in, digested."""
    token_id: int
    """The token that it renews."""
    until: int
    spent: bool


COLUMNS = ", ".join(Refresh._fields)


def taken(digest: bytes) -> Unit[Refresh | None]:
    """What has that digest, locked: of two that use it at once the second sees that it is spent."""
    rows = yield Statement(
        f"update refreshes set spent = spent where digest = :digest returning {COLUMNS}",  # noqa: S608
        {"digest": digest},
    )
    if not rows:
        return None
    values: tuple[Any, ...] = (*rows[0][:6], bool(rows[0][6]))
    return Refresh(*values)


def add(digest: bytes, account_id: int, *, family: int, proof: str, token_id: int, until: int) -> Unit[None]:
    """Add one to a family; 0 to begin one."""
    rows = yield Statement(
        "insert into refreshes (digest, account_id, family, proof, token_id, until)"
        " values (:digest, :account_id, :family, :proof, :token_id, :until) returning id",
        {
            "digest": digest,
            "account_id": account_id,
            "family": family,
            "proof": proof,
            "token_id": token_id,
            "until": until,
        },
    )
    if not family:
        yield Statement("update refreshes set family = id where id = :id", {"id": rows[0][0]})


def spend(refresh_id: int) -> Unit[None]:
    yield Statement("update refreshes set spent = 1 where id = :id", {"id": refresh_id})


def family_of(token_id: int) -> Unit[int]:
    """The family that renews a token; 0 for none."""
    rows = yield Statement(
        "select family from refreshes where token_id = :token_id order by id limit 1", {"token_id": token_id}
    )
    return int(rows[0][0]) if rows else 0


END = """
delete from tokens where kind = 'session' and id in (select token_id from refreshes where family = :family)
"""


def end(family: int) -> Unit[None]:
    """End a family: what it renews counts no more, and neither does what could renew it."""
    yield Statement(END, {"family": family})
    yield Statement("delete from refreshes where family = :family", {"family": family})


def end_all(account_id: int) -> Unit[None]:
    """End all of an account's."""
    yield Statement("delete from refreshes where account_id = :account_id", {"account_id": account_id})


KEEP = """
delete from refreshes where account_id = :account_id and id not in (
    select id from refreshes where account_id = :account_id order by id desc limit :keep
)
"""


def keep(account_id: int, most: int) -> Unit[None]:
    """Forget all of an account's but the newest."""
    yield Statement(KEEP, {"account_id": account_id, "keep": most})


THIN = """
delete from refreshes where family = :family and id not in (
    select id from refreshes where family = :family order by id desc limit :keep
)
"""


def thin(family: int, most: int) -> Unit[None]:
    """Forget all of a family but the newest."""
    yield Statement(THIN, {"family": family, "keep": most})


SWEEP = "delete from refreshes where id in (select id from refreshes where until <= :now order by until limit :limit)"


def sweep(now: int, limit: int) -> Unit[None]:
    """Forget some that are over, whosever they are."""
    yield Statement(SWEEP, {"now": now, "limit": limit})
