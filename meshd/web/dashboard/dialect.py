"""How the pages are asked and how they say no: forms with a token, a session's cookie, and plain words."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from meshd.accounts import seeing as looking
from meshd.accounts.errors import AccountError, Forbidden
from meshd.auth import sessions
from meshd.auth.policy import REQUIRED
from meshd.auth.sessions import SignedIn
from meshd.model import Admission, Identity, Refusal
from meshd.selection import NONE
from meshd.web.bodies import read_body
from meshd.web.call import Call
from meshd.web.dashboard import cookies, seeing, wording
from meshd.web.dashboard.pages import HOME, plain, see_other
from meshd.web.forms import Form, FormError
from meshd.web.reply import Heads, Reply
from meshd.web.services import Services

SIGN_IN = "/sign-in/"
LONGEST_NEXT = 300
"""Characters of the longest address that a sign-in leads back to."""

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
EVERY_ANSWER = (
    ("Server", "meshd"),
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""Header fields of every answer.  By a policy of `no-referrer` a browser would name no origin with its forms."""

STORE_PAUSE, BUSY_PAUSE = 5, 1
"""Seconds of Retry-After, while the store cannot be reached and while the queue of passwords is full."""

STALE = (
    "this form was not made for this browser, is out of date, or the browser keeps no cookies; go back, load the page "
    "again, and try once more"
)
FOREIGN = "a page of another site made this browser send the request; it is refused"

TITLES = {
    400: "This cannot be done",
    403: "This is not allowed",
    404: "There is no such page",
    405: "This page is asked for otherwise",
    409: "Somebody was quicker",
    413: "That was too much",
    429: "Too often",
    500: "Something is broken here",
    503: "Not at the moment",
}


class Pages:
    """The Dialect of the paths in `web.dashboard`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.heads = Heads("text/html; charset=utf-8", EVERY_ANSWER, kept=0)  # cookies are secrets, and pages differ

    def read_body(self, call: Call) -> Form:
        """The form of a POST, whose token is looked at before any route is run.  Raises: FormError, Forbidden."""
        form = read_body(call.header(b"content-type"), call.body)
        if not cookies.take_token(call, form):
            raise Forbidden(STALE)
        return form

    async def sign_in(self, call: Call) -> Admission | Refusal:
        """Whose session the request's cookie is of: one unit of the store."""
        secret, services, found = cookies.session(call), self._services, None
        if secret:
            key, limits = sessions.digest(secret), services.live.limits
            life = sessions.Life(limits.session_idle, limits.session_longest)
            found = await services.accounts.perform(sessions.find, key, services.now(), life=life)
        if found is None:
            return Refusal(REQUIRED.reason, _here(call))
        return await self._shown_to(call, found)

    async def _shown_to(self, call: Call, found: SignedIn) -> Admission:
        """Whoever is signed in, or the account whose pages an operator sees.
        Raises: Forbidden for what cannot be done meanwhile.
        """
        operator, now = found.identity.account, self._services.now()
        account_id = seeing.seen(call, found, now)
        identity = None
        if account_id:
            identity = await self._services.accounts.perform(looking.look, operator.id, account_id, at=now)
        if identity is None:
            return _admitted(found.identity)
        call.account, call.seeing = operator.username, identity.account.username
        seeing.refuse_change(call, call.seeing)
        return _admitted(found.identity if seeing.own(call) else identity)

    def not_admitted(self, refusal: Refusal) -> Reply:
        return see_other(SIGN_IN + (f"?next={quote(refusal.detail, safe='')}" if refusal.detail else ""))

    def password_wanted(self) -> Reply:
        raise AssertionError("a session is always one of a password")

    def foreign(self) -> Reply:
        return self._refused(403, FOREIGN, note=FOREIGN)

    def form_refused(self, error: FormError) -> Reply:
        told = wording.told(error)
        return self._refused(wording.status_of(error), " ".join(dict.fromkeys(told.values())))

    def rule_refused(self, error: AccountError) -> Reply:
        status = wording.status_of(error)
        pause = {429: BUSY_PAUSE, 503: STORE_PAUSE}.get(status)
        fields = (("Retry-After", str(pause)),) if pause else ()
        return self._refused(status, " ".join(dict.fromkeys(wording.told(error).values())), *fields)

    def busy(self) -> Reply:
        text = "many people sign in at this moment; try again in a few seconds"
        return self._refused(503, text, ("Retry-After", str(BUSY_PAUSE)))

    def store_away(self) -> Reply:
        text = "meshd cannot reach its store just now; nothing was changed; try again in a few seconds"
        return self._refused(503, text, ("Retry-After", str(STORE_PAUSE)))

    def internal_error(self, id_: str) -> Reply:
        text = f"the fault is meshd's; its log has the details under {id_}"
        return self._refused(500, text, note=f"internal error, id {id_}")

    def unrouted(self, allowed: Sequence[str]) -> Reply:
        if allowed:
            return self._refused(405, "follow a link or send a form of these pages", ("Allow", ", ".join(allowed)))
        return self._refused(404, "the address is wrong, or what it led to is gone")

    def refused(self, status: int, detail: str, *fields: tuple[str, str]) -> Reply:
        return self._refused(status, detail, *fields)

    def _refused(self, status: int, detail: str, *fields: tuple[str, str], note: str = "") -> Reply:
        told = {"title": TITLES.get(status, "This cannot be done"), "detail": wording.sentence(detail), "home": HOME}
        page = plain(None, "error.html", status, fields=fields, **told)
        return Reply(page.body, page.status, page.fields, note)


def _admitted(identity: Identity) -> Admission:
    return Admission(identity, "password", identity.account.username, 0, NONE, "")


def safe_next(text: str) -> str:
    """The address of ours that a sign-in may lead to; the dashboard for any other, such as another site's."""
    printable = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    ours = text.startswith("/") and not text.startswith("//") and len(text) <= LONGEST_NEXT
    return text if printable and ours else HOME


def _here(call: Call) -> str:
    """Where a sign-in leads back to: the page that was asked for; "" where that was a form, or the first page."""
    if call.method != "GET" or call.path in ("/", HOME):
        return ""
    query, path = call.query.decode("latin-1"), quote(call.path, safe="/%")  # a path has its escapes already
    here = f"{path}?{query}" if query else path
    return here if safe_next(here) == here else ""
