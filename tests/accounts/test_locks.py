"""Units that lock several rows do so in one order: a token and its account, an order and whose it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshd.accounts import (
    allowlists,
    apikeys,
    coupons,
    hosttokens,
    hostusers,
    oneself,
    orders,
    pacfiles,
    presets,
    settling,
    subaccounts,
    toplevel,
)
from meshd.accounts import tokens as bearer
from meshd.accounts.coupons import NewCoupon
from meshd.accounts.ownership import ByToken
from meshd.accounts.profile import Profile
from meshd.accounts.toplevel import Terms
from meshd.model import Account, Token
from meshd.store.open import BlockingStore
from meshd.store.statements import tokens
from meshd.store.unit import Unit
from meshd.topology import PLANS
from tests.accounts.atonce import Begun, Counted, in_the_midst
from tests.accounts.selling import SELLER, SELLING, TEN
from tests.accounts.support import DAY, NOON, OPERATOR, AccountsCase, OnPostgres, named
from tests.support.stores import migrated_postgres_url

TOKEN = "update tokens set active"
"""What begins the statement that locks a token's row."""


class LockTests(OnPostgres, AccountsCase):
    """On PostgreSQL, where units lock single rows."""

    made = 0

    def made_store(self) -> Any:
        self.url = migrated_postgres_url(self)
        return self.open()

    def open(self) -> BlockingStore:
        store = BlockingStore(self.url)
        self.addCleanup(store.close)
        return store

    def digest(self) -> bytes:
        self.made += 1
        return self.made.to_bytes(32, "big")

    def key(self, account: Account) -> ByToken:
        """Who signs in with an API key of the account's own."""
        return ByToken(account.id, self.new_key(account).id, whole=True)

    def new_key(self, account: Account) -> Token:
        return self.run_unit(apikeys.create, account.id, digest=self.digest(), label="", now=NOON)

    def at_once(self, sentence: object, first: Begun, second: Begun, outcome: str = "", *, after: str = TOKEN) -> None:
        """Neither unit is begun again while the first stands where it has locked its token's row, or after another
        statement.
        """
        units = Counted(first), Counted(second)
        with named(sentence):
            self.assertEqual(in_the_midst(self, self.open, units[0], after, units[1]), outcome)
            self.assertEqual([unit.times for unit in units], [1, 1])

    def test_a_password_that_is_set(self) -> None:
        """What is changed by a key meanwhile does not keep anybody from setting the password, and the key ends."""
        kid = self.kid
        changes: dict[str, Callable[[ByToken], Unit[Any]]] = {
            "a key": lambda by: apikeys.create(by, digest=self.digest(), label="", now=NOON),
            "preferences": lambda by: presets.prefer(by, {"a": by.token_id}, now=NOON),
            "a PAC file": lambda by: pacfiles.create(by, None, f"secret {by.token_id}", now=NOON),
        }
        ways: dict[str, Callable[[], Unit[Any]]] = {
            "its parent": lambda: subaccounts.edit(self.alice.id, "kid", Profile(), password_hash="h", at=NOON),
            "its parent by a key": lambda: subaccounts.edit(parent, "kid", Profile(), password_hash="h", at=NOON),
            "the operator": lambda: toplevel.set_password(OPERATOR, "kid", "h", now=NOON),
        }
        parent = self.key(self.alice)
        for what, change in changes.items():
            for who, way in ways.items():
                by = self.key(kid)
                self.at_once((what, who), lambda change=change, by=by: change(by), way)  # type: ignore[misc]
                self.assertEqual(self.run_unit(apikeys.listing, kid.id), [])

    def test_ones_own_password(self) -> None:
        """So it is with one's own, and the access token that somebody else has."""
        found = self.run_unit(apikeys.sign_in, self.alice, digest=self.digest(), seconds=60, now=NOON)
        by, verified = ByToken(self.alice.id, found.id, whole=True), self.alice.password_hash
        self.at_once(
            "one's own",
            lambda: presets.prefer(by, {"a": 1}, now=NOON),
            lambda: oneself.change_password(self.alice.id, "h", verified=verified, now=NOON),
        )
        self.assertEqual(self.run_unit(tokens.of_account, self.alice.id, "access"), [])

    def test_a_family(self) -> None:
        """A sub-account that changes what is counted for its family, and its parent that changes the sub-account."""
        below, above = self.key(self.kid), self.key(self.alice)
        self.at_once(
            "an address",
            lambda: allowlists.add_ip(below, None, "8.8.4.4", "", plans=PLANS, now=NOON),
            lambda: subaccounts.edit(above, "kid", Profile(last_name="x"), at=NOON),
        )

    def test_a_token_that_is_activated(self) -> None:
        """Its row is not locked before the account's either."""
        token = self.token(self.alice.id)
        self.at_once(
            "activated",
            lambda: bearer.activate(self.alice.id, token.id, plans=PLANS, now=NOON),
            lambda: presets.prefer(ByToken(self.alice.id, token.id), {"a": 1}, now=NOON),
        )

    def test_an_order(self) -> None:
        """Whoever settles it, and whoever cancels it by a token."""
        by = self.key(self.alice)
        self.run_unit(toplevel.edit, OPERATOR, "alice", Profile(monthly_limit=1), Terms(), plans=PLANS, now=NOON)
        order = self.run_unit(orders.create, by, None, TEN, plans=PLANS, selling=SELLING, now=NOON)
        self.at_once(
            "cancelled and settled",
            lambda: orders.cancel(by, order.id, now=NOON),
            lambda: settling.settle(OPERATOR, order.id, plans=PLANS, seller=SELLER, now=NOON),
            "Invalid",
        )

    def test_orders_that_are_over(self) -> None:
        """Two of one coupon, which are too late at the same time, and of which one is cancelled just then."""
        self.run_unit(toplevel.edit, OPERATOR, "alice", Profile(monthly_limit=1), Terms(), plans=PLANS, now=NOON)
        new = NewCoupon(code="TENTH", kind="percent", value=10, each_uses=0)
        self.run_unit(coupons.create, OPERATOR, new, known={}, now=NOON)
        made = [
            self.run_unit(
                orders.create, self.alice.id, None, TEN, coupon="TENTH", plans=PLANS, selling=SELLING, now=NOON + later
            )
            for later in (0, 1)
        ]
        self.at_once(
            "cancelled and too late",
            lambda: orders.cancel(OPERATOR, made[1].id, now=NOON),
            lambda: orders.expire(now=NOON + 100 * DAY),
            after="update orders",
        )

    def test_users_of_published_hosts(self) -> None:
        """An admin's token keeps nobody from setting the admin's password, nor do two admins meet."""
        one, two = (self.customer(name, role="admin") for name in ("one", "two"))
        ways: dict[str, Callable[[ByToken], Unit[Any]]] = {
            "a token": lambda by: hosttokens.create(by, name="x", digest=self.digest(), now=NOON),
            "another": lambda by: hostusers.change(by, two.id, email=f"a{by.token_id}@x.example", now=NOON),
        }
        for sentence, way in ways.items():
            begun = [
                self.run_unit(hosttokens.begin, each.id, access=self.digest(), refresh=self.digest(), now=NOON)
                for each in (one, two)
            ]
            by, other = (ByToken(each.account.id, each.token.id) for each in begun)
            self.at_once(
                sentence,
                lambda way=way, by=by: way(by),  # type: ignore[misc]
                lambda other=other: hostusers.set_password(other, one.id, "h", now=NOON),  # type: ignore[misc]
            )
            self.assertEqual(self.run_unit(tokens.of_account, one.id, "session"), [])
