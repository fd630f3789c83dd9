"""E-mail addresses that are still to be proven: at most one for each account."""

from __future__ import annotations

from typing import NamedTuple

from meshd.store.unit import Statement, Unit


class EmailProof(NamedTuple):
    email: str
    digest: bytes
    """SHA-256 of what was sent there."""
    until: int
    """The first second in which that proves nothing any more."""


PUT = """
insert into email_proofs (account_id, email, digest, sent_at, until) values (:account_id, :email, :digest, :now, :until)
on conflict (account_id) do update
set email = excluded.email, digest = excluded.digest, sent_at = excluded.sent_at, until = excluded.until
"""


def of_account(account_id: int) -> Unit[EmailProof | None]:
    rows = yield Statement("select email, digest, until from email_proofs where account_id = :id", {"id": account_id})
    return EmailProof(rows[0][0], bytes(rows[0][1]), rows[0][2]) if rows else None


def put(account_id: int, email: str, digest: bytes, *, now: int, until: int) -> Unit[None]:
    """Let the account have this address to prove, and no other."""
    parameters = {"account_id": account_id, "email": email, "digest": digest, "now": now, "until": until}
    yield Statement(PUT, parameters)


def forget(account_id: int) -> Unit[bool]:
    """Let the account have none to prove; False where it has none."""
    rows = yield Statement("delete from email_proofs where account_id = :id returning account_id", {"id": account_id})
    return bool(rows)
