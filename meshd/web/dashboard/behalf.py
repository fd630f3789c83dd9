"""Whom a page is about: the caller, or a sub-account of hers that the page's address or form names."""

from __future__ import annotations

from urllib.parse import quote

from meshd.accounts.validate import USERNAME
from meshd.web.forms import Form, Reading

ON_BEHALF = ("username",)
"""The form fields of a page that takes nothing but the account that it is about."""


def on_behalf(field: Reading) -> str | None:
    """The name of the sub-account; None for the caller's own account."""
    return field.optional("username", USERNAME)


def named(form: Form) -> str | None:
    """As on_behalf, of a form that has nothing else to be read at once.  Raises: FormError."""
    with form.reading() as field:
        return on_behalf(field)


def about(path: str, username: str | None) -> str:
    """The address of a page about that account."""
    return f"{path}?username={quote(username, safe='')}" if username else path
