"""What the operator reads: which accounts there are and below whom, and their proxies."""

from __future__ import annotations

from collections.abc import Sequence

from meshd.accounts.ownership import ActorId, own
from meshd.model import Account
from meshd.store.statements import accounts, proxies, withheld
from meshd.store.unit import Unit

PAGE = 1000


def root() -> Unit[Account | None]:
    """The root account; None in a store where the daemon has not run yet."""
    return (yield from accounts.root())


def family(actor_id: ActorId, username: str) -> Unit[tuple[str, list[Account]]]:
    """An account's name as it is written, and its sub-accounts.  Raises: NotFound."""
    account = (yield from own(actor_id, username, change=False)).account
    return account.username, (yield from accounts.children(account.id))


def page(after: int, names: dict[int, str]) -> Unit[list[Account]]:
    """The accounts that come after that id, by id; the names of their parents are added to those in `names`."""
    found = yield from accounts.page(after, PAGE)
    for parent_id in {account.parent_id for account in found if account.parent_id} - names.keys():
        parent = yield from accounts.by_id(parent_id)
        if parent is not None:
            names[parent_id] = parent.username
    return found


def proxies_of(ids: Sequence[int]) -> Unit[tuple[dict[int, list[str]], dict[int, list[str]]]]:
    """By account, the proxies that it is authorised for, and those that the operator took from it."""
    return (yield from proxies.of_accounts(ids)), (yield from withheld.of_accounts(ids, "proxy"))
