"""The Dialect of the operators' API: JSON bodies, a password by Basic, problems by RFC 9457."""

from __future__ import annotations

from collections.abc import Sequence

from meshd.accounts import secondfactor
from meshd.accounts.errors import AccountError, Forbidden, NotYours
from meshd.model import Admission, Refusal
from meshd.web.admin import answers
from meshd.web.call import Call
from meshd.web.document import JSON, read_document
from meshd.web.forms import Form, FormError
from meshd.web.reply import Heads, Reply
from meshd.web.services import Services

READS = frozenset({"root", "admin", "viewer"})
CHANGES = frozenset({"root", "admin"})


class Operators:
    """The Dialect of the paths in `web.admin`: for accounts with the role `admin`, and `viewer` to read."""

    def __init__(self, services: Services) -> None:
        self._auth = services.auth
        self._perform = services.accounts.perform
        self.heads = Heads(JSON, answers.EVERY_ANSWER)

    def read_body(self, call: Call) -> Form:
        return read_document(call.header(b"content-type"), call.body)

    async def sign_in(self, call: Call) -> Admission | Refusal:
        """Sign in by password, then judge the role: what a route does, its rules judge again.

        Whoever has a second factor signs in on pages alone: a password must not be worth more here than there.
        Raises: NotYours for a role, Forbidden for a second factor.
        """
        outcome = await self._auth.sign_in(call.peer, call.header(b"authorization"))
        if isinstance(outcome, Refusal) or outcome.source != "password":
            return outcome
        role = outcome.account.role
        if role not in READS:
            raise NotYours("this API is for accounts with the role admin or viewer")
        if call.method != "GET" and role not in CHANGES:
            raise NotYours("a viewer changes nothing; an account with the role admin can")
        if await self._perform(secondfactor.state, outcome.account.id) is not None:
            raise Forbidden(
                "this account has a second factor, which pages ask for; give programs an account of their own"
            )
        return outcome

    def not_admitted(self, refusal: Refusal) -> Reply:
        match refusal.reason:
            case "auth-required":
                return _unauthenticated("sign in with a name and password by Basic")
            case "auth-invalid":
                return _unauthenticated("invalid credentials")
            case "auth-banned":
                return answers.problem(
                    "banned",
                    "too many wrong passwords from this address; wait as long as Retry-After says",
                    ("Retry-After", str(max(refusal.retry_after, 1))),
                )
            case "account-inactive":
                return answers.problem("inactive")
            case "auth-unavailable":
                return answers.problem("store")
            case _:
                raise AssertionError(f"a sign-in cannot end in {refusal.reason!r}")

    def password_wanted(self) -> Reply:
        return answers.problem("password", "use the name and the password of an operator's account")

    def foreign(self) -> Reply:
        return answers.problem("foreign")

    def form_refused(self, error: FormError) -> Reply:
        return answers.of_form(error.problems)

    def rule_refused(self, error: AccountError) -> Reply:
        return answers.of_rule(error)

    def busy(self) -> Reply:
        return answers.problem("busy")

    def store_away(self) -> Reply:
        return answers.problem("store")

    def internal_error(self, id_: str) -> Reply:
        reply = answers.problem("internal", f"id {id_}; the daemon's log has more under this id")
        return Reply(reply.body, reply.status, note=f"internal error, id {id_}", media=reply.media)

    def unrouted(self, allowed: Sequence[str]) -> Reply:
        if allowed:
            told = ", ".join(allowed)
            return answers.problem("method", f"this path takes {told}", ("Allow", told))
        return answers.problem("not-found", "there is no such path; see the documentation")

    def refused(self, status: int, detail: str, *fields: tuple[str, str]) -> Reply:
        kind = {413: "too-large", 500: "internal"}.get(status, "malformed")
        reply = answers.problem(kind, detail, *fields)
        assert isinstance(reply.body, dict)
        return Reply({**reply.body, "status": status}, status, reply.fields, media=reply.media)


def _unauthenticated(detail: str) -> Reply:
    return answers.problem("unauthenticated", detail, ("WWW-Authenticate", answers.CHALLENGE))
