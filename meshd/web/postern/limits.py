"""How often one address may ask in any minute, counted exactly.  Pure.

The memory is each process's own, and bounded: several processes together allow as many times more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import ceil

from meshd.auth.secrets import ban_address
from meshd.bounded import Bounded

MINUTE = 60.0
REQUESTS = 120
"""In a minute, over the whole of the API."""
SIGN_INS = 5
"""In a minute, that failed."""
ADDRESSES = 4096
"""That are remembered, each with so many times as it may ask; of more the one that asked longest ago is forgotten."""


class Window:
    """So many in any minute from one address; of IPv6 a /64 is one, as one customer has it whole."""

    def __init__(self, clock: Callable[[], float], most: int) -> None:
        self._clock = clock
        self._most = most
        self._counted: Bounded[str, deque[float]] = Bounded(lambda: ADDRESSES)
        """By address, when each of the last minute was counted."""

    def count(self, peer: str) -> int:
        """Count one, for 0; or count nothing, for the seconds until there is room."""
        wait = self.wait(peer)
        if not wait:
            self.add(peer)
        return wait

    def wait(self, peer: str) -> int:
        """The seconds until there is room for one more; 0 where there is, and for who has no address."""
        times = self._counted.get(ban_address(peer)) if peer else None
        if times is None:
            return 0
        now = self._clock()
        while times and now - times[0] >= MINUTE:
            times.popleft()
        return max(1, ceil(times[0] + MINUTE - now)) if len(times) >= self._most else 0

    def add(self, peer: str) -> None:
        """Count one, whether or not there is room."""
        if not peer:
            return
        key = ban_address(peer)
        times = self._counted.get(key)
        if times is None:
            times = deque(maxlen=self._most)
        times.append(self._clock())
        self._counted.put(key, times)
