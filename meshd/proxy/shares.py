"""Bounds of an account's own, or of its plan's: what its exchanges may begin within a second and hold at a time.

They go over the settings' number, which `caps.py` counts.  An account shares its bounds with its sub-accounts; one of
these may have bounds for itself beside, and then both hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from meshd.auth.secrets import ban_address
from meshd.bounded import Bounded
from meshd.model import Refusal
from meshd.passing.caps import ANOTHERS_END, BUCKETS, CROWD, REQUESTS_TOO_FAST, Caps, Patience
from meshd.topology import Live
from meshd.values.terms import Share, Terms

ADDRESSES = Refusal("rate-addresses", "too many client addresses at a time", retry_after=5)


class Open(Protocol):
    """Who counts open exchanges."""

    def tunnels(self, account_id: int, /) -> int:
        """How many the account itself has open."""

    def tunnels_of_family(self, account_id: int, /) -> int:
        """How many the account has open together with its sub-accounts."""


class Rate:
    """A token bucket for the starts of one group, refilled up to a second's worth."""

    __slots__ = ("at", "begun", "most", "tokens")

    def __init__(self, at: float, most: int) -> None:
        self.at = at
        self.most = most
        self.tokens = float(most)
        self.begun = 0
        """Starts here that no other process of the daemon was told of."""

    def refill(self, monotonic: float, most: int) -> None:
        """Bring the bucket up to date.  most: starts a second, which may have changed."""
        if monotonic > self.at:
            self.tokens = min(float(most), self.tokens + (monotonic - self.at) * most)
            self.at = monotonic
        self.most = most


class Seat:
    """The client address of one exchange, counted in each group that bounds addresses, until the exchange ends."""

    __slots__ = ("_address", "_counts", "_groups")

    def __init__(self, counts: dict[int, dict[str, int]], groups: tuple[Share, ...], address: str) -> None:
        self._counts = counts
        self._groups = groups
        self._address = address
        for share in groups:
            present = counts.setdefault(share.group, {})
            present[address] = present.get(address, 0) + 1

    def leave(self) -> None:
        """Give the counts back; called once."""
        for share in self._groups:
            present = self._counts[share.group]
            present[self._address] -= 1
            if not present[self._address]:
                del present[self._address]
                if not present:
                    del self._counts[share.group]


