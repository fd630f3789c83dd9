"""Who may still move how much: the allowances of the accounts at work here, and what follows when one is used up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from twisted.internet.interfaces import IReactorTime

from meshd.bounded import Bounded
from meshd.model import Account, Admission, Refusal, Standing, Usage, monthly_limit
from meshd.running.regularly import Regularly
from meshd.running.ticks import Ticks
from meshd.topology import Live, Plan, included_bytes
from meshd.usage.allowance import (
    ALL,
    NO_SHARE,
    QUOTA_PARENT,
    SHARE,
    UNLIMITED,
    Allowance,
    OpenMeter,
    newer,
    nobody,
    period_over,
)
from meshd.usage.crawl import Crawl
from meshd.usage.meter import Meter, Tally
from meshd.usage.peers import Peers
from meshd.usage.shaping import KBIT, Shaping
from meshd.values.terms import Terms


class Quotas:
    """Judges allowances by the newest standings; refuses, ends, pauses and resumes meters accordingly."""

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        live: Live,
        rounds: Regularly,
        peers: Peers,
        ticks: Ticks,
    ) -> None:
        self._clock = clock
        self._wall = now
        self._live = live
        self._rounds = rounds
        self._peers = peers
        self._plans: Mapping[str, Plan] | None = None
        self._included: Mapping[str, int] = {}
        """What is included in `_plans`."""
        self._ticks = ticks
        self._shaping = Shaping(ticks)
        self._latest = 0
        self._nobody = nobody()
        """Stands for the parent's allowance of accounts that have no parent."""
        self._allowances: dict[int, Allowance] = {}
        """The allowances of the accounts at work and of their parents, by account id."""
        self._remembered: Bounded[int, Standing] = Bounded(lambda: live.limits.identities)
        """The newest standings of accounts that were at work recently, by account id."""
        self._generous: set[Allowance] = set()
        """The allowances that were lent more than a slice."""

    def now(self) -> int:
        """The epoch second, which never goes back here: a period that is over stays over."""
        self._latest = max(self._latest, int(self._wall()))
        return self._latest

    def included(self) -> Mapping[str, int]:
        """By plan, the monthly limit of accounts that have none of their own."""
        plans = self._live.topology.plans
        if plans is not self._plans:
            self._plans, self._included = plans, included_bytes(plans)
        return self._included

    # Who is at work

    def enter(self, admission: Admission) -> tuple[Allowance, Allowance]:
        """Find or make the allowances of the account and of its parent."""
        identity, terms = admission.identity, admission.terms
        account, parent = identity.account, identity.parent
        family = self._nobody
        if parent is not None and identity.parent_usage is not None:
            family = self._allowance(parent, identity.parent_usage, parent.billing_day, terms)
        return self._allowance(account, identity.usage, (parent or account).billing_day, terms), family

    def _allowance(self, account: Account, usage: Usage, billing_day: int, terms: Terms | None) -> Allowance:
        on_limit = terms.on_limit(account.id) if terms is not None else ""
        known = self._allowances.get(account.id)
        if known is not None:
            known.on_limit = on_limit
            return known
        limits = monthly_limit(account, self.included()), account.total_limit
        told = Standing(account.id, account.parent_id, *limits, billing_day, usage)
        standing = newer(told, self._remembered.pop(account.id, None))
        allowance = self._allowances[account.id] = Allowance(standing, self._peers.processes)
        allowance.on_limit = on_limit
        if not allowance.stays_free(standing):
            self._judge(allowance, standing, NO_SHARE)  # the identity's usage may be minutes old
        return allowance

    def adopt(self, tally: Tally, terms: Terms | None) -> None:
        """Hold the tally's account and its family to these terms."""
        self._shaping.adopt(tally, terms)
        for allowance in (tally.own, tally.family):
            on_limit = terms.on_limit(allowance.standing.account_id) if terms is not None else ""
            if allowance.on_limit != on_limit:
                allowance.on_limit = on_limit
                allowance.judge_again(self.now(), self._live.limits.slice_bytes)
                self._follow(allowance)

    def adopt_open(self, meter: OpenMeter, terms: Terms | None) -> None:
        """Hold the account of an open meter to these terms."""
        assert isinstance(meter, Meter)
        self.adopt(meter.tally, terms)

    def leave(self, own: Allowance, family: Allowance) -> None:
        """Drop of an account's and its parents' allowances what nothing uses any more; remember the standing."""
        for allowance in (own, family):
            if allowance.users == 0 and allowance is not self._nobody:
                self._forget(allowance)

    def _forget(self, allowance: Allowance) -> None:
        account_id = allowance.standing.account_id
        del self._allowances[account_id]
        self._generous.discard(allowance)
        self._remembered.put(account_id, allowance.standing)

    def find(self, account_id: int) -> Allowance | None:
        return self._allowances.get(account_id)

    def tunnels(self, account_id: int) -> int:
        """How many meters the account itself has open, without those of visitors to what it has published."""
        allowance = self._allowances.get(account_id)
        return len(allowance.meters) - allowance.visits + allowance.elsewhere if allowance is not None else 0

    def tunnels_of_family(self, account_id: int) -> int:
        """How many meters the account has open together with its sub-accounts, without those of visitors."""
        a = self._allowances.get(account_id)
        return len(a.meters) - a.visits + a.elsewhere + a.below + a.below_elsewhere if a is not None else 0

    def at_work(self) -> list[Allowance]:
        return list(self._allowances.values())

    def doubt(self, account_id: int) -> set[int]:
        """Forget the remembered standing of an account (0: all standings); the accounts at work that are concerned."""
        if account_id == 0:
            self._remembered.clear()
            return set(self._allowances)
        self._remembered.pop(account_id, None)
        allowance = self._allowances.get(account_id)
        if allowance is None:
            return set()
        return {account_id, *(sub.standing.account_id for sub in allowance.subs)}

    # Judging

    def refusal(self, own: Allowance, family: Allowance) -> Refusal | None:
        """Why the account may not begin anything now."""
        for allowance in (own, family):
            if allowance.refusal is not None:
                self._reopen(allowance)
        if own.refusal is not None:
            return own.refusal
        return QUOTA_PARENT if family.refusal is not None else None

    def _reopen(self, allowance: Allowance) -> None:
        if period_over(allowance.standing, self.now()):
            allowance.judge_again(self.now(), self._live.limits.slice_bytes)
            self._follow(allowance)

    def seal(self, counted: set[Allowance]) -> None:
        """Note that a batch was sealed, and which allowances (counted) have counted bytes in it.

        An allowance that counted nothing keeps one slice at most: the standing it was lent by grows old, and other
        processes may begin to spend.
        """
        for allowance in counted:
            allowance.seal()
        for allowance in self._generous - counted:
            allowance.lend_rest(self._live.limits.slice_bytes)
        self._generous &= counted

    def heard(self, standings: Iterable[Standing]) -> None:
        """Adopt the store's standings of accounts as of the newest sealed batch."""
        share = ALL if self._peers.alone else NO_SHARE if self._peers.joining else SHARE
        for standing in standings:
            allowance = self._allowances.get(standing.account_id)
            if allowance is not None and not allowance.stays_free(standing):
                self._judge(allowance, standing, share)
                generous = self._live.limits.slice_bytes < allowance.lent < UNLIMITED // 2
                (self._generous.add if generous else self._generous.discard)(allowance)
            elif standing.account_id in self._remembered:  # of those at work none is
                self._remembered[standing.account_id] = standing

    def renew(self, meter: Meter, least: int = 1) -> None:
        """Lend more to the meter's allowances that have lent less than least, or refuse where a limit is reached."""
        for allowance in (meter.tally.own, meter.tally.family):
            if allowance.room < least and allowance.refusal is None:
                self._renew(allowance, meter, least)

    def _renew(self, allowance: Allowance, meter: Meter, least: int) -> None:
        if allowance.crawl is not None and not period_over(allowance.standing, self.now()):
            allowance.crawl.wait(least)
            if allowance.room < least:
                allowance.waiting[meter] = None
            return
        slice_bytes = self._live.limits.slice_bytes
        if allowance.left <= 0:
            self._rounds.hasten()  # so that other processes learn of it soon
            allowance.judge_again(self.now(), slice_bytes)
            self._follow(allowance)
            if allowance.crawl is not None:
                allowance.waiting[meter] = None
                allowance.crawl.wait(least)
            return
        if not self._peers.joining:
            self._rounds.hasten()
        allowance.lend_held()
        if allowance.room >= least:
            return
        if self._rounds.failing:
            allowance.lend_rest(slice_bytes)
        else:
            allowance.waiting[meter] = None

    def lend_to_waiting(self) -> None:
        """Resume paused meters while the store is away, within what the limits left by its last standings."""
        for allowance in self._allowances.values():
            if allowance.waiting and allowance.crawl is None:
                allowance.lend_rest(self._live.limits.slice_bytes)
                self._resume(allowance)

    def _judge(self, allowance: Allowance, standing: Standing, share: int) -> None:
        saved = allowance.room if allowance.crawl is not None else 0
        allowance.judge(standing, self.now(), self._live.limits.slice_bytes, share)
        self._follow(allowance, saved)

    def _follow(self, allowance: Allowance, saved: int = 0) -> None:
        """Resume what waits for the allowance, or where nothing is left refuse and end what is open, or slow it down.

        saved: bytes that it was lent slowly and that it has not moved yet; below 0 where it has moved more.
        """
        on_limit = allowance.on_limit or self._live.limits.on_limit
        if allowance.left > 0 or on_limit != "slow":
            allowance.crawl = None
        if allowance.left > 0:
            allowance.refusal = None
            self._resume(allowance)
            return
        if on_limit == "slow":
            allowance.refusal = None
            allowance.hold_to(saved)
            allowance.crawl = allowance.crawl or Crawl(allowance, self._ticks, self._slow)
            return
        allowance.refusal = allowance.reason
        if on_limit == "finish":
            allowance.ignore()
            self._resume(allowance)
        else:
            allowance.waiting.clear()
            self._cut(allowance, allowance.reason)

    def _slow(self) -> float:
        return self._live.limits.slow_kbit * KBIT

    # Telling the meters; in a later turn of the reactor, since one of them may be asking

    def _resume(self, allowance: Allowance) -> None:
        if allowance.waiting:
            waiting, allowance.waiting = allowance.waiting, {}
            self._clock.callLater(0, _resume, waiting)

    def _cut(self, allowance: Allowance, reason: Refusal) -> None:
        due = []
        for meter in allowance.counted_by():
            if not meter.stopping:
                meter.stopping = True
                due.append((meter, reason if meter.tally.own is allowance else QUOTA_PARENT))
        if due:
            self._clock.callLater(0, _stop, due)


def _resume(meters: Iterable[OpenMeter]) -> None:
    for meter in meters:
        if meter.open and meter.resume is not None:
            meter.resume()


def _stop(due: list[tuple[OpenMeter, Refusal]]) -> None:
    for meter, reason in due:
        if meter.open:
            meter.stop(reason)
