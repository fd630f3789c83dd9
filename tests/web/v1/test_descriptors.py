"""`/v1/proxy-descriptors`: what the gateway is reached by, and what it reads of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from meshd.accounts import subaccounts
from meshd.selection import Selection, read_selection
from meshd.topology import Exit, ExitRule, ProxyHost
from meshd.values.v1 import V1
from tests.web.support import NOON, named, result
from tests.web.v1.support import V1TestCase

FOREIGN = "00000000-0000-4000-8000-000000000000"


class DescriptorTests(V1TestCase):
    def setUp(self) -> None:
        super().setUp()
        exits = (
            Exit("a", "direct", country="US", region="California", city="Salt Lake City"),
            Exit("b", "direct", country="DE", region="North Rhine-Westphalia", city="Saint-City"),
            Exit("c", "direct", country="DE", region="Hesse", city="Kassel"),
            Exit("d", "direct", country="GB"),
        )
        proxy = ProxyHost("us", (), "us.mesh.example:31280", ExitRule(), exits)
        v1 = V1(domain="gate.example", port=8081, socks_port=1081)
        self.world.set_topology(proxies={"us": proxy}, v1=v1)
        self.sub = self.new()

    def new(self, password: str = "p:@ss/wörd") -> Any:
        given = {"proxy_password": password, "is_traffic_limited": False}
        return self.payload(self.do("POST", "/sub-users", given), 201)

    def told(self, **members: Any) -> Any:
        return self.payload(self.do("POST", "/proxy-descriptors", {"sub_user_uuid": self.sub["uuid"], **members}))

    def selected(self, told: Any) -> Selection:
        """What the gateway reads of the user name."""
        base = self.sub["proxy_username"]
        self.assertTrue(told["username"].startswith(f"{base}-"))
        return read_selection(told["username"][len(base) + 1 :])

    def test_host_and_ports_are_the_daemons_own(self) -> None:
        told = self.told()
        self.assertEqual((told["host"], told["port"], told["protocol"]), ("gate.example", 8081, "http"))
        self.assertEqual((told["password"], told["sub_user_uuid"]), ("p:@ss/wörd", self.sub["uuid"]))
        self.assertEqual(told["username"], f"{self.sub['proxy_username']}-country-any")
        self.assertEqual(self.told(protocol="socks5")["port"], 1081)

    def test_the_url_is_encoded(self) -> None:
        told = self.told(protocol="socks5", location={"country": "us"})
        url = urlsplit(told["url"])
        self.assertEqual((url.scheme, url.hostname, url.port), ("socks5", "gate.example", 1081))
        self.assertEqual((unquote(url.username or ""), unquote(url.password or "")), (told["username"], "p:@ss/wörd"))
        self.world.set_topology(v1=V1(domain="2001:db8::1"))
        self.assertEqual(urlsplit(self.told()["url"]).hostname, "2001:db8::1")

    def test_what_the_gateway_reads(self) -> None:
        """Of places with hyphens and with words of the grammar in them too."""
        for members, wanted in (
            ({}, Selection()),
            ({"location": None, "session": None, "filter": None}, Selection()),
            ({"location": {"country": "US"}}, Selection(country="US")),
            ({"location": {"country": "uk"}}, Selection(country="GB")),
            ({"location": {"region": "Hesse", "city": "Kassel"}}, Selection(region="hesse", city="kassel")),
            ({"location": {"country": "any", "region": "any", "city": "Any"}}, Selection()),
            (
                {"location": {"country": "us", "region": "California", "city": " Salt  Lake City"}},
                Selection(country="US", region="california", city="salt_lake_city"),
            ),
            (
                {"location": {"country": "de", "region": "North Rhine-Westphalia", "city": "saint-city"}},
                Selection(country="DE", region="north_rhine-westphalia", city="saint-city"),
            ),
            ({"filter": "high-speed-fast"}, Selection(tier="high-speed-fast")),
            ({"filter": "filter-medium"}, Selection(tier="medium")),
            ({"filter": "none"}, Selection()),
        ):
            with named(members):
                self.assertEqual(self.selected(self.told(**members)), wanted)

    def test_sticky(self) -> None:
        """Each time another session."""
        sessions = set()
        for session, ttl in (
            ({"mode": "sticky"}, 1800),
            ({"mode": "sticky", "ttl": "12h"}, 12 * 3600),
            ({"ttl": "1h"}, 3600),
        ):
            with named(session):
                told = self.told(session=session, location={"country": "us"}, filter="high")
                self.assertRegex(told["username"], r"-country-us-sid-[0-9a-f]{16}-ttl-\w+-filter-high\Z")
                found = self.selected(told)
                self.assertEqual(found.ttl, ttl)
                sessions.add(found.session)
        self.assertEqual(len(sessions), 3)
        self.assertEqual(self.selected(self.told(session={"mode": "rotating"})).session, "")

    def test_what_is_wrong(self) -> None:
        for members, name in (
            ({"sub_user_uuid": ""}, "sub_user_uuid"),
            ({"protocol": "ftp"}, "protocol"),
            ({"location": {"country": "FR"}}, "location.country"),
            ({"location": {"country": "Germany"}}, "location"),
            ({"location": {"region": "Bavaria"}}, "location.region"),
            ({"location": {"country": "US", "region": "North Rhine-Westphalia"}}, "location.region"),
            ({"location": {"country": "US", "city": "Atlantis"}}, "location.city"),
            ({"location": {"country": "DE", "region": "Hesse", "city": "Saint-City"}}, "location.city"),
            ({"location": {"region": "California", "city": "Kassel"}}, "location.city"),
            ({"location": {"planet": "Mars"}}, "location.planet"),
            ({"location": {"country": 7}}, "location.country"),
            ({"location": "US"}, "location"),
            ({"session": {"mode": "forever"}}, "session.mode"),
            ({"session": {"mode": "sticky", "ttl": "soon"}}, "session.ttl"),
            ({"host": "evil.example"}, "host"),
        ):
            with named(members):
                body = {"sub_user_uuid": self.sub["uuid"], **members}
                self.invalid(self.do("POST", "/proxy-descriptors", body), name)

    def test_whose_it_is(self) -> None:
        """Another's and an absent one are one answer; a suspended one is refused, and so is an unknown password."""
        for who, uuid in (("eve", self.sub["uuid"]), ("jo", FOREIGN), ("jo", "x"), ("sub", self.sub["uuid"])):
            with named((who, uuid)):
                answer = self.do("POST", "/proxy-descriptors", {"sub_user_uuid": uuid}, who=who)
                self.assertEqual(answer.status, 404)
        known = self.payload(self.do("GET", "/sub-users"))
        other = next(each["uuid"] for each in known if each["proxy_username"] == "sub")
        self.invalid(self.do("POST", "/proxy-descriptors", {"sub_user_uuid": other}), "sub_user_uuid")
        unit, jo, name = subaccounts.deactivate, self.world.jo.id, self.sub["proxy_username"]
        result(self.world.accounts.perform(unit, jo, name, now=NOON))
        answer = self.do("POST", "/proxy-descriptors", {"sub_user_uuid": self.sub["uuid"]})
        self.assertEqual(answer.seen, (403, {"message": "This sub-user is suspended."}))
