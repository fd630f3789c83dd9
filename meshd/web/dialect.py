"""What one room of the web decides for itself: how it is asked, and how it says no."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from meshd.accounts.errors import AccountError
from meshd.model import Admission, Refusal
from meshd.web.call import Call
from meshd.web.forms import Form, FormError
from meshd.web.reply import Heads, Reply


class Dialect(Protocol):
    """How requests of a room are read, and how each refusal is said there.

    `web.routing` decides what is refused, and knows neither a status nor the shape of an error.
    """

    @property
    def heads(self) -> Heads:
        """The media type of this room and the fields that each of its answers has."""

    def read_body(self, call: Call) -> Form:
        """The fields in the body of a POST.  Raises: FormError"""

    def sign_in(self, call: Call) -> Awaitable[Admission | Refusal]:
        """Who is asking, by the fields or cookies that carry credentials here."""

    def not_admitted(self, refusal: Refusal) -> Reply:
        """To a caller whom `sign_in` refused, with a challenge where credentials are missing or wrong."""

    def password_wanted(self) -> Reply:
        """To a caller who is signed in, but not by the password that this path needs."""

    def foreign(self) -> Reply:
        """To a browser that a page of another site made send the request."""

    def form_refused(self, error: FormError) -> Reply:
        """To a form that cannot be accepted."""

    def rule_refused(self, error: AccountError) -> Reply:
        """To a change that a rule of the accounts forbids."""

    def busy(self) -> Reply:
        """While more passwords wait to be hashed than may."""

    def store_away(self) -> Reply:
        """While the store does not answer."""

    def internal_error(self, id_: str) -> Reply:
        """After a fault of our own; the id stands in the logs, in one beside what happened."""

    def unrouted(self, allowed: Sequence[str]) -> Reply:
        """To a path that is not there, or whose methods are only those allowed."""

    def refused(self, status: int, detail: str, *fields: tuple[str, str]) -> Reply:
        """To what HTTP itself refuses below the routes, whose statuses are HTTP's in every room."""
