from __future__ import annotations

from meshd.accounts import proxies
from meshd.accounts.errors import Invalid, NotYours, PlanLimitReached
from meshd.store.statements import audit
from tests.accounts.support import KNOWN, NOON, AccountsCase, named, proxy


class ProxyTests(AccountsCase):
    def authorize(self, proxy: str, username: str | None = None) -> str:
        host = self.run_unit(proxies.authorize, self.alice.id, username, proxy, known=KNOWN, plans=self.plans, now=NOON)
        return host.name

    def revoke(self, proxy: str) -> None:
        self.run_unit(proxies.revoke, self.alice.id, None, proxy, known=KNOWN, now=NOON)

    def test_spellings(self) -> None:
        """Name, host, whole domain or domain:port, in any case; nothing else."""
        for text in ("us", "US", " us ", "us.mesh.example", "us.mesh.example.", "us.mesh.example:31280"):
            with named(text):
                self.assertIs(KNOWN["us"], proxies.recognised(text, KNOWN))
        for text in ("", "u", "usa", "mesh.example", "us.mesh.example:1", "us:31280", "us.other.example"):
            with named(text):
                self.assertIsNone(proxies.recognised(text, KNOWN))

    def test_a_name_goes_before_a_host(self) -> None:
        """A proxy whose host begins with another's name does not hide it."""
        known = {"a": proxy("a", "b.mesh.example:1"), "b": proxy("b", "c.mesh.example:1")}
        self.assertIs(known["b"], proxies.recognised("b", known))

    def test_a_sub_account_has_its_parents(self) -> None:
        """It reads them and follows every change; it changes none, and none are changed for it."""
        self.assertEqual(["us", "open"], self.run_unit(proxies.authorized, self.kid.id))
        self.revoke("us")
        self.assertEqual(["open"], self.run_unit(proxies.authorized, self.kid.id))
        self.refused(NotYours, proxies.authorize, self.kid.id, None, "us", known=KNOWN, plans=self.plans, now=NOON)
        self.refused(NotYours, proxies.revoke, self.kid.id, None, "open", known=KNOWN, now=NOON)
        self.refused(Invalid, proxies.authorize, self.alice.id, "kid", "us", known=KNOWN, plans=self.plans, now=NOON)

    def test_authorize_and_revoke(self) -> None:
        """Each change is told of; one that is none changes nothing."""
        self.revoke("us.mesh.example")
        self.assertEqual(("alice", "proxy.revoke", self.alice.id), self.told())
        before = self.dump()
        self.revoke("us")
        self.assertEqual(before, self.dump())
        self.assertEqual("us", self.authorize("US"))
        self.assertEqual(("alice", "proxy.authorize", self.alice.id), self.told())
        self.assertEqual(["open", "us"], self.run_unit(proxies.authorized, self.alice.id))
        entries = self.run_unit(audit.of_account, self.alice.id, 100)
        self.authorize("us")
        self.assertEqual(entries, self.run_unit(audit.of_account, self.alice.id, 100))

    def test_unknown(self) -> None:
        """400 under `proxy`; but a name that the settings lost can still be revoked where it is held."""
        error = self.refused(
            Invalid, proxies.authorize, self.alice.id, None, "nowhere", known=KNOWN, plans=self.plans, now=NOON
        )
        self.assertEqual(["proxy"], list(error.messages))
        self.refused(Invalid, proxies.revoke, self.alice.id, None, "nowhere", known=KNOWN, now=NOON)
        self.run_unit(proxies.revoke, self.alice.id, None, "open", known={"us": KNOWN["us"]}, now=NOON)
        self.assertEqual(["us"], self.run_unit(proxies.authorized, self.alice.id))

    def test_plan_limits(self) -> None:
        """402 for `world` on a plan without it, and for more than the plan allows."""
        limits = {"plans": self.plans, "now": NOON}
        error = self.refused(PlanLimitReached, proxies.authorize, self.alice.id, None, "world", known=KNOWN, **limits)
        self.assertIn("world", error.detail)
        self.at_plan("20", proxies=2)
        known = {**KNOWN, "more": proxy("more", "more.mesh.example:1")}
        limits = {"plans": self.plans, "now": NOON}
        self.refused(PlanLimitReached, proxies.authorize, self.alice.id, None, "more", known=known, **limits)
        self.assertEqual("us", self.authorize("us"))
        self.revoke("us")
        self.assertEqual("us", self.authorize("us"))
