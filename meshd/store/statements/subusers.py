"""Sub-accounts as the API below `/v1` knows them, and the groups that they are in.

A sub-account that another dialect made has no row here until something is set that only this API knows.
"""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meshd.model import Account, Standing, Usage
from meshd.store.statements import accounts
from meshd.store.statements.usage import USED, current, used_of
from meshd.store.unit import Row, Statement, Unit
from meshd.values.times import end_of

COLUMNS = ("name", "notes", "group_uuid", "used_before", "first", "sealed")
DEFAULTS: dict[str, Any] = {
    "name": "",
    "notes": "",
    "group_uuid": None,
    "used_before": 0,
    "first": 0,
    "sealed": None,
}


@dataclass(frozen=True, slots=True)
class SubUser:
    """A sub-account with what its parent says of it, as of one second."""

    account: Account
    usage: Usage
    uuid: str
    """32 hexadecimal digits."""
    name: str
    notes: str
    group: str
    """The uuid of its group; "" for none."""
    used_before: int
    """Bytes that were used before its use was last set to nothing."""
    first: bool
    """Whether it came with its parent."""
    sealed: bytes | None = field(repr=False)
    """Its password, encrypted; None where no password was set by the API that tells it again."""
    billed_at: int
    """When it was last billed, give or take a minute; 0 for never."""
    ended_at: int
    """When it was put out of use; 0 for one that is in use, or where nobody noted it."""
    at: int
    """The second as of which this is told."""

    @property
    def limited(self) -> bool:
        return self.account.total_limit > 0

    @property
    def used(self) -> int:
        return max(self.usage.total_bytes - self.used_before, 0)

    @property
    def limit(self) -> int:
        """Bytes that it may use from the last reset on; 0 for no limit."""
        total = self.account.total_limit
        return max(total - self.used_before, 1) if total else 0

    @property
    def suspended_at(self) -> int:
        """Since when nothing of it passes any more: out of bytes, out of use, or past its last day; 0 if it passes."""
        account = self.account
        if not account.active:
            return self.ended_at or account.created_at
        if end_of(account.expires_on) <= self.at:
            return int(end_of(account.expires_on))
        return (self.billed_at or account.created_at) if self._spent else 0

    @property
    def _spent(self) -> bool:
        account, usage = self.account, self.usage
        limits = account.monthly_limit, account.total_limit
        standing = Standing(account.id, account.parent_id, *limits, account.billing_day, usage)
        if account.total_limit and standing.total_left <= 0:
            return True
        return bool(account.monthly_limit) and standing.monthly_left(usage.period_bytes) <= 0


SELECT = f"""
select {accounts.columns_of("a")}, {used_of("u")}, a.uuid, s.name, s.notes, s.group_uuid, s.used_before, s.first,
    s.sealed, u.seen_at, case when a.active = 0 then (
        select max(l.at) from audit as l where l.account_id = a.id and l.action = 'account.deactivate'
    ) end
from accounts as a
left join sub_users as s on s.account_id = a.id
left join usage as u on u.account_id = a.id
"""

OF_PARENT = f"""{SELECT} where a.parent_id = :parent_id
order by coalesce(s.first, 0) desc, a.created_at, a.id limit :limit offset :offset"""
"""A parent's sub-accounts are at most as many as its plan allows, so they are sorted as they are read."""


def of_parent(parent: Account, *, offset: int, limit: int, at: int) -> Unit[list[SubUser]]:
    """The parent's sub-accounts as of the second `at`: the first one, then in the order in which they were made."""
    rows = yield Statement(OF_PARENT, {"parent_id": parent.id, "limit": limit, "offset": offset})
    return [_read(row, parent.billing_day, at) for row in rows]


def in_group(parent: Account, group: str, *, at: int) -> Unit[list[SubUser]]:
    """Those of the parent's sub-accounts that are in the group."""
    sql = f"{SELECT} where s.group_uuid = :group and a.parent_id = :parent_id order by a.created_at, a.id"
    rows = yield Statement(sql, {"parent_id": parent.id, "group": group})
    return [_read(row, parent.billing_day, at) for row in rows]


def grouped(parent: Account, *, at: int) -> Unit[list[SubUser]]:
    """Those of the parent's sub-accounts that are in any group."""
    sql = f"{SELECT} where a.parent_id = :parent_id and s.group_uuid is not null order by a.created_at, a.id"
    rows = yield Statement(sql, {"parent_id": parent.id})
    return [_read(row, parent.billing_day, at) for row in rows]


BY_ID = f"{SELECT} where a.id = :id"


def of_account(account: Account, *, at: int) -> Unit[SubUser | None]:
    """The sub-account as of the second `at`; None where it is gone."""
    rows = yield Statement(BY_ID, {"id": account.id})
    return _read(rows[0], account.billing_day, at) if rows else None


def username_of(uuid: str) -> Unit[str | None]:
    """The username of the account that has that uuid, 32 hexadecimal digits; None where none has."""
    rows = yield Statement("select username from accounts where uuid = :uuid and uuid <> ''", {"uuid": uuid})
    return rows[0][0] if rows else None


def put(account_id: int, **columns: Any) -> Unit[None]:
    """Set those of COLUMNS that are given; the others are as they were, or as a sub-account has them that is new."""
    if unknown := columns.keys() - set(COLUMNS):
        raise TypeError(f"no such column: {', '.join(sorted(unknown))}")
    values = {"account_id": account_id, **DEFAULTS, **columns}
    names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    kept = ", ".join(f"{name} = excluded.{name}" for name in sorted(columns)) or "name = sub_users.name"
    sql = f"insert into sub_users ({names}) values ({marks}) on conflict (account_id) do update set {kept}"
    yield Statement(sql, values)


def moved(account_id: int) -> Unit[None]:
    """Forget what holds below one parent only: the group, and what was used there."""
    yield Statement(
        "update sub_users set group_uuid = null, used_before = 0, first = 0 where account_id = :account_id",
        {"account_id": account_id},
    )


def _read(row: Row, billing_day: int, at: int) -> SubUser:
    width = len(accounts.FIELDS)
    account = accounts.read(row[:width])
    usage = current(account.id, billing_day, at, row[width : width + len(USED)])
    uuid, name, notes, group, used_before, first, sealed, seen_at, ended_at = row[width + len(USED) :]
    return SubUser(
        account=account,
        usage=usage,
        uuid=uuid,
        name=name or "",
        notes=notes or "",
        group=group or "",
        used_before=int(used_before or 0),
        first=bool(first),
        sealed=None if sealed is None else bytes(sealed),
        billed_at=int(seen_at or 0),
        ended_at=int(ended_at or 0),
        at=at,
    )
