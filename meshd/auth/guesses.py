"""Whose password is hashed next.

Anybody may ask for a slow hash, so many may wait for one, and a stranger's thousand guesses must not stand before a
customer's one.  Who was right before at the same address comes first.  Among all others each guess takes its turn as
if it had come later by a second for each guess of the networks around it that was wrong of late or has no answer yet:
the more a network guesses, the longer each of its guesses waits, while a network that asked for nothing so far waits
for nobody's backlog.  Nothing here depends on whether an account exists, so a wait tells nothing of accounts.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from ipaddress import IPv6Network
from typing import Generic, NamedTuple, TypeVar

from meshd.bounded import Bounded

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which nobody waits for a hash any more: as long as a client waits for a first byte."""
HALF = 60.0
"""Seconds in which half of what a network owes is forgotten."""
NETWORKS = 8192
"""The networks that are remembered: 1 MB."""


class Guess(NamedTuple):
    """Where a password came from that is to be verified."""

    address: str
    """As bans call it."""
    known: bool
    """Whether a credential of this name was right at the address before."""


OWN = Guess("", True)
"""For a password that somebody known sets."""


class _Waiting(NamedTuple, Generic[T]):
    known: bool
    turn: float
    """The negative of the time at which its turn comes, so that the next of a sorted list is its last."""
    number: int
    """The negative of the place in the order of coming."""
    since: float
    job: T


class Guesses(Generic[T]):
    """The jobs that wait, at most `bound`: of more, the one whose turn is the last gives way."""

    def __init__(self, bound: int, seconds: Callable[[], float], refuse: Callable[[T], None]) -> None:
        """seconds: the monotonic clock; refuse: told of each job that gives way, or has waited longer than PATIENCE."""
        self._bound = bound
        self._seconds = seconds
        self._refuse = refuse
        self._waiting: list[_Waiting[T]] = []
        self._debts: Bounded[str, tuple[float, float]] = Bounded(lambda: NETWORKS)
        self._came = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, guess: Guess, job: T) -> None:
        """Let a job wait; its guess counts as wrong until `right` says otherwise."""
        monotonic = self._seconds()
        self._came += 1
        owed = self._owe(guess.address, 1.0)
        insort(self._waiting, _Waiting(guess.known, -monotonic - owed, -self._came, monotonic, job))
        if len(self._waiting) > self._bound:
            self._refuse(self._waiting.pop(0).job)

    def take(self) -> T | None:
        """The job whose turn it is, which waits no longer; None where nobody waits."""
        while self._waiting:
            next_one = self._waiting.pop()
            if self._seconds() - next_one.since <= PATIENCE:
                return next_one.job
            self._refuse(next_one.job)
        return None

    def leave(self, job: T) -> None:
        """Forget a job that nobody waits for any more; one that does not wait is no error."""
        self._waiting = [each for each in self._waiting if each.job != job]

    def right(self, guess: Guess) -> None:
        """Forgive a guess of the networks around the address: it was right."""
        self._owe(guess.address, -1.0)

    def _owe(self, address: str, more: float) -> float:
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
    /56 and /48; nothing for what is no address.
    """
    if ":" in address:
        own = IPv6Network(address)
        return address, str(own.supernet(new_prefix=56)), str(own.supernet(new_prefix=48))
    near, _, last = address.rpartition(".")
    return (address, near, near.rpartition(".")[0]) if last.isdecimal() and near.count(".") == 2 else ()
