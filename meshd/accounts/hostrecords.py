"""What the API of published hosts records: each change in one transaction with itself, and each request by a token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from meshd.accounts import hostaudit
from meshd.model import Account
from meshd.store.statements import tokens
from meshd.store.unit import Unit

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Who:
    """Whoever asked, as the record tells it."""

    account_id: int
    username: str
    email: str
    address: str

    @classmethod
    def of(cls, account: Account, address: str) -> Who:
        return cls(account.id, account.username, account.email, address)


def changed(
    who: Who,
    action: str,
    resource_type: str,
    change: Callable[[], Unit[T]],
    resource_id: Callable[[T], int],
    details: Mapping[str, Any],
    *,
    now: int,
) -> Unit[T]:
    """Make a change and record it.  resource_id: of what came of it; 0 where nothing was changed, and nothing is told.

    Raises: what the change raises.
    """
    result = yield from change()
    found = resource_id(result)
    if found:
        yield from _record(who, action, resource_type, found, details, now)
    return result


def together(first: Callable[[], Unit[T]], *others: Callable[[], Unit[object]]) -> Unit[T]:
    """Make several changes, each with its record, or none of them; what came of the first.  Raises: what they raise."""
    result = yield from first()
    for each in others:
        yield from each()
    return result


def asked(
    who: Who, token_id: int, resource_type: str, resource_id: int, details: Mapping[str, Any], *, now: int
) -> Unit[None]:
    """Record a request by an access token, and that the token was used."""
    yield from tokens.used([token_id], now)
    yield from _record(who, "request", resource_type, resource_id, details, now)


def _record(
    who: Who, action: str, resource_type: str, resource_id: int, details: Mapping[str, Any], now: int
) -> Unit[None]:
    yield from hostaudit.record(
        at=now,
        action=action,
        resource_type=resource_type,
        resource_id=resource_id,
        account_id=who.account_id,
        username=who.username,
        email=who.email,
        details=details,
        address=who.address,
    )
