"""Bounds on what clients may hold open or start: in all, by address before they are known, by account after."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, Protocol

from meshd.model import Refusal
from meshd.topology import Limits

BUCKETS = 10_000
"""Accounts whose rates are remembered; one that was forgotten starts with a full second."""

GRACE = 1.0
"""Seconds in which a new connection counts against no address: a browser opens many at once."""

TLS_GRACE = 5.0
"""Likewise for one that begins with TLS, until that stands, and again from then on: it costs both sides time, and a
busy machine may let its browsers wait.
"""

ANOTHERS_END = 5.0
"""Seconds at most to wait for another exchange to end, which unlike a rate's turn may not come at all."""

TRUSTED = 10_000
"""Addresses that are remembered because somebody was let in from there."""

TRUST = 10
"""Times as many may wait unknown, of an address that somebody was let in from."""

CROWD = Refusal("rate-tunnels", "too many at a time", retry_after=1)
TUNNELS_TOO_FAST = Refusal("rate-tunnels", "too many a second", retry_after=1)
REQUESTS_TOO_FAST = Refusal("rate-requests", "too many a second", retry_after=1)


class Patience(NamedTuple):
    """How one may wait for its turn."""

    seconds: float
    places: int
    """Of a row that has as many already, nobody else."""


class Unknown(Protocol):
    """A client that has not said yet who it is."""

    def evict(self) -> None:
        """End it; others need its place."""


class Known(Unknown, Protocol):
    """A client of an account."""

    @property
    def idle(self) -> bool:
        """Whether it is only kept for what may come."""


class Bucket:
    """A second's worth of what an account may start, refilled as time passes."""

    __slots__ = ("at", "requests", "tunnels")

    def __init__(self, at: float, tunnels: float, requests: float) -> None:
        self.at = at
        self.tunnels = tunnels
        self.requests = requests


