"""Second factors: an authenticator's secret, the newest step whose code was taken, and codes that stand in for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from meshd.store.statements.rows import numbered, placeholders
from meshd.store.unit import Statement, Unit


class SecondFactor(NamedTuple):
    """The second factor of an account that has one."""

    secret: str
    """Base32, as the authenticator has it."""
    since: int
    recovery_codes: int
    """How many of them are left."""

    def __repr__(self) -> str:
        return "SecondFactor(…)"


FIND = """
select secret, since, (select count(*) from recovery_codes as r where r.account_id = f.account_id)
from second_factors as f where account_id = :account_id
"""

SET = """
insert into second_factors (account_id, secret, last_step, since) values (:account_id, :secret, :step, :now)
on conflict (account_id) do nothing returning account_id
"""

TAKE_STEP = """
update second_factors set last_step = :step
where account_id = :account_id and secret = :secret and last_step < :step returning account_id
"""


def of_account(account_id: int) -> Unit[SecondFactor | None]:
    rows = yield Statement(FIND, {"account_id": account_id})
    return SecondFactor(rows[0][0], rows[0][1], int(rows[0][2])) if rows else None


def add(account_id: int, secret: str, step: int, now: int) -> Unit[bool]:
    """Give the account a second factor whose code of this step was used; False where it has one."""
    rows = yield Statement(SET, {"account_id": account_id, "secret": secret, "step": step, "now": now})
    return bool(rows)


def take_step(account_id: int, secret: str, step: int) -> Unit[bool]:
    """Use the code of this step up, with those of all steps before; False where it was used already."""
    rows = yield Statement(TAKE_STEP, {"account_id": account_id, "secret": secret, "step": step})
    return bool(rows)


def take_recovery_code(account_id: int, digest: bytes) -> Unit[bool]:
    """Use a recovery code up; False where the account has no such code."""
    rows = yield Statement(
        "delete from recovery_codes where account_id = :account_id and digest = :digest returning account_id",
        {"account_id": account_id, "digest": digest},
    )
    return bool(rows)


def replace_recovery_codes(account_id: int, digests: Iterable[bytes]) -> Unit[None]:
    """Let these be the account's recovery codes, and no others; 100 at most."""
    yield Statement("delete from recovery_codes where account_id = :account_id", {"account_id": account_id})
    values = [(account_id, digest) for digest in digests]
    columns = ("account_id", "digest")
    sql = f"insert into recovery_codes (account_id, digest) values {placeholders(columns, len(values))}"  # noqa: S608
    yield Statement(sql, numbered(columns, values))


def delete(account_id: int) -> Unit[bool]:
    """Take the second factor and its recovery codes from the account; False where it has none."""
    yield Statement("delete from recovery_codes where account_id = :account_id", {"account_id": account_id})
    rows = yield Statement(
        "delete from second_factors where account_id = :account_id returning account_id", {"account_id": account_id}
    )
    return bool(rows)


class Pending(NamedTuple):
    """A second factor that its holder was shown, and has not confirmed yet."""

    secret: str
    digests: tuple[bytes, ...]
    """Those of the recovery codes that were shown with it."""

    def __repr__(self) -> str:
        return "Pending(…)"


PEND = """
insert into pending_factors (account_id, secret, digests, until) values (:account_id, :secret, :digests, :until)
on conflict (account_id) do update
set secret = excluded.secret, digests = excluded.digests, until = excluded.until
"""


def pend(account_id: int, secret: str, digests: Iterable[bytes], *, until: int, now: int) -> Unit[None]:
    """Remember what an account is shown, in the place of what it was shown before; what is over is forgotten."""
    yield Statement("delete from pending_factors where until <= :now", {"now": now})
    parameters = {"account_id": account_id, "secret": secret, "digests": b"".join(digests), "until": until}
    yield Statement(PEND, parameters)


def pending(account_id: int, now: int) -> Unit[Pending | None]:
    """What the account was shown and may confirm still."""
    rows = yield Statement(
        "select secret, digests from pending_factors where account_id = :account_id and until > :now",
        {"account_id": account_id, "now": now},
    )
    if not rows:
        return None
    joined = bytes(rows[0][1])
    return Pending(rows[0][0], tuple(joined[at : at + 32] for at in range(0, len(joined), 32)))


def forget_pending(account_id: int) -> Unit[None]:
    yield Statement("delete from pending_factors where account_id = :account_id", {"account_id": account_id})
