"""Bearer tokens, known by the SHA-256 of their secret."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshd.model import EndedBy, Token
from meshd.store.statements.rows import among
from meshd.store.statements.texts import storable
from meshd.store.unit import Row, Statement, Unit
from meshd.values.times import iso
from meshd.values.tokens import TokenKind

FIELDS = (
    "id",
    "account_id",
    "label",
    "active",
    "expires_on",
    "created_at",
    "selection",
    "proxies",
    "ended_by",
    "rules",
    "used_at",
    "kind",
)
COLUMNS = ", ".join(FIELDS)


def read(row: Row) -> Token:
    """The token in one row of COLUMNS."""
    proxies = tuple(row[7].split(",")) if row[7] else ()
    return Token(row[0], row[1], row[2], bool(row[3]), row[4], row[5], row[6], proxies, *row[8:])


def by_digest(digest: bytes) -> Unit[Token | None]:
    rows = yield Statement(f"select {COLUMNS} from tokens where digest = :digest", {"digest": digest})
    return read(rows[0]) if rows else None


def by_id(token_id: int) -> Unit[Token | None]:
    if not storable(token_id):
        return None
    rows = yield Statement(f"select {COLUMNS} from tokens where id = :id", {"id": token_id})
    return read(rows[0]) if rows else None


def of_account(account_id: int, kind: TokenKind = "") -> Unit[list[Token]]:
    """The account's tokens of a kind, in the order of their creation."""
    sql = f"select {COLUMNS} from tokens where account_id = :account_id and kind = :kind order by id"
    rows = yield Statement(sql, {"account_id": account_id, "kind": kind})
    return [read(row) for row in rows]


def count(account_id: int, kind: TokenKind = "") -> Unit[int]:
    """How many tokens of a kind the account has, active or not."""
    rows = yield Statement(
        "select count(*) from tokens where account_id = :account_id and kind = :kind",
        {"account_id": account_id, "kind": kind},
    )
    return int(rows[0][0])


def count_active(account_id: int) -> Unit[int]:
    rows = yield Statement(
        "select count(*) from tokens where account_id = :account_id and active = 1 and kind = ''",
        {"account_id": account_id},
    )
    return int(rows[0][0])


CREATE = f"""
insert into tokens (account_id, digest, label, expires_on, created_at, selection, proxies, kind)
values (:account_id, :digest, :label, :expires_on, :created_at, :selection, :proxies, :kind)
returning {COLUMNS}
"""


def create(
    account_id: int,
    digest: bytes,
    label: str,
    expires_on: str,
    now: int,
    *,
    selection: str = "",
    proxies: Sequence[str] = (),
    kind: TokenKind = "",
) -> Unit[Token]:
    """Insert an active token.  Raises: Conflict when the digest is there already."""
    rows = yield Statement(
        CREATE,
        {
            "account_id": account_id,
            "digest": digest,
            "label": label,
            "expires_on": expires_on,
            "created_at": now,
            "selection": selection,
            "proxies": ",".join(proxies),
            "kind": kind,
        },
    )
    return read(rows[0])


def locked(token_id: int) -> Unit[Token | None]:
    """The token of that id, locked: until this unit ends nobody changes it, and nobody uses it for a change."""
    if not storable(token_id):
        return None
    rows = yield Statement(f"update tokens set active = active where id = :id returning {COLUMNS}", {"id": token_id})
    return read(rows[0]) if rows else None


def set_active(token_id: int, active: bool, ended_by: EndedBy = "") -> Unit[Token | None]:
    """Set whether a token is active.  ended_by: of an inactive one, whose doing that is, if not its holder's."""
    if not storable(token_id):
        return None
    rows = yield Statement(
        f"update tokens set active = :active, ended_by = :ended_by where id = :id returning {COLUMNS}",
        {"id": token_id, "active": int(active), "ended_by": ended_by},
    )
    return read(rows[0]) if rows else None


def edit(token_id: int, *, label: str | None = None, expires_on: str | None = None) -> Unit[Token | None]:
    """Set the label and the end of a token, where they are given."""
    rows = yield Statement(
        "update tokens set label = coalesce(:label, label), expires_on = coalesce(:expires_on, expires_on)"
        f" where id = :id returning {COLUMNS}",
        {"id": token_id, "label": label, "expires_on": expires_on},
    )
    return read(rows[0]) if rows else None


