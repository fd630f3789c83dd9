"""All accounts, page by page, each with its parent's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshd.cli.context import Context
from meshd.cli.values import moment
from meshd.model import Account
from meshd.store.statements import accounts
from meshd.store.unit import Unit

PAGE = 1000


def roster(context: Context, doing: str) -> Iterator[tuple[Account, str | None]]:
    """The oldest first; a parent is always older than its sub-accounts."""
    progress = context.progress(doing)
    names: dict[int, str] = {}
    after = 0
    try:
        while page := context.run(_page, after, names):
            yield from ((account, names.get(account.parent_id or 0)) for account in page)
            after = page[-1].id
            progress.step(len(page))
    finally:
        progress.close()


def _page(after: int, names: dict[int, str]) -> Unit[list[Account]]:
    """The next accounts, with the names of their parents added to those that are known."""
    page = yield from accounts.page(after, PAGE)
    for parent_id in {account.parent_id for account in page if account.parent_id} - names.keys():
        parent = yield from accounts.by_id(parent_id)
        if parent is not None:
            names[parent_id] = parent.username
    return page


def brief(account: Account, parent: str | None) -> dict[str, Any]:
    """An account as JSON says it; limits in bytes, and never a secret."""
    return {
        "id": account.id,
        "username": account.username,
        "parent": parent,
        "role": account.role,
        "plan": account.plan,
        "active": account.active,
        "first_name": account.first_name,
        "last_name": account.last_name,
        "email": account.email,
        "monthly_limit": account.monthly_limit,
        "total_limit": account.total_limit,
        "billing_day": account.billing_day,
        "created_at": moment(account.created_at),
    }