class Shares:
    """Counts what groups with bounds have begun and hold."""

    def __init__(self, live: Live, caps: Caps, exchanges: Open) -> None:
        self._live = live
        self._caps = caps
        self._open = exchanges
        self._rates: Bounded[int, Rate] = Bounded(lambda: BUCKETS)
        """By group; a forgotten group starts with a full bucket."""
        self._addresses: dict[int, dict[str, int]] = {}
        """By group: the clients' addresses that have something open, and how many exchanges each."""
        self._waiting: Bounded[int, Terms | None] = Bounded(lambda: BUCKETS)
        """By account: the terms of those that wait in line, as they were admitted last; None by the settings alone."""

    def start(
        self, terms: Terms, account_id: int, monotonic: float, *, tunnel: bool, take: bool = True
    ) -> Refusal | None:
        """Take one start of the account from each of its groups; the Refusal where one of them has too many.

        monotonic: seconds of the monotonic clock; take: False to ask without taking.
        """
        for group, most in terms.tunnels.shares:
            if self._open.tunnels_of_family(group) >= most:
                return CROWD
        rates = [self._rate(group, most, monotonic) for group, most in terms.requests.shares]
        if any(rate.tokens < 1 for rate in rates):
            return REQUESTS_TOO_FAST
        refusal = None
        if tunnel or not terms.requests.given:
            open_now = 0 if terms.tunnels.given else self._open.tunnels(account_id)
            refusal = self._caps.start(account_id, open_now, monotonic, tunnel=tunnel, take=take)
        elif not terms.tunnels.given:
            refusal = self._caps.crowd(self._open.tunnels(account_id))
        if refusal is None and take:
            for rate in rates:
                rate.tokens -= 1
                rate.begun += 1
        return refusal

    def begin_part(self, terms: Terms, account_id: int, monotonic: float) -> Refusal | None:
        """Take one request of the account from its rates alone, for a part of an exchange that counts as one already;
        the Refusal where one of them has too many.
        """
        rates = [self._rate(group, most, monotonic) for group, most in terms.requests.shares]
        if any(rate.tokens < 1 for rate in rates):
            return REQUESTS_TOO_FAST
        refusal = None if terms.requests.given else self._caps.start(account_id, 0, monotonic, tunnel=False)
        for rate in rates if refusal is None else ():
            rate.tokens -= 1
            rate.begun += 1
        return refusal

    def patience(self, terms: Terms, refusal: Refusal, turn: float, *, tunnel: bool) -> Patience:
        """As `Caps.patience`, with the account's own numbers."""
        places = min((most for _, most in terms.tunnels.shares), default=0) if turn else 0
        if refusal is CROWD and terms.tunnels.given:
            return Patience(min(turn, ANOTHERS_END), places)
        rate = self._slowest(terms)
        if refusal is not REQUESTS_TOO_FAST or not rate:
            return self._caps.patience(refusal, turn, tunnel=tunnel)
        seconds = int(rate * turn)
        return Patience(turn, min(places, seconds) if terms.tunnels.shares else seconds)

    def outruns(self, terms: Terms, seconds: float) -> bool:
        """As `Caps.outruns`, with the account's own numbers."""
        rate = self._slowest(terms)
        return seconds * rate < 1 if rate else not terms.requests.given and self._caps.outruns(seconds)

    def waits(self, account_id: int, terms: Terms | None) -> None:
        """Note the terms by which the account's row in the line is judged from now on."""
        if terms is not None or account_id in self._waiting:
            self._waiting.put(account_id, terms)

    def may(self, account_id: int, monotonic: float, *, tunnel: bool) -> bool:
        """Whether an account that waits in line may begin one more exchange, or tunnel, now."""
        terms = self._waiting.get(account_id)
        if terms is not None:
            return self.start(terms, account_id, monotonic, tunnel=tunnel, take=False) is None
        open_now = self._open.tunnels(account_id)
        return self._caps.start(account_id, open_now, monotonic, tunnel=tunnel, take=False) is None

    def begun(self, part: int) -> Iterator[tuple[int, int, int]]:
        """Group, starts and bound of those that have begun more than such a part of it untold; they are told now."""
        for group, rate in self._rates.items():
            if rate.begun > rate.most // part:
                begun, rate.begun = rate.begun, 0
                yield group, begun, rate.most

    def begun_elsewhere(self, group: int, starts: int, most: int, monotonic: float) -> None:
        """Take from a group's bucket what it has begun in other processes of the daemon.  most: its bound there."""
        known = self._rates.get(group)
        self._rate(group, known.most if known is not None else most, monotonic).tokens -= starts

    def seat(self, terms: Terms, peer: str) -> Seat | Refusal | None:
        """Count an exchange of the client at this address; None where no group bounds addresses."""
        groups = terms.addresses.shares
        if not groups:
            return None
        address = ban_address(peer)
        for group, most in groups:
            present = self._addresses.get(group)
            if present is not None and address not in present and len(present) >= most:
                return ADDRESSES
        return Seat(self._addresses, groups, address)

    def _slowest(self, terms: Terms) -> int:
        """The lowest of the groups' rates of requests; 0 for none."""
        return min((most for _, most in terms.requests.shares), default=0)

    def _rate(self, group: int, most: int, monotonic: float) -> Rate:
        rate = self._rates.get(group)
        if rate is None:
            rate = Rate(monotonic, most)
            self._rates.put(group, rate)
        else:
            rate.refill(monotonic, most)
        return rate
