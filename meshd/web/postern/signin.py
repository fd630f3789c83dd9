"""`/api/auth`: signing in and out, renewing a session, and who is signed in.

A session is an access token of a quarter of an hour; what renews it is in a cookie, and is worth one renewal.
"""

from __future__ import annotations

from meshd.accounts import hostsignins, hosttokens
from meshd.auth.secrets import token_digest
from meshd.model import Admission, Refusal
from meshd.web.call import Call
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.postern import answers, cookies
from meshd.web.postern.dialect import Postern
from meshd.web.postern.entry import Entry, SignedIn
from meshd.web.postern.users import described
from meshd.web.reply import Reply
from meshd.web.room import Room
from meshd.web.services import Routes, Services

LONGEST = 300
"""Characters of what somebody types to sign in."""
OVER = "the session is over: sign in"


class SignInRoutes(Routes):
    def __init__(self, services: Services, dialect: Postern, entry: Entry) -> None:
        super().__init__(services)
        self._dialect = dialect
        self._entry = entry

    def mount(self, room: Room) -> None:
        room.visitors("POST", "/api/auth/login", self.login, ("email", "password", "code"))
        room.visitors("POST", "/api/auth/refresh", self.refresh, ("refresh_token",))
        room.visitors("POST", "/api/auth/logout", self.logout, ("refresh_token",))
        room.visitors("GET", "/api/auth/me", self.me, ())

    async def login(self, call: Call, form: Form) -> Reply:
        assert isinstance(form, Document)
        with form.members_read() as member:
            typed, password = member.required("email", LONGEST), member.secret("password", LONGEST) or ""
            code = member.text("code", LONGEST) or ""
        outcome = await self._entry.enter(call, typed, password, code)
        return outcome if isinstance(outcome, Reply) else _granted(outcome, {"user": described(outcome.account)})

    async def refresh(self, call: Call, form: Form) -> Reply:
        """Renew a session; the cookie, or the member that stands for it, is worth nothing from then on."""
        old = _presented(call, form)
        if isinstance(old, Reply):
            return old
        outcome = await self._entry.renew(old) if old else None
        return _granted(outcome, {}) if outcome is not None else answers.unauthenticated(OVER)

    async def logout(self, call: Call, form: Form) -> Reply:
        """End the session of the cookie, or of the bearer; whoever has none is signed out already."""
        old, token_id = _presented(call, form), 0
        if isinstance(old, Reply):
            return old
        if call.header(b"authorization") is not None:
            outcome = await self._dialect.sign_in(call)
            if isinstance(outcome, Refusal):
                return self._dialect.not_admitted(outcome)
            token_id = outcome.token_id
        await self._entry.leave(call, old, token_id)
        return answers.done(*cookies.dropped())

    async def me(self, call: Call, form: Form) -> Reply:
        kept = cookies.refresh(call)
        if kept and call.header(b"authorization") is None:
            account = await self._perform(hostsignins.of_refresh, token_digest(kept), self._now())
            return answers.unauthenticated(OVER) if account is None else Reply(described(account))
        outcome = await self._dialect.sign_in(call)
        if not isinstance(outcome, Admission):
            return self._dialect.not_admitted(outcome)
        call.account, call.account_id = outcome.account.username, outcome.account.id
        return Reply(described(outcome.account))


def _presented(call: Call, form: Form) -> str | Reply:
    """The secret that renews the session, "" where none was sent; or the refusal of a cookie without its double."""
    assert isinstance(form, Document)
    with form.members_read() as member:
        sent = member.secret("refresh_token", LONGEST) or ""
    kept = cookies.refresh(call)
    if sent or not kept:
        return sent
    if cookies.is_ours(call, kept):
        return kept
    text = f"send {cookies.FIELD} with the value of the cookie {cookies.FORGERY}, or the token as refresh_token"
    return answers.refusal(403, text)


def _granted(outcome: SignedIn, more: dict[str, object]) -> Reply:
    body = {"access_token": outcome.session, "token_type": "Bearer", "expires_in": hosttokens.SECONDS, **more}
    return Reply(body, fields=cookies.kept(outcome.refresh, hosttokens.REFRESHED))
