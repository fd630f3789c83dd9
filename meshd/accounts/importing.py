"""Many new accounts at once, as a file lists them: checked whole first, then added in batches.

A batch is one transaction of few statements, each about many rows.  Nobody remembers an account that did not exist, so
one published change a batch is enough: that change makes the processes forget the names they have refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import groupby
from typing import Any

from meshd.accounts import entitlement
from meshd.accounts.errors import AccountError, Invalid, NotFound, Taken
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import NewAccount
from meshd.accounts.subaccounts import room_below
from meshd.accounts.toplevel import ROOT_NAME, Terms, require_terms
from meshd.accounts.trail import conclude
from meshd.model import Account
from meshd.store.statements import accounts, newaccounts, withheld
from meshd.store.statements.texts import username_key
from meshd.store.unit import Unit
from meshd.topology import Plan
from meshd.values.times import day_of


@dataclass(frozen=True, slots=True)
class ImportedAccount:
    """One row of the file, read."""

    line: int
    new: NewAccount
    parent: str = ""
    """The parent's username, of this file (further up) or of the store; "" for a top-level account."""
    terms: Terms = field(default_factory=Terms)
    active: bool = True
    suspended: bool = False
    """Whether the operator deactivated the account, so that its parent cannot activate it."""
    proxies: tuple[str, ...] | None = None
    """Proxies that the account may use; None for the first of its plan.  A sub-account has its parent's."""
    withheld: tuple[str, ...] = ()
    """Proxies that the operator took from the account."""


class RowRefused(AccountError):
    """A row, told by its line in the file, breaks a rule; nothing of its batch was kept."""

    def __init__(self, line: int, reason: AccountError) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def problem(row: ImportedAccount, plans: Mapping[str, Plan], proxies: Sequence[str] = ()) -> str | None:
    """What is wrong with the row, whatever the store holds; None for nothing.  proxies: the names in the settings."""
    try:
        row.new.require_valid()
        require_terms(row.terms, plans)
        _refuse_mixed(row)
        _refuse_proxies(row, plans, proxies)
    except Invalid as refused:
        return str(refused)
    return None


def existing(usernames: Sequence[str]) -> Unit[dict[str, tuple[Account, int]]]:
    """The accounts of these names that exist, each with the number of its sub-accounts, by lower-case name."""
    found = yield from newaccounts.named(usernames)
    children = yield from newaccounts.count_children(account.id for account in found.values())
    return {name: (account, children.get(account.id, 0)) for name, account in found.items()}


@dataclass(frozen=True, slots=True)
class PreparedRow:
    """A row that is right as far as can be told without the store, with all that is stored but its parent's."""

    row: ImportedAccount
    key: str
    """What its username is unique by."""
    proxies: tuple[str, ...]
    columns: Mapping[str, Any] = field(repr=False)


def prepared(
    rows: Sequence[ImportedAccount], plans: Mapping[str, Plan], proxies: Sequence[str], now: int
) -> list[PreparedRow]:
    """Make the rows ready for the store, so that nothing of this is done while others wait.  Raises: RowRefused."""
    ready = []
    first_of = cache(partial(_first_proxies, plans, tuple(proxies)))
    like_of = cache(partial(_like, day_of(now), now))
    for row, uuid in zip(rows, newaccounts.neighbours(len(rows)), strict=True):
        try:
            _require_valid(row, plans)
        except Invalid as refused:
            raise RowRefused(row.line, refused) from refused
        first = () if row.parent else first_of(row.terms.plan or "", row.proxies, row.withheld)
        new, profile = row.new, row.new.profile
        sizes = profile.monthly_limit or 0, profile.total_limit or 0, new.monthly_ceiling, new.total_ceiling
        like = like_of(bool(row.parent), row.terms, row.active, row.suspended, sizes)
        person = profile.first_name or "", profile.last_name or "", profile.email or ""
        columns = accounts.alike(like, new.username, new.password_hash, uuid, person)
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
        for name in () if each.row.parent else each.row.withheld:
            yield from withheld.hold(ids[each.key], "proxy", name, "operator", now, operator.name)
    if rows:
        told = f"{len(rows)} accounts, this one last"
        yield from conclude(operator.name, "account.import", ids[rows[-1].key], told, now)


def _require_valid(row: ImportedAccount, plans: Mapping[str, Plan]) -> None:
    row.new.require_valid()
    _refuse_mixed(row)
    require_terms(row.terms, plans)
    if not row.parent and row.terms.plan is None:
        raise Invalid({"plan": ["This field is required."]})


def _first_proxies(
    plans: Mapping[str, Plan],
    proxies: Sequence[str],
    plan: str,
    wanted: tuple[str, ...] | None,
    taken: tuple[str, ...],
) -> tuple[str, ...]:
    """Those that a new account of the plan may use.  wanted: those of its row; None for any; taken: not these."""
    first = [name for name in dict.fromkeys(proxies if wanted is None else wanted) if name not in taken]
    return tuple(entitlement.first_proxies(plans[plan], first))


def _like(
    today: int, now: int, below: bool, terms: Terms, active: bool, suspended: bool, sizes: tuple[int, int, int, int]
) -> dict[str, Any]:
    """The row of the store that all accounts with these have, but for their names; of sub-accounts the parent's columns
    are still to come.
    """
    monthly, total, monthly_ceiling, total_ceiling = sizes
    return accounts.inserted(
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


def _refuse_proxies(row: ImportedAccount, plans: Mapping[str, Plan], proxies: Sequence[str]) -> None:
    """Refuse a proxy that the settings lack, or that the plan has no room for.  Raises: Invalid."""
    wanted = () if row.parent else row.proxies
    if not wanted:
        return
    fit = entitlement.first_proxies(plans[row.terms.plan], wanted) if row.terms.plan else wanted
    for name in wanted:
        if name not in proxies:
            raise Invalid({"proxies": [f"There is no proxy {name!r}."]})
        if name not in fit:
            raise Invalid({"proxies": [f"Plan {row.terms.plan} has no room for the proxy {name!r}."]})


def _refuse_mixed(row: ImportedAccount) -> None:
    if row.new.username.lower() == ROOT_NAME:
        raise Invalid({"username": ["This username is the root account's."]})
    if row.parent and row.terms.role not in (None, "customer"):
        raise Invalid({"role": ["A sub-account is a customer."]})
