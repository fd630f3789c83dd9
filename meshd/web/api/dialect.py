"""How ProxyMesh's API is asked and how it says no: forms, `Authorization`, its documents' statuses and shapes."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from meshd.accounts.errors import AccountError, Invalid, TooMany
from meshd.model import Admission, Refusal
from meshd.web.api import answers
from meshd.web.api.wording import STATUSES, messages
from meshd.web.bodies import read_body
from meshd.web.call import Call
from meshd.web.forms import Form, FormError
from meshd.web.reply import Heads, Reply
from meshd.web.services import SignsIn


class ProxyMesh:
    """The Dialect of the paths in `web.api`."""

    def __init__(self, auth: SignsIn) -> None:
        self._auth = auth
        self.heads = Heads("application/json", answers.EVERY_ANSWER)

    def read_body(self, call: Call) -> Form:
        return read_body(call.header(b"content-type"), call.body)

    def sign_in(self, call: Call) -> Awaitable[Admission | Refusal]:
        return self._auth.sign_in(call.peer, call.header(b"authorization"))

    def not_admitted(self, refusal: Refusal) -> Reply:
        match refusal.reason:
            case "auth-required":
                return answers.unauthenticated("authentication required")
            case "auth-invalid":
                return answers.unauthenticated("invalid credentials")
            case "auth-banned":
                return answers.refused(429, "too many failures", max(refusal.retry_after, 1))
            case "account-inactive":
                return answers.refused(402, "account inactive")
            case "auth-unavailable":
                return answers.unavailable(refusal.retry_after or answers.STORE_PAUSE)
            case _:
                raise AssertionError(f"a sign-in cannot end in {refusal.reason!r}")

    def password_wanted(self) -> Reply:
        return answers.unauthenticated("a bearer token cannot do this; use username and password")

    def foreign(self) -> Reply:
        return Reply({"detail": answers.FOREIGN}, 403, note=answers.FOREIGN)

    def form_refused(self, error: FormError) -> Reply:
        """The answer to a form's problems; a 400 names them by field, other statuses in one text."""
        told = messages(error.problems)
        for problem in error.problems.values():
            if problem in STATUSES:
                return answers.refused(STATUSES[problem], " ".join(text for texts in told.values() for text in texts))
        return Reply(told, 400)

    def rule_refused(self, error: AccountError) -> Reply:
        status, retry_after = next(answers.RULINGS[kind] for kind in type(error).__mro__ if kind in answers.RULINGS)
        if isinstance(error, Invalid):
            return Reply(dict(error.messages), status)
        wait = error.seconds if isinstance(error, TooMany) else 0
        return answers.refused(status, error.detail, max(retry_after, wait))

    def busy(self) -> Reply:
        return answers.unavailable(answers.BUSY_PAUSE)

    def store_away(self) -> Reply:
        return answers.unavailable()

    def internal_error(self, id_: str) -> Reply:
        text = f"internal error, id {id_}"
        return Reply({"detail": text}, 500, note=text)

    def unrouted(self, allowed: Sequence[str]) -> Reply:
        if allowed:
            return answers.refused(405, "method not allowed", 0, ("Allow", ", ".join(allowed)))
        return answers.refused(404, "not found")

    def refused(self, status: int, detail: str, *fields: tuple[str, str]) -> Reply:
        return answers.refused(status, detail, 0, *fields)
