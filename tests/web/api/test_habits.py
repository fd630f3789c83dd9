"""proxymesh-behaviour.md, 7.3: what published clients of the API send, and what they rely on, each a test."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from twisted.internet.testing import StringTransport

from meshd.model import GB
from meshd.tls.selfsigned import ensure_certificate
from meshd.tls.server import ReloadableTLS
from meshd.web.server.front import TLSFront
from tests.web.api.document import DocumentTestCase
from tests.web.support import NOON, Answer, basic, named, read_answer, request

BOTH = {"proxies": ["us.mesh.example:31280", "open.mesh.example:31280"]}


class RequestTests(DocumentTestCase):
    """How scripts ask."""

    def test_a_get_with_and_without_the_trailing_slash(self) -> None:
        """Scripts do both; neither is a redirect."""
        for path in ("proxies", "ips", "ip_labels", "hostnames", "tokens", "geoips/open", "sub/get"):
            with named(path):
                query = "?username=sub" if path == "sub/get" else ""
                with_slash, without = self.get(f"/api/{path}/{query}"), self.get(f"/api/{path}{query}")
                self.assertEqual((without.status, without.body), (200, with_slash.body))

    def test_a_post_with_and_without_the_trailing_slash(self) -> None:
        """Answered directly: a redirect would lose the form."""
        for slash in ("", "/"):
            with named(slash):
                self.assertEqual(self.post(f"/api/ip/add{slash}", ip="9.9.9.9").seen, (200, {"ip": "9.9.9.9"}))
                self.assertEqual(self.post(f"/api/ip/delete{slash}", ip="9.9.9.9").status, 204)

    def test_a_lower_case_header_name(self) -> None:
        """django-davinci-crawling sends `authorization`."""
        answer = self.ask("GET", "/api/proxies/", ("authorization", basic("jo", "secret")), who=None)
        self.assertEqual(answer.seen, (200, BOTH))

    def test_a_json_content_type_on_a_get(self) -> None:
        """It is ignored, and so is a body of that type."""
        for body in (b"", b'{"username": "sub"}'):
            answer = self.ask("GET", "/api/proxies/", ("Content-Type", "application/json"), body=body)
            self.assertEqual(answer.seen, (200, BOTH))

    def test_plain_http_is_a_302_to_https(self) -> None:
        """Some scripts write `http://`: told by the first bytes, without a look at the credentials."""
        folder = Path(self.mktemp())
        folder.mkdir()
        pair = folder / "cert.pem", folder / "key.pem"
        ensure_certificate(*pair, hostname="mesh", now=NOON)
        transport = StringTransport()
        protocol = TLSFront(self.world.clock, self.world.site, ReloadableTLS(*pair)).buildProtocol(None)
        protocol.makeConnection(transport)
        protocol.dataReceived(request("GET", "/api/proxies", ("Authorization", basic("jo", "wrong")), host="mesh:8443"))
        answer = read_answer(transport.value())
        self.assertEqual((answer.status, answer.one("Location")), (302, "https://mesh:8443/api/proxies"))
        self.assertEqual(self.world.door.asked, [])


class AllowlistScriptTests(DocumentTestCase):
    """The "block" scripts, and django-davinci-crawling."""

    def test_exactly_200_on_add_and_exactly_204_on_delete(self) -> None:
        """`if response.status_code == 200` and `== 204`."""
        self.assertEqual(self.post("/api/ip/add/", ip="9.9.9.9").status, 200)
        self.assertEqual(self.post("/api/ip/delete/", ip="9.9.9.9").status, 204)

    def test_an_address_that_is_there_already_is_told_in_these_words(self) -> None:
        """`"IP address is already authorized" in response.text`, where the status is no success."""
        self.post("/api/ip/add/", ip="9.9.9.9")
        answer = self.ask(
            "POST",
            "/api/ip/add/",
            ("authorization", basic("jo", "secret")),
            ("content-type", "application/x-www-form-urlencoded"),
            who=None,
            body=b"ip=9.9.9.9",
        )
        self.assertGreaterEqual(answer.status, 400)
        self.assertIn("IP address is already authorized", answer.body.decode())


class ListScriptTests(DocumentTestCase):
    """Scripts that take a proxy out of the list."""

    def test_element_0_is_pasted_into_a_proxy_url(self) -> None:
        """`http://user:pass@{entry}` is a URL with the host and the port in their places."""
        entry = self.get("/api/proxies").json["proxies"][0]
        url = urlsplit(f"http://jo:secret@{entry}")
        self.assertEqual((url.hostname, url.port, url.path), ("us.mesh.example", 31280, ""))

    def test_geoips_is_a_map_at_the_top(self) -> None:
        """`for code, count in data.items()`."""
        counts = {code: count + 0 for code, count in self.get("/api/geoips/open/").json.items()}
        self.assertEqual(counts, {"US": 3, "DE": 1, "FR": 1})

    def test_the_three_gets_of_mcproxys_adapter(self) -> None:
        """`proxies` of `host:port`, a map of countries, and the two numbers of a sub-account."""
        self.world.use(self.world.sub, GB // 2)
        self.post("/api/sub/edit/", username="sub", monthly_limit="5")
        proxies = [entry.rsplit(":", 1) for entry in self.get("/api/proxies/").json["proxies"]]
        self.assertEqual([int(port) for _, port in proxies], [31280, 31280])
        self.assertEqual(max(self.get("/api/geoips/open/").json.items(), key=lambda item: item[1]), ("US", 3))
        sub = self.get(f"/api/sub/get/?{urlencode({'username': 'sub'})}").json
        self.assertEqual((sub["monthly_bandwidth"], sub["monthly_bandwidth_limit"]), (0.5, 5))

    def test_host_and_port_are_taken_by_delete_and_add_and_the_list_works_after(self) -> None:
        """What `proxies` told is what both take."""
        for entry in BOTH["proxies"]:
            self.assertEqual(self.post("/api/proxy/delete/", proxy=entry).status, 204)
            self.assertEqual(self.get("/api/proxies/").status, 200)
        self.assertEqual(self.get("/api/proxies/").seen, (200, {"proxies": []}))
        for entry in BOTH["proxies"]:
            self.assertEqual(self.post("/api/proxy/add/", proxy=entry).status, 200)
        self.assertEqual(self.get("/api/proxies/").seen, (200, BOTH))

    def test_rotating_proxys_delete_add_get(self) -> None:
        """It takes the first entry without "open" in it: the one that it has just added again is such a one."""
        for path, status in (("delete", 204), ("add", 200)):
            answer = self.raw(f"/api/proxy/{path}/", b"proxy=us.mesh.example%3A31280")
            self.assertEqual(answer.status, status)
        proxies = json.loads(self.get("/api/proxies/").body)["proxies"]
        self.assertEqual(next(entry for entry in proxies if "open" not in entry), "us.mesh.example:31280")

    def raw(self, path: str, body: bytes) -> Answer:
        return self.ask("POST", path, ("Content-Type", "application/x-www-form-urlencoded"), body=body)
