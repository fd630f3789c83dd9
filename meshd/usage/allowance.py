"""How many bytes an account may still move here: limits and usage turned into one integer to count down.

The store's totals are at most a flush old, so what a limit leaves is lent in leases: a whole remainder is never spent
on the word of an old total, but by a process that has the store to itself.  A lease is lent in two halves, so that the
second lasts while the store is asked.  One process never passes a limit by its own bytes; several pass it by at most a
lease each.
"""

from __future__ import annotations

from meshd import period
from meshd.model import Refusal, Standing, Usage
from meshd.usage.meter import Meter

UNLIMITED = 2**62

SHARE = 64
"""Where several processes spend, a lease is at least this part of what is left: as many together spend no more than
there is."""

ALL = 1
"""The share of a process that has the store to itself."""

NO_SHARE = 0
"""A slice and no more: of who was quiet, or is judged by a word that may be old."""

QUOTA_MONTHLY = Refusal("quota-monthly", "the monthly limit is reached")
QUOTA_TOTAL = Refusal("quota-total", "the total limit is reached")
QUOTA_PARENT = Refusal("quota-parent", "a limit of the parent account is reached")


class Allowance:
    """One account's, shared by all that it has open in this process, and by its sub-accounts'."""

    __slots__ = (
        "base",
        "family",
        "held",
        "meters",
        "reason",
        "refusal",
        "rest",
        "room",
        "sealed",
        "standing",
        "subs",
        "users",
        "waiting",
    )

    def __init__(self, standing: Standing, family: Allowance | None) -> None:
        self.family = family
        """The parent's; None for an account without parent."""
        self.standing = standing
        self.room = UNLIMITED
        """To be moved before asking: Meter counts it down."""
        self.held = 0
        """The second half of the lease."""
        self.rest = 0
        """What the limits leave beyond the lease."""
        self.base = UNLIMITED
        """What they left by the standing alone."""
        self.sealed = UNLIMITED
        """What was left when the newest batch was sealed: the next standing includes what was counted until then."""
        self.reason = QUOTA_TOTAL
        """The refusal that will be due when nothing is left."""
        self.refusal: Refusal | None = None
        """Why nothing more may begin."""
        self.users = 0
        """Tallies that count it down."""
        self.meters: set[Meter] = set()
        """The account's own that are open."""
        self.subs: set[Allowance] = set()
        self.waiting: set[Meter] = set()
        """Those to resume when there is room again."""

    @property
    def left(self) -> int:
        """All that the limits leave, as far as is known here."""
        return self.room + self.held + self.rest

    def seal(self) -> None:
        """The running batch was sealed."""
        self.sealed = self.left

    @property
    def lent(self) -> int:
        return self.room + self.held

    def judge(self, standing: Standing, now: int, slice_bytes: int, share: int = NO_SHARE) -> None:
        """Take the store's word as of the newest seal, less what was counted here since.

        share: what a lease is at least, as the part of what is left: `SHARE`, `ALL`, or `NO_SHARE`.
        """
        counted = self.sealed - self.left
        self.standing = standing
        self.base, self.reason = remainder(standing, now)
        self.sealed = self.base
        self._lend(self.base - counted, slice_bytes, share)

    def judge_again(self, now: int, slice_bytes: int) -> None:
        """The same word at another time: a period may be over."""
        before = self.base
        self.base, self.reason = remainder(self.standing, now)
        self.sealed += self.base - before
        self._lend(self.left + self.base - before, slice_bytes)

    def lend_held(self) -> None:
        """The second half."""
        self.room, self.held = self.room + self.held, 0

    def lend_rest(self, slice_bytes: int) -> None:
        """Lend once more, or once less, without having heard from the store."""
        self._lend(self.left, slice_bytes)

    def _lend(self, left: int, slice_bytes: int, share: int = NO_SHARE) -> None:
        lease = lease_of(left, slice_bytes, share)
        # Who has the store to itself has nothing to ask it for.
        self.held = lease // 2 if 0 < lease < UNLIMITED // 2 and share != ALL else 0
        self.room = lease - self.held
        self.rest = left - lease

    def ignore(self) -> None:
        """Count on without asking: what is open may end by itself."""
        more = UNLIMITED - self.left
        self.room += more
        self.base += more
        self.sealed += more


def remainder(standing: Standing, now: int) -> tuple[int, Refusal]:
    """What the limits leave, and which of them is the nearer.  A period that is over counts nothing."""
    usage = standing.usage
    monthly = total = UNLIMITED
    if standing.total_limit:
        total = standing.total_limit - usage.total_bytes
    if standing.monthly_limit:
        monthly = standing.monthly_limit - (0 if period_over(standing, now) else usage.period_bytes)
    # Where both are reached the lasting one is the more useful answer.
    return (total, QUOTA_TOTAL) if total <= max(monthly, 0) else (monthly, QUOTA_MONTHLY)


def period_over(standing: Standing, now: int) -> bool:
    return now >= period.following(standing.billing_day, standing.usage.period_start)


def lease_of(left: int, slice_bytes: int, share: int) -> int:
    if not 0 < left < UNLIMITED // 2:
        return left
    return max(min(left, slice_bytes), left // share if share else 0)


def newer(one: Standing, other: Standing | None) -> Standing:
    """The one that has seen more; totals only grow."""
    return one if other is None or one.usage.total_bytes > other.usage.total_bytes else other


def nobody() -> Allowance:
    """Stands where an account has no parent."""
    return Allowance(Standing(0, None, 0, 0, 1, Usage(0, 0, 0, 0)), None)
