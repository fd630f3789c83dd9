"""Questions about the past, which the store answers slowly: one at a time for each account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from meshd.accounts.errors import TooMany


class Asking:
    """The accounts for which a question runs; all pages of history share it."""

    def __init__(self) -> None:
        self._ids: set[int] = set()

    @contextmanager
    def alone(self, account_id: int) -> Iterator[None]:
        """Ask for one account.  Raises: TooMany while another question of that account runs."""
        if account_id in self._ids:
            raise TooMany("one question about usage or activity at a time; try again in a moment")
        self._ids.add(account_id)
        try:
            yield
        finally:
            self._ids.discard(account_id)
