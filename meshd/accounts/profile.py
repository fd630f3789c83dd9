"""What an account is created from, and what of it may be changed afterwards."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from meshd.accounts import validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The fields that a parent may change; None leaves a field as it is.  Limits are in bytes, 0 for none."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    monthly_limit: int | None = None
    total_limit: int | None = None

    def columns(self) -> dict[str, Any]:
        """The fields that are given, by column."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def problems(self) -> dict[str, str | None]:
        """What is wrong with each field; None where nothing is."""
        return {
            "first_name": validate.short_text(self.first_name or "", validate.NAME),
            "last_name": validate.short_text(self.last_name or "", validate.NAME),
            "email": validate.email(self.email or ""),
            "monthly_limit": validate.limit(self.monthly_limit or 0),
            "total_limit": validate.limit(self.total_limit or 0),
        }

    def require_valid(self) -> None:
        """Check every field.  Raises: Invalid, with every field at fault."""
        validate.require(**self.problems())


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account that is to be made; its password arrives hashed."""

    username: str
    password_hash: str = field(default="", repr=False)
    """"" for an account that cannot sign in by password."""
    profile: Profile = Profile()
    monthly_ceiling: int = 0
    """The highest monthly limit (`total_ceiling`: total) that a sub-account's parent may set, in bytes; 0 for any."""
    total_ceiling: int = 0

    def ceilings(self) -> dict[str, Any]:
        """Both ceilings, by column."""
        return {"monthly_ceiling": self.monthly_ceiling, "total_ceiling": self.total_ceiling}

    def limited(self) -> NewAccount:
        """This account with its limits as ceilings too: a limit that the operator sets, its parent cannot raise."""
        profile = self.profile
        return replace(self, monthly_ceiling=profile.monthly_limit or 0, total_ceiling=profile.total_limit or 0)

    def require_valid(self) -> None:
        """Check every field, and the limits against their ceilings.  Raises: Invalid, with the fields at fault."""
        validate.require(username=validate.username(self.username), **self.profile.problems())
        validate.require(
            monthly_limit=validate.within(self.profile.monthly_limit or 0, self.monthly_ceiling),
            total_limit=validate.within(self.profile.total_limit or 0, self.total_ceiling),
            **{name: validate.limit(size) for name, size in self.ceilings().items()},
        )
