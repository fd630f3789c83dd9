"""Idle connections by account, and which of them gives way where there is no room for all."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

C = TypeVar("C")


class Own(Generic[C]):
    """The idle connections of one account."""

    __slots__ = ("connections", "rank")

    def __init__(self) -> None:
        self.connections: OrderedDict[C, None] = OrderedDict()
        """The youngest last."""
        self.rank = 0
        """The account's place among the others: the most that it has had since that was looked at."""


class Idle(Generic[C]):
    """Connections of accounts, of each the youngest last.

    Connections come and go with each request, and are seldom too many.  So an account that has fewer than before keeps
    its rank until somebody has to give way, and nothing else takes longer the more there are.
    """

    __slots__ = ("_by_rank", "_highest", "_of", "count")

    def __init__(self) -> None:
        self._of: dict[int, Own[C]] = {}
        self._by_rank: dict[int, OrderedDict[int, None]] = {}
        """Accounts by rank; among those of the same rank, the one that was active last comes last."""
        self._highest = 0
        self.count = 0

    def add(self, account: int, connection: C, /) -> None:
        own = self._of.get(account)
        if own is None:
            own = self._of[account] = Own()
        own.connections[connection] = None
        self.count += 1
        if len(own.connections) > own.rank:
            self._leave(account, own)
            self._join(account, own)
        else:
            self._by_rank[own.rank].move_to_end(account)

    def remove(self, account: int, connection: C, /) -> None:
        own = self._of[account]
        del own.connections[connection]
        self.count -= 1
        if not own.connections:
            del self._of[account]
            self._leave(account, own)

    def to_go(self, account: int = 0) -> C:
        """The one that has been idle longest: of this account if it has more than the average, else of one that has the
        most, and has been quiet longest.  There must be a connection.
        """
        own = self._of.get(account)
        if own is None or len(own.connections) * len(self._of) <= self.count:
            own = self._fullest()
        return next(iter(own.connections))

    def _fullest(self) -> Own[C]:
        """Of those that have the most, whoever has been quiet longest; whose rank is found too high, gets his own."""
        while True:
            account = next(iter(self._by_rank[self._highest]))
            own = self._of[account]
            if len(own.connections) == own.rank:
                return own
            self._leave(account, own)
            self._join(account, own)

    def _join(self, account: int, own: Own[C]) -> None:
        own.rank = rank = len(own.connections)
        among = self._by_rank.get(rank)
        if among is None:
            among = self._by_rank[rank] = OrderedDict()
        among[account] = None
        self._highest = max(self._highest, rank)

    def _leave(self, account: int, own: Own[C]) -> None:
        if not own.rank:
            return
        among = self._by_rank[own.rank]
        del among[account]
        if not among:
            del self._by_rank[own.rank]
            if own.rank == self._highest:
                self._highest = max(self._by_rank, default=0)
