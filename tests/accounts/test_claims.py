"""Addresses that several accounts claim, by lists and by hostnames, in whichever order."""

from __future__ import annotations

from typing import Any

from meshd.accounts import allowlists, subaccounts
from meshd.accounts.errors import Invalid
from meshd.accounts.ownership import ActorId
from meshd.auth import units as lookups
from meshd.auth.claims import HOLD, MOST, stand
from meshd.model import Account
from meshd.store.statements import accounts, claims
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres, named

IP, OTHER = "93.184.216.34", "93.184.216.35"
NAMES = {"alice": "home.example.com", "kid": "kid.example.com", "eve": "thief.example.com", "bob": "bob.example.com"}


class ClaimTests(AccountsCase):
    """`alice` and her `kid`, and two who have nothing to do with them."""

    def setUp(self) -> None:
        super().setUp()
        self.bob, self.eve = self.customer("bob"), self.customer("eve")
        self.now = NOON
        self.resolved: dict[str, frozenset[str]] = {}

    def list_ip(self, who: Account, ip: str = IP, **how: Any) -> Any:
        self.now += 1
        return self.run_unit(allowlists.add_ip, who.id, None, ip, "", plans=self.plans, now=self.now, **how)

    def unlist(self, who: Account, ip: str = IP) -> None:
        self.run_unit(allowlists.delete_ip, who.id, None, ip, now=self.now)

    def point(self, who: Account, *addresses: str) -> None:
        """The account has a name, which the daemon finds to stand for these."""
        name = NAMES[who.username]
        self.now += 1
        if name not in self.resolved:
            self.run_unit(allowlists.add_hostname, who.id, None, name, plans=self.plans, now=self.now)
        self.resolved[name] = frozenset(addresses)
        self.run_unit(stand, who.id, name, self.resolved[name], self.now)

    def unname(self, who: Account) -> None:
        self.run_unit(allowlists.delete_hostname, who.id, None, NAMES[who.username], now=self.now)
        del self.resolved[NAMES[who.username]]

    def whose(self, ip: str = IP) -> str:
        """As every process decides: by the names that the store gives to this address."""
        matching = [
            name
            for name, addresses in sorted(self.resolved.items())
            if ip in addresses
            and ip in self.run_unit(stand, self.account(self.owner(name)).id, name, addresses, self.now)
        ]
        found = self.run_unit(lookups.by_peer, ip, matching[0] if matching else "", self.now)
        return found.identity.account.username if found else ""

    def owner(self, name: str) -> str:
        return next(username for username, each in NAMES.items() if each == name)

    def test_the_earlier_keeps_it(self) -> None:
        """An entry or a name, against an entry or a name: nobody is locked out, and nobody's traffic is another's."""
        for first in (self.list_ip, self.point):
            for second in (self.list_ip, self.point):
                with named((first.__name__, second.__name__)):
                    first(self.alice, IP)
                    second(self.eve, IP)
                    self.assertEqual("alice", self.whose())
                    (self.unlist if first == self.list_ip else self.unname)(self.alice)
                    self.assertEqual("eve", self.whose())
                    (self.unlist if second == self.list_ip else self.unname)(self.eve)
                    self.assertEqual("", self.whose())

    def test_a_name_that_is_pointed_at_an_address_later(self) -> None:
        """Its claim begins when it does, not when it was listed."""
        self.point(self.eve, OTHER)
        self.list_ip(self.alice)
        self.point(self.eve, IP)
        self.assertEqual("alice", self.whose())

    def test_claims_of_the_same_second(self) -> None:
        """Whoever was there keeps it, whoever's number is lower."""
        for who in (self.eve, self.alice):
            self.run_unit(allowlists.add_ip, who.id, None, IP, "", plans=self.plans, now=NOON)
        self.assertEqual("eve", self.whose())

    def test_a_clock_that_went_back(self) -> None:
        """What comes after is later."""
        self.list_ip(self.eve)
        self.run_unit(allowlists.add_ip, self.alice.id, None, IP, "", plans=self.plans, now=NOON - 10_000)
        self.assertEqual("eve", self.whose())

    def test_three_in_line(self) -> None:
        """One after the other, as they came."""
        for who in (self.bob, self.eve, self.alice):
            self.list_ip(who)
        for who in (self.bob, self.eve, self.alice):
            self.assertEqual(who.username, self.whose())
            self.unlist(who)

    def test_whoever_adds_another_claim_loses_no_place(self) -> None:
        """An entry that is replaced by a name, a name by an entry: first the new one, then the old one goes."""
        self.list_ip(self.alice)
        self.list_ip(self.eve)
        self.point(self.alice, IP)
        self.unlist(self.alice)
        self.assertEqual("alice", self.whose())
        self.list_ip(self.alice)
        self.unname(self.alice)
        self.assertEqual("alice", self.whose())

    def test_within_a_family(self) -> None:
        """The earlier account has it; what goes over to another of the family is lost to no stranger meanwhile."""
        self.list_ip(self.alice)
        self.list_ip(self.eve)
        self.list_ip(self.kid)
        self.assertEqual("alice", self.whose())
        self.unlist(self.alice)
        self.assertEqual("kid", self.whose())
        self.list_ip(self.alice)
        self.run_unit(subaccounts.delete, self.alice.id, "kid", now=self.now)
        self.assertEqual("alice", self.whose())

    def test_a_family_that_has_gone_leaves_nothing(self) -> None:
        """A sub-account's claim goes with it, an account's with all that are its."""
        self.list_ip(self.kid)
        self.point(self.kid, IP, OTHER)
        for ip in (IP, OTHER):
            self.list_ip(self.eve, ip)
        self.run_unit(subaccounts.delete, self.alice.id, "kid", now=self.now)
        del self.resolved[NAMES["kid"]]
        self.assertEqual(["eve", "eve"], [self.whose(ip) for ip in (IP, OTHER)])
        self.list_ip(self.bob)
        self.run_unit(accounts.delete, self.eve.id)
        self.assertEqual(["bob", ""], [self.whose(ip) for ip in (IP, OTHER)])

    def test_a_name_that_leaves(self) -> None:
        """It keeps others from the address for a while; back in time, it has its place."""
        self.point(self.alice, IP)
        self.list_ip(self.eve)
        self.point(self.alice, OTHER)
        self.assertEqual("", self.whose())
        self.now += HOLD - 10
        self.point(self.alice, IP)
        self.assertEqual("alice", self.whose())
        self.point(self.alice, OTHER)
        self.now += HOLD
        self.assertEqual("eve", self.whose())
        self.point(self.alice, IP, OTHER)
        self.assertEqual(["eve", "alice"], [self.whose(ip) for ip in (IP, OTHER)])

    def test_nobody_is_told_of_another(self) -> None:
        """What is answered for an address that is another's is what is answered for one that is nobody's."""
        self.list_ip(self.bob, IP)
        self.point(self.alice, OTHER)
        for actor in (self.eve, self.kid):
            for ip in (IP, OTHER, "93.184.216.99"):
                with named((actor.username, ip)):
                    self.assertFalse(self.list_ip(actor, ip).disputed)
            self.assertEqual([False] * 3, self.disputed(actor.id))
        self.point(self.eve, IP, OTHER)
        self.assertEqual([()], self.disputed_names(self.eve.id))

    def disputed(self, actor: ActorId, username: str | None = None, **how: Any) -> list[bool]:
        return [each.disputed for each in self.run_unit(allowlists.ips, actor, username, at=self.now, **how)]

    def disputed_names(self, actor: ActorId, username: str | None = None, **how: Any) -> list[tuple[str, ...]]:
        return [each.disputed for each in self.run_unit(allowlists.hosts, actor, username, at=self.now, **how)]

    def test_whoever_is_there_is_told(self) -> None:
        """From that very address, where anybody can see whose it is; of no other."""
        self.list_ip(self.alice)
        self.assertTrue(self.list_ip(self.eve, peer=f"::ffff:{IP}").disputed)
        self.assertEqual([False], self.disputed(self.eve.id, peer=OTHER))
        self.assertEqual([True], self.disputed(self.eve.id, peer=IP))
        self.assertEqual([False], self.disputed(self.alice.id, peer=IP))
        self.point(self.bob, IP, OTHER)
        self.assertEqual([(IP,)], self.disputed_names(self.bob.id, peer=IP))
        self.assertEqual([()], self.disputed_names(self.bob.id, peer=OTHER))

    def test_the_operator_is_told(self) -> None:
        """By name, and of all that is disputed; by role too; and the audit has it."""
        self.list_ip(self.alice)
        self.list_ip(self.eve)
        self.point(self.bob, IP)
        self.list_ip(self.bob, OTHER)
        root = self.root()
        for actor in (OPERATOR, root.id):
            self.assertEqual([True], self.disputed(actor, "eve"))
            self.assertEqual([(IP,)], self.disputed_names(actor, "bob"))
        found = self.run_unit(allowlists.disputes, 10, at=self.now)
        shown = [(each.address, each.username, each.claim.hostname, each.keeps) for each in found]
        expected = [(IP, "alice", "", True), (IP, "eve", "", False), (IP, "bob", NAMES["bob"], False)]
        self.assertEqual(expected, shown)
        self.assertIn("an earlier claim keeps", self.history(self.eve)[0][2])
        added = self.run_unit(allowlists.add_ip, OPERATOR, "eve", OTHER, "", plans=self.plans, now=self.now)
        self.assertTrue(added.disputed)

    def test_a_parent_is_told_of_its_own_family(self) -> None:
        """Of its sub-accounts' against its own, and the other way round."""
        self.list_ip(self.alice)
        self.list_ip(self.kid)
        self.assertEqual([True], self.disputed(self.alice.id, "kid"))
        self.assertEqual([False], self.disputed(self.kid.id))

    def test_what_is_listed_already(self) -> None:
        """Is refused in the documented words, on the very same list alone."""
        self.list_ip(self.alice)
        kwargs = {"plans": self.plans, "now": self.now}
        error = self.refused(Invalid, allowlists.add_ip, self.alice.id, None, IP, "", **kwargs)
        self.assertEqual({"ip": ["IP address is already authorized"]}, error.messages)

    def test_a_name_that_stands_for_ever_more(self) -> None:
        """It claims so many, those that it left lately included; then it waits until these are free."""
        many = [f"8.8.{number}.1" for number in range(60)]
        for begin in range(0, 60, 15):
            self.point(self.eve, *many[begin : begin + 15])
        self.assertEqual(MOST, len(self.run_unit(claims.of_hostname, self.eve.id, NAMES["eve"])))
        self.list_ip(self.alice, many[59])
        self.now += HOLD
        self.point(self.eve, *many[45:])
        self.assertEqual(["eve", "alice"], [self.whose(ip) for ip in (many[45], many[59])])

    def test_a_name_that_is_no_more(self) -> None:
        """An answer that comes after its removal claims nothing."""
        self.point(self.alice, IP)
        self.unname(self.alice)
        self.assertEqual(frozenset(), self.run_unit(stand, self.alice.id, NAMES["alice"], frozenset({IP}), self.now))
        self.assertEqual([], self.run_unit(claims.of_address, IP))


class PostgresClaimTests(OnPostgres, ClaimTests):
    """The same rules there."""
