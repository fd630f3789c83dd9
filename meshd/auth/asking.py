"""What is being asked of the store and the slow hash right now, each thing once, whoever else asks it meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meshd.auth.identity import Key, Verdict
from meshd.auth.passwords import Hasher
from meshd.auth.question import Asked, PasswordAsked
from meshd.auth.secrets import ban_address
from meshd.auth.verify import Wanted
from meshd.model import Refusal
from meshd.running.flights import Flights, Landed

MOST_AT_ONCE = 1024
"""Different tokens and addresses that may be asked about at once; so many passwords beside those that may wait for the
slow hash, which is where it is decided who of too many gives way."""
PURGE = 1.0
"""Seconds between two looks at all who wait, for some whose answer does not matter any more."""

Outcome = Verdict | Refusal


class Asking:
    """Passwords, which may wait long, take no place of tokens and addresses, which do not."""

    def __init__(self, hasher: Hasher, seconds: Callable[[], float], queue: int) -> None:
        """queue: the passwords that may wait for the slow hash; seconds: the monotonic clock."""
        self._hasher = hasher
        self._seconds = seconds
        self._others: Flights[Outcome] = Flights(MOST_AT_ONCE)
        self._passwords: Flights[Outcome] = Flights(queue + MOST_AT_ONCE)
        self._purged = -PURGE

    async def join(
        self, key: Key, question: Asked | None, peer: str, work: Callable[[Wanted], Awaitable[Outcome]]
    ) -> Landed[Outcome]:
        """The outcome of the work under way for the same credential and address, else of `work`.

        Raises: Crowded, and what the work raises.
        """
        password = isinstance(question, PasswordAsked)
        flights = self._passwords if password else self._others
        if password and flights.full and (monotonic := self._seconds()) - self._purged >= PURGE:
            self._purged = monotonic
            self._hasher.purge()
        # Shared only by those from the same address: each address counts its own failures.
        shared = key, ban_address(peer)
        return await flights.join(shared, lambda: work(lambda: flights.wanted(shared)))
