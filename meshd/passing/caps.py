"""Bounds on what clients may hold open or start: in all, by address while unknown (not admitted), then by account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from meshd.bounded import Bounded
from meshd.model import Refusal
from meshd.topology import Limits, Live

BUCKETS = 10_000
"""Accounts whose rates are remembered; a forgotten account starts with a full bucket."""

GRACE = 1.0
"""Seconds for which a new connection is not counted against its address: a browser opens many at once."""

TLS_GRACE = 5.0
"""Seconds of grace for a TLS handshake, and again after it: TLS takes both sides time, and a machine may be busy."""

ANOTHERS_END = 5.0
"""Seconds at most to wait for another exchange to end, which may not happen, while room under a rate always comes."""

TRUSTED = 10_000
"""Addresses remembered from which a client was admitted."""

TRUST = 10
"""Times as many unknown connections may wait from an address from which a client was admitted before."""

CROWD = Refusal("rate-tunnels", "too many at a time", retry_after=1)
TUNNELS_TOO_FAST = Refusal("rate-tunnels", "too many a second", retry_after=1)
REQUESTS_TOO_FAST = Refusal("rate-requests", "too many a second", retry_after=1)


class Patience(NamedTuple):
    """How long an exchange may wait for its turn, and how many may wait."""

    seconds: float
    places: int
    """The length of a row at which nobody else may join it."""


class Unknown(Protocol):
    """A client that was not admitted yet."""

    def evict(self) -> None:
        """End the client's connection, because others need its place."""


class Known(Unknown, Protocol):
    """A client that was admitted for an account."""

    @property
    def idle(self) -> bool:
        """Whether the connection is only kept for a request that may come."""


class Bucket:
    """A token bucket: tunnels and requests that an account may start now, refilled up to a second's worth."""

    __slots__ = ("at", "begun_requests", "begun_tunnels", "requests", "tunnels")

    def __init__(self, at: float, tunnels: float, requests: float) -> None:
        self.at = at
        self.tunnels = tunnels
        self.requests = requests
        self.begun_tunnels = self.begun_requests = 0
        """What was begun here and no other process of the daemon was told of."""


