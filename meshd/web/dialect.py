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
        """The fields in the body of a POST.  Raises: FormError."""

    def sign_in(self, call: Call) -> Awaitable[Admission | Refusal]:
        """Who sent the request, by the header fields or cookies that carry credentials in this room."""

    def not_admitted(self, refusal: Refusal) -> Reply:
        """The answer to a caller whom `sign_in` refused, with a challenge where credentials are missing or wrong."""

    def password_wanted(self) -> Reply:
        """The answer to a caller who signed in by a token at a path that needs the password."""

    def foreign(self) -> Reply:
        """The answer to a browser that a page of another site made send the request."""

    def form_refused(self, error: FormError) -> Reply:
        """The answer to a form that cannot be accepted."""

    def rule_refused(self, error: AccountError) -> Reply:
        """The answer to a change that a rule of the accounts forbids."""

    def busy(self) -> Reply:
        """The answer while the queue of passwords to be hashed is full."""

    def store_away(self) -> Reply:
        """The answer while the store cannot be reached."""

    def internal_error(self, id_: str) -> Reply:
        """The answer after a fault of our own; the id finds the traceback in the daemon's log."""

    def unrouted(self, allowed: Sequence[str]) -> Reply:
        """The answer to an unknown path (allowed is empty), or to a method that is none of those allowed."""

    def refused(self, status: int, detail: str, *fields: tuple[str, str]) -> Reply:
        """The answer to what is refused below the routes, by HTTP itself, with HTTP's status for it."""
