"""What a parent says of a sub-user.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshd.accounts import validate
from meshd.accounts.errors import Invalid
from meshd.store.statements.subusers import SubUser


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be said of a sub-user; None leaves it as it is."""

    name: str | None = None
    notes: str | None = None
    group: str | None = None
    """The uuid of a group of the parent's; "" for none."""
    limited: bool | None = None
    limit: int | None = None
    """Bytes from the last reset on."""

    def require_valid(self) -> None:
        """Check what is given.  Raises: Invalid, with every field at fault."""
        most = validate.MAX_LIMIT
        wrong = self.limit is not None and self.limited is not False and not 0 < self.limit <= most
        validate.require(
            name=validate.label(self.name or ""),
            notes=validate.notes(self.notes or ""),
            total_limit=f"Enter from 1 to {most} bytes, as a number or as 5GB." if wrong else None,
        )

    def columns(self, group: str | None) -> dict[str, Any]:
        """What is given, by column.  group: the digits of the group's uuid, as groups.require() gives them."""
        given = {"name": self.name, "notes": self.notes}
        columns: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if group is not None:
            columns["group_uuid"] = group or None
        return columns

    def limit_over(self, now: SubUser | None) -> int | None:
        """The limit that is to hold over that of now; 0 for none, None for that of now.
        Raises: Invalid (field `total_limit`) where there is to be one, and nobody says how much.
        """
        if self.limited is False:
            return 0
        if self.limit is not None:
            return self.limit
        if self.limited and not (now and now.limited):
            raise Invalid({"total_limit": ["This field is required when the traffic is limited."]})
        return None
