"""The contract: orders, invoices, coupons and what payment processors tell."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import gatherResults

from meshd.store.interface import Conflict
from meshd.store.statements import coupons, orders, subscriptions
from meshd.store.statements.orders import Order
from meshd.store.unit import Unit
from tests.store.contract import NOW, StoreContract, start

AT_ONCE = 50


def settled(order_id: int) -> Unit[int]:
    """End an order and number its invoice; 0 where somebody was quicker."""
    order = yield from orders.lock(order_id)
    assert order is not None
    if order.state != "open":
        return 0
    assert (yield from orders.end(order_id, "settled", "r", NOW, "operator")) is not None
    return (yield from orders.number_invoice(order_id, NOW, ["Seller"], ["Buyer é"], "note")).number


class OrderContract(StoreContract):
    """What money is about is counted once, by any number of writers."""

    async def order(self, account_id: int = 1, expires_at: int = NOW + 10) -> Order:
        return await self.store.run(orders.add, **values(account_id, expires_at))

    async def test_an_order_is_as_it_was_made(self) -> None:
        made = await self.order()
        self.assertEqual(await self.store.run(orders.find, made.id), made)
        self.assertEqual((made.amount, made.lapses, made.title), (1799, False, "10 GB ü"))
        for absent in (made.id + 1, 0, -1, 2**63, 2**70):
            self.assertIsNone(await self.store.run(orders.find, absent))
            self.assertIsNone(await self.store.run(orders.lock, absent))

    async def test_it_ends_once(self) -> None:
        made = await self.order()
        self.assertIsNotNone(await self.store.run(orders.end, made.id, "cancelled", "", NOW, "bob"))
        self.assertIsNone(await self.store.run(orders.end, made.id, "settled", "", NOW, "bob"))

    async def test_settled_by_many_at_once(self) -> None:
        """By two processes: one invoice, and no number is lost to those who came too late."""
        other = await self.open()
        first, second = await self.order(), await self.order()
        for made, number in ((first, 1), (second, 2)):
            stores = (self.store, other)
            found = await gatherResults(
                [start(stores[place % 2].run(settled, made.id)) for place in range(AT_ONCE)], consumeErrors=True
            )
            self.assertEqual(sorted(found), [0] * (AT_ONCE - 1) + [number])
            invoice = await self.store.run(orders.invoice, made.id)
            assert invoice is not None
            self.assertEqual((invoice.number, invoice.buyer), (number, ("Buyer é",)))

    async def test_pages(self) -> None:
        """By account and state, the newest first."""
        made = [await self.order(account) for account in (1, 1, 2, 1)]
        await self.store.run(orders.end, made[0].id, "settled", "", NOW, "bob")
        for asked, wanted in (
            ({}, [3, 2, 1, 0]),
            ({"account_id": 1}, [3, 1, 0]),
            ({"state": "open"}, [3, 2, 1]),
            ({"account_id": 1, "state": "settled"}, [0]),
        ):
            found: list[Order] = []
            after: Any = None
            while True:
                page = await self.store.run(orders.page, after=after, limit=1, **asked)  # type: ignore[arg-type]
                found += page.orders
                after = page.after
                if after is None:
                    break
            self.assertEqual([each.id for each in found], [made[place].id for place in wanted], asked)
        self.assertEqual(await self.store.run(orders.count_open, 1, 20), 2)
        self.assertEqual(await self.store.run(orders.count_open, 1, 1), 1)

    async def test_overdue(self) -> None:
        """Open ones whose time has come, the longest overdue first."""
        made = [await self.order(expires_at=NOW + seconds) for seconds in (3, 1, 2, 4)]
        await self.store.run(orders.end, made[2].id, "settled", "", NOW, "bob")
        self.assertEqual(await self.store.run(orders.overdue, NOW + 3, 10), [made[1].id, made[0].id])
        self.assertEqual(await self.store.run(orders.overdue, NOW + 3, 1), [made[1].id])

    async def test_events_count_once(self) -> None:
        """Told by many at once, and until they are forgotten."""
        found = await gatherResults([start(self.store.run(orders.event, "evt", 1, NOW)) for _ in range(AT_ONCE)])
        self.assertEqual(sum(found), 1)
        await self.store.run(orders.forget_events, NOW, 10)
        self.assertFalse(await self.store.run(orders.event, "evt", 1, NOW))
        await self.store.run(orders.forget_events, NOW + 1, 10)
        self.assertTrue(await self.store.run(orders.event, "evt", 1, NOW))

    async def test_uses_of_a_coupon(self) -> None:
        """No more than it has, however many take one at once; one number of an account's use is there once."""
        made = await self.store.run(coupons.add, **coupon(uses=3))
        found = await gatherResults([start(self.store.run(coupons.take, made.id)) for _ in range(AT_ONCE)])
        self.assertEqual(sum(each is not None for each in found), 3)
        await self.store.run(coupons.note, made.id, 1, 1, 7, NOW)
        await self.fails(Conflict, coupons.note, made.id, 1, 1, 8, NOW)
        self.assertEqual(await self.store.run(coupons.used_by, made.id, 1), (1, 1))
        await self.store.run(coupons.give_back, made.id, 1, 99)
        await self.store.run(coupons.give_back, made.id, 1, 7)
        left = await self.store.run(coupons.find, "SAVE")
        assert left is not None
        self.assertEqual((left.used, left.offers, left.active), (2, ("ten", "é"), True))

    async def test_codes_are_unique(self) -> None:
        await self.store.run(coupons.add, **coupon())
        await self.fails(Conflict, coupons.add, **coupon())
        self.assertIsNone(await self.store.run(coupons.find, "N\0NE"))

    async def test_subscriptions(self) -> None:
        """Which is due, which holds, which is the last; gone with their account."""
        bob = await self.create("bob")
        for order, begin, end in ((1, NOW, NOW + 10), (2, NOW + 10, NOW + 20)):
            await self.store.run(subscriptions.add, **month(bob.id, order, begin, end))
        self.assertEqual(await self.store.run(subscriptions.due, NOW - 1, 5), [])
        self.assertEqual(await self.store.run(subscriptions.due, NOW, 5), [bob.id])
        held = await self.store.run(subscriptions.at, bob.id, NOW + 9)
        last = await self.store.run(subscriptions.last, bob.id)
        self.assertEqual([each.order_id if each else 0 for each in (held, last)], [1, 2])
        for each in await self.store.run(subscriptions.turning, bob.id, NOW + 10):
            await self.store.run(subscriptions.move, each.id, "over")
        self.assertEqual(await self.store.run(subscriptions.due, NOW + 30, 5), [])
        self.assertIsNone(await self.store.run(subscriptions.at, bob.id, NOW + 20))


