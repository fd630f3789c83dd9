"""Who pays for a host's bytes: its owner's account, admitted once and remembered until the account changes or ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from meshd.auth.policy import account_end
from meshd.bounded import Bounded
from meshd.model import Admission, Change, Refusal
from meshd.running.flights import Crowded, Flights

REMEMBERED = 10_000
"""Owners' admissions, one for each host."""

UNAVAILABLE = Refusal("auth-unavailable", retry_after=1)


class _Known(NamedTuple):
    admission: Admission
    until: float


class Payers:
    def __init__(
        self,
        admit: Callable[[int, int], Awaitable[Admission | Refusal]],
        monotonic: Callable[[], float],
        now: Callable[[], float],
        seconds: Callable[[], float],
    ) -> None:
        """admit: by an owner's account id and a host's token id, whether the owner may use anything now.

        monotonic, now: the present time; seconds: for how long an admission holds without being asked for again.
        """
        self._admit = admit
        self._monotonic = monotonic
        self._now = now
        self._seconds = seconds
        self._known: Bounded[tuple[int, int], _Known] = Bounded(lambda: REMEMBERED)
        self._flights: Flights[Admission | Refusal] = Flights(REMEMBERED)
        self._changes = 0
        self._changed: Bounded[int, int] = Bounded(lambda: REMEMBERED)
        """By account, 0 for all: the number of its last change."""
        self._floor = 0
        """No account that is not among these has changed since so many changes."""

    def recall(self, owner: int, token: int) -> Admission | None:
        """The admission, from memory; None where it has to be asked for."""
        known = self._known.get((owner, token))
        return known.admission if known is not None and self._monotonic() < known.until else None

    async def admit(self, owner: int, token: int) -> Admission | Refusal:
        """Ask for it; all who wait for the same ask once.  An answer as of before a change of the account, or its end,
        is none: what would begin by it would have missed that.
        """
        while True:
            before = self._changes
            try:
                key = owner, token, before
                found = (await self._flights.join(key, lambda: self._admit(owner, token))).result
            except Crowded:
                return UNAVAILABLE
            if not isinstance(found, Admission):
                return found
            left = account_end(found.identity) - self._now()
            if left > 0 and self._is_current(found, before):
                self._known.put((owner, token), _Known(found, self._monotonic() + min(self._seconds(), left)))
                return found

    def _is_current(self, admission: Admission, before: int) -> bool:
        """Whether neither the account nor its parent has changed since so many changes."""
        account = admission.account
        return all(self._changed.get(each or 0, self._floor) <= before for each in (0, account.id, account.parent_id))

    def forget(self, change: Change) -> None:
        """Ask anew for what an account that has changed pays for; 0 stands for all accounts."""
        self._changes += 1
        self._floor = self._changed.put(change.account_id, self._changes) or self._floor
        for key, known in list(self._known.items()):
            account = known.admission.account
            if change.account_id in {0, key[0], account.parent_id}:
                del self._known[key]
