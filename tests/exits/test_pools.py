"""The pools of a topology: what is shared, what is kept, and that preparing them finds what would be found anyway."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Network
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.config.exits.rules import served
from meshd.exits.outlets import FAILURES, REST, Outlet
from meshd.exits.pools import AVOIDED, KEY, KEYS, Pool, Pools, View, addressed, spent
from meshd.topology import PLANS, Exit, ExitRule, ProxyHost, Rotation, Topology, UpstreamProxy

EXITS = tuple(Exit(f"e{number}", "direct", country=("DE", "FR", "")[number % 3]) for number in range(60))
GERMAN = ExitRule(countries=frozenset({"DE"}))


def topology(exits: tuple[Exit, ...] = EXITS, **proxies: tuple[ExitRule, Rotation]) -> Topology:
    hosts = {name: ProxyHost(name, (), "", rule, (), rotation) for name, (rule, rotation) in proxies.items()}
    return Topology(served(hosts, exits), exits, PLANS)


class SharingTests(SynchronousTestCase):
    def test_proxies_of_one_rule_and_rotation_have_one_pool(self) -> None:
        """Fifty thousand exits are arranged once."""
        pools = Pools(
            topology(
                a=(ExitRule(), "random"),
                b=(ExitRule(), "random"),
                c=(ExitRule(), "round-robin"),
                d=(GERMAN, "random"),
            )
        )
        self.assertIs(pools.of("a"), pools.of("b"))
        self.assertEqual(len({pools.of(name) for name in "abcd"}), 3)

    def test_prepared_pools_find_the_same(self) -> None:
        """In every view."""
        one, two = Pools(topology(a=(ExitRule(), "round-robin"))), Pools(topology(a=(ExitRule(), "round-robin")))
        two.prepare()
        for country in ("", "DE", "FR"):
            names = set()
            for pools in (one, two):
                pool = pools.of("a")
                view = pool.view(country) if pool else None
                assert view is not None
                found = [view.finder.find(str(key), lambda outlet: True) for key in range(50)]
                names.add(tuple(outlet.exit.name for outlet in found if outlet))
            self.assertEqual(len(names), 1, country)


class SuccessionTests(SynchronousTestCase):
    """Pools that follow others."""

    def setUp(self) -> None:
        self.before = Pools(topology(a=(ExitRule(), "random")), drained=["e1", "e2"])
        self.changed = replace(EXITS[2], country="GB")
        self.after = Pools(topology((*EXITS[:2], self.changed), a=(ExitRule(), "random")), self.before)

    def test_an_exit_that_is_the_same_keeps_what_is_known_of_it(self) -> None:
        """It is the very object that requests under way speak of."""
        self.assertIs(self.after.outlets["e0"], self.before.outlets["e0"])
        self.assertIs(self.after.outlets["e1"], self.before.outlets["e1"])
        self.assertIsNot(self.after.outlets["e2"], self.before.outlets["e2"])
        self.assertEqual(self.after.outlets["e2"].exit, self.changed)

    def test_what_is_drained_stays_so(self) -> None:
        """Under its name, even with other settings."""
        drained = [name for name, outlet in self.after.outlets.items() if outlet.drained]
        self.assertEqual(drained, ["e1", "e2"])

    def test_building_writes_nothing_to_what_is_kept(self) -> None:
        """A thread may build while the reactor drains."""
        outlet = self.before.outlets["e0"]
        outlet.drained = True
        Pools(topology(a=(ExitRule(), "random")), self.before).prepare()
        self.assertTrue(outlet.drained)


def named(name: str, **given: Any) -> Exit:
    return Exit(name, "local", **given)


class ViewTests(SynchronousTestCase):
    """All exits of a pool, or those of a country."""

    def setUp(self) -> None:
        self.exits = (
            named("rack-1", address="198.51.100.1", country="US"),
            named("rack-2", address="2001:db8::2", country="GB"),
            named("six", prefix=IPv6Network("2001:db8:6::/64"), country="GB"),
            named("192.0.2.9", address="198.51.100.9"),
        )
        self.outlets = [Outlet(exit_) for exit_ in self.exits]
        self.pool = Pool(self.outlets)

    def view(self, country: str = "") -> View:
        view = self.pool.view(country)
        assert view is not None
        return view

    def test_by_country(self) -> None:
        """One view each, made once; those of no country are in the whole alone."""
        self.assertEqual([each.exit.name for each in self.view("GB").outlets], ["rack-2", "six"])
        self.assertIs(self.pool.view("GB"), self.pool.view("GB"))
        self.assertEqual(len(self.view().outlets), 4)
        for country in ("DE", "gb", "-"):
            self.assertIsNone(self.pool.view(country), country)

    def test_no_exits(self) -> None:
        """No view of them."""
        self.assertIsNone(Pool([]).view(""))

    def test_by_name_or_address(self) -> None:
        """A name comes before an address of the same spelling; an IPv6 address in any spelling."""
        for asked, name in (
            ("rack-1", "rack-1"),
            ("198.51.100.1", "rack-1"),
            ("2001:db8::2", "rack-2"),
            ("2001:DB8:0::2", "rack-2"),
            ("192.0.2.9", "192.0.2.9"),
            ("198.51.100.9", "192.0.2.9"),
            ("2001:db8:6::7", "six"),
            ("2001:DB8:6:0::7", "six"),
            ("2001:db8:7::7", ""),
            ("RACK-1", ""),
            ("a:b", ""),
            ("203.0.113.1", ""),
        ):
            found = self.view().named(asked)
            self.assertEqual(found.exit.name if found else "", name, asked)
        self.assertIsNone(self.view("GB").named("rack-1"))

    def test_countries_count_what_is_up(self) -> None:
        """Not what rests or is drained, nor what is in no country."""
        self.assertEqual(self.pool.countries(0.0), {"US": 1, "GB": 2})
        self.outlets[1].drained = True
        for _ in range(FAILURES):
            self.outlets[0].failed(0.0)
        self.assertEqual(self.pool.countries(0.0), {"GB": 1})
        self.assertEqual(self.pool.countries(REST), {"US": 1, "GB": 1})


class HistoryTests(SynchronousTestCase):
    """What is known of an exit over reloads."""

    def rests(self, pools: Pools, name: str) -> bool:
        return not pools.outlets[name].usable(0.0)

    def test_it_stays_where_a_database_says_otherwise(self) -> None:
        """A new database of places ends no rest, and begins none."""
        found = replace(EXITS[1], city="Albany", asn=64500, found=frozenset({"city", "asn"}))
        before = Pools(topology((EXITS[0], found), a=(ExitRule(), "random")))
        for _ in range(FAILURES):
            before.outlets["e1"].failed(0.0, "exit-ended")
        before.outlets["e1"].take()
        for other in (replace(found, city="Bath"), EXITS[1]):
            after = Pools(topology((EXITS[0], other), a=(ExitRule(), "random")), before)
            outlet = after.outlets["e1"]
            self.assertEqual((outlet.exit, outlet.reason, outlet.open), (other, "exit-ended", 0))
            self.assertTrue(self.rests(after, "e1"))
            self.assertTrue(outlet.usable(REST))

    def test_it_goes_with_settings_that_are_the_same(self) -> None:
        """Another place, another proxy, another rotation are not the exit's; anything of its own is."""
        before = Pools(topology(EXITS[:3], a=(ExitRule(), "random")))
        for name in ("e0", "e1"):
            before.outlets[name].take()
            for _ in range(FAILURES):
                before.outlets[name].failed(0.0)
        changed = replace(EXITS[1], weight=2)
        after = Pools(topology((changed, EXITS[2], EXITS[0]), b=(GERMAN, "round-robin")), before)
        self.assertEqual([self.rests(after, name) for name in ("e0", "e1", "e2")], [True, False, False])
        self.assertEqual([after.outlets[name].open for name in ("e0", "e1")], [1, 0])
        self.assertIsNone(after.of("a"))
        pool = after.of("b")
        assert pool is not None
        self.assertEqual(pool.countries(0.0), {})

    def test_one_that_was_away_is_new(self) -> None:
        """Out of the settings and back in them."""
        first = Pools(topology(EXITS[:2], a=(ExitRule(), "random")))
        for _ in range(FAILURES):
            first.outlets["e0"].failed(0.0)
        between = Pools(topology(EXITS[1:2], a=(ExitRule(), "random")), first)
        last = Pools(topology(EXITS[:2], a=(ExitRule(), "random")), between)
        self.assertTrue(self.rests(first, "e0"))
        self.assertFalse(self.rests(last, "e0"))

    def test_drained(self) -> None:
        """The whole of it each time; a name that no exit has is no matter."""
        pools = Pools(topology(EXITS[:3], a=(ExitRule(), "random")))
        for names in ({"e0", "e2"}, {"e1", "moon"}, set()):
            pools.drain(names)
            self.assertEqual({name for name, each in pools.outlets.items() if each.drained}, names - {"moon"})


