"""Changes of what is published, and of who may change it, as every room makes them: each is one transaction with its
record.

That record is the one that the API of published hosts tells (`accounts.hostaudit`), whichever way somebody came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from meshd.accounts import hostrecords
from meshd.accounts.hostrecords import Who
from meshd.accounts.published.rows import Row
from meshd.model import Token
from meshd.store.unit import Unit
from meshd.web.room import Caller
from meshd.web.services import Services

T = TypeVar("T")

NOTHING: Mapping[str, Any] = {}
UNTOLD = frozenset({"certificate", "password", "secret", "auth", "certificate_key", "intermediate_certificate"})
"""Members of which no record tells: secrets, and texts of kilobytes."""
NAMED = frozenset({"meta", "error_pages"})
"""Objects of which a record tells the names of their members: what clients keep for themselves, and texts of pages."""


async def recorded(
    services: Services,
    caller: Caller,
    action: str,
    resource_type: str,
    change: Callable[[], Unit[T]],
    resource_id: Callable[[T], int],
    details: Mapping[str, Any] = NOTHING,
) -> T:
    """Make a change, and record it in the caller's name.  Raises: what the change raises."""
    made = recording(services, caller, action, resource_type, change, resource_id, details)
    return await services.accounts.perform(made)


def recording(
    services: Services,
    caller: Caller,
    action: str,
    resource_type: str,
    change: Callable[[], Unit[T]],
    resource_id: Callable[[T], int],
    details: Mapping[str, Any] = NOTHING,
) -> Callable[[], Unit[T]]:
    """A unit that makes a change and records it."""
    who = Who.of(caller.account, caller.peer)
    which = who, action, resource_type, change, resource_id, told(details)
    return partial(hostrecords.changed, *which, now=services.now())


def told(details: Mapping[str, Any]) -> dict[str, Any]:
    """What a record tells of settings: nothing that may be secret, as the value of a header field."""
    return {name: _told(name, value) for name, value in details.items() if name not in UNTOLD}


def of_row(row: Row) -> int:
    """The id of a resource that was made, changed or deleted."""
    return row.id


def of_switch(outcome: tuple[Row, bool]) -> int:
    """The id of a resource that was switched; 0 where it was so already."""
    row, changed = outcome
    return row.id if changed else 0


def of_token(token: Token) -> int:
    """The id of a token that was made or deleted."""
    return token.id


def _told(name: str, value: Any) -> Any:
    if name in NAMED:
        return sorted(value)
    if name == "headers":
        return [{part: text for part, text in rule.items() if part != "value"} for rule in value]
    return value
