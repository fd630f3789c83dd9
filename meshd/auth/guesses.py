"""Whose password is hashed next.

Anybody may ask for a slow hash, so many may wait for one, and a stranger's thousand guesses must not stand before a
customer's one.  Who was right before at the same address comes first.  Among all others each guess takes its turn as
if it had come later by a second for each guess of the networks around it that was wrong of late or has no answer yet:
the more a network guesses, the longer each of its guesses waits, while a network that asked for nothing so far waits
for nobody's backlog.  A password that somebody sets comes before strangers' guesses, but not twice in a row while any
guess waits: a customer may set as many as she likes, and each is put back in the same way by those that she waits for.
Nothing here depends on whether an account exists: a wait tells nothing of accounts, but, at an address that many share
and while many wait, whether a name was right there before.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from ipaddress import IPv6Network
from typing import Generic, NamedTuple, TypeVar

from meshd.bounded import Bounded

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which a job is not begun any more."""
HALF = 60.0
"""Seconds in which half of what a network owes is forgotten."""
NETWORKS = 8192
"""The networks that are remembered: 1 MB."""


class Guess(NamedTuple):
    """Where a password came from that is to be verified."""

    address: str
    """As bans call it; of one that is to be set, whatever names who sets it."""
    known: bool
    """Whether a credential of this name was right at the address before."""
    wanted: Callable[[], bool] = lambda: True
    """Whether its answer matters still: somebody waits for it, and no ban has been made meanwhile."""
    own: bool = False
    """Whether the password is to be set, and not verified."""


def set_by(asker: str) -> Guess:
    """For a password that somebody sets.  asker: in whose turn, an account or an address; "" for nobody's."""
    return Guess(asker, True, own=True)


class _Waiting(NamedTuple, Generic[T]):
    known: bool
    turn: float
    """The negative of the time at which its turn comes, so that the next of a sorted list is its last."""
    number: int
    """The negative of the place in the order of coming."""
    guess: Guess
    job: T


class Guesses(Generic[T]):
    """The jobs that wait, at most `bound`: of more, the one whose turn is the last gives way.

    A job that is dropped, whatever for, is one that its networks have not asked for.
    """

    def __init__(self, bound: int, seconds: Callable[[], float], refuse: Callable[[T], None]) -> None:
        """seconds: the monotonic clock; refuse: told of each job that is dropped, except by `leave`."""
        self._bound = bound
        self._seconds = seconds
        self._refuse = refuse
        self._order: list[_Waiting[T]] = []
        """By turn, the next one last; those that left are among them."""
        self._since: dict[T, float] = {}
        """When those came that wait."""
        self._debts: Bounded[str, tuple[float, float]] = Bounded(lambda: NETWORKS)
        self._came = 0
        self._own = False
        """Whether the job that was taken last is of a password that somebody sets."""

    def __len__(self) -> int:
        return len(self._since)

    def put(self, guess: Guess, job: T) -> None:
        """Let a job wait; its guess counts as wrong until it is forgiven."""
        monotonic = self._seconds()
        self._came += 1
        owed = self._charge(guess.address, 1.0)
        self._since[job] = monotonic
        insort(self._order, _Waiting(guess.known, -monotonic - owed, -self._came, guess, job))
        if len(self._order) > self._bound:
            self.purge()
        while len(self._order) > self._bound:
            self._drop(self._order.pop(self._last()))

    def take(self) -> T | None:
        """The job whose turn it is, which waits no longer; None where nobody waits."""
        while self._order:
            first = self._order.pop(self._first())
            if self._matters(first):
                del self._since[first.job]
                self._own = first.guess.own
                return first.job
            self._drop(first)
        return None

    def purge(self) -> None:
        """Drop those who have waited longer than PATIENCE, and those whose answer does not matter any more."""
        kept: list[_Waiting[T]] = []
        gone: list[_Waiting[T]] = []
        for each in self._order:
            (kept if self._matters(each) else gone).append(each)
        self._order = kept  # before anybody is told, who may come again at once
        for each in gone:
            self._drop(each)

    def leave(self, job: T) -> None:
        """Forget a job that nobody waits for any more; one that does not wait is no error."""
        self._since.pop(job, None)

    def forgive(self, guess: Guess) -> None:
        """Take a guess back from what the networks around its address owe: it was right."""
        self._charge(guess.address, -1.0)

    def owed(self, address: str) -> float:
        """What the networks around an address owe, in guesses."""
        return self._charge(address, 0.0)

    def _first(self) -> int:
        """The place of the job whose turn it is."""
        others = (index for index in reversed(range(len(self._order))) if not self._order[index].guess.own)
        end = len(self._order) - 1
        return next(others, end) if self._own else end

    def _last(self) -> int:
        """The place of the job that gives way: where most are of passwords that somebody sets, the newest of those."""
        own = [index for index, each in enumerate(self._order) if each.guess.own]
        return own[0] if len(own) > self._bound // 2 else 0

    def _matters(self, each: _Waiting[T]) -> bool:
        since = self._since.get(each.job)
        return since is not None and self._seconds() - since <= PATIENCE and each.guess.wanted()

    def _drop(self, gone: _Waiting[T]) -> None:
        self.forgive(gone.guess)
        if self._since.pop(gone.job, None) is not None:
            self._refuse(gone.job)

    def _charge(self, address: str, more: float) -> float:
        """Change what the networks around an address owe; what they owed before, in guesses."""
        monotonic = self._seconds()
        owed = 0.0
        for network in networks(address):
            debt, since = self._debts.get(network, (0.0, monotonic))
            debt *= 0.5 ** ((monotonic - since) / HALF)
            owed += debt
            self._debts.put(network, (max(debt + more, 0.0), monotonic))
        return owed


def networks(address: str) -> tuple[str, ...]:
    """An address as bans call it, and two networks around it: of IPv4 /24 and /16; of IPv6, whose bans are of a /64,
    /56 and /48.  An account is one by itself; nothing for what is neither.
    """
    if address.startswith("account "):
        return (address,)
    if address.endswith("::/64"):
        own = IPv6Network(address)
        return address, str(own.supernet(new_prefix=56)), str(own.supernet(new_prefix=48))
    near, _, last = address.rpartition(".")
    return (address, near, near.rpartition(".")[0]) if last.isdecimal() and near.count(".") == 2 else ()
