"""The fields that several routes read, and the values that several show."""

from __future__ import annotations

from meshd.accounts.validate import USERNAME
from meshd.model import GB
from meshd.values.times import iso
from meshd.web.forms import Reading

LARGEST = 2**63 - 1
"""What a number may be at most, for both databases."""


ON_BEHALF = ("username",)
"""What a path knows that takes nothing but the account that it is about."""


def on_behalf(field: Reading) -> str | None:
    """The sub-account that is acted for; None for the caller itself."""
    return field.optional("username", USERNAME)


def stamp(at: int) -> str:
    """A time as the document shows one: UTC, without a zone."""
    return iso(at)


def in_gb(size: int) -> int | float:
    """A limit in bytes as GB: whole as a form sets it, with a fraction only where an operator set one."""
    whole, rest = divmod(size, GB)
    return whole if rest == 0 else size / GB
