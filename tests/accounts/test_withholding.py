"""What the operator takes away stays away, and what a plan takes comes back with a plan."""

from __future__ import annotations

from typing import Any

from meshd.accounts import allowlists, proxies, subaccounts, tokens
from meshd.accounts import toplevel as holders
from meshd.accounts.errors import Forbidden, Invalid, PlanLimitReached
from meshd.accounts.ownership import ActorId
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.toplevel import Edited, Terms
from meshd.auth.claims import stand
from meshd.model import GB
from meshd.store.statements import accounts, claims
from tests.accounts.support import KNOWN, NOON, OPERATOR, AccountsCase, OnPostgres, named, overtaken

IP = "93.184.216.34"
HOME = "home.example.com"


class WithholdingTests(AccountsCase):
    """By the command, and by role."""

    def setUp(self) -> None:
        super().setUp()
        self.admin = self.customer("adm", role="admin")

    @property
    def made(self) -> dict[str, Any]:
        return {"plans": self.plans, "now": NOON}

    def hands(self) -> tuple[ActorId, ActorId]:
        """Both ways in which the operator acts."""
        return OPERATOR, self.admin.id

    def authorize(self, actor: ActorId, proxy: str, username: str | None = None) -> None:
        self.run_unit(proxies.authorize, actor, username, proxy, known=KNOWN, **self.made)

    def revoke(self, actor: ActorId, proxy: str, username: str | None = None) -> None:
        self.run_unit(proxies.revoke, actor, username, proxy, known=KNOWN, now=NOON)

    def authorized(self) -> list[str]:
        return self.run_unit(proxies.authorized, self.alice.id)

    def edit(self, username: str, profile: Profile | None = None, **terms: Any) -> Edited:
        return self.run_unit(holders.edit, OPERATOR, username, profile or Profile(), Terms(**terms), **self.made)

    def test_a_proxy(self) -> None:
        """The customer does not add it, by no spelling and under no plan, until it is given back."""
        for hand in self.hands():
            with named(hand):
                self.revoke(hand, "us", "alice")
                for text in ("us", "US.mesh.example", "us.mesh.example:31280"):
                    self.refused(Forbidden, proxies.authorize, self.alice.id, None, text, known=KNOWN, **self.made)
                for plan in ("trial", "100", "20"):
                    self.edit("alice", plan=plan)
                self.assertNotIn("us", self.authorized())
                _, (held,) = self.run_unit(proxies.of_account, OPERATOR, "kid")
                self.assertEqual("us", held.name)
                self.authorize(hand, "us", "alice")
                self.revoke(self.alice.id, "us")
                self.authorize(self.alice.id, "us")
                self.assertEqual([], self.run_unit(proxies.of_account, self.alice.id)[1])

    def test_a_proxy_that_the_account_does_not_have(self) -> None:
        """Is kept from it too; the audit has it once."""
        self.revoke(self.alice.id, "open")
        self.revoke(OPERATOR, "open", "alice")
        self.refused(Forbidden, proxies.authorize, self.alice.id, None, "open", known=KNOWN, **self.made)
        before = self.history(self.alice)
        self.revoke(OPERATOR, "open", "alice")
        self.assertEqual(before, self.history(self.alice))

    def test_what_the_customer_removes_the_customer_adds(self) -> None:
        """As ever; and the root of its own proxies."""
        root = self.root()
        for actor in (self.alice.id, root.id):
            self.revoke(actor, "us")
            self.authorize(actor, "us")

    def test_an_address(self) -> None:
        """Neither listed again, by none of the family, nor by a name that stands for it."""
        for hand in self.hands():
            with named(hand):
                self.run_unit(allowlists.add_ip, self.alice.id, "kid", IP, "", **self.made)
                self.run_unit(allowlists.delete_ip, hand, "kid", f"::ffff:{IP}", now=NOON)
                for actor, username in ((self.kid.id, None), (self.alice.id, "kid"), (self.alice.id, None)):
                    self.refused(Forbidden, allowlists.add_ip, actor, username, IP, "", **self.made)
                self.run_unit(allowlists.add_hostname, self.kid.id, None, HOME, **self.made)
                self.assertEqual(frozenset(), self.run_unit(stand, self.kid.id, HOME, frozenset({IP}), NOON))
                self.assertEqual([], self.run_unit(claims.of_address, IP))
                self.run_unit(allowlists.add_ip, hand, "kid", IP, "", **self.made)
                self.run_unit(allowlists.delete_ip, self.kid.id, None, IP, now=NOON)
                self.run_unit(allowlists.add_ip, self.alice.id, None, IP, "", **self.made)
                self.run_unit(allowlists.delete_ip, self.alice.id, None, IP, now=NOON)
                self.run_unit(allowlists.delete_hostname, self.kid.id, None, HOME, now=NOON)

    def test_an_address_that_a_name_stands_for(self) -> None:
        """The operator takes it away like one that is listed."""
        self.run_unit(allowlists.add_hostname, self.alice.id, None, HOME, **self.made)
        self.assertEqual({IP}, self.run_unit(stand, self.alice.id, HOME, frozenset({IP}), NOON))
        self.refused(Invalid, allowlists.delete_ip, self.alice.id, None, IP, now=NOON)
        self.run_unit(allowlists.delete_ip, OPERATOR, "alice", IP, now=NOON)
        self.assertEqual(frozenset(), self.run_unit(stand, self.alice.id, HOME, frozenset({IP}), NOON))

    def test_a_hostname(self) -> None:
        """Likewise."""
        for hand in self.hands():
            with named(hand):
                self.run_unit(allowlists.add_hostname, self.alice.id, None, HOME, **self.made)
                self.run_unit(allowlists.delete_hostname, hand, "alice", HOME, now=NOON)
                for actor, username in ((self.alice.id, None), (self.alice.id, "kid"), (self.kid.id, None)):
                    self.refused(Forbidden, allowlists.add_hostname, actor, username, HOME.upper(), **self.made)
                self.run_unit(allowlists.add_hostname, hand, "alice", HOME, **self.made)
                self.run_unit(allowlists.delete_hostname, self.alice.id, None, HOME, now=NOON)

    def test_a_token(self) -> None:
        """Its holder's parent does not activate it, and no plan does; deactivating it again changes no hand."""
        for number, hand in enumerate(self.hands(), 1):
            with named(hand):
                token = self.token(self.alice.id, "kid", number)
                self.run_unit(tokens.deactivate, hand, token.id, now=NOON)
                self.run_unit(tokens.deactivate, self.alice.id, token.id, now=NOON)
                self.refused(Forbidden, tokens.activate, self.alice.id, token.id, **self.made)
                for plan in ("trial", "20"):
                    self.edit("alice", plan=plan)
                self.refused(Forbidden, tokens.activate, self.alice.id, token.id, **self.made)
                self.assertTrue(self.run_unit(tokens.activate, hand, token.id, **self.made).active)
                self.run_unit(tokens.deactivate, self.alice.id, token.id, now=NOON)
                self.assertTrue(self.run_unit(tokens.activate, self.alice.id, token.id, **self.made).active)

    def test_a_sub_account(self) -> None:
        """Its parent neither activates it nor makes it anew; what the parent deactivated it activates."""
        for hand in self.hands():
            with named(hand):
                self.run_unit(subaccounts.deactivate, hand, "kid", now=NOON)
                self.run_unit(subaccounts.deactivate, self.alice.id, "kid", now=NOON)
                self.refused(Forbidden, subaccounts.activate, self.alice.id, "kid", now=NOON)
                self.refused(Forbidden, subaccounts.delete, self.alice.id, "kid", now=NOON)
                self.assertTrue(self.run_unit(subaccounts.activate, hand, "kid", now=NOON).account.active)
                self.run_unit(subaccounts.deactivate, self.alice.id, "kid", now=NOON)
                self.assertTrue(self.run_unit(subaccounts.activate, self.alice.id, "kid", now=NOON).account.active)
        self.run_unit(subaccounts.deactivate, OPERATOR, "kid", now=NOON)
        self.run_unit(subaccounts.delete, OPERATOR, "kid", now=NOON)

    def test_limits_of_a_sub_account(self) -> None:
        """Its parent sets less, and no more nor none; 0 by the operator leaves it to the parent again."""
        for hand in self.hands():
            with named(hand):
                self.run_unit(subaccounts.edit, hand, "kid", Profile(monthly_limit=5 * GB), at=NOON)
                for limit in (0, 5 * GB + 1):
                    error = self.refused(
                        Invalid, subaccounts.edit, self.alice.id, "kid", Profile(monthly_limit=limit), at=NOON
                    )
                    self.assertEqual(
                        {"monthly_limit": ["The operator allows a limit of 5 GB at most."]}, error.messages
                    )
                self.run_unit(subaccounts.edit, self.alice.id, "kid", Profile(monthly_limit=GB, total_limit=0), at=NOON)
                self.run_unit(subaccounts.edit, self.alice.id, "kid", Profile(monthly_limit=5 * GB), at=NOON)
                self.run_unit(subaccounts.edit, hand, "kid", Profile(monthly_limit=0), at=NOON)
                self.run_unit(subaccounts.edit, self.alice.id, "kid", Profile(monthly_limit=9 * GB), at=NOON)

    def test_a_sub_account_that_the_operator_makes(self) -> None:
        """Its limits are the operator's; one that its parent makes has its parent's."""
        for actor, parent, ceiling in ((OPERATOR, "alice", GB), (self.alice.id, None, 0)):
            new = NewAccount(username=f"new{ceiling}", profile=Profile(total_limit=GB))
            made = self.run_unit(subaccounts.create, actor, new, parent=parent, **self.made).account
            self.assertEqual((0, ceiling, GB), (made.monthly_ceiling, made.total_ceiling, made.total_limit))

    def test_at_once(self) -> None:
        """What the operator takes while the customer is giving it back stays taken."""
        self.run_unit(subaccounts.deactivate, self.alice.id, "kid", now=NOON)
        self.refused(
            Forbidden,
            overtaken,
            lambda: subaccounts.activate(self.alice.id, "kid", now=NOON),
            "update accounts",
            lambda: accounts.edit(self.kid.id, suspended=True),
        )


