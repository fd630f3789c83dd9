"""The tallies of the accounts at work: each has a slot of the journal until all it counted is billed and logged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from meshd.model import Admission, Refusal
from meshd.store.statements.rows import chunks
from meshd.usage.exchangelog import ExchangeLog
from meshd.usage.journal import Journal
from meshd.usage.meter import Tally
from meshd.usage.quotas import Quotas

AT_ONCE = 200
"""Accounts that a flush works for in one turn of the reactor: a millisecond, or a little more."""

FAMILY = 3
"""An account with its sub-accounts has at most so many times the slots that are free: one leaves a quarter of them to
all others, two a seventh, and there are always some for who begins.
"""

REST = 10.0
"""Seconds for which a tally has nothing open before it is freed, and twice that at most: who asks for one thing after
another, with pauses, is not begun anew each time.  Where most slots are taken each flush frees what it can.
"""


Key = tuple[int, int, int | None]


def key_of(admission: Admission) -> Key:
    """What is counted together: account, token, and the parent that pays too, as a sub-account may get another one."""
    account = admission.identity.account
    return account.id, admission.token_id, account.parent_id


class Tallies:
    """Begins tallies, and frees those that rest."""

    def __init__(self, journal: Journal, quotas: Quotas, log: ExchangeLog, seconds: Callable[[], float]) -> None:
        """seconds: a clock that never goes back."""
        self._seconds = seconds
        self._look_at = seconds() + REST
        self._rested: set[Tally] = set()
        """Those that had nothing open at some time before the last look."""
        self._journal = journal
        self._quotas = quotas
        self._log = log
        self.by_key: dict[Key, Tally] = {}
        """By account, token and parent."""
        self._by_slot: dict[int, Tally] = {}
        self.resting: set[Tally] = set()
        """Those that had nothing open at some time since the last look."""

    def begin(self, admission: Admission) -> Tally | Refusal | None:
        """A tally for an account and token that have none; None where the journal has no slot for it, or its family too
        many of them.
        """
        account, journal = admission.identity.account, self._journal
        own, family = self._quotas.enter(admission)
        refusal, slot = self._quotas.refusal(own, family), None
        all_of = family if family.standing.account_id else own
        if refusal is None and all_of.users < FAMILY * (journal.slots - len(self._by_slot)):
            slot = journal.take(account.id, account.parent_id or 0, admission.token_id)
        if slot is None:
            self._quotas.leave(own, family)
            return refusal
        key, renew, visited = key_of(admission), self._quotas.renew, admission.source == "meter"
        tally = Tally(key, slot, journal, own=own, family=family, renew=renew, visited=visited)
        self.by_key[key] = self._by_slot[slot] = tally
        own.users += 1
        family.pay_for(own)
        return tally

    def of(self, slots: Iterable[int]) -> list[Tally]:
        """The tallies that count in these slots."""
        return [self._by_slot[slot] for slot in slots]

    def free_resting(self, *, every: bool = False) -> Iterator[None]:
        """Give back the slots of the tallies that have nothing open, unbilled or unlogged, a step for AT_ONCE of them:
        once in REST of those that have rested for that long, else (every) of all.

        Anything may begin and end between two steps.
        """
        every = every or not self._journal.roomy
        if not every and self._seconds() < self._look_at:
            return
        self._look_at = self._seconds() + REST
        looked_at = self._rested | self.resting if every else self._rested - self.resting
        self._rested, self.resting = set() if every else self.resting, set()
        for some in chunks(looked_at, AT_ONCE):
            self._rested |= {tally for tally in some if tally.open == 0 and not self._free(tally)}
            yield

    def _free(self, tally: Tally) -> bool:
        journal, slot = self._journal, tally.slot
        if not journal.finished(slot) and not self._may_forget(tally):
            return False
        journal.free(slot)
        del self.by_key[tally.key], self._by_slot[slot]
        tally.own.users -= 1
        tally.family.pay_no_more(tally.own)
        self._quotas.leave(tally.own, tally.family)
        return True

    def _may_forget(self, tally: Tally) -> bool:
        """Whether all is billed, and what is unlogged is given up for the slot; else have it logged."""
        journal, slot = self._journal, tally.slot
        if not journal.billed(slot):
            return False
        if not self._log.failing:
            # Lines that were given up while the log failed, or bytes counted after the close.
            self._log.add_remainder(slot, *tally.key[:2], journal.unlogged(slot))
            return False
        if journal.scarce:
            self._log.forget(slot)
        return journal.scarce
