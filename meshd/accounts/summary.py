"""What an account has at a glance: how many of each thing, and its sub-accounts with what they used, page by page."""

from __future__ import annotations

from dataclasses import dataclass

from meshd.accounts.ownership import ActorId, managed, own
from meshd.model import Account, Usage
from meshd.store.statements import accounts, addresses, families, hostnames, tokens
from meshd.store.unit import Unit


@dataclass(frozen=True, slots=True)
class Holdings:
    """How many of each thing an account has."""

    tokens: int
    ips: int
    hostnames: int
    sub_accounts: int


@dataclass(frozen=True, slots=True)
class Below:
    """Sub-accounts by name, each with its usage."""

    rows: list[tuple[Account, Usage]]
    more: bool
    """Whether others follow."""


def holdings(actor_id: ActorId, username: str | None = None) -> Unit[Holdings]:
    """Count what the account itself has.  Raises: NotYours."""
    account_id = (yield from own(actor_id, username, change=False)).account.id
    return Holdings(
        tokens=(yield from tokens.count(account_id)),
        ips=(yield from addresses.count(account_id)),
        hostnames=(yield from hostnames.count(account_id)),
        sub_accounts=(yield from accounts.count_children(account_id)),
    )


def below(actor_id: ActorId, username: str | None = None, *, after: str = "", limit: int, at: int) -> Unit[Below]:
    """The account's sub-accounts whose names come after that one; "" for the first ones.  Raises: NotYours."""
    parent = (yield from managed(actor_id, username, change=False)).account
    found = yield from families.children(parent.id, parent.billing_day, after=after, limit=limit + 1, at=at)
    return Below(found[:limit], len(found) > limit)
