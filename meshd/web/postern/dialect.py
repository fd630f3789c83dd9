"""The Dialect of PosternProxy's API: JSON bodies, an access token or a session by Bearer, errors with code and message.

What a role may do is judged here before the body is looked at, and once more by the rules of what is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshd.accounts.errors import AccountError, Forbidden
from meshd.accounts.published.rights import CHANGERS, READERS
from meshd.model import Account, Admission, Refusal
from meshd.values.tokens import HOSTS
from meshd.web.bodies import MULTIPART, read_files
from meshd.web.call import Call
from meshd.web.document import Document, read_document
from meshd.web.forms import Form, FormError
from meshd.web.postern import answers
from meshd.web.reply import Heads, Reply
from meshd.web.services import Services

_MULTIPART = MULTIPART.encode("ascii")

ANYBODY = "anybody@invalid"
"""A name that nobody has or tries (RFC 6761, 6.4)."""
OWN = ("/api/access-tokens", "/api/auth/", "/api/users/")
"""Below these a viewer changes what is its own: tokens, the session, the password."""


class Postern:
    """The Dialect of the paths in `web.postern`."""

    def __init__(self, services: Services) -> None:
        self._auth = services.auth
        self._live = services.live
        self._plain = Heads(answers.JSON, answers.EVERY_ANSWER)
        self._secured = Heads(answers.JSON, (*answers.EVERY_ANSWER, *answers.HSTS))

    @property
    def heads(self) -> Heads:
        hosts = self._live.topology.hosts
        return self._secured if hosts is not None and hosts.tls else self._plain

    def read_body(self, call: Call) -> Form:
        kind = call.header(b"content-type") or b""
        if kind.strip().lower().startswith(_MULTIPART):
            return Document(read_files(kind, call.body))
        return read_document(kind, call.body)

    async def sign_in(self, call: Call) -> Admission | Refusal:
        """Sign in, then judge the role.

        A wrong token is answered as such however often it comes: some clients sign in again only then.
        Raises: Forbidden.
        """
        outcome = await self._auth.sign_in(call.peer, call.header(b"authorization"), kinds=HOSTS)
        if isinstance(outcome, Refusal) and outcome.reason == "auth-banned" and not self._shut(call.peer):
            outcome = Refusal("auth-invalid")
        call.outcome = outcome
        if isinstance(outcome, Admission) and not _may(outcome.account, call):
            raise Forbidden(answers.DENIED)
        return outcome

    def _shut(self, peer: str) -> bool:
        """Whether everybody is banned from an address, and not one token alone."""
        return self._auth.entrance.barred(peer, ANYBODY) is not None

    def not_admitted(self, refusal: Refusal) -> Reply:
        match refusal.reason:
            case "auth-required" | "auth-invalid":
                return answers.unauthenticated()
            case "auth-banned":
                return answers.too_many("too many failures: this is refused for a while", refusal.retry_after)
            case "account-inactive":
                return answers.unauthenticated("this user is not active")
            case "auth-unavailable":
                return self.store_away()
            case _:
                raise AssertionError(f"a sign-in cannot end in {refusal.reason!r}")

    def password_wanted(self) -> Reply:
        return answers.denied()

    def foreign(self) -> Reply:
        return answers.refusal(403, "a page of another site made the browser send this request")

    def form_refused(self, error: FormError) -> Reply:
        return answers.of_form(error.problems)

    def rule_refused(self, error: AccountError) -> Reply:
        return answers.of_rule(error)

    def busy(self) -> Reply:
        return answers.refusal(503, "the server is busy, try again", ("Retry-After", str(answers.BUSY_PAUSE)))

    def store_away(self) -> Reply:
        pause = ("Retry-After", str(answers.STORE_PAUSE))
        return answers.refusal(503, "the service is not available at the moment, try again", pause)

    def internal_error(self, id_: str) -> Reply:
        reply = answers.refusal(500, f"internal error, id {id_}")
        return Reply(reply.body, reply.status, note=f"internal error, id {id_}")

    def unrouted(self, allowed: Sequence[str]) -> Reply:
        if allowed:
            told = ", ".join(allowed)
            return answers.refusal(405, f"this path takes {told}", ("Allow", told))
        return answers.refusal(404, answers.NOTHING)

    def refused(self, status: int, detail: str, *fields: tuple[str, str]) -> Reply:
        return answers.refusal(status, detail, *fields)


def _may(account: Account, call: Call) -> bool:
    if account.role not in READERS:
        return False
    return call.method == "GET" or account.role in CHANGERS or call.path.startswith(OWN)
