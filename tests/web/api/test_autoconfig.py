"""PAC files and the PvD document, as programs fetch them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from meshd.accounts import proxies as authorizing
from meshd.accounts.ownership import Operator
from meshd.store.interface import StoreUnavailable
from tests.web.api.document import DocumentTestCase
from tests.web.support import NOON, named, result


class PacTests(DocumentTestCase):
    def made(self, who: str = "jo") -> str:
        """Path and query of a new URL."""
        url: str = self.post("/api/pac/create/", who=who).json["url"]
        self.assertTrue(url.startswith("https://api.mesh.example:8443/proxy.pac?key="), url)
        return url.removeprefix("https://api.mesh.example:8443")

    def fetch(self, path: str) -> Any:
        return self.world.get(path, who=None)

    def test_a_life(self) -> None:
        self.assertEqual(self.get("/api/pac/").json, {"url": None})
        path = self.made()
        self.assertIn(path, self.get("/api/pac/").json["url"])
        answer = self.fetch(path)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.one("Content-Type"), "application/x-ns-proxy-autoconfig")
        self.assertEqual(answer.one("Cache-Control"), "no-store")
        self.assertIn(b'"PROXY us.mesh.example:31280; PROXY open.mesh.example:31280', answer.body)
        self.assertNotIn(b"jo", answer.body)
        again = self.made()
        self.assertEqual([self.fetch(each).status for each in (path, again)], [404, 200])
        self.assertEqual(self.post("/api/pac/delete/").status, 204)
        self.assertEqual(self.fetch(again).status, 404)

    def test_how_and_which(self) -> None:
        path = self.made()
        for more, status, told in (
            ("&by=https", 200, b'return "HTTPS us.mesh'),
            ("&by=socks5", 200, b'return "SOCKS5 us.mesh'),
            ("&proxy=open", 200, b'return "PROXY open.mesh.example:31280";'),
            ("&by=quic", 400, b"by"),
            ("&proxy=nowhere", 404, b""),
        ):
            with named(more):
                answer = self.fetch(path + more)
                self.assertEqual(answer.status, status)
                self.assertIn(told, answer.body)
        self.world.offered = replace(self.world.offered, trusted=True)
        self.assertIn(b'return "HTTPS us.mesh', self.fetch(path).body)

    def test_tls_where_there_is_none(self) -> None:
        """Leads nowhere: neither to a port that speaks none, nor straight to the destination."""
        path = self.made()
        self.world.offered = replace(self.world.offered, tls=False, trusted=True)
        answer = self.fetch(path + "&by=https")
        self.assertEqual(answer.status, 200)
        self.assertNotIn(b"mesh.example:31280", answer.body)
        self.assertEqual(answer.body, self.fetch(self.made("tom") + "&by=https").body)
        self.assertIn(b'return "PROXY us.mesh', self.fetch(self.made()).body)

    def test_what_it_shows(self) -> None:
        """What the account may use at that moment; nothing of another's."""
        path = self.made()
        perform, clock = self.world.accounts.perform, {"known": self.world.live.topology.proxies, "now": NOON}
        for name in self.world.live.topology.proxies:
            result(perform(authorizing.revoke, Operator(), "jo", name, **clock))
        self.assertIn(b'return "PROXY 127.0.0.1:9";', self.fetch(path).body)
        self.assertIn(b"us.mesh.example", self.fetch(self.made("eve")).body)

    def test_no_key(self) -> None:
        for query, status in (("", 400), ("?key=", 400), ("?key=nobodys", 404), (f"?key={'x' * 65}", 400)):
            with named(query):
                self.assertEqual(self.fetch(f"/proxy.pac{query}").status, status)

    def test_off(self) -> None:
        path = self.made()
        self.world.offered = replace(self.world.offered, pac=False)
        self.assertEqual(self.fetch(path).status, 404)
        for method, of_api in (("GET", "/api/pac/"), ("POST", "/api/pac/create/"), ("POST", "/api/pac/delete/")):
            answer = self.get(of_api) if method == "GET" else self.post(of_api)
            self.assertEqual(answer.status, 404)

    def test_the_store_is_away(self) -> None:
        path = self.made()
        self.world.store.away = StoreUnavailable("gone")
        self.assertEqual(self.fetch(path).status, 503)


class PvdTests(DocumentTestCase):
    def test_the_document(self) -> None:
        answer = self.world.get("/.well-known/pvd", who=None)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.one("Content-Type"), "application/pvd+json")
        told = answer.json
        self.assertEqual(told["identifier"], "api.mesh.example.")
        self.assertEqual(told["proxies"][0]["protocol"], "connect-tcp")
        places = {each["proxy"] for each in told["proxies"] if each["protocol"] == "https-connect"}
        self.assertEqual(places, {proxy.domain for proxy in self.world.live.topology.proxies.values()})

    def test_off(self) -> None:
        self.world.offered = replace(self.world.offered, pvd=False)
        self.assertEqual(self.world.get("/.well-known/pvd", who=None).status, 404)
