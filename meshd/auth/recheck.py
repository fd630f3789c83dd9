"""Whether an open tunnel's admission still holds: the store is asked again after a change of its account."""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from meshd.auth import units as lookups
from meshd.auth.policy import INVALID, UNAVAILABLE, inactive, may_pass, token_valid
from meshd.auth.terms import terms_of
from meshd.model import Admission, Identity, Refusal
from meshd.running.flights import Crowded, Flights
from meshd.store.interface import Store, StoreError
from meshd.topology import Live
from meshd.values.terms import Terms
from meshd.values.times import DAY

Still = Refusal | Terms | None
"""Why an admission holds no longer; where it does, the account's terms as they are now, None for none."""

PAUSE = 1.0
"""Seconds between two attempts to ask a store that is away."""


class Presence:
    """Checks admissions again; all tunnels of one credential and proxy share one query."""

    def __init__(self, store: Store, clock: IReactorTime, now: Callable[[], float], live: Live) -> None:
        self._store = store
        self._clock = clock
        self._now = now
        self._live = live
        self._flights: Flights[Still] = Flights(100_000)

    async def still(self, admission: Admission, proxy: str, epoch: int) -> Still:
        """Why the admission no longer holds for the proxy; where it does, the account's terms as they are now, or None.

        epoch: how often something has changed: what is being asked since before a change may be answered as of before.
        A store that is away is asked again for `credential_cache` seconds, during which the tunnel stays open.
        """
        account = admission.account
        day = int(self._now()) // DAY  # an answer of before midnight knows nothing of what ended then
        key = (account.id, account.password_hash, admission.source, admission.subject, proxy, epoch, day)
        try:
            return (await self._flights.join(key, lambda: self._ask(admission, proxy))).result
        except Crowded:
            return UNAVAILABLE

    async def _ask(self, admission: Admission, proxy: str) -> Still:
        until = self._clock.seconds() + self._live.limits.credential_cache
        while True:
            try:
                present = await self._store.run(lookups.present, admission, int(self._now()))
            except StoreError:
                if self._clock.seconds() >= until:
                    return UNAVAILABLE
                await deferLater(self._clock, PAUSE)
            else:
                return self._judge(admission, present, proxy)

    def _judge(self, admission: Admission, present: lookups.Present, proxy: str) -> Still:
        """The refusal if the credential or entry of the admission is no longer valid, or the proxy not allowed."""
        if present.identity is None:
            return INVALID
        if present.token is not None and not token_valid(present.token, self._now()):
            return INVALID
        newer, older = present.identity.account, admission.account
        changed = admission.source == "password" and not (
            compare_digest(newer.password_hash.encode(), older.password_hash.encode())
            and newer.username.lower() == older.username.lower()
        )
        # Of an account that was moved the former parent would pay on.
        moved = newer.parent_id != older.parent_id
        if changed or moved:
            return INVALID
        if refusal := _barred(admission, present.identity, proxy):
            return refusal
        try:
            return terms_of(present.identity, self._live.topology.plans, present.token.rules if present.token else "")
        except ValueError:  # a text that another version of meshd wrote: nobody knows what it forbids
            return UNAVAILABLE


def _barred(admission: Admission, identity: Identity, proxy: str) -> Refusal | None:
    """Why the account may not go on; who owns a published host needs no proxy for it."""
    return inactive(identity) if admission.source == "meter" else may_pass(identity, proxy, admission.only)
