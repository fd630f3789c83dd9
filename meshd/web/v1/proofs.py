"""What somebody who is signed in by a key proves beside it: the password, or a code of the second factor.

Each is judged and counted as at a sign-in, so that a stolen key is no way to guess either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, ParamSpec, TypeVar

from meshd.accounts import secondfactor
from meshd.accounts.errors import Invalid, TooMany
from meshd.accounts.validate import PASSWORD
from meshd.auth.passwords import Busy
from meshd.model import Refusal
from meshd.running.flights import Lines
from meshd.store.unit import Unit
from meshd.web.document import Members
from meshd.web.problems import Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller
from meshd.web.services import Services
from meshd.web.v1 import answers

P = ParamSpec("P")
T = TypeVar("T")

SHORTEST = 8
"""Characters of a password, as the API documents it."""
TOO_MANY = "there were too many failures; try again later"
WRONG_PASSWORD = "The current password is not right."  # noqa: S105


class Proofs:
    def __init__(self, services: Services) -> None:
        self._auth = services.auth.entrance
        self._perform, self._now, self._live = services.accounts.perform, services.now, services.live
        self._codes = Lines()
        """One code of an account after the other, so that of many at once all but a few meet the ban."""

    async def password(self, caller: Caller, password: str) -> str:
        """The hash of the caller's password, which was typed.
        Raises: Invalid (field `current_password`), TooMany while it is banned, Busy where it cannot be judged.
        """
        name = caller.account.username
        outcome = await self._auth.enter(caller.peer, name, name, password)
        if not isinstance(outcome, Refusal):
            return outcome.account.password_hash
        if outcome.reason == "auth-banned":
            self._refuse(outcome)
        if outcome.reason == "auth-unavailable":
            raise Busy
        raise Invalid({"current_password": [WRONG_PASSWORD]})

    async def second(self, caller: Caller, code: str) -> Reply | None:
        """The answer that a code is wanted, where the account has a second factor and none was sent; else None.
        Raises: Invalid (field `twofa_code`) for a wrong one, TooMany while it is banned.
        """
        if await self._perform(secondfactor.state, caller.id) is None:
            return None
        if not code:
            return Reply(answers.SECOND_FACTOR, 403)
        await self.with_code(caller, "twofa_code", secondfactor.use, caller.actor, code, now=self._now())
        return None

    async def with_code(
        self, caller: Caller, field: str, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a unit that uses a code up; a wrong one counts as a wrong password does.
        Raises: Invalid (that field), TooMany while it is banned, and what the unit raises.
        """
        async with self._codes.hold(caller.id):
            if refusal := self._auth.barred(caller.peer, caller.account.username):
                self._refuse(refusal)
            try:
                return await self._perform(unit, *args, **kwargs)
            except Invalid as error:
                await self._auth.wrong(caller.peer, caller.account.username)
                raise answers.named(error, {"code": field}) from None

    def _refuse(self, refusal: Refusal) -> NoReturn:
        raise TooMany(TOO_MANY, refusal.retry_after, self._live.limits.failures)


def new_password(member: Members) -> str:
    """The password that a body sets, long enough and typed twice alike."""
    fresh = member.secret("password", PASSWORD) or ""
    if len(fresh) < SHORTEST:
        member.wrong("password", Worded(f"must be at least {SHORTEST} characters"))
    if member.secret("password_confirmation", PASSWORD) != fresh:
        member.wrong("password_confirmation", Worded("must match the password"))
    return fresh