class Caps:
    """Counts clients and their starts, and refuses what is one too many."""

    def __init__(self, live: Live, ceiling: int) -> None:
        """ceiling: descriptors that the data plane may have open."""
        self._live = live
        self.ceiling = ceiling
        self.spare: Callable[[int], int] = lambda count: 0
        """Gives up that many descriptors of what only waits for a next request, or fewer; how many."""
        self.unauthenticated = 0
        self._unknown: dict[str, dict[Unknown, None]] = {}
        """Unknown clients by address, the oldest first."""
        self._held: dict[int, dict[Known, None]] = {}
        """Admitted clients by account id, the oldest first."""
        self._trusted: Bounded[str, None] = Bounded(lambda: TRUSTED)
        self._lingering: dict[str, int] = {}
        self._buckets: Bounded[int, Bucket] = Bounded(lambda: BUCKETS)

    def crowded(self, descriptors: int) -> bool:
        """Whether one more client, which needs a descriptor here and one to its origin, has to be turned away."""
        over = descriptors + 2 - self.ceiling
        if over > 0 and self.spare(over) < over:
            return True
        return self.unauthenticated >= self._live.limits.unauthenticated and not self._make_room()

    def arrived(self, client: Unknown, address: str) -> None:
        """Count an unknown client at its address."""
        self.unauthenticated += 1
        self._unknown.setdefault(address, {})[client] = None

    def part_of(self, address: str) -> float:
        """The part of the places of unknown clients that those of an address have."""
        return len(self._unknown.get(address, ())) / self._live.limits.unauthenticated

    def no_longer_unknown(self, client: Unknown, address: str) -> None:
        """Stop counting this client as unknown: it was admitted or has disconnected."""
        self.unauthenticated -= 1
        clients = self._unknown[address]
        del clients[client]
        if not clients:
            del self._unknown[address]

    def _make_room(self) -> bool:
        """End the oldest unknown client of the address with the most: one address must not shut out all others."""
        if self._unknown:
            fullest = max(self._unknown.values(), key=len)
            next(iter(fullest)).evict()
        return self.unauthenticated < self._live.limits.unauthenticated

    def hold(self, client: Known, account_id: int, former: int = 0, /) -> None:
        """Count a client for an account, and no longer for its former one (0 for none); where the account has too many,
        end the oldest that is idle.  Exchanges under way are bounded by `start`.
        """
        if former:
            self.let_go(client, former)
        if (held := self._held.get(account_id)) is None:
            held = self._held[account_id] = {}
        held[client] = None
        if (most := self._live.limits.tunnels_per_account) and len(held) > most:
            idle = next((each for each in held if each.idle), None)
            if idle is not None:
                idle.evict()

    def let_go(self, client: Known, account_id: int, /) -> None:
        held = self._held[account_id]
        del held[client]
        if not held:
            del self._held[account_id]

    def may_hold(self, account_id: int, more: int) -> bool:
        """Whether an account may have so many connections beside those that it has."""
        most = self._live.limits.tunnels_per_account
        return not most or len(self._held.get(account_id, ())) + more <= most

    def trust(self, address: str) -> None:
        """Remember that a client was admitted from this address."""
        if address not in self._trusted:
            self._trusted.put(address, None)

    def linger(self, address: str) -> bool:
        """Count one more unknown connection that waits after its grace; False where the address has too many."""
        waiting = self._lingering.get(address, 0)
        most = self._live.limits.unauthenticated_per_address
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

    def start(
        self, account_id: int, open_now: int, monotonic: float, *, tunnel: bool, take: bool = True
    ) -> Refusal | None:
        """Take one start from an account's bucket; the Refusal where it is empty, or too many exchanges are open.

        monotonic: seconds of the monotonic clock; take: False to ask without taking.
        """
        limits = self._live.limits
        if limits.tunnels_per_account and open_now >= limits.tunnels_per_account:
            return CROWD  # as in crowd(), without the call
        rate = limits.new_tunnels_per_second if tunnel else limits.requests_per_second
        if not rate:
            return None
        bucket = self._bucket(account_id, monotonic, limits)
        if tunnel:
            if bucket.tunnels < 1:
                return TUNNELS_TOO_FAST
            bucket.tunnels -= take
            bucket.begun_tunnels += take
        else:
            if bucket.requests < 1:
                return REQUESTS_TOO_FAST
            bucket.requests -= take
            bucket.begun_requests += take
        return None

    def begun(self, part: int) -> Iterator[tuple[int, int, int]]:
        """Account, tunnels and requests of those that have begun more than such a part of their bounds untold; they are
        told now.  The others are told once it is as much.
        """
        limits = self._live.limits
        tunnels, requests = limits.new_tunnels_per_second // part, limits.requests_per_second // part
        for account_id, bucket in self._buckets.items():
            if bucket.begun_tunnels > tunnels or bucket.begun_requests > requests:
                begun = account_id, bucket.begun_tunnels, bucket.begun_requests
                bucket.begun_tunnels = bucket.begun_requests = 0
                yield begun

    def begun_elsewhere(self, account_id: int, tunnels: int, requests: int, monotonic: float) -> None:
        """Take from an account's bucket what it has begun in other processes of the daemon."""
        bucket = self._bucket(account_id, monotonic, self._live.limits)
        bucket.tunnels -= tunnels
        bucket.requests -= requests

    def crowd(self, open_now: int) -> Refusal | None:
        """The Refusal where an account has as many exchanges open as the settings allow."""
        most = self._live.limits.tunnels_per_account
        return CROWD if most and open_now >= most else None

    def patience(self, refusal: Refusal, turn: float, *, tunnel: bool) -> Patience:
        """How an exchange that was refused so may wait instead.

        turn: seconds that an exchange may wait; a row has no place whose turn would come later under the rate.
        """
        limits = self._live.limits
        places = (limits.tunnels_per_account or 2**62) if turn else 0
        if refusal is CROWD:
            return Patience(min(turn, ANOTHERS_END), places)
        rate = limits.new_tunnels_per_second if tunnel else limits.requests_per_second
        return Patience(turn, min(places, int(rate * turn)))

    def outruns(self, seconds: float) -> bool:
        """Whether a client that asks again after so many seconds alone exceeds the account's rate of requests.

        Such a client is refused: slowed down instead, it would never learn of the limit.
        """
        rate = self._live.limits.requests_per_second
        return bool(rate) and seconds * rate < 1

    def _bucket(self, account_id: int, monotonic: float, limits: Limits) -> Bucket:
        tunnels, requests = limits.new_tunnels_per_second, limits.requests_per_second
        bucket = self._buckets.get(account_id)
        if bucket is None:
            bucket = Bucket(monotonic, tunnels, requests)
            self._buckets.put(account_id, bucket)
        elif monotonic > bucket.at:
            passed, bucket.at = monotonic - bucket.at, monotonic
            bucket.tunnels = min(tunnels, bucket.tunnels + passed * tunnels)
            bucket.requests = min(requests, bucket.requests + passed * requests)
        return bucket
