"""`GET /api/geoips/{proxy}/`: how many exits are up in each country."""

from __future__ import annotations

from meshd.proxy.outlets import FAILURES, REST
from tests.web.api.document import DocumentTestCase


class GeoIPsTests(DocumentTestCase):
    def test_a_count_for_each_country(self) -> None:
        """`{"US": 3, …}`; those whose country nobody gave are not counted."""
        self.assertEqual(self.get("/api/geoips/open/").seen, (200, {"US": 3, "DE": 1, "FR": 1}))
        self.assertEqual(self.get("/api/geoips/world/").seen, (200, {"BR": 1, "JP": 2}))

    def test_the_proxy_by_its_domain(self) -> None:
        """As `GET /api/proxies/` says it."""
        self.assertEqual(self.get("/api/geoips/us.mesh.example:31280/").seen, (200, {"US": 1}))
        self.assertEqual(self.get("/api/geoips/moon/").status, 404)

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

    def test_a_proxy_that_is_gone_from_the_settings(self) -> None:
        """It is one no more."""
        self.world.set_topology(proxies={"us": self.world.topology.proxies["us"]})
        self.assertEqual(self.get("/api/geoips/open/").status, 404)
