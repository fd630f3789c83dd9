"""What time alone brings."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from meshd.accounts import orders
from meshd.accounts.service import Accounts
from meshd.daemon.calendar import SECONDS, Calendar
from meshd.topology import Live, Topology
from tests.accounts.selling import MONTH, OnSQLiteAtOnce, SellingCase
from tests.accounts.support import DAY, NOON, OPERATOR


class NowStore:
    """A store that answers at once."""

    def __init__(self, file: Any) -> None:
        self.file = file

    async def run(self, unit: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self.file.run(unit, *args, **kwargs)


class CalendarTests(OnSQLiteAtOnce, SellingCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock, self.now, self.looked = Clock(), NOON, 0
        accounts = Accounts(NowStore(self.store), lambda: float(self.now))  # type: ignore[arg-type]
        live = Live(Topology(proxies={}, exits=(), plans=self.plans))
        self.calendar = Calendar(self.clock, accounts, live, self.expiries)
        self.calendar.start()

    async def expiries(self) -> None:
        self.looked += 1

    def at(self, now: int) -> None:
        """It is looked then."""
        self.now = now
        self.clock.advance(SECONDS)

    def test_orders_and_months_end(self) -> None:
        """However many are due at once; a stopped one looks no more."""
        waiting = [self.ordered().id for _ in range(3)]
        self.settled(self.ordered(MONTH).id)
        for number in range(60):
            self.buyer(f"b{number}")
            waiting.append(self.ordered(username=f"b{number}").id)
        self.at(NOON + DAY)
        self.assertEqual("open", self.run_unit(orders.read, OPERATOR, waiting[0]).order.state)
        self.at(NOON + 14 * DAY)
        self.assertEqual({"expired"}, {self.run_unit(orders.read, OPERATOR, each).order.state for each in waiting})
        self.assertEqual(50 * 10**9, self.account("bob").monthly_limit)
        self.at(NOON + 31 * DAY)
        self.assertEqual((1, 3), (self.account("bob").monthly_limit, self.looked))
        self.calendar.stop()
        self.at(NOON + 40 * DAY)
        self.assertEqual(3, self.looked)

    def test_the_store_is_away(self) -> None:
        """It looks again later."""

        async def fail() -> None:
            raise RuntimeError("away")

        self.calendar._expiries = fail
        self.at(NOON + DAY)
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        self.calendar._expiries = self.expiries
        self.at(NOON + DAY)
        self.assertEqual(1, self.looked)
