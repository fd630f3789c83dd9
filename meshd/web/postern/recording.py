"""Changes as routes make them: in one transaction with their record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from meshd.accounts import hostrecords
from meshd.accounts.hostrecords import Who
from meshd.store.unit import Unit
from meshd.web.room import Caller
from meshd.web.services import Services

T = TypeVar("T")

NOTHING: Mapping[str, Any] = {}
UNTOLD = frozenset({"certificate", "password", "secret", "auth", "certificate_key", "intermediate_certificate"})
"""Members of which no record tells: secrets, and texts of kilobytes."""


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
    told = {name: value for name, value in details.items() if name not in UNTOLD}
    who = Who.of(caller.account, caller.peer)
    return await services.accounts.perform(
        hostrecords.changed, who, action, resource_type, change, resource_id, told, now=services.now()
    )
