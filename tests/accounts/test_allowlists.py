from __future__ import annotations

from meshd.accounts import allowlists
from meshd.accounts.errors import Invalid, NotFound, NotYours, PlanLimitReached
from meshd.accounts.ownership import ActorId
from tests.accounts.support import NOON, OPERATOR, AccountsCase, named

IP = "93.184.216.34"


class AddressTests(AccountsCase):
    def add(self, ip: str, actor: ActorId | None = None, username: str | None = None, label: str = "") -> str:
        by = self.alice.id if actor is None else actor
        return self.run_unit(allowlists.add_ip, by, username, ip, label, plans=self.plans, now=NOON).address

    def listed(self, actor: ActorId, username: str | None = None) -> list[tuple[str, str]]:
        return [(each.address, each.label) for each in self.run_unit(allowlists.ips, actor, username, at=NOON)]

    def test_own_and_sub_accounts(self) -> None:
        """Each list is one account's; the parent keeps its sub-accounts', a sub-account its own."""
        self.add(IP, label="office")
        self.add("93.184.216.35", username="kid")
        self.add("93.184.216.36", self.kid.id)
        self.assertEqual(("kid", "ip.add", self.kid.id), self.told())
        self.assertEqual([(IP, "office")], self.listed(self.alice.id))
        both = [("93.184.216.35", ""), ("93.184.216.36", "")]
        self.assertEqual(both, self.listed(self.kid.id))
        self.assertEqual(both, self.listed(self.alice.id, "kid"))
        self.run_unit(allowlists.delete_ip, self.kid.id, None, "93.184.216.35", now=NOON)
        self.assertEqual(("kid", "ip.delete", self.kid.id), self.told())
        self.assertEqual(both[1:], self.listed(self.kid.id))

    def test_sub_accounts_name_nobody(self) -> None:
        """A username from a sub-account is 403, its own too."""
        for username in ("kid", "alice", "nobody"):
            with named(username):
                self.refused(NotYours, allowlists.ips, self.kid.id, username, at=NOON)
                self.refused(NotYours, allowlists.add_ip, self.kid.id, username, IP, "", plans=self.plans, now=NOON)
                self.refused(NotYours, allowlists.delete_ip, self.kid.id, username, IP, now=NOON)

    def test_normal_form(self) -> None:
        """One address has one spelling, so that no second one adds it twice or misses it."""
        self.assertEqual(IP, self.add(f"::ffff:{IP}"))
        self.assertEqual("2606:2800:220:1::1", self.add("2606:2800:0220:0001:0:0:0:0001"))
        self.run_unit(allowlists.delete_ip, self.alice.id, None, "2606:2800:220:1:0::1", now=NOON)
        self.assertEqual([(IP, "")], self.listed(self.alice.id))

    def test_claimed_already(self) -> None:
        """The documented words, for what is on the very same list."""
        self.add(IP)
        for actor, username in ((self.alice.id, None), (OPERATOR, "alice")):
            with named(actor):
                error = self.refused(
                    Invalid, allowlists.add_ip, actor, username, f"::ffff:{IP}", "", plans=self.plans, now=NOON
                )
                self.assertEqual({"ip": ["IP address is already authorized"]}, error.messages)

    def test_deleting_what_is_not_there(self) -> None:
        """400 for an unknown address, another's, and what is none."""
        self.add(IP, self.customer("bob").id)
        for ip in (IP, "93.184.216.35", "nonsense", "", "\0"):
            with named(repr(ip)):
                error = self.refused(Invalid, allowlists.delete_ip, self.alice.id, None, ip, now=NOON)
                self.assertEqual({"ip": ["IP address is not authorized"]}, error.messages)

    def test_private_addresses(self) -> None:
        """A customer may not claim what every network has; the operator may for it."""
        for actor in (self.alice.id, self.root().id):
            with named(actor):
                self.refused(Invalid, allowlists.add_ip, actor, None, "10.0.0.1", "", plans=self.plans, now=NOON)
        self.assertEqual("10.0.0.1", self.add("10.0.0.1", OPERATOR, "alice"))

    def test_wrong_values(self) -> None:
        """Address and label are told together."""
        error = self.refused(
            Invalid, allowlists.add_ip, self.alice.id, None, "x", "y" * 101, plans=self.plans, now=NOON
        )
        self.assertEqual({"ip", "label"}, set(error.messages))

    def test_plan_limit(self) -> None:
        """A hundred an account, or what the settings say; a sub-account's count for itself."""
        for number in range(100):
            self.add(f"93.184.216.{number}")
        self.refused(
            PlanLimitReached, allowlists.add_ip, self.alice.id, None, "93.184.216.100", "", plans=self.plans, now=NOON
        )
        self.add("93.184.216.100", username="kid")

    def test_unknown_to_the_operator(self) -> None:
        """A name that is none is said to be none."""
        self.refused(NotFound, allowlists.ips, OPERATOR, "nobody", at=NOON)


