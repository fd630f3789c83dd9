"""How many bytes an account may still move here: limits and usage turned into one integer to count down.

The store's totals are up to a flush old, so what a limit leaves is lent in leases: only a process that has the store to
itself spends a whole remainder on the word of an old total.  A lease is lent in two halves, so that the second lasts
while the store is asked.  One process never passes a limit by its own bytes; several pass it by at most a lease each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, Protocol

from meshd.model import Admission, Refusal, Standing, Usage
from meshd.usage.throttle import Pace
from meshd.values import period
from meshd.values.bounds import OnLimit
from meshd.values.exchanges import OpenExchange
from meshd.values.terms import Terms

UNLIMITED = 2**62

SHARE = 64
"""Where several processes spend, a lease is at least what is left divided by this: as many together spend no more than
there is."""

ALL = 1
"""The share of a process that has the store to itself."""

LEAST = 64 * 1024
"""Bytes, in several processes of one daemon, below which what is left is not divided any more."""

NO_SHARE = 0
"""No share: a lease is one slice at most, where the account was quiet or the store's word of it may be old."""

QUOTA_MONTHLY = Refusal("quota-monthly", "the monthly limit is reached")
QUOTA_TOTAL = Refusal("quota-total", "the total limit is reached")
QUOTA_PARENT = Refusal("quota-parent", "a limit of the parent account is reached")


class About(Protocol):
    """What is known of the exchange that a meter counts."""

    @property
    def id(self) -> str:
        """The exchange's id."""

    @property
    def began(self) -> float:
        """When the exchange began, by the clock of timeouts."""

    def so_far(self) -> OpenExchange:
        """The exchange as it is now."""


class Way(Protocol):
    """Where an exchange goes."""

    def barred(self, terms: Terms, /) -> Refusal | None:
        """Why these terms do not let the exchange go there; None where they do."""


class Crawling(Protocol):
    """What lends an allowance bytes as time passes."""

    def wait(self, least: int = 1) -> None:
        """Lend what is due by now, and where that is less than least, resume later whoever waits."""


class CountsDown(Protocol):
    """What is known here of the Tally that a meter counts in."""

    own: Allowance
    family: Allowance


class OpenMeter(Protocol):
    """What is known here of a Meter that counts an allowance down."""

    about: About | None
    up: int
    down: int
    way: Way | None
    admission: Admission
    proxy: str
    open: bool
    stopping: bool
    stop: Callable[[Refusal], None]
    resume: Callable[[], None] | None

    @property
    def tally(self) -> CountsDown:
        """Where it counts, and the two allowances that it counts down."""


