"""Letting somebody in by a password, for a session: judged and counted as all passwords are, and by address besides.

A sign-in that succeeds counts for nothing, since there are clients that sign in before each of their requests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from meshd.accounts import hostsignins, hosttokens, secondfactor
from meshd.accounts.published.rights import READERS
from meshd.accounts.usernames import sign_in_name
from meshd.auth.secrets import ban_address, token_digest
from meshd.model import Account, Refusal
from meshd.running.flights import Lines
from meshd.web.call import Call
from meshd.web.postern import answers, secrets
from meshd.web.postern.limits import SIGN_INS, Window
from meshd.web.reply import Reply
from meshd.web.services import Services

CODE_WANTED = "this account has a second factor: send its six digits as `code`"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whoever was let in, and the secrets of the session and of what renews it."""

    account: Account
    session: str = field(repr=False)
    refresh: str = field(repr=False)


class Entry:
    """One for all routes by which somebody signs in, since their failures count together.  seconds: a clock that
    nobody sets.
    """

    def __init__(self, services: Services, seconds: Callable[[], float]) -> None:
        self._services = services
        self._perform, self._now = services.accounts.perform, services.now
        self._auth = services.auth.entrance
        self._failures = Window(seconds, SIGN_INS)
        self._lines = Lines()
        """One sign-in of an address after the other: of many at once all but a few meet the limit."""

    async def enter(self, call: Call, typed: str, password: str, code: str) -> SignedIn | Reply:
        """Judge a password, and the code of a second factor; or say no."""
        async with self._lines.hold(ban_address(call.peer)):
            if wait := self._failures.wait(call.peer):
                return answers.too_many(f"{SIGN_INS} sign-ins from your address failed within a minute", wait)
            outcome = await self._judged(call, typed, password, code)
            if isinstance(outcome, Reply):
                if outcome.status != 503:
                    self._failures.add(call.peer)
                    await self._perform(hostsignins.failed, typed, address=call.peer, now=self._now())
                return outcome
        call.account, call.account_id = outcome.username, outcome.id
        session, refresh = self._secrets()
        await self._perform(
            hostsignins.begin,
            outcome.id,
            access=token_digest(session),
            refresh=token_digest(refresh),
            address=call.peer,
            now=self._now(),
        )
        return SignedIn(outcome, session, refresh)

    async def renew(self, old: str) -> SignedIn | None:
        """A session in the place of one; None where what should renew it is worth nothing."""
        session, refresh = self._secrets()
        digests = {"access": token_digest(session), "refresh": token_digest(refresh)}
        renewed = await self._perform(hosttokens.renew, token_digest(old), **digests, now=self._now())
        return None if renewed is None else SignedIn(renewed.account, session, refresh)

    async def leave(self, call: Call, old: str, token_id: int) -> None:
        """End the session that a secret renews, or that a token is of."""
        digest = token_digest(old) if old else b""
        await self._perform(hostsignins.end, token_id=token_id, refresh=digest, address=call.peer, now=self._now())

    def _secrets(self) -> tuple[str, str]:
        random = self._services.random
        return secrets.drawn(random, secrets.SESSION), secrets.drawn(random, secrets.REFRESH)

    async def _judged(self, call: Call, typed: str, password: str, code: str) -> Account | Reply:
        username = await self._perform(sign_in_name, typed)
        outcome = await self._auth.enter(call.peer, typed, username, password)
        if isinstance(outcome, Refusal):
            return _refused(outcome)
        account = outcome.account
        if account.role not in READERS:
            return answers.denied()
        return await self._second(call, account, code) or account

    async def _second(self, call: Call, account: Account, code: str) -> Reply | None:
        """The refusal of a sign-in whose code is missing or wrong; None where it is right, or none is wanted."""
        if await self._perform(secondfactor.state, account.id) is None:
            return None
        if not code:
            return answers.refusal(401, CODE_WANTED)
        if refusal := self._auth.barred(call.peer, account.username):
            return _refused(refusal)
        if await self._perform(secondfactor.accept, account.id, code, now=self._now()):
            return None
        await self._auth.wrong(call.peer, account.username)
        return answers.refusal(401, answers.WRONG)


def _refused(refusal: Refusal) -> Reply:
    match refusal.reason:
        case "auth-banned":
            return answers.too_many("too many failures: signing in is refused for a while", refusal.retry_after)
        case "auth-unavailable":
            pause = ("Retry-After", str(refusal.retry_after or answers.STORE_PAUSE))
            return answers.refusal(503, "signing in is not possible at the moment, try again", pause)
    return answers.refusal(401, answers.WRONG)