class PlanTests(AccountsCase):
    """What plans take and bring back, and which proxies they include."""

    def edit(self, plan: str) -> Edited:
        return self.run_unit(holders.edit, OPERATOR, "alice", Profile(), Terms(plan), plans=self.plans, now=NOON)

    def test_tokens_come_back(self) -> None:
        """Those that the downgrade ended, of the whole family, and not those that somebody had ended before."""
        mine, kids, off, taken, gone = (
            self.token(self.alice.id, name, number) for number, name in enumerate((None, "kid", None, None, None), 1)
        )
        run, now = self.run_unit, NOON
        run(tokens.deactivate, self.alice.id, off.id, now=now)
        run(tokens.deactivate, OPERATOR, taken.id, now=now)
        self.assertEqual((mine.id, kids.id, gone.id), self.edit("trial").deactivated)
        run(tokens.deactivate, self.alice.id, gone.id, now=now)
        self.assertEqual((mine.id, kids.id), self.edit("20").reactivated)
        active = {
            token.id: token.active for name in (None, "kid") for token in run(tokens.listing, self.alice.id, name)
        }
        self.assertEqual({mine.id: True, kids.id: True, off.id: False, taken.id: False, gone.id: False}, active)
        self.assertIn("2 tokens activated again", self.history(self.alice)[0][2])
        self.assertEqual((), self.edit("20").reactivated)

    def test_tokens_come_back_as_far_as_there_is_room(self) -> None:
        """The oldest of each account first, and none that has expired meanwhile."""
        first, old, second = (
            self.token(self.alice.id, None, number, expires_on)
            for number, expires_on in ((1, ""), (2, "2026-01-15"), (3, ""))
        )
        self.token(self.alice.id, None, 4)
        self.edit("trial")
        self.at_plan("10", bearer_tokens=2)
        later = {"plans": self.plans, "now": NOON + 86_400}
        edited = self.run_unit(holders.edit, OPERATOR, "alice", Profile(), Terms("10"), **later)
        self.assertEqual((first.id, second.id), edited.reactivated)
        self.assertNotIn(old.id, edited.reactivated)

    def test_a_plan_includes_what_it_names(self) -> None:
        """At the beginning, when a proxy is added, and when the plan changes; without a list, all but `world`."""
        self.at_plan("10", includes=("open", "world"))
        self.at_plan("50", includes=("us",))
        bob = self.customer("bob", "10")
        self.assertEqual(["world", "open"], self.run_unit(proxies.authorized, bob.id))
        made: dict[str, Any] = {"known": KNOWN, "plans": self.plans, "now": NOON}
        error = self.refused(PlanLimitReached, proxies.authorize, bob.id, None, "us", **made)
        self.assertEqual("plan 10 does not include the proxy us", error.detail)
        self.refused(PlanLimitReached, proxies.authorize, OPERATOR, "bob", "us", **made)
        self.assertEqual(["us", "open"], self.run_unit(proxies.authorized, self.alice.id))
        self.assertEqual(("us",), self.edit("10").revoked)
        edited = self.edit("50")
        self.assertEqual((("open",), ("us",)), (edited.revoked, edited.restored))

    def test_what_a_customer_removed_no_plan_brings_back(self) -> None:
        """Of what a plan took she decides too, by removing it once more."""
        self.assertEqual(("open",), self.edit("trial").revoked)
        self.run_unit(proxies.revoke, self.alice.id, None, "open", known=KNOWN, now=NOON)
        self.assertEqual((), self.edit("20").restored)


class PostgresWithholdingTests(OnPostgres, WithholdingTests):
    """The same rules there."""


class PostgresPlanTests(OnPostgres, PlanTests):
    """The same rules there."""
