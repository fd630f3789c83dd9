"""Many new accounts at once, as a file lists them: checked whole first, then added in batches.

A batch is one transaction.  Nobody remembers an account that did not exist, so one published change a batch is enough:
that change makes the processes forget the names they have refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meshd.accounts import entitlement
from meshd.accounts.errors import AccountError, Invalid, NotFound
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import NewAccount
from meshd.accounts.subaccounts import add_below
from meshd.accounts.toplevel import ROOT_NAME, Terms, added_on_top, require_terms
from meshd.accounts.trail import conclude
from meshd.model import Account
from meshd.store.statements import accounts, withheld
from meshd.store.unit import Unit
from meshd.topology import Plan


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
    found = {}
    for username in usernames:
        account = yield from accounts.by_username(username)
        if account is not None:
            found[username.lower()] = (account, (yield from accounts.count_children(account.id)))
    return found


def add_batch(
    operator: Operator,
    rows: Sequence[ImportedAccount],
    *,
    plans: Mapping[str, Plan],
    proxies: Sequence[str],
    now: int,
) -> Unit[None]:
    """Add all of these accounts or none.  Raises: RowRefused."""
    account_id = 0
    for row in rows:
        try:
            account_id = (yield from _added(row, plans, proxies, operator.name, now)).id
        except AccountError as refused:
            raise RowRefused(row.line, refused) from refused
    if rows:
        yield from conclude(operator.name, "account.import", account_id, f"{len(rows)} accounts, this one last", now)


def _added(row: ImportedAccount, plans: Mapping[str, Plan], proxies: Sequence[str], by: str, now: int) -> Unit[Account]:
    account = yield from (_below(row, plans, now) if row.parent else _on_top(row, plans, proxies, now))
    if not row.active:
        yield from accounts.edit(account.id, active=False, suspended=row.suspended and bool(row.parent))
    if not row.parent:
        for name in row.withheld:
            yield from withheld.hold(account.id, "proxy", name, "operator", now, by)
    return account


def _on_top(row: ImportedAccount, plans: Mapping[str, Plan], proxies: Sequence[str], now: int) -> Unit[Account]:
    wanted = proxies if row.proxies is None else row.proxies
    first = [name for name in wanted if name not in row.withheld]
    return (yield from added_on_top(row.new, terms=row.terms, plans=plans, proxies=first, now=now))


def _below(row: ImportedAccount, plans: Mapping[str, Plan], now: int) -> Unit[Account]:
    parent = yield from accounts.by_username(row.parent)
    if parent is None:
        raise NotFound(f"there is no account named {row.parent!r}")
    return (yield from add_below(parent, row.new, plans=plans, now=now))


def _refuse_proxies(row: ImportedAccount, plans: Mapping[str, Plan], proxies: Sequence[str]) -> None:
    """Refuse a proxy that the settings lack, or that the plan has no room for.  Raises: Invalid."""
    wanted = () if row.parent or row.proxies is None else row.proxies
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
