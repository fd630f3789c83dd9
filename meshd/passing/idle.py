"""Idle connections by account, and which of them gives way where there is no room for all."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

C = TypeVar("C")


class Idle(Generic[C]):
    """Connections of accounts, of each the youngest last.  Nothing here takes longer the more there are."""

    def __init__(self) -> None:
        self._of: dict[int, OrderedDict[C, None]] = {}
        self._by_count: dict[int, OrderedDict[int, None]] = {}
        """Accounts by how many they have; among those that have as many, the one that was active last comes last."""
        self._most = 0
        """The most that any of them has."""
        self.count = 0

    def add(self, account: int, connection: C) -> None:
        own = self._of.get(account)
        if own is None:
            own = self._of[account] = OrderedDict()
        else:
            self._leave(account, len(own))
        own[connection] = None
        self.count += 1
        self._join(account, len(own))

    def remove(self, account: int, connection: C) -> None:
        own = self._of[account]
        self._leave(account, len(own))
        del own[connection]
        self.count -= 1
        if own:
            self._join(account, len(own))
        else:
            del self._of[account]

    def to_go(self, account: int = 0) -> C:
        """The one that has been idle longest: of this account if it has more than the average, else of one that has the
        most, and has been quiet longest.  There must be a connection.
        """
        own = self._of.get(account)
        if own is None or len(own) * len(self._of) <= self.count:
            own = self._of[next(iter(self._by_count[self._most]))]
        return next(iter(own))

    def _join(self, account: int, count: int) -> None:
        among = self._by_count.get(count)
        if among is None:
            among = self._by_count[count] = OrderedDict()
        among[account] = None
        self._most = max(self._most, count)

    def _leave(self, account: int, count: int) -> None:
        among = self._by_count[count]
        del among[account]
        if not among:
            del self._by_count[count]
            if count == self._most:  # whoever leaves joins those that have one less, or one more
                self._most -= 1
