"""Signing in and out: `/sign-in/`, the second factor, `/sign-out/`."""

from __future__ import annotations

from urllib.parse import quote

from meshd.accounts import secondfactor
from meshd.accounts.usernames import sign_in_name
from meshd.accounts.validate import EMAIL, PASSWORD
from meshd.auth import sessions
from meshd.model import Refusal
from meshd.running.flights import Lines
from meshd.web.call import Call
from meshd.web.dashboard import cookies
from meshd.web.dashboard.dialect import SIGN_IN, safe_next
from meshd.web.dashboard.pages import HOME, Filled, PageRoutes, plain, see_other
from meshd.web.forms import WHOLE, Form
from meshd.web.reply import Fields, Reply
from meshd.web.room import Caller, Room
from meshd.web.services import Services

CODE = "/sign-in/code/"
LONGEST_CODE = 40

WRONG = "The name or the password is not right."
WRONG_CODE = "The code is not right, or was used already: wait for the next one."
OVER = "That took too long, or too many tries.  Sign in once more."


class SignInRoutes(PageRoutes):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._codes = Lines()
        """One code after the other for each account: of many at once, all but the first few are to meet the ban."""

    def mount(self, room: Room) -> None:
        room.visitors("GET", SIGN_IN, self.form, ("next",))
        room.visitors("POST", SIGN_IN, self.enter, ("username", "password", "next"))
        room.visitors("GET", CODE, self.code_form, ("next",))
        room.visitors("POST", CODE, self.code, ("code", "next"))
        self._own(room, "/sign-out/", self.leave)
        self._page(room, "/", self.root)

    async def root(self, caller: Caller, form: Form) -> Reply:
        return see_other(HOME)

    async def form(self, call: Call, form: Form) -> Reply:
        return self._form(call, _next(form))

    async def enter(self, call: Call, form: Form) -> Reply:
        """Judge name and password; who has a second factor is sent on to it, half signed in."""
        with form.reading() as field:
            typed, password = field.text("username", EMAIL), field.secret("password", PASSWORD)
        username = await self._perform(sign_in_name, typed)
        outcome = await self._auth.enter(call.peer, typed, username, password)
        if isinstance(outcome, Refusal):
            return self._form(call, _next(form), outcome, typed)
        call.account, call.account_id = outcome.account.username, outcome.account.id
        secret, key = self._new_secret()
        half = await self._perform(
            sessions.sign_in,
            outcome.account,
            key,
            replacing=_key(call),
            now=self._now(),
            client=call.peer,
            agent=_agent(call),
            life=self._life(),
        )
        where = f"{CODE}?next={quote(_next(form), safe='')}" if half else _next(form)
        return see_other(where, *cookies.kept(secret), *cookies.dropped(cookies.VISITOR))

    async def code_form(self, call: Call, form: Form) -> Reply:
        found = await self._perform(sessions.find, _key(call), self._now(), half=True)
        return plain(call, "code.html", next=_next(form)) if found else see_other(SIGN_IN)

    async def code(self, call: Call, form: Form) -> Reply:
        """Judge a code of the second factor; wrong ones count as wrong passwords do."""
        with form.reading() as field:
            code = field.text("code", LONGEST_CODE)
        key = _key(call)
        found = await self._perform(sessions.find, key, self._now(), half=True)
        if found is None:
            return self._over(call)
        account = found.identity.account
        async with self._codes.hold(account.id):
            if refusal := self._auth.barred(call.peer, account.username):
                return self._form(call, _next(form), refusal)
            done = await self._perform(secondfactor.complete, key, code, now=self._now())
            if not done.right:
                await self._auth.wrong(call.peer, account.username)
        if done.signed_in is None:
            return self._over(call)
        if not done.right:
            return plain(call, "code.html", 403, next=_next(form), form=Filled({}, {"code": WRONG_CODE}))
        call.account, call.account_id = account.username, account.id
        secret, fresh = self._new_secret()
        await self._perform(
            sessions.begin,
            done.signed_in.identity.account,
            fresh,
            replacing=key,
            now=self._now(),
            client=call.peer,
            agent=_agent(call),
            life=self._life(),
        )
        return see_other(_next(form), *cookies.kept(secret))

    async def leave(self, caller: Caller, form: Form) -> Reply:
        await self._perform(sessions.end, _key(caller.call))
        return see_other(SIGN_IN, *cookies.dropped())

    def _new_secret(self) -> tuple[bytes, bytes]:
        secret = self._services.random(sessions.SECRET_BYTES)
        return secret, sessions.digest(secret)

    def _over(self, call: Call) -> Reply:
        return plain(call, "signin.html", 403, next=HOME, form=Filled({}, {WHOLE: OVER}))

    def _form(self, call: Call, next_: str, refusal: Refusal | None = None, typed: str = "") -> Reply:
        """The form, and where this browser has no secret yet one that makes the form this browser's own."""
        status, told, fields = _worded(refusal) if refusal else (200, "", ())
        form = Filled({"username": typed}, {WHOLE: told} if told else {})
        secret = cookies.secret(call)
        if not secret:
            secret = self._services.random(sessions.SECRET_BYTES)
            fields = (*fields, *cookies.kept(secret, cookies.VISITOR))
        token = cookies.token(secret)
        return plain(None, "signin.html", status, fields=fields, token=token, next=next_, form=form)


def _worded(refusal: Refusal) -> tuple[int, str, Fields]:
    """How a refused sign-in is answered: the status, the sentence, header fields."""
    match refusal.reason:
        case "auth-banned":
            hours = -(-refusal.retry_after // 3600)
            wait = f"{hours} hours" if hours > 1 else "an hour"
            text = f"There were too many failures.  Signing in is refused for up to {wait}."
            return 429, text, (("Retry-After", str(max(refusal.retry_after, 1))),)
        case "account-inactive":
            return 403, "This account is inactive.", ()
        case "auth-unavailable":
            pause = str(refusal.retry_after or 1)
            return 503, "Signing in is not possible at the moment.  Try again.", (("Retry-After", pause),)
    return 403, WRONG, ()


def _key(call: Call) -> bytes:
    return sessions.digest(cookies.session(call))


def _next(form: Form) -> str:
    return safe_next(form.get("next", ""))


def _agent(call: Call) -> str:
    """What a list of sessions calls the browser."""
    return (call.header(b"user-agent") or b"").decode("latin-1")
