"""`/v1/auth`: signing in and out, and who is signed in.

There is no identity provider beside the password: the lists of them are empty.
"""

from __future__ import annotations

from typing import NamedTuple

from meshd.accounts import apikeys, holders, secondfactor
from meshd.accounts.apikeys import PREFIX
from meshd.accounts.usernames import sign_in_name
from meshd.auth.secrets import TOKEN_BYTES, new_token, token_digest
from meshd.bounded import Bounded
from meshd.model import Account, Identity, Refusal
from meshd.running.flights import Lines
from meshd.web.call import Call
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes, Services
from meshd.web.v1 import answers
from meshd.web.v1.values import moment

LONGEST = 300
"""Characters of what somebody types to sign in."""
FRESH = 1.0
"""Seconds for which somebody is told the same of herself: use is billed once a second as well."""
KEPT = 4096
"""Answers of that kind that are remembered, each of a kilobyte."""
WRONG = "Invalid credentials."
WRONG_CODE = "The code is not right, or was used already."


class _Told(NamedTuple):
    """What somebody was told of herself, and when."""

    identity: Identity
    """As it was remembered then: after a change of the account it is another object."""
    at: float
    reply: Reply

    def serves(self, identity: Identity, now: float) -> bool:
        return self.identity is identity and 0 <= now - self.at < FRESH


class SignInRoutes(Routes):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._auth = services.auth.entrance
        self._told: Bounded[int, _Told] = Bounded(lambda: KEPT)
        """By the id of the token that asked."""
        self._codes = Lines()
        """One code of an account after the other, so that of many at once all but a few meet the ban."""

    def mount(self, room: Room) -> None:
        room.visitors("POST", "/v1/auth/login", self.login, ("email", "password", "twofa_code"))
        room.route("GET", "/v1/auth/user", Who.ANY, self.user, ())
        room.route("POST", "/v1/auth/logout", Who.ANY, self.logout, ())
        room.open("/v1/auth/supported-providers", self.none)
        room.route("GET", "/v1/auth/social-accounts", Who.ANY, self.no_accounts, ())
        room.route("DELETE", "/v1/auth/social-accounts/{provider}", Who.ANY, self.absent, ())
        room.visitors("GET", "/v1/auth/{provider}/redirect", self.nowhere, ("provider",))

    async def login(self, call: Call, form: Form) -> Reply:
        """Judge a password, and the code of a second factor; give an access token."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            typed, password = member.required("email", LONGEST), member.required_secret("password", LONGEST)
            code = member.text("twofa_code", LONGEST) or ""
        username = await self._perform(sign_in_name, typed)
        outcome = await self._auth.enter(call.peer, typed, username, password)
        if isinstance(outcome, Refusal):
            return self._refused(outcome)
        refused = await self._second(call, outcome.account, code)
        return refused or await self._let_in(call, outcome.account)

    async def user(self, caller: Caller, form: Form) -> Reply:
        """Tell who is signed in; an answer serves again for FRESH seconds, as long as nothing was changed meanwhile."""
        admission, now = caller.admission, self._services.clock()
        told = self._told.get(admission.token_id)
        if told is not None and told.serves(admission.identity, now):
            return told.reply
        holder = await self._perform(
            holders.read, caller.actor, at=self._now(), plans=self._services.live.topology.plans
        )
        reply = Reply(answers.payload(described(holder)).content())
        self._told.put(admission.token_id, _Told(admission.identity, now, reply))
        return reply

    async def logout(self, caller: Caller, form: Form) -> Reply:
        await self._perform(apikeys.sign_out, caller.actor, now=self._now())
        return answers.done()

    async def none(self) -> Reply:
        return answers.payload([])

    async def no_accounts(self, caller: Caller, form: Form) -> Reply:
        return answers.payload([])

    async def absent(self, caller: Caller, form: Form) -> Reply:
        return answers.message(404, answers.NOTHING)

    async def nowhere(self, call: Call, form: Form) -> Reply:
        return answers.message(404, answers.NOTHING)

    async def _second(self, call: Call, account: Account, code: str) -> Reply | None:
        """The refusal of a sign-in whose code is missing or wrong; None where it is right, or none is wanted."""
        if await self._perform(secondfactor.state, account.id) is None:
            return None
        if not code:
            return Reply(answers.SECOND_FACTOR, 403)
        async with self._codes.hold(account.id):
            if refusal := self._auth.barred(call.peer, account.username):
                return self._refused(refusal)
            if await self._perform(secondfactor.accept, account.id, code, now=self._now()):
                return None
            await self._auth.wrong(call.peer, account.username)
        return answers.invalid({"twofa_code": [WRONG_CODE]})

    async def _let_in(self, call: Call, account: Account) -> Reply:
        call.account, call.account_id = account.username, account.id
        secret = new_token(self._services.random(TOKEN_BYTES), PREFIX)
        v1 = self._live.topology.v1
        assert v1 is not None
        await self._perform(
            apikeys.sign_in, account, digest=token_digest(secret), seconds=v1.access_seconds, now=self._now()
        )
        return answers.bare(granted(secret) | {"requires_2fa": False})

    def _refused(self, refusal: Refusal) -> Reply:
        match refusal.reason:
            case "auth-banned":
                return answers.too_many(refusal.retry_after, self._live.limits.failures)
            case "account-inactive":
                return answers.message(403, "This account is inactive.")
            case "auth-unavailable":
                pause = ("Retry-After", str(refusal.retry_after or 1))
                return answers.message(503, "Signing in is not possible at the moment, try again.", pause)
        return answers.message(401, WRONG)


def granted(secret: str) -> dict[str, object]:
    """An access token, under the names that each of the API's clients reads."""
    return {"accessToken": secret, "access_token": secret, "tokenType": "Bearer", "token_type": "Bearer"}


def described(holder: holders.Holder) -> dict[str, object]:
    """Whoever is signed in, with the bytes that are left."""
    regular, subscription = holder.regular, holder.subscription
    return {
        "uuid": holder.uuid,
        "name": holder.name,
        "email": holder.email,
        "created_at": moment(holder.created_at),
        "traffic": {
            "subscription": holder.plan if holder.period_end else None,
            "subscription_starts_at": moment(holder.period_start),
            "subscription_expires_at": moment(holder.period_end),
            "regular_bytes": regular,
            "regular_human": human(regular),
            "subscription_bytes": subscription,
            "subscription_human": human(subscription),
            "total_bytes": regular + subscription,
            "total_human": human(regular + subscription),
        },
    }


def human(size: int) -> str:
    """Bytes as people read them, in powers of 1024: `1.50 GB`."""
    value, units = float(size), ["B", "KB", "MB", "GB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.2f} {units[0]}" if units[0] != "B" else f"{size} B"