def set_rules(token_id: int, rules: str) -> Unit[Token | None]:
    """Set a token's destination rules; None where it is not there."""
    rows = yield Statement(
        f"update tokens set rules = :rules where id = :id returning {COLUMNS}", {"id": token_id, "rules": rules}
    )
    return read(rows[0]) if rows else None


MOST_ENDED = 1_000

ENDED = """
select distinct account_id from tokens
where length(expires_on) > 10 and expires_on > :since and expires_on <= :until limit :limit
"""
"""The index for this statement has those tokens only that end at a minute."""


def ended(since: int, until: int) -> Unit[list[int] | None]:
    """The accounts with tokens that ended at a minute in (since, until]; None where those are more than MOST_ENDED."""
    rows = yield Statement(ENDED, {"since": iso(since)[:16], "until": iso(until)[:16], "limit": MOST_ENDED + 1})
    return [row[0] for row in rows] if len(rows) <= MOST_ENDED else None


def renew(token_id: int, digest: bytes, now: int) -> Unit[Token | None]:
    """Put another secret in the place of a token's; None where it is not there."""
    rows = yield Statement(
        f"update tokens set digest = :digest, created_at = :now, used_at = 0 where id = :id returning {COLUMNS}",
        {"id": token_id, "digest": digest, "now": now},
    )
    return read(rows[0]) if rows else None


THIN = """
delete from tokens where account_id = :account_id and kind = :kind and (expires_on < :minute or id not in (
    select id from tokens where account_id = :account_id and kind = :kind order by id desc limit :keep
))
"""


def thin_access(account_id: int, keep: int, minute: str, kind: TokenKind = "access") -> Unit[None]:
    """Delete an account's access tokens that have ended by that minute, and all but the newest `keep`."""
    yield Statement(THIN, {"account_id": account_id, "keep": keep, "minute": minute, "kind": kind})


def end_access(account_id: int, but: int = 0) -> Unit[None]:
    """Delete the tokens of an account's sign-ins at any API, but for the one of that id."""
    yield Statement(
        "delete from tokens where account_id = :account_id and kind in ('access', 'session') and id <> :but",
        {"account_id": account_id, "but": but},
    )


def end_keys(account_id: int) -> Unit[None]:
    """Delete the keys that an account's holder has made for the API below `/v1`."""
    yield Statement("delete from tokens where account_id = :account_id and kind = 'key'", {"account_id": account_id})


def hold(token_id: int) -> Unit[bool]:
    """Whether the token is active; it is locked then, so that nobody puts it out of use before this unit ends."""
    rows = yield Statement("update tokens set active = 1 where id = :id and active = 1 returning id", {"id": token_id})
    return bool(rows)


def delete(token_id: int) -> Unit[bool]:
    """Delete a token; whether it was there."""
    if not storable(token_id):
        return False
    rows = yield Statement("delete from tokens where id = :id returning id", {"id": token_id})
    return bool(rows)


USED_EVERY = 60
"""Seconds by which a token's `used_at` may be old while the token is in use: its row is written so seldom."""

USED = """
update tokens set used_at = :at
where id in (select id from tokens where id in {0} and used_at <= :horizon order by id)
"""


def used(ids: Iterable[int], at: int) -> Unit[None]:
    """Note that these tokens were used at the second `at`."""
    found = sorted(ids)
    if found:
        yield from among(USED, found, {"at": at, "horizon": at - USED_EVERY})


OF_FAMILY = "(account_id = :account_id or account_id in (select id from accounts where parent_id = :account_id))"


def deactivate_all(account_id: int) -> Unit[list[int]]:
    """Put the tokens of an account and its sub-accounts out of use, by their plan; ids of those that were active."""
    rows = yield Statement(
        f"update tokens set active = 0, ended_by = 'plan' where active = 1 and kind = '' and {OF_FAMILY} returning id",
        {"account_id": account_id},
    )
    return sorted(row[0] for row in rows)


def ended_by_plan(account_id: int) -> Unit[list[Token]]:
    """The tokens of an account and its sub-accounts that deactivate_all has put out of use, the oldest first."""
    rows = yield Statement(
        f"select {COLUMNS} from tokens where active = 0 and ended_by = 'plan' and {OF_FAMILY} order by id",
        {"account_id": account_id},
    )
    return [read(row) for row in rows]
