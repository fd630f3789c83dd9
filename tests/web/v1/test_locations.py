"""`/v1/locations`: what is told of places, how they are chosen, and page by page."""

from __future__ import annotations

from typing import Any

from meshd.topology import Exit, ExitRule, ProxyHost
from tests.web.support import named
from tests.web.v1.support import V1TestCase

HOME = frozenset({"residential"})


class LocationTests(V1TestCase):
    def setUp(self) -> None:
        super().setUp()
        exits = [
            Exit("a", "direct", country="US", region="California", city="Los Angeles", isp="Some Net", zip="90001"),
            Exit("b", "direct", country="US", region="Oregon", city="Portland", tags=HOME),
            *(Exit(f"de{n}", "direct", country="DE", city="Berlin", tags=HOME, zip="10115") for n in range(10)),
        ]
        proxy = ProxyHost("us", (), "us.mesh.example:31280", ExitRule(), tuple(exits))
        self.world.set_topology(proxies={"us": proxy})

    def codes(self, path: str) -> list[str]:
        return [each["code"] for each in self.payload(self.do("GET", f"/locations/{path}"))]

    def test_what_is_told(self) -> None:
        la = {"code": "los_angeles", "name": "Los Angeles", "region_code": "california"}
        us: dict[str, Any] = {"availability": "low", "connection_type": "datacenter"}
        home = {"availability": "low", "connection_type": "residential"}
        at = {"country_code": "US"}
        for path, told in (
            ("countries?name=germ", {**home, "code": "DE", "name": "Germany", "availability": "medium"}),
            ("regions?name=cal", {**us, **at, "code": "california", "name": "California"}),
            (
                "cities?name=los",
                {**us, **at, **la},
            ),
            ("isps", {**us, **at, "code": "some_net", "name": "Some Net"}),
            ("zipcodes?country__code=us", {**us, **at, "code": "90001", "name": "90001", "city_code": "los_angeles"}),
        ):
            with named(path):
                self.assertEqual(self.payload(self.do("GET", f"/locations/{path}")), [told])

    def test_how_they_are_chosen(self) -> None:
        for path, codes in (
            ("countries", ["DE", "US"]),
            ("countries?limit=1", ["DE"]),
            ("countries?limit=1&offset=1", ["US"]),
            ("countries?offset=2", []),
            ("countries?connection_type=datacenter", ["US"]),
            ("countries?connection_type=mobile", []),
            ("countries?name=UNITED", ["US"]),
            ("regions?country__code=DE", []),
            ("cities", ["berlin", "los_angeles", "portland"]),
            ("cities?country__code=us", ["los_angeles", "portland"]),
            ("cities?region__code=Oregon", ["portland"]),
            ("cities?country__code=us&region__code=california&connection_type=residential", []),
            ("zipcodes?city__code=berlin", ["10115"]),
            ("isps?country__code=XX", []),
        ):
            with named(path):
                self.assertEqual(self.codes(path), codes)

    def test_a_country_by_the_code_that_many_write(self) -> None:
        """UK is GB, as in a user name of the gateway's."""
        exits = (Exit("a", "direct", country="GB", region="Kent"), Exit("b", "direct", country="US", region="Ohio"))
        self.world.set_topology(proxies={"us": ProxyHost("us", (), "us.mesh.example:31280", ExitRule(), exits)})
        for code in ("uk", "GB"):
            self.assertEqual(self.codes(f"regions?country__code={code}"), ["kent"])

    def test_what_is_wrong(self) -> None:
        for path, name in (
            ("countries?limit=0", "limit"),
            ("countries?limit=5000", "limit"),
            ("countries?offset=-1", "offset"),
            ("countries?limit=x", "limit"),
            ("cities?country_code=us", "country_code"),
        ):
            with named(path):
                self.invalid(self.do("GET", f"/locations/{path}"), name)
        answer = self.do("GET", "/locations/cities?country_code=us")
        self.assertEqual(answer.json["message"], "The country code field is unknown; did you mean country__code?")
        self.assertEqual(self.do("GET", "/locations/countries", who="").status, 401)