class HostnameTests(AccountsCase):
    def add(self, domain: str, actor: ActorId | None = None, username: str | None = None) -> str:
        by = self.alice.id if actor is None else actor
        return self.run_unit(allowlists.add_hostname, by, username, domain, plans=self.plans, now=NOON).hostname

    def listed(self, actor: ActorId, username: str | None = None) -> list[str]:
        return [each.hostname for each in self.run_unit(allowlists.hosts, actor, username, at=NOON)]

    def test_added_listed_deleted(self) -> None:
        """In lower case without the final dot, whichever way it is asked for."""
        self.assertEqual("home.example.com", self.add("Home.Example.COM."))
        self.assertEqual(("alice", "hostname.add", self.alice.id), self.told())
        self.add("kid.example.com", username="kid")
        self.assertEqual(["home.example.com"], self.listed(self.alice.id))
        self.assertEqual(["kid.example.com"], self.listed(self.kid.id))
        self.run_unit(allowlists.delete_hostname, self.alice.id, None, "HOME.example.com", now=NOON)
        self.assertEqual(("alice", "hostname.delete", self.alice.id), self.told())
        self.assertEqual([], self.listed(self.alice.id))

    def test_claimed_already(self) -> None:
        """The documented words, for what is on the very same list."""
        self.add("home.example.com")
        error = self.refused(
            Invalid, allowlists.add_hostname, self.alice.id, None, "home.EXAMPLE.com.", plans=self.plans, now=NOON
        )
        self.assertEqual({"domain": ["Hostname is already authorized"]}, error.messages)

    def test_deleting_what_is_not_there(self) -> None:
        """400 for an unknown name and for another's."""
        self.add("home.example.com", self.customer("bob").id)
        for domain in ("home.example.com", "other.example.com", "", "\0"):
            with named(repr(domain)):
                error = self.refused(Invalid, allowlists.delete_hostname, self.alice.id, None, domain, now=NOON)
                self.assertEqual({"domain": ["Hostname is not authorized"]}, error.messages)

    def test_local_names(self) -> None:
        """`localhost` is the operator's to add."""
        self.refused(Invalid, allowlists.add_hostname, self.alice.id, None, "localhost", plans=self.plans, now=NOON)
        self.assertEqual("localhost", self.add("localhost", OPERATOR, "alice"))

    def test_plan_limit(self) -> None:
        """As many an account as the plan says."""
        self.at_plan("20", hostnames=1)
        self.add("a.example.com")
        self.refused(
            PlanLimitReached, allowlists.add_hostname, self.alice.id, None, "b.example.com", plans=self.plans, now=NOON
        )
        self.add("b.example.com", username="kid")

    def test_sub_accounts_name_nobody(self) -> None:
        """A username from a sub-account is 403."""
        self.refused(NotYours, allowlists.hosts, self.kid.id, "kid", at=NOON)
        self.refused(NotYours, allowlists.delete_hostname, self.kid.id, "alice", "a.example.com", now=NOON)
