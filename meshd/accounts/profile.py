"""What an account is created from, and what of it may be changed afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
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
        return {name: value for name in _FIELDS if (value := getattr(self, name)) is not None}

    def problems(self) -> dict[str, str]:
        """What is wrong with the fields, by field; a field that is right is left out."""
        found: dict[str, str] = {}
        for (name, check), value in zip(_CHECKS, _VALUES(self), strict=True):
            if value and (wrong := check(value)) is not None:
                found[name] = wrong
        return found

    def require_valid(self) -> None:
        """Check every field.  Raises: Invalid, with every field at fault."""
        validate.require(**self.problems())


_FIELDS = tuple(each.name for each in fields(Profile))


def _name(text: str) -> str | None:
    return validate.short_text(text, validate.NAME)


_CHECKS: tuple[tuple[str, Callable[[Any], str | None]], ...] = (
    ("first_name", _name),
    ("last_name", _name),
    ("email", validate.email),
    ("monthly_limit", validate.limit),
    ("total_limit", validate.limit),
)
"""What each field may hold; one that is empty, or 0, is right."""
_VALUES = attrgetter(*(name for name, _ in _CHECKS))


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
        wrong, problems = validate.username(self.username), self.profile.problems()
        if wrong is not None or problems:
            validate.require(username=wrong, **problems)
        if self.monthly_ceiling or self.total_ceiling:
            validate.require(
                monthly_limit=validate.within(self.profile.monthly_limit or 0, self.monthly_ceiling),
                total_limit=validate.within(self.profile.total_limit or 0, self.total_ceiling),
                **{name: validate.limit(size) for name, size in self.ceilings().items()},
            )
