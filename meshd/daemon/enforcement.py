"""Enforcing changes: exchanges no longer allowed are ended, and remembered facts no longer true are dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from twisted.internet.defer import Deferred

from meshd.auth.service import AuthService
from meshd.model import Admission, Change, Refusal
from meshd.running.detached import Detached
from meshd.store.interface import Store, StoreError
from meshd.store.statements import opened, tokens
from meshd.topology import Plan
from meshd.usage.allowance import OpenMeter
from meshd.usage.ledger import Ledger
from meshd.values.bounds import Bounds
from meshd.values.published import HOSTS
from meshd.values.terms import Terms
from meshd.values.times import DAY

MINUTE = 60


class Follower(Protocol):
    async def changed(self, change: Change, /) -> None:
        """Follow a change of the feed.  Raises: StoreError."""


class Enforcement:
    """Applies the change feed, and the calendar, to what is open in this process."""

    def __init__(
        self,
        auth: AuthService,
        ledger: Ledger,
        store: Store,
        now: Callable[[], float],
        hosted: Callable[[], Follower],
    ) -> None:
        """hosted: gives who follows changes for what is published."""
        self._auth = auth
        self._ledger = ledger
        self._store = store
        self._now = now
        self._hosted = hosted
        self._day = int(now()) // DAY
        self._looked = int(now())
        """When it was looked last for tokens that end at a minute."""
        self._detached = Detached()

    async def changed(self, change: Change) -> None:
        """Forget the account, have its limits judged anew soon, and end what is no longer allowed.

        Nothing here may wait for what another process has locked, as all later changes wait for this one.
        Raises: StoreError.
        """
        await self._hosted().changed(change)
        if change.account_id == HOSTS:  # nobody's rights have changed
            return
        self._auth.forget(change)
        self._ledger.judge(change.account_id)
        await self._end_what_is_to_end(change.account_id)
        await self._recheck(self._ledger.open_of(change.account_id))

    async def _end_what_is_to_end(self, account_id: int) -> None:
        """Stop the exchanges of the account, or for 0 of all, that somebody wants to end.  Raises: StoreError."""
        if not self._ledger.open_of(account_id):
            return
        endings = {each.exchange: each for each in await self._store.run(opened.endings, account_id)}
        for meter in self._ledger.open_of(account_id) if endings else ():
            ending = endings.get(meter.about.id) if meter.about is not None else None
            # Whoever may end an account's exchanges ends no other's, whatever id is given.
            if ending is not None and ending.account_id == meter.admission.account.id:
                meter.stop(Refusal(ending.reason))

    def replanned(self, before: Mapping[str, Plan], after: Mapping[str, Plan]) -> None:
        """Where a reload has changed what plans hold exchanges to, apply it to what is remembered and open."""
        if _terms(before) != _terms(after):
            # The store is asked again until it answers; a failure beyond that is told by the next change.
            self._detached.run(Deferred.fromCoroutine(self.changed(Change(0, 0)))).addErrback(lambda failure: None)

    async def look_at_calendar(self) -> None:
        """Check what is open once a UTC day, as tokens and accounts expire at midnight, and what tokens opened that end
        at a minute, once that is past; if the store fails, at the next call.

        At midnight all of it, since an account may have got its last day after it had opened a tunnel.
        """
        now = int(self._now())
        try:
            if now // DAY != self._day:
                await self._recheck(self._ledger.open_of(0))
                self._day = now // DAY
            if now // MINUTE != self._looked // MINUTE:
                await self._recheck(await self._opened_by_tokens(self._looked, now))
                self._looked = now
        except StoreError:
            return

    async def _opened_by_tokens(self, since: int, until: int) -> list[OpenMeter]:
        """What is open of accounts that have a token which ended at a minute in (since, until]."""
        accounts = await self._store.run(tokens.ended, since, until)
        found = [0] if accounts is None else accounts
        return [meter for each in found for meter in self._ledger.open_of(each) if meter.admission.token_id]

    async def _recheck(self, meters: Iterable[OpenMeter]) -> None:
        """Stop what would no longer be let in, by one question for each admission, however many tunnels it has.
        Raises: StoreError.
        """
        alike: dict[tuple[int, str], list[OpenMeter]] = {}
        for meter in meters:
            alike.setdefault((id(meter.admission), meter.proxy), []).append(meter)
        for (_, proxy), open_by_it in alike.items():
            admission: Admission = open_by_it[0].admission
            outcome = await self._auth.still(admission, proxy)
            for meter in open_by_it:
                if meter.open:  # it may have ended while we asked, and its owner be about another's exchange
                    refusal = outcome if isinstance(outcome, Refusal) else self._adopted(meter, outcome)
                    if refusal is not None:
                        meter.stop(refusal)

    def _adopted(self, meter: OpenMeter, terms: Terms | None) -> Refusal | None:
        """Hold an open exchange's account to its terms; why these no longer let it go where it goes, or None."""
        self._ledger.adopt(meter, terms)
        return meter.way.barred(terms) if terms is not None and meter.way is not None else None


def _terms(plans: Mapping[str, Plan]) -> dict[str, tuple[Bounds, str]]:
    return {name: (plan.bounds, plan.rules) for name, plan in plans.items()}
