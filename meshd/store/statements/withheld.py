"""What the operator or the plan took from a top-level account, and so from its sub-accounts, which have no rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from meshd.store.statements.rows import among
from meshd.store.statements.texts import searchable
from meshd.store.unit import Statement, Unit

Kind = Literal["proxy", "ip", "hostname"]
Cause = Literal["operator", "plan"]


class Withheld(NamedTuple):
    """One thing that was taken from an account."""

    name: str
    at: int
    by: str
    """As the audit names whoever did it."""


def of_account(account_id: int, kind: Kind, cause: Cause = "operator") -> Unit[list[Withheld]]:
    """What was taken from the account, in the order in which it was taken."""
    rows = yield Statement(
        """
        select name, at, by from withheld
        where account_id = :account_id and kind = :kind and cause = :cause order by id
        """,
        {"account_id": account_id, "kind": kind, "cause": cause},
    )
    return [Withheld(*row) for row in rows]


OF_ACCOUNTS = """
select account_id, name from withheld
where account_id in {0} and kind = :kind and cause = 'operator' order by id
"""


def of_accounts(ids: Iterable[int], kind: Kind) -> Unit[dict[int, list[str]]]:
    """The names of what the operator took from many accounts, by account id; those who lost nothing are left out."""
    found: dict[int, list[str]] = {}
    for account_id, name in (yield from among(OF_ACCOUNTS, ids, {"kind": kind})):
        found.setdefault(account_id, []).append(name)
    return found


def held(account_id: int, kind: Kind, name: str) -> Unit[bool]:
    """Whether the operator withholds this from the account."""
    rows = yield Statement(
        """
        select 1 from withheld
        where account_id = :account_id and kind = :kind and name = :name and cause = 'operator'
        """,
        {"account_id": account_id, "kind": kind, "name": searchable(name)},
    )
    return bool(rows)


HOLD = """
insert into withheld (account_id, kind, name, cause, at, by)
values (:account_id, :kind, :name, :cause, :at, :by)
on conflict (account_id, kind, name) do update set cause = excluded.cause, at = excluded.at, by = excluded.by
where withheld.cause = 'plan'
returning name
"""


def hold(account_id: int, kind: Kind, name: str, cause: Cause, at: int, by: str) -> Unit[bool]:
    """Withhold something from the account; whether that is new.  What the operator withholds stays the operator's."""
    row = {"account_id": account_id, "kind": kind, "name": name, "cause": cause, "at": at, "by": by}
    rows = yield Statement(HOLD, row)
    return bool(rows)


def give_back(account_id: int, kind: Kind, name: str, cause: Cause | None = None) -> Unit[bool]:
    """Withhold something no longer; whether it was withheld.  cause: the only one to end; None for any."""
    rows = yield Statement(
        """
        delete from withheld
        where account_id = :account_id and kind = :kind and name = :name
        and (cause = :cause or :cause = '')
        returning name
        """,
        {"account_id": account_id, "kind": kind, "name": searchable(name), "cause": cause or ""},
    )
    return bool(rows)