class Allowance:
    """What an account may still move, shared by all that the account and its sub-accounts have open in the process."""

    __slots__ = (
        "among",
        "base",
        "below",
        "below_elsewhere",
        "bounded",
        "crawl",
        "elsewhere",
        "held",
        "meters",
        "on_limit",
        "pace",
        "reason",
        "refusal",
        "rest",
        "room",
        "sealed",
        "standing",
        "subs",
        "users",
        "visits",
        "waiting",
    )

    def __init__(self, standing: Standing, among: int = 1) -> None:
        """among: processes of the daemon that may spend, each an equal part of what is less than a slice for each."""
        self.among, self.standing = among, standing
        self.room = UNLIMITED
        """Bytes that may be moved before the store is asked: Meter counts them down."""
        self.held = 0
        """Bytes of the second half of the lease, as long as it is not lent."""
        self.rest = 0
        """Bytes that the limits leave beyond the lease."""
        self.base = UNLIMITED
        """Bytes that the limits left by the standing alone."""
        self.sealed = UNLIMITED
        """Bytes left when the newest batch was sealed: the next standing includes what was counted until then."""
        self.reason = QUOTA_TOTAL
        """The refusal that will be due when nothing is left."""
        self.refusal: Refusal | None = None
        """Why nothing more may begin."""
        self.users = 0
        """Tallies that count it down."""
        self.meters: set[OpenMeter] = set()
        """The account's own that are open."""
        self.subs: dict[Allowance, int] = {}
        """Of each sub-account that it is counted down for, how many tallies do; one that was moved may be among the
        sub-accounts of several."""
        self.below = 0
        """How many meters its sub-accounts have open, without those of visitors."""
        self.elsewhere = self.below_elsewhere = 0
        """The same of its own and of its sub-accounts in other processes of the daemon, as those have told."""
        self.bounded = False
        """Whether anything but the settings says how many exchanges there may be."""
        self.visits = 0
        """How many of its own meters are of visitors to what it has published."""
        self.waiting: dict[OpenMeter, None] = {}
        """Those to resume when there is room again, in order of arrival."""
        self.on_limit: OnLimit | Literal[""] = ""
        """What happens when nothing is left; "" for what the settings say."""
        self.pace: Pace | None = None
        """The rates that all that moves for the account is held to; None for none so far."""
        self.crawl: Crawling | None = None
        """What lends bytes slowly where nothing is left and that is what happens then; else None."""

    def pay_for(self, sub: Allowance) -> None:
        """Be counted down for a sub-account by one tally more."""
        self.users += 1
        self.subs[sub] = self.subs.get(sub, 0) + 1

    def pay_no_more(self, sub: Allowance) -> None:
        """Be counted down for it by one tally less."""
        self.users -= 1
        self.subs[sub] -= 1
        if not self.subs[sub]:
            del self.subs[sub]

    def counted_by(self) -> Iterator[OpenMeter]:
        """The open meters that count it down: the account's own, and those of its sub-accounts that it pays for."""
        yield from self.meters
        for sub in self.subs:
            yield from (meter for meter in sub.meters if meter.tally.family is self)

    @property
    def left(self) -> int:
        """All bytes that the limits leave, as far as this process knows."""
        return self.room + self.held + self.rest

    def seal(self) -> None:
        """Note what is left at the moment at which the running batch is sealed."""
        self.sealed = self.left

    @property
    def lent(self) -> int:
        return self.room + self.held

    def judge(self, standing: Standing, now: int, slice_bytes: int, share: int = NO_SHARE) -> None:
        """Lend by the store's standing as of the newest seal, less what was counted here since.

        share: a lease is at least what is left divided by this number: `SHARE`, `ALL`, or `NO_SHARE` for a slice only.
        """
        counted = self.sealed - self.left
        self.standing = standing
        self.base, self.reason = remainder(standing, now)
        self.sealed = self.base
        self._lend(self.base - counted, slice_bytes, share)

    def stays_free(self, standing: Standing) -> bool:
        """Adopt a standing without limits where the last one had none either, and nothing changes; False elsewhere."""
        if standing.monthly_limit or standing.total_limit or self.base != UNLIMITED or self.room < UNLIMITED // 2:
            return False
        if self.refusal is not None or self.crawl is not None or self.waiting:
            return False
        self.standing = standing
        return True

    def judge_again(self, now: int, slice_bytes: int) -> None:
        """Lend by the known standing at another time: a billing period may be over."""
        before = self.base
        self.base, self.reason = remainder(self.standing, now)
        self.sealed += self.base - before
        self._lend(self.left + self.base - before, slice_bytes)

    def lend_held(self) -> None:
        """Lend the second half of the lease."""
        self.room, self.held = self.room + self.held, 0

    def lends_whole(self, size: int, on_limit: OnLimit) -> bool:
        """Whether size bytes that cannot be parted may be moved, for which the second half of the lease is lent too.

        Where a limit does not end what is open, what is left may be less: they are the last of it.
        on_limit: what happens at a limit where the account's terms say nothing of it.
        """
        if self.room < size:
            self.lend_held()
            if self.crawl is not None:
                self.crawl.wait()
        if self.room >= size:
            return True
        return 0 < self.left < size and self.crawl is None and (self.on_limit or on_limit) != "cut"

    def ends_before(self, size: int, on_limit: OnLimit) -> bool:
        """Whether the limits leave fewer than size bytes, and end what is open."""
        return self.left < size and self.crawl is None and (self.on_limit or on_limit) == "cut"

    def lend_rest(self, slice_bytes: int) -> None:
        """Lend once more, or once less, without having heard from the store."""
        self._lend(self.left, slice_bytes)

    def _lend(self, left: int, slice_bytes: int, share: int = NO_SHARE) -> None:
        lease = lease_of(left, slice_bytes, share, self.among)
        # A process that has the store to itself has nothing to ask the store for.
        self.held = lease // 2 if 0 < lease < UNLIMITED // 2 and share != ALL else 0
        self.room = lease - self.held
        self.rest = left - lease

    def ignore(self) -> None:
        """Lift the limits, so that what is open may end by itself; all is counted as before."""
        self.hold_to(UNLIMITED)

    def hold_to(self, left: int) -> None:
        """Leave so many bytes, whatever the limits leave; all is counted as before."""
        more = left - self.left
        self.room += more
        self.base += more
        self.sealed += more


def remainder(standing: Standing, now: int) -> tuple[int, Refusal]:
    """Bytes that the limits leave, and the refusal of the nearer limit.  A period that is over counts nothing."""
    usage = standing.usage
    monthly = total = UNLIMITED
    if standing.total_limit:
        total = standing.total_left
    if standing.monthly_limit:
        monthly = standing.monthly_left(0 if period_over(standing, now) else usage.period_bytes)
    # Where both are reached the lasting one is the more useful answer.
    return (total, QUOTA_TOTAL) if total <= max(monthly, 0) else (monthly, QUOTA_MONTHLY)


def period_over(standing: Standing, now: int) -> bool:
    return now >= period.following(standing.billing_day, standing.usage.period_start)


def lease_of(left: int, slice_bytes: int, share: int, among: int = 1) -> int:
    if not 0 < left < UNLIMITED // 2:
        return left
    part = left if among == 1 else min(left, max(-(-left // among), LEAST))
    return max(min(part, slice_bytes), left // share if share else 0)


def newer(one: Standing, other: Standing | None) -> Standing:
    """The standing that has seen more, since totals only grow."""
    return one if other is None or one.usage.total_bytes > other.usage.total_bytes else other


def nobody() -> Allowance:
    """An allowance without limits, in the place of the parent's where an account has no parent."""
    return Allowance(Standing(0, None, 0, 0, 1, Usage(0, 0, 0, 0)))
