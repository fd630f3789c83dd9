"""Many new accounts at once, as a file lists them: checked whole first, then added in batches.

A batch is one transaction of few statements, each about many rows.  Nobody remembers an account that did not exist, so
one published change a batch is enough: that change makes the processes forget the names they have refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cache, partial
from itertools import groupby
from typing import Any, NamedTuple

from meshd.accounts import entitlement
from meshd.accounts.errors import AccountError, NotFound, Taken
from meshd.accounts.importedrow import Common, ImportedAccount, Rules
from meshd.accounts.ownership import Operator
from meshd.accounts.subaccounts import room_below
from meshd.accounts.trail import conclude
from meshd.model import Account
from meshd.store.statements import accounts, newaccounts, withheld
from meshd.store.statements.texts import username_key
from meshd.store.unit import Unit
from meshd.topology import Plan
from meshd.values.times import day_of


class RowRefused(AccountError):
    """A row, told by its line in the file, breaks a rule; nothing of its batch was kept."""

    def __init__(self, line: int, reason: AccountError) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def existing(usernames: Sequence[str]) -> Unit[dict[str, tuple[Account, int]]]:
    """The accounts of these names that exist, each with the number of its sub-accounts, by lower-case name."""
    found = yield from newaccounts.named(usernames)
    children = yield from newaccounts.count_children(account.id for account in found.values())
    return {name: (account, children.get(account.id, 0)) for name, account in found.items()}


class PreparedRow(NamedTuple):
    """A row that is right as far as can be told without the store, with all that is stored but its parent's."""

    row: ImportedAccount
    key: str
    """What its username is unique by."""
    proxies: Sequence[str]
    columns: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"PreparedRow({self.row!r})"


def prepared(rows: Sequence[ImportedAccount], rules: Rules, now: int) -> list[PreparedRow]:
    """Make the rows ready for the store, so that nothing of this is done while others wait.  Raises: RowRefused."""
    ready = []
    like_of = cache(partial(_like, rules, day_of(now), now))
    for row, uuid in zip(rows, newaccounts.neighbours(len(rows)), strict=True):
        refused = rules.problem(row)
        if refused is not None:
            raise RowRefused(row.line, refused)
        like, first = like_of(row.common, bool(row.parent))
        columns = accounts.alike(like, row.username, row.password_hash, uuid, row.person)
        ready.append(PreparedRow(row, columns["username_key"], first, columns))
    return ready


def add_batch(operator: Operator, rows: Sequence[PreparedRow], *, plans: Mapping[str, Plan], now: int) -> Unit[None]:
    """Add all of these accounts or none.  Raises: RowRefused."""
    ids: dict[str, int] = {}
    for below, group in groupby(rows, lambda each: bool(each.row.parent)):
        together = list(group)
        columns = (yield from _below(together, plans)) if below else [each.columns for each in together]
        made = yield from newaccounts.create(columns)
        _refuse_taken(together, made, ids.keys())
        ids |= made
    yield from newaccounts.authorize([(ids[each.key], name) for each in rows for name in each.proxies], now)
    for each in rows:
        for name in () if each.row.parent else each.row.common.withheld:
            yield from withheld.hold(ids[each.key], "proxy", name, "operator", now, operator.name)
    if rows:
        told = f"{len(rows)} accounts, this one last"
        yield from conclude(operator.name, "account.import", ids[rows[-1].key], told, now)


def _like(rules: Rules, today: int, now: int, common: Common, below: bool) -> tuple[dict[str, Any], Sequence[str]]:
    """The row of the store that all accounts with this have, but for their names, and the proxies that they may use; of
    sub-accounts the parent's columns are still to come.
    """
    terms, active, suspended = common.terms, common.active, common.suspended
    monthly, total, monthly_ceiling, total_ceiling = common.limits
    row = accounts.inserted(
        "",
        parent_id=None,
        role="customer" if below else terms.role or "customer",
        plan="" if below else terms.plan or "",
        password_hash="",
        billing_day=0 if below else terms.billing_day or today,
        now=now,
        active=active,
        suspended=below and suspended and not active,
        monthly_limit=monthly,
        total_limit=total,
        monthly_ceiling=monthly_ceiling,
        total_ceiling=total_ceiling,
    )
    return row, () if below else _first_proxies(rules, common)


def _first_proxies(rules: Rules, common: Common) -> Sequence[str]:
    """Those that a new account with this may use."""
    wanted = rules.proxies if common.proxies is None else common.proxies
    first = [name for name in dict.fromkeys(wanted) if name not in common.withheld]
    return entitlement.first_proxies(rules.plans[common.terms.plan or ""], first)


def _refuse_taken(rows: Sequence[PreparedRow], made: Mapping[str, int], before: Collection[str]) -> None:
    """Refuse the first row that was not made, as its name is taken, in the store or further up.  Raises: RowRefused.

    made: those that were; before: those of the same batch that had been made before.
    """
    if len(made) == len(rows):
        return
    seen = set(before)
    for each in rows:
        if each.key in seen or each.key not in made:
            raise RowRefused(each.row.line, Taken({"username": ["This username is taken."]}))
        seen.add(each.key)


def _below(rows: Sequence[PreparedRow], plans: Mapping[str, Plan]) -> Unit[list[Mapping[str, Any]]]:
    """The columns of sub-accounts, for as many as the plans of their parents have room.  Raises: RowRefused."""
    # Nobody else may count at the same time, and what was read before the lock may have changed.
    names = {each.row.parent for each in rows}
    known = yield from newaccounts.named(names)
    yield from newaccounts.lock(account.id for account in known.values())
    parents = yield from newaccounts.named(names)
    children = Counter((yield from newaccounts.count_children(account.id for account in parents.values())))
    columns: list[Mapping[str, Any]] = []
    for each in rows:
        parent = parents.get(username_key(each.row.parent))
        if parent is None:
            raise RowRefused(each.row.line, NotFound(f"there is no account named {each.row.parent!r}"))
        try:
            plan = room_below(parent, children[parent.id], plans)
        except AccountError as refused:
            raise RowRefused(each.row.line, refused) from refused
        children[parent.id] += 1
        of_parent = {"parent_id": parent.id, "plan": plan.name, "billing_day": parent.billing_day}
        columns.append({**each.columns, **of_parent})
    return columns
