"""The sentences of the documents about `GET /api/geoips/…`, each a test."""

from __future__ import annotations

from meshd.exits.outlets import FAILURES, REST
from tests.web.api.document import DocumentTestCase
from tests.web.api.sentences import says
from tests.web.support import TOPOLOGY, named, proxy

OPEN, WORLD = "/api/geoips/open/", "/api/geoips/world/"


class GeoIPsTests(DocumentTestCase):
    @says(
        "Geo IPs",
        "GET /api/geoips/open/",
        "Returns a JSON object with ISO country codes and IP counts for the open proxy.",
        "GET /api/geoips/world/",
        "Returns a JSON object with ISO country codes and IP counts for the world proxy.",
        "These API methods give you a way to programmatically get the supported ISO country codes and IP counts for "
        "either the open or world proxy servers.",
    )
    def test_returns_iso_country_codes_and_ip_counts(self) -> None:
        """An exit whose country nobody gave is in none."""
        self.assertEqual(self.get(OPEN).seen, (200, {"US": 3, "DE": 1, "FR": 1}))
        self.assertEqual(self.get(WORLD).seen, (200, {"BR": 1, "JP": 2}))

    @says("Geo IPs", "Both API methods return a JSON object that looks like:", '{"CODE": count}')
    def test_both_return_an_object_that_looks_like_code_and_count(self) -> None:
        """The map is the whole answer, not the value of a field; empty where no country is known."""
        self.world.set_topology(proxies={"open": proxy("open", "US"), "world": proxy("world", "")})
        self.assertEqual(self.get(OPEN).body, b'{"US": 1}')
        self.assertEqual(self.get(WORLD).seen, (200, {}))

    def test_whoever_signs_in_may_ask(self) -> None:
        """For proxies that its plan does not include, too: it says what there is, as the price list would."""
        for who in ("tom", "sub", self.bearer(self.token())):
            self.assertEqual(self.get(WORLD, who=who).status, 200)

    def test_of_any_proxy_there_is(self) -> None:
        """By its name or by its domain; what there is not is 404."""
        self.assertEqual(self.get("/api/geoips/us/").json, {"US": 1})
        self.assertEqual(self.get("/api/geoips/open.mesh.example/").json, self.get(OPEN).json)
        self.world.set_topology(proxies={"us": TOPOLOGY.proxies["us"]})
        for name in ("open", "world", "mars", "us.mesh.example:1"):
            with named(name):
                self.assertEqual(self.get(f"/api/geoips/{name}/").seen, (404, {"detail": "there is no such proxy"}))

    def test_what_rests_or_is_drained_is_not_counted(self) -> None:
        """A country with none that is up is not told at all; when the rest is over, it may be tried again."""
        outlets = self.world.pools.outlets
        for _ in range(FAILURES):
            outlets["open-0"].failed(self.world.clock.seconds())
        self.world.pools.drain({"open-1", "world-0"})
        self.assertEqual(self.get("/api/geoips/open/").json, {"US": 2, "FR": 1})
        self.assertEqual(self.get("/api/geoips/world/").json, {"JP": 2})
        self.world.later(REST)
        self.assertEqual(self.get("/api/geoips/open/").json, {"US": 3, "FR": 1})