class Caps:
    """Counts, and says no."""

    def __init__(self, limits: Callable[[], Limits], ceiling: int) -> None:
        """ceiling: descriptors that the data plane may have open."""
        self._limits = limits
        self.ceiling = ceiling
        self.unauthenticated = 0
        self._unknown: dict[str, dict[Unknown, None]] = {}
        """Clients that are not known yet, by address, the oldest first."""
        self._held: dict[int, dict[Known, None]] = {}
        """Clients of each account, the oldest first."""
        self._trusted: OrderedDict[str, None] = OrderedDict()
        self._lingering: dict[str, int] = {}
        self._buckets: OrderedDict[int, Bucket] = OrderedDict()

    def crowded(self, descriptors: int) -> bool:
        """Whether one more client has to be turned away; it needs a descriptor to its origin too."""
        if descriptors + 2 > self.ceiling:
            return True
        return self.unauthenticated >= self._limits().unauthenticated and not self._make_room()

    def arrived(self, client: Unknown, address: str) -> None:
        """One more that is not known yet."""
        self.unauthenticated += 1
        self._unknown.setdefault(address, {})[client] = None

    def known(self, client: Unknown, address: str) -> None:
        """It is known now, or gone."""
        self.unauthenticated -= 1
        clients = self._unknown[address]
        del clients[client]
        if not clients:
            del self._unknown[address]

    def _make_room(self) -> bool:
        """At the cost of whoever takes the most of it: one address must not shut out all others."""
        if self._unknown:
            fullest = max(self._unknown.values(), key=len)
            next(iter(fullest)).evict()
        return self.unauthenticated < self._limits().unauthenticated

    def hold(self, client: Known, account_id: int) -> None:
        """One more client is this account's.

        What it has under way is bounded elsewhere; what is kept beside that and idle gives way to who comes.
        """
        held = self._held.get(account_id)
        if held is None:
            held = self._held[account_id] = {}
        held[client] = None
        if len(held) > (self._limits().tunnels_per_account or len(held)):
            idle = next((each for each in held if each.idle), None)
            if idle is not None:
                idle.evict()

    def let_go(self, client: Known, account_id: int) -> None:
        held = self._held[account_id]
        del held[client]
        if not held:
            del self._held[account_id]

    def trust(self, address: str) -> None:
        """Somebody was let in from there."""
        trusted = self._trusted
        if address not in trusted:
            trusted[address] = None
            if len(trusted) > TRUSTED:
                trusted.popitem(last=False)

    def linger(self, address: str) -> bool:
        """Whether one more unknown connection from address may go on waiting after its grace."""
        waiting = self._lingering.get(address, 0)
        most = self._limits().unauthenticated_per_address
        if waiting >= (most * TRUST if address in self._trusted else most):
            return False
        self._lingering[address] = waiting + 1
        return True

    def linger_no_more(self, address: str) -> None:
        waiting = self._lingering[address] - 1
        if waiting:
            self._lingering[address] = waiting
        else:
            del self._lingering[address]

    def start(self, account_id: int, open_now: int, now: float, *, tunnel: bool, take: bool = True) -> Refusal | None:
        """Whether an account with so many exchanges open may start one more.

        take: False to ask only; what was asked for is still there then.
        """
        limits = self._limits()
        if limits.tunnels_per_account and open_now >= limits.tunnels_per_account:
            return CROWD
        rate = limits.new_tunnels_per_second if tunnel else limits.requests_per_second
        if not rate:
            return None
        bucket = self._bucket(account_id, now, limits)
        if tunnel:
            if bucket.tunnels < 1:
                return TUNNELS_TOO_FAST
            bucket.tunnels -= take
        else:
            if bucket.requests < 1:
                return REQUESTS_TOO_FAST
            bucket.requests -= take
        return None

    def patience(self, refusal: Refusal, turn: float, *, tunnel: bool) -> Patience:
        """How one that is refused so may wait for its turn instead.

        turn: seconds that may be waited where it is certain that it comes; those are none of the row whose turn would
        come later.
        """
        limits = self._limits()
        places = (limits.tunnels_per_account or 2**62) if turn else 0
        if refusal is CROWD:
            return Patience(min(turn, ANOTHERS_END), places)
        rate = limits.new_tunnels_per_second if tunnel else limits.requests_per_second
        return Patience(turn, min(places, int(rate * turn)))

    def outruns(self, seconds: float) -> bool:
        """Whether a client that asks again after so many seconds is too fast all by itself.

        It would never hear of it, were it slowed down instead.
        """
        rate = self._limits().requests_per_second
        return bool(rate) and seconds * rate < 1

    def _bucket(self, account_id: int, now: float, limits: Limits) -> Bucket:
        bucket = self._buckets.get(account_id)
        if bucket is None:
            bucket = self._buckets[account_id] = Bucket(now, limits.new_tunnels_per_second, limits.requests_per_second)
            if len(self._buckets) > BUCKETS:
                self._buckets.popitem(last=False)
        elif now > bucket.at:
            passed, bucket.at = now - bucket.at, now
            bucket.tunnels = min(limits.new_tunnels_per_second, bucket.tunnels + passed * limits.new_tunnels_per_second)
            bucket.requests = min(limits.requests_per_second, bucket.requests + passed * limits.requests_per_second)
        return bucket


class Place:
    """What one client takes of the bounds, from its arrival on."""

    __slots__ = ("_address", "_caps", "_client", "_lingers", "account_id", "asked", "known")

    def __init__(self, caps: Caps, client: Known, address: str) -> None:
        self._caps = caps
        self._client = client
        self._address = address
        self._lingers = False
        self.known = False
        """Whether it was admitted once."""
        self.account_id = 0
        """The account that it counts as one of."""
        self.asked = 0.0
        """When it began its last request."""
        caps.arrived(client, address)

    def move(self, address: str) -> None:
        """It comes from there, and has just arrived."""
        self._leave_the_unknown()
        self._address = address
        self._caps.arrived(self._client, address)

    def linger(self) -> bool:
        """Whether it may go on waiting unknown, as one of the few of its address that may."""
        if not self._lingers:
            self._lingers = self._caps.linger(self._address)
        return self._lingers

    def admitted(self) -> None:
        """Known from now on: it counts no more among the unknown."""
        if not self.known:
            self.known = True
            self._leave_the_unknown()
            self._caps.trust(self._address)

    def hold(self, account_id: int) -> None:
        """Count it as that account's, and no more as another's."""
        if account_id != self.account_id:
            self._let_go()
            self._caps.hold(self._client, account_id)
            self.account_id = account_id

    def leave(self) -> None:
        """It is gone."""
        if not self.known:
            self.known = True
            self._leave_the_unknown()
        self._let_go()
        del self._client  # which knows its place, and would wait for a collection

    def _let_go(self) -> None:
        if self.account_id:
            self._caps.let_go(self._client, self.account_id)
            self.account_id = 0

    def _leave_the_unknown(self) -> None:
        self._caps.known(self._client, self._address)
        if self._lingers:
            self._caps.linger_no_more(self._address)
            self._lingers = False
