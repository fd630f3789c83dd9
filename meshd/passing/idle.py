"""Idle connections by account, and which of them gives way where there is no room for all."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

C = TypeVar("C")


class Idle(Generic[C]):
    """Connections of accounts: the account that was active last comes last, and of each account its youngest."""

    def __init__(self) -> None:
        self._of: OrderedDict[int, OrderedDict[C, None]] = OrderedDict()
        self.count = 0

    def add(self, account: int, connection: C) -> None:
        own = self._of.get(account)
        if own is None:
            own = self._of[account] = OrderedDict()
        else:
            self._of.move_to_end(account)
        own[connection] = None
        self.count += 1

    def remove(self, account: int, connection: C) -> None:
        own = self._of[account]
        del own[connection]
        if not own:
            del self._of[account]
        self.count -= 1

    def to_go(self, account: int = 0) -> C:
        """The one that has been idle longest of an account with no less than the average: of this one if it has more,
        else of the one that has been quiet longest.  There must be a connection.
        """
        own = self._of.get(account)
        if own is not None and len(own) * len(self._of) > self.count:
            return next(iter(own))
        return next(next(iter(each)) for each in self._of.values() if len(each) * len(self._of) >= self.count)
