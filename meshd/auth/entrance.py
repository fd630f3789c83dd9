"""Who signs in at a page: a password typed into a form, judged and counted as the account API judges and counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meshd.auth.failures import Failures
from meshd.auth.question import Asked, entering, entering_name
from meshd.auth.secrets import ban_address
from meshd.model import Admission, Refusal

Judge = Callable[[Asked, str], Awaitable[Admission | Refusal]]
"""Decides about a credential and the address that it came from."""


class Entrance:
    """What the pages ask of `auth.service`.  typed: the name as it was typed, by which bans know it."""

    def __init__(self, judge: Judge, failures: Failures, digest: Callable[[bytes], bytes]) -> None:
        self._judge = judge
        self._failures = failures
        self._digest = digest

    async def enter(self, peer: str, typed: str, username: str, password: str) -> Admission | Refusal:
        """Judge the password of the account with this username, which the typed name stands for."""
        return await self._judge(entering(self._digest, typed, username, password, peer), peer)

    def barred(self, peer: str, typed: str) -> Refusal | None:
        """The refusal while a name is banned from an address, for what is asked beside a password; None where not."""
        return self._failures.banned(ban_address(peer), entering_name(typed))

    async def wrong(self, peer: str, typed: str) -> None:
        """Count something wrong that came beside a right password, as a code of a second factor."""
        await self._failures.failed(entering(self._digest, typed, typed, "", peer))
