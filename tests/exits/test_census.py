"""Places where exits work: counted now and then, and who is at which."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.census import FRESH, Census, Family, connection
from meshd.exits.outlets import FAILURES, Outlet
from meshd.topology import Exit


def outlet(name: str, country: str, **where: Any) -> Outlet:
    return Outlet(Exit(name, "direct", country=country, **where))


class CensusTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 100.0
        self.outlets = [
            outlet("a", "US", region="California", city="Los  Angeles", isp="Some Net", zip="90001"),
            outlet("b", "US", region="california", city="Los Angeles", tags=frozenset({"residential"})),
            outlet("c", "US", region="Oregon", city="Portland"),
            outlet("d", "US", region="Maine", city="Portland"),
            outlet("e", "DE", city="Köln", isp="Some Net"),
            outlet("f", "ZZ"),
            outlet("g", "", city="Nowhere"),
        ]
        self.census = Census(lambda: self.outlets, lambda: self.now)

    def told(self, family: Family) -> list[tuple[str, str, str, str, int]]:
        return [
            (each.country, each.region or each.city, each.code, each.name, sum(each.exits.values()))
            for some in self.census.count(family).values()
            for each in some
        ]

    def test_who_is_where(self) -> None:
        """Spelt in two ways a place is one; of one name in two regions there are two."""
        countries = [("DE", "", "DE", "Germany", 1), ("US", "", "US", "United States", 4), ("ZZ", "", "ZZ", "ZZ", 1)]
        self.assertEqual(self.told("countries"), countries)
        self.assertEqual(
            self.told("regions"),
            [
                ("US", "", "california", "California", 2),
                ("US", "", "maine", "Maine", 1),
                ("US", "", "oregon", "Oregon", 1),
            ],
        )
        self.assertEqual(
            self.told("cities"),
            [
                ("DE", "", "köln", "Köln", 1),
                ("US", "california", "los_angeles", "Los  Angeles", 2),
                ("US", "maine", "portland", "Portland", 1),
                ("US", "oregon", "portland", "Portland", 1),
            ],
        )
        isps = [("DE", "", "some_net", "Some Net", 1), ("US", "", "some_net", "Some Net", 1)]
        self.assertEqual(self.told("isps"), isps)
        self.assertEqual(self.told("zipcodes"), [("US", "los_angeles", "90001", "90001", 1)])

    def test_what_is_down_is_nowhere(self) -> None:
        """Drained or resting; after a moment only, since that is how often exits are counted."""
        self.assertEqual(self.told("countries")[0][-1], 1)
        for _ in range(FAILURES):
            self.outlets[4].failed(self.now)
        self.outlets[0].drained = True
        self.assertEqual([each[-1] for each in self.told("countries")], [1, 4, 1])
        self.now += FRESH
        for _ in range(FAILURES):
            self.outlets[4].failed(self.now)
        self.assertEqual(self.told("countries"), [("US", "", "US", "United States", 3), ("ZZ", "", "ZZ", "ZZ", 1)])

    def test_other_exits_are_counted_at_once(self) -> None:
        self.told("countries")
        self.outlets = self.outlets[:1]
        self.assertEqual(self.told("countries"), [("US", "", "US", "United States", 1)])

    def test_a_count_is_everybodys(self) -> None:
        """Until it is old nobody's request counts anew."""
        first = self.census.count("cities")
        self.now += FRESH - 1
        self.assertIs(self.census.count("cities"), first)
        self.now += 1
        self.assertIsNot(self.census.count("cities"), first)

    def test_how_they_are_connected(self) -> None:
        for tags, how in (
            ((), "datacenter"),
            (("fast",), "datacenter"),
            (("mobile", "fast"), "mobile"),
            (("isp", "residential"), "residential"),
        ):
            self.assertEqual(connection(frozenset(tags)), how)
        (us,) = self.census.count("countries")["US"]
        self.assertEqual(us.exits, {"datacenter": 3, "residential": 1})
