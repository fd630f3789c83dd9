"""The fields that several routes read, and the values that several show."""

from __future__ import annotations

from meshd.accounts.validate import USERNAME
from meshd.model import GB
from meshd.web.forms import Form, Reading

ON_BEHALF = ("username",)
"""The form fields of a route that takes nothing but the account that the route is about."""


def on_behalf(field: Reading) -> str | None:
    """The name of the sub-account that the caller acts for; None for the caller's own account."""
    return field.optional("username", USERNAME)


def read_required(form: Form, name: str, longest: int) -> tuple[str | None, str]:
    """The sub-account that the caller acts for (see `on_behalf`) and the text of the one field that a route needs."""
    with form.reading() as field:
        return on_behalf(field), field.text(name, longest, required=True)


def in_gb(size: int) -> int | float:
    """A limit in bytes as GB: an integer as forms set limits; a fraction only where an operator set one."""
    whole, rest = divmod(size, GB)
    return whole if rest == 0 else size / GB
