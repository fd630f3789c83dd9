"""Who pays for a host's bytes: its owner's account, admitted once and remembered until the account changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

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
        seconds: Callable[[], float],
    ) -> None:
        """admit: by an owner's account id and a host's token id, whether the owner may use anything now.

        monotonic: the present time; seconds: for how long an admission holds without being asked for again.
        """
        self._admit = admit
        self._monotonic = monotonic
        self._seconds = seconds
        self._known: Bounded[tuple[int, int], _Known] = Bounded(lambda: REMEMBERED)
        self._flights: Flights[Admission | Refusal] = Flights(REMEMBERED)
        self._changes = 0

    def recall(self, owner: int, token: int) -> Admission | None:
        """The admission, from memory; None where it has to be asked for."""
        known = self._known.get((owner, token))
        return known.admission if known is not None and self._monotonic() < known.until else None

    async def admit(self, owner: int, token: int) -> Admission | Refusal:
        """Ask for it; all who wait for the same ask once."""
        before = self._changes
        try:
            found = (await self._flights.join((owner, token), lambda: self._admit(owner, token))).result
        except Crowded:
            return UNAVAILABLE
        if isinstance(found, Admission) and before == self._changes:  # or it may be true no longer
            self._known.put((owner, token), _Known(found, self._monotonic() + self._seconds()))
        return found

    def forget(self, change: Change) -> None:
        """Ask anew for what an account that has changed pays for; 0 stands for all accounts."""
        self._changes += 1
        for key, known in list(self._known.items()):
            account = known.admission.account
            if change.account_id in {0, key[0], account.parent_id}:
                del self._known[key]
