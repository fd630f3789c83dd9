"""Many at once pay one order, tell of one payment and use one coupon: each counts once.

By the payment processor's signed messages, by operators' programs and by customers' SDKs, on both stores.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
from proxyhat import ProxyHatError
from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.signatures import HEADER, sign
from meshd.model import GB
from meshd.web.flood import GUESSED_BY_ACCOUNT
from tests.live.hatdaemon import WEBHOOK_SECRET, Client, Seller, Told, trusting
from tests.support import postgres

AT_ONCE = 50
MANY = GUESSED_BY_ACCOUNT // 2
numbers = count(1)


class MoneyTests(SynchronousTestCase):
    """On SQLite."""

    seller: Seller

    @classmethod
    def setUpClass(cls) -> None:
        cls.seller = Seller(cls, cls.store())
        trust = trusting(cls.seller.daemon.certificate)
        trust.__enter__()
        cls.addClassCleanup(trust.__exit__, None, None, None)

    @classmethod
    def store(cls) -> str:
        return ""

    def setUp(self) -> None:
        self.ada = self.seller.customer(self, f"ada{next(numbers)}")

    def tearDown(self) -> None:
        self.assertNotIn("Traceback", self.seller.daemon.log_text())

    def order(self, **more: Any) -> str:
        made = self.ada.payments.create(type="regular", plan_id="ten", cryptocurrency_code="BTC", **more)
        return str(made.payment_id)

    @property
    def gb(self) -> float:
        """What is there now."""
        return float(self.ada.auth.user().traffic.regular_bytes / GB)

    def at_once(self, work: Callable[[int], Any], times: int = AT_ONCE) -> list[Any]:
        with ThreadPoolExecutor(times) as threads:
            return list(threads.map(work, range(times)))

    def tell(self, event: str, order: str, amount: str = "19.99") -> int:
        """The status of a message of the processor's."""
        told = {"id": event, "type": "order.settled", "order": int(order), "amount": amount, "currency": "EUR"}
        content = json.dumps(told).encode()
        fields = {HEADER: sign(WEBHOOK_SECRET, int(time.time()), content), "Content-Type": "application/json"}
        url = f"{self.seller.base_url}/webhooks/payments"
        return httpx.post(url, content=content, headers=fields, timeout=60).status_code

    def settle(self, order: str) -> int:
        """The status of an operator's program that settles it."""
        daemon = self.seller.daemon
        url = f"{daemon.api}/api/admin/orders/{order}/settle"
        return httpx.post(url, json={}, auth=("admin", daemon.root_password), timeout=60).status_code

    def invoices_of(self, order: str) -> bytes:
        """The invoice, which has its number in it."""
        return bytes(self.ada.payments.invoice(order).content)

    def test_one_payment_told_many_times(self) -> None:
        """One message is heard, and all others are told that it was."""
        order = self.order()
        seen = self.at_once(lambda _: self.tell(f"evt-{order}", order))
        self.assertEqual((seen.count(200), seen.count(409)), (1, AT_ONCE - 1), seen)
        self.assertEqual(self.gb, 20)

    def test_one_order_settled_by_everybody(self) -> None:
        """By messages of their own and by the operator's program: its bytes come once, with one invoice."""
        order = self.order()

        def one(number: int) -> int:
            return self.settle(order) if number % 2 else self.tell(f"evt-{order}-{number}", order)

        seen = self.at_once(one)
        self.assertEqual(set(seen), {200}, seen)
        self.assertEqual(self.gb, 20)
        self.assertEqual(self.ada.payments.get(order).status, "completed")
        first = self.invoices_of(order)
        self.assertTrue(first.startswith(b"%PDF"))
        self.assertEqual(self.settle(order), 200)
        self.assertEqual(self.invoices_of(order), first)
        self.assertEqual(self.gb, 20)

    def test_many_orders_settled_at_once(self) -> None:
        """Each adds its own, and invoices are numbered without a gap."""
        orders = [self.order() for _ in range(10)]
        self.at_once(lambda number: self.tell(f"evt-{orders[number]}", orders[number]), 10)
        self.assertEqual(self.gb, 110)
        shown = [self.seller.daemon.cli("order", "show", order)["invoice"] for order in orders]
        self.assertEqual(len(set(shown)), 10, shown)

    def test_a_coupon_for_one(self) -> None:
        """Of many orders at once that name it one is cheaper, of many that redeem it one has its bytes; so many that
        those which come too late are fewer than an account may name wrong codes in an hour.
        """
        code, gift = f"ONCE{next(numbers)}", f"GIFT{next(numbers)}"
        self.seller.daemon.cli("coupon", "create", code, "--percent", "50", "--uses", "1", "--each", "0")
        self.seller.daemon.cli("coupon", "create", gift, "--gb", "1", "--uses", "1", "--each", "0")
        clients = [Client(self.seller, Told({}), self.ada.key) for _ in range(MANY)]
        for client in clients:
            self.addCleanup(client.close)
        orders = self.at_once(lambda number: self.tried(self._ordered, clients[number], code), MANY)
        self.assertEqual(sum(each is not None for each in orders), 1, orders)
        redeemed = self.at_once(lambda number: self.tried(self._redeemed, clients[number], gift), MANY)
        self.assertEqual(sum(each is not None for each in redeemed), 1, redeemed)
        self.assertEqual(self.gb, 11)

    def tried(self, call: Callable[[Client, str], Any], client: Client, code: str) -> Any:
        """What comes of it; None where the server refuses for a reason of the caller's."""
        try:
            return call(client, code)
        except ProxyHatError as error:
            self.assertIn(error.status_code, (403, 409, 422), error)
            return None

    def _ordered(self, client: Client, code: str) -> Any:
        return client.payments.create(type="regular", plan_id="ten", cryptocurrency_code="BTC", coupon_code=code)

    def _redeemed(self, client: Client, code: str) -> Any:
        return client.coupons.redeem(code=code)


class PostgresMoneyTests(MoneyTests):
    """The same on PostgreSQL."""

    @classmethod
    def store(cls) -> str:
        server = postgres.server()
        database = server.new_database()
        cls.addClassCleanup(server.give_back, database)
        return server.url(database)