class AddressTests(SynchronousTestCase):
    """The address that an exit is left by."""

    SIX = named("six", prefix=IPv6Network("2001:db8:6::/64"))

    def test_one_that_has_one(self) -> None:
        """Its own; none of an upstream proxy, whose address is not ours to bind."""
        upstream = Exit("up", "http", address="198.51.100.7", upstream=UpstreamProxy("up.example", 8080))
        for exit_, source in (
            (named("rack", address="198.51.100.1"), "198.51.100.1"),
            (Exit("direct", "direct"), ""),
            (upstream, ""),
        ):
            self.assertEqual(addressed(exit_, "", (), lambda attempt: 0), source, exit_.name)

    def test_of_a_prefix(self) -> None:
        """From the second to the last, by the bits that are given."""
        for bits, source in (
            (0, "2001:db8:6::1"),
            (2**64 - 2, "2001:db8:6:0:ffff:ffff:ffff:ffff"),
            (2**64 - 1, "2001:db8:6::1"),
        ):
            self.assertEqual(addressed(self.SIX, "", (), lambda attempt, bits=bits: bits), source)

    def test_one_that_is_asked_for_or_avoided(self) -> None:
        """An address beyond the prefix is not taken; an avoided one is drawn again."""
        self.assertEqual(addressed(self.SIX, "2001:db8:6::5", (), lambda attempt: 0), "2001:db8:6::5")
        self.assertEqual(addressed(self.SIX, "2001:db8:7::5", (), lambda attempt: 0), "2001:db8:6::1")
        avoided = {"2001:db8:6::1", "2001:db8:6::2"}
        self.assertEqual(addressed(self.SIX, "", avoided, lambda attempt: attempt), "2001:db8:6::3")

    def test_of_a_small_prefix(self) -> None:
        """An avoided one is not taken though chance finds no other; without any other it is spent."""
        small = named("small", prefix=IPv6Network("2001:db8:6::/126"))
        usable = {"2001:db8:6::1", "2001:db8:6::2", "2001:db8:6::3"}
        for left in usable:
            for bits in range(3):
                self.assertEqual(addressed(small, "", usable - {left}, lambda attempt, bits=bits: bits), left)
            self.assertFalse(spent(small, usable - {left}))
        self.assertTrue(spent(small, usable))
        self.assertTrue(spent(small, usable | {"small-2", "2001:db8:6::"}))
        for other in (self.SIX, named("rack", address="2001:db8:6::1")):
            self.assertFalse(spent(other, usable), other.name)


class MeantTests(SynchronousTestCase):
    def test_a_key_means_the_same_however_long_and_however_often(self) -> None:
        """What is kept of the latest keys is what the finder finds."""
        view = View([Outlet(Exit(name=f"e{number}", kind="direct")) for number in range(40)], "random")
        for key in [f"{number}" for number in range(KEYS + 5)] + ["k" * (KEY + 1)]:
            for count in (0, 1, AVOIDED, AVOIDED + 1, 39):
                avoid = frozenset(f"e{number}" for number in range(count))
                expected = view.finder.find(key, lambda outlet, avoid=avoid: outlet.exit.name not in avoid)
                self.assertEqual([view.meant(key, avoid) for _ in range(2)], [expected] * 2)
        self.assertIsNone(view.meant("key", frozenset(f"e{number}" for number in range(40))))
