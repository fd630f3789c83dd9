"""The Dialect of ProxyHat's API: JSON bodies, an API key or an access token by Bearer, errors with a `message`."""

from __future__ import annotations

from collections.abc import Sequence

from meshd.accounts.errors import AccountError
from meshd.model import Admission, Refusal
from meshd.values.tokens import V1
from meshd.web.call import Call
from meshd.web.document import read_document
from meshd.web.forms import Form, FormError
from meshd.web.reply import Heads, Reply
from meshd.web.services import Services
from meshd.web.v1 import answers


class ProxyHat:
    """The Dialect of the paths in `web.v1`."""

    def __init__(self, services: Services) -> None:
        self._auth = services.auth
        self._live = services.live
        self.heads = Heads(answers.JSON, answers.EVERY_ANSWER)

    def read_body(self, call: Call) -> Form:
        return read_document(call.header(b"content-type"), call.body)

    async def sign_in(self, call: Call) -> Admission | Refusal:
        return await self._auth.sign_in(call.peer, call.header(b"authorization"), kinds=V1)

    def not_admitted(self, refusal: Refusal) -> Reply:
        match refusal.reason:
            case "auth-required" | "auth-invalid":
                return answers.unauthenticated()
            case "auth-banned":
                return answers.too_many(refusal.retry_after, self._live.limits.failures)
            case "account-inactive":
                return answers.message(403, "This account is inactive.")
            case "auth-unavailable":
                return self.store_away()
            case _:
                raise AssertionError(f"a sign-in cannot end in {refusal.reason!r}")

    def password_wanted(self) -> Reply:
        return answers.message(403, "Sign in with a password.")

    def foreign(self) -> Reply:
        return answers.message(403, "A page of another site made the browser send this request.")

    def form_refused(self, error: FormError) -> Reply:
        return answers.of_form(error.problems)

    def rule_refused(self, error: AccountError) -> Reply:
        return answers.of_rule(error)

    def busy(self) -> Reply:
        return answers.message(503, "Server busy, try again.", ("Retry-After", str(answers.BUSY_PAUSE)))

    def store_away(self) -> Reply:
        pause = ("Retry-After", str(answers.STORE_PAUSE))
        return answers.message(503, "The service is not available at the moment, try again.", pause)

    def internal_error(self, id_: str) -> Reply:
        reply = answers.message(500, f"Server Error, id {id_}.")
        return Reply(reply.body, reply.status, note=f"internal error, id {id_}")

    def unrouted(self, allowed: Sequence[str]) -> Reply:
        if allowed:
            told = ", ".join(allowed)
            return answers.message(405, f"This path takes {told}.", ("Allow", told))
        return answers.message(404, answers.NOTHING)

    def refused(self, status: int, detail: str, *fields: tuple[str, str]) -> Reply:
        return answers.message(status, f"{detail[:1].upper()}{detail[1:]}.", *fields)
