"""What the tests of orders, coupons, invoices and subscriptions share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from meshd.accounts import coupons, orders, settling
from meshd.accounts.attempt import perform_blocking
from meshd.accounts.coupons import Coupon, NewCoupon
from meshd.accounts.errors import AccountError
from meshd.accounts.orders import Order
from meshd.accounts.ownership import ActorId
from meshd.accounts.settling import Settled
from meshd.model import GB, Account
from meshd.store.open import BlockingStore
from meshd.store.sqlite.file import SQLiteFile
from meshd.store.statements import usage
from meshd.values.offers import Offer, Seller, Selling
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres
from tests.support.stores import migrated_postgres_url, sqlite_path

TEN = Offer("ten", "regular", 10, 1999, "EUR", "10 GB")
MONTH = Offer("month", "subscription", 50, 4900, "EUR", "50 GB a month", "monthly")
KEPT = Offer("kept", "subscription", 20, 3000, "EUR", "20 GB a month, kept", "monthly", rollover=True)
YEN = Offer("yen", "regular", 1, 333, "JPY", "1 GB")
OFFERS = {each.name: each for each in (TEN, MONTH, KEPT, YEN)}
SELLING = Selling("Mesh Ltd", ("1 Example Street", "VAT X1"), "No VAT is charged.", "Transfer {amount}, {number}.")
SELLER = Seller(("Mesh Ltd", "1 Example Street", "VAT X1"), "No VAT is charged.")


class SellingCase(AccountsCase):
    """With `bob`, who has only what he buys."""

    def setUp(self) -> None:
        super().setUp()
        self.bob = self.buyer("bob")

    def buyer(self, name: str, **profile: Any) -> Account:
        return self.customer(name, **({"monthly_limit": 1} | profile))

    def ordered(
        self, offer: Offer = TEN, username: str = "bob", coupon: str = "", actor: ActorId = OPERATOR, now: int = NOON
    ) -> Order:
        return self.run_unit(
            orders.create, actor, username, offer, coupon=coupon, plans=self.plans, selling=SELLING, now=now
        )

    def settled(self, number: int, actor: ActorId = OPERATOR, reference: str = "", now: int = NOON) -> Settled:
        return self.run_unit(settling.settle, actor, number, **self.by(reference=reference, now=now))

    def by(self, **how: Any) -> dict[str, Any]:
        """The arguments of a settlement."""
        return {"plans": self.plans, "seller": SELLER, "now": NOON} | how

    def coupon(self, code: str, kind: Any = "percent", value: int = 10, **how: Any) -> Coupon:
        new = NewCoupon(code=code, kind=kind, value=value, **how)
        return self.run_unit(coupons.create, OPERATOR, new, known=OFFERS, now=NOON)

    def prepaid(self, username: str = "bob") -> int:
        return self.run_unit(usage.of_account, self.account(username).id, NOON).prepaid_bytes

    def bought(self, username: str = "bob") -> float:
        """GB that were added."""
        return self.prepaid(username) / GB


class AtOnce:
    """Several connections to one store, which a subclass says how to open."""

    opened: Callable[[], BlockingStore]

    def at_once(
        self, count: int, unit: Callable[..., Any], arguments: Callable[[int], tuple[Any, ...]], **how: Any
    ) -> list[Any]:
        """What becomes of so many calls of the unit at the same time: its value, or the refusal."""

        def attempt(number: int) -> Any:
            store = self.opened()
            try:
                return perform_blocking(store.run, unit, *arguments(number), **how)
            except AccountError as error:
                return error
            finally:
                store.close()

        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(attempt, range(count)))


class OnSQLiteAtOnce(AtOnce):
    """Before a SellingCase among the bases."""

    def made_store(self) -> Any:
        path = sqlite_path(self)  # type: ignore[arg-type]
        self.opened = lambda: BlockingStore(f"sqlite:///{path}")
        return SQLiteFile(path)


class OnPostgresAtOnce(AtOnce, OnPostgres):
    """The same on PostgreSQL."""

    def made_store(self) -> Any:
        url = migrated_postgres_url(self)  # type: ignore[arg-type]
        self.opened = lambda: BlockingStore(url)
        return BlockingStore(url)
