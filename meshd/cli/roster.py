"""All accounts, page by page, each with its parent's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshd.accounts import overview
from meshd.cli.context import Context
from meshd.cli.values import moment
from meshd.model import Account


def pages(context: Context, doing: str) -> Iterator[list[tuple[Account, str | None]]]:
    """All accounts page by page, the oldest first; a parent is always older than its sub-accounts."""
    names: dict[int, str] = {}
    after = 0
    with context.progress(doing) as progress:
        while page := context.run(overview.page, after, names):
            yield [(account, names.get(account.parent_id or 0)) for account in page]
            after = page[-1].id
            progress.step(len(page))


def brief(account: Account, parent: str | None) -> dict[str, Any]:
    """An account as JSON, with limits in bytes, and without any secret."""
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
