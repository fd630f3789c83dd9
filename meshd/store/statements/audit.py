"""Who changed what: entries about a deleted top-level account are kept, those about a sub-account go with it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from meshd.store.statements import notices, scan
from meshd.store.statements.rows import chunks
from meshd.store.statements.scan import Index, Key
from meshd.store.statements.texts import searchable, username_key
from meshd.store.unit import Statement, Unit
from meshd.values.notices import ACCOUNT_CHANGED, ACCOUNT_CREATED, ACCOUNT_DELETED


class AuditEntry(NamedTuple):
    """One change that was made."""

    at: int
    actor: str
    action: str
    account_id: int
    detail: str
    username: str = ""
    """The account's at that time, in lower case; "" where nobody's is to be known."""
    changed: str = ""
    """What was and what is, by field: `{"plan":["10","20"]}`; "" for nothing."""
    id: int = 0
    way: str = ""
    """`cli`, or which API or pages were asked; "" for meshd itself."""
    request: str = ""
    """The id of the request, as it stands in the request log; "" for none."""


RECORD = """
insert into audit (at, actor, action, account_id, detail, changed, way, request, username)
values (:at, :actor, :action, :account_id, :detail, :changed, :way, :request,
    coalesce((select username_key from accounts where id = :account_id), :username))
"""
"""Whoever carries out a unit may put in where the change came from (`way` and `request`)."""


def record(
    at: int, actor: str, action: str, account_id: int, detail: str = "", changed: str = "", username: str = ""
) -> Unit[None]:
    """Add an entry, and tell the operator of the account.  username: of an account that is gone."""
    yield Statement(
        RECORD,
        {
            "at": at,
            "actor": actor,
            "action": action,
            "account_id": account_id,
            "detail": detail,
            "changed": changed,
            "username": username_key(username),
            "way": "",
            "request": "",
        },
    )
    kind = _kind(action) if account_id else ""
    if kind:
        fields = sorted(json.loads(changed)) if changed else []
        data = {"action": action, "fields": fields, **({"detail": detail} if action == IMPORT else {})}
        subject = f"account:{account_id}"
        yield from notices.tell(kind, subject, at, data, account_id=account_id, username=username)


IMPORT = "account.import"
"""Of many accounts at once, which are told as one."""
MADE = frozenset({"account.create", "account.register", IMPORT})
UNTOLD = re.compile(r"hosts\.|exit\.|exchange\.|order\.|account\.seen_as\Z")
"""How actions begin that change nothing of the account that they name."""


def _kind(action: str) -> str:
    """The kind of notice that tells of an action on an account; "" for none."""
    if action in MADE:
        return ACCOUNT_CREATED
    if action == "account.delete":
        return ACCOUNT_DELETED
    return "" if UNTOLD.match(action) else ACCOUNT_CHANGED


COLUMNS = "at, actor, action, account_id, detail, username, changed, id, way, request"


def newest() -> Unit[int]:
    """The highest number of an entry; 0 for none."""
    rows = yield Statement("select coalesce(max(id), 0) from audit", {})
    return int(rows[0][0])


def until(at: int) -> Unit[int]:
    """The highest number of an entry of that second or before; 0 for none."""
    rows = yield Statement("select coalesce(max(id), 0) from audit where at <= :at", {"at": at})
    return int(rows[0][0])


def following(number: int, limit: int) -> Unit[list[AuditEntry]]:
    """The entries after that number, at most `limit`, in their order."""
    rows = yield Statement(
        f"select {COLUMNS} from audit where id > :number order by id limit :limit",  # noqa: S608
        {"number": number, "limit": limit},
    )
    return [AuditEntry(*row) for row in rows]


def among(numbers: Sequence[int]) -> Unit[list[AuditEntry]]:
    """Those of these numbers that there are."""
    found: list[AuditEntry] = []
    for some in chunks(numbers, 200):
        named = {f"n{at}": number for at, number in enumerate(some)}
        places = ", ".join(f":{name}" for name in named)
        rows = yield Statement(f"select {COLUMNS} from audit where id in ({places}) order by id", named)  # noqa: S608
        found += [AuditEntry(*row) for row in rows]
    return found


def of_account(account_id: int, limit: int) -> Unit[list[AuditEntry]]:
    """The entries about the account, at most `limit`, the newest first."""
    rows = yield Statement(
        f"select {COLUMNS} from audit where account_id = :account_id order by id desc limit :limit",  # noqa: S608
        {"account_id": account_id, "limit": limit},
    )
    return [AuditEntry(*row) for row in rows]


def last(account_id: int, action: str) -> Unit[int | None]:
    """When that was last done to the account; None for never."""
    rows = yield Statement(
        "select max(at) from audit where account_id = :account_id and action = :action",
        {"account_id": account_id, "action": action},
    )
    return None if rows[0][0] is None else int(rows[0][0])


def named(username: str) -> Unit[bool]:
    """Whether there are entries about an account that has, or had, that username."""
    rows = yield Statement(
        "select id from audit where username = :username and username <> '' limit 1",
        {"username": username_key(username)},
    )
    return bool(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of entries; "", 0 and None for nothing."""

    username: str = ""
    account_id: int = 0
    actor: str = ""
    action: str = ""
    """How the action begins."""
    since: int | None = None
    until: int | None = None


class Entries(NamedTuple):
    """One page of entries, the newest first."""

    entries: list[AuditEntry]
    after: Key | None


NEWEST = Index("audit", "id", ("at", "id"), descending=True)


def page(asked: Asked, *, after: Key | None, limit: int) -> Unit[Entries]:
    """The next entries, at most `limit`; fewer do not say that none follow."""
    found = yield from scan.page(
        NEWEST,
        ", ".join(f"a.{name.strip()}" for name in COLUMNS.split(",")),
        "join audit as a on a.id = s.id",
        within=_within(asked),
        also=_also(asked),
        params={
            "username": username_key(asked.username),
            "account_id": asked.account_id,
            "actor": searchable(asked.actor),
            "action": searchable(asked.action),
            "since": asked.since,
            "until": asked.until,
        },
        after=after,
        limit=limit,
    )
    return Entries([AuditEntry(*row) for row in found.rows], found.after)


def _within(asked: Asked) -> list[str]:
    if asked.account_id:
        chosen = ["account_id = :account_id"]
    elif asked.username:
        chosen = ["username = :username", "username <> ''"]
    elif asked.actor:
        chosen = ["actor = :actor"]
    else:
        chosen = []
    since = ["at >= :since"] if asked.since is not None else []
    return [*chosen, *since, *(["at < :until"] if asked.until is not None else [])]


def _also(asked: Asked) -> list[str]:
    met = _within(asked)
    return [
        text
        for wanted, name, text in (
            (asked.account_id, "account_id = :account_id", "a.account_id = :account_id"),
            (asked.username, "username = :username", "a.username = :username"),
            (asked.actor, "actor = :actor", "a.actor = :actor"),
            (asked.action, "", "substr(a.action, 1, length(:action)) = :action"),
        )
        if wanted and name not in met
    ]


def forget(account_id: int) -> Unit[None]:
    """Delete the entries about the account."""
    yield Statement("delete from audit where account_id = :account_id", {"account_id": account_id})