def values(account_id: int, expires_at: int) -> dict[str, Any]:
    """All columns of an order but its id."""
    sold: dict[str, Any] = {"offer": "ten", "kind": "regular", "title": "10 GB ü", "bytes": 10**10, "period": ""}
    money: dict[str, Any] = {"price": 1999, "discount": 200, "currency": "EUR", "coupon_id": 1, "coupon": "SAVE"}
    ends: dict[str, Any] = {"created_at": NOW, "expires_at": expires_at, "ended_at": 0, "ended_by": ""}
    whose: dict[str, Any] = {"account_id": account_id, "username": "bob", "rollover": 0, "state": "open"}
    return sold | money | ends | whose | {"reference": ""}


def coupon(uses: int = 0) -> dict[str, Any]:
    """All columns of a new coupon."""
    worth: dict[str, Any] = {"code": "SAVE", "kind": "percent", "value": 10, "currency": "", "uses": uses}
    return worth | {"each_uses": 1, "last_day": "", "offers": ("ten", "é"), "created_at": NOW, "by": "operator"}


def month(account_id: int, order: int, begin: int, end: int) -> dict[str, Any]:
    """All columns of a subscription but its id."""
    whose: dict[str, Any] = {"account_id": account_id, "order_id": order, "title": "month", "bytes": 5, "lapses": 1}
    return whose | {"starts_at": begin, "ends_at": end, "state": "coming", "own_limit": 0, "set_limit": 0}
