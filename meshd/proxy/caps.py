"""Bounds on what clients may hold open or start: in all, by address before they are known, by account after."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from meshd.model import Refusal
from meshd.topology import Limits

BUCKETS = 10_000
"""Accounts whose rates are remembered; one that was forgotten starts with a full second."""

GRACE = 1.0
"""Seconds in which a new connection counts against no address: a browser opens many at once."""


class Unknown(Protocol):
    """A client that has not said yet who it is."""

    def evict(self) -> None:
        """End it; others need its place."""


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
        self._held: dict[int, int] = {}
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

    def hold(self, account_id: int) -> bool:
        """Whether one more client connection may be this account's."""
        limit = self._limits().tunnels_per_account
        held = self._held.get(account_id, 0)
        if limit and held >= limit:
            return False
        self._held[account_id] = held + 1
        return True

    def let_go(self, account_id: int) -> None:
        held = self._held[account_id] - 1
        if held:
            self._held[account_id] = held
        else:
            del self._held[account_id]

    def linger(self, address: str) -> bool:
        """Whether one more unknown connection from address may go on waiting after its grace."""
        waiting = self._lingering.get(address, 0)
        if waiting >= self._limits().unauthenticated_per_address:
            return False
        self._lingering[address] = waiting + 1
        return True

    def linger_no_more(self, address: str) -> None:
        waiting = self._lingering[address] - 1
        if waiting:
            self._lingering[address] = waiting
        else:
            del self._lingering[address]

    def start(self, account_id: int, open_now: int, now: float, *, tunnel: bool) -> Refusal | None:
        """Whether an account with so many exchanges open may start one more."""
        limits = self._limits()
        if limits.tunnels_per_account and open_now >= limits.tunnels_per_account:
            return Refusal("rate-tunnels", retry_after=1)
        rate = limits.new_tunnels_per_second if tunnel else limits.requests_per_second
        if not rate:
            return None
        bucket = self._bucket(account_id, now, limits)
        if tunnel:
            if bucket.tunnels < 1:
                return Refusal("rate-tunnels", retry_after=1)
            bucket.tunnels -= 1
        else:
            if bucket.requests < 1:
                return Refusal("rate-requests", retry_after=1)
            bucket.requests -= 1
        return None

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

    __slots__ = ("_address", "_caps", "_client", "_lingers", "account_id", "known")

    def __init__(self, caps: Caps, client: Unknown, address: str) -> None:
        self._caps = caps
        self._client: Unknown | None = client
        self._address = address
        self._lingers = False
        self.known = False
        """Whether it was admitted once."""
        self.account_id = 0
        """The account that it counts as one of."""
        caps.arrived(client, address)

    def move(self, address: str) -> None:
        """It comes from there, and has just arrived."""
        client = self._leave_the_unknown()
        self._address = address
        self._caps.arrived(client, address)

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
            self._client = None

    def hold(self, account_id: int) -> bool:
        """Count it as that account's, and no more as another's, if it may have one more."""
        if account_id == self.account_id:
            return True
        if not self._caps.hold(account_id):
            return False
        if self.account_id:
            self._caps.let_go(self.account_id)
        self.account_id = account_id
        return True

    def leave(self) -> None:
        """It is gone."""
        self.admitted()
        if self.account_id:
            self._caps.let_go(self.account_id)

    def _leave_the_unknown(self) -> Unknown:
        client = self._client
        assert client is not None
        self._caps.known(client, self._address)
        if self._lingers:
            self._caps.linger_no_more(self._address)
            self._lingers = False
        return client
