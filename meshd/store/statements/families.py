"""Sub-accounts as their parent sees them: by name, page by page, each with what it used."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from meshd.model import Account, Usage
from meshd.store.statements import accounts
from meshd.store.statements.texts import username_key
from meshd.store.statements.usage import USED, current, used_of
from meshd.store.unit import Statement, Unit

CHILDREN = f"""
select {accounts.columns_of("a")}, {used_of("u")}
from accounts as a left join usage as u on u.account_id = a.id
where a.parent_id = :parent_id and a.username_key > :after order by a.username_key limit :limit
"""


def children(parent_id: int, billing_day: int, *, after: str, limit: int, at: int) -> Unit[list[tuple[Account, Usage]]]:
    """Sub-accounts whose names come after that one, by name, each with its usage at the second `at`."""
    rows = yield Statement(CHILDREN, {"parent_id": parent_id, "after": username_key(after), "limit": limit})
    found = ((accounts.read(row[: -len(USED)]), row[-len(USED) :]) for row in rows)
    return [(account, current(account.id, billing_day, at, used)) for account, used in found]
