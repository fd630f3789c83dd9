"""What time alone brings: tokens and accounts expire, orders have waited for too long, a paid month begins or ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.accounts import orders, subscriptions
from meshd.accounts.service import Accounts
from meshd.running.regularly import Regularly
from meshd.store.interface import StoreError
from meshd.topology import Live

log = Logger()

SECONDS = 10.0
"""Between two looks."""

ROUNDS = 20
"""How often one look asks for more that is due; what is left then has to wait for the next."""


class Calendar:
    """Looks at the calendar every few seconds.  Several processes may: each change is made once, by the store."""

    def __init__(
        self, clock: IReactorTime, accounts: Accounts, live: Live, expiries: Callable[[], Awaitable[None]]
    ) -> None:
        """expiries: looks at what is open by something that has expired."""
        self._accounts = accounts
        self._live = live
        self._expiries = expiries
        away = "the calendar is not kept"
        self._looks = Regularly(clock, self.look, lambda: SECONDS, log=log, away=away, expected=(StoreError,))

    def start(self) -> None:
        self._looks.start()

    def stop(self) -> Deferred[None]:
        """Look no more; fires when a look that is under way has ended."""
        return self._looks.stop()

    async def look(self) -> None:
        """Do what is due.  Raises: StoreError."""
        await self._expiries()
        perform, now = self._accounts.perform, self._accounts.now
        for _ in range(ROUNDS):
            if not await perform(orders.expire, now=now()):
                break
        for _ in range(ROUNDS):
            due = await perform(subscriptions.due, now())
            for account_id in due:
                await perform(subscriptions.turn, account_id, plans=self._live.topology.plans, now=now())
            if not due:
                break
