"""The seven resources and their seven routes, each from its making to its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshd.values.hosting import Hosting
from meshd.values.published import Kind
from meshd.web.app import build_hosts_site
from meshd.web.postern import publishing
from meshd.web.postern.resources import KINDS
from tests.tls.authority import issued, pem_of
from tests.web.postern.support import BODIES, CHANGES, HOST, PosternTestCase
from tests.web.support import named


class LifeTests(PosternTestCase):
    def test_the_life_of_each(self) -> None:
        """Made with 201 and its place, listed, told, changed, switched twice, deleted with 204, and gone."""
        for kind in KINDS:
            with named(kind):
                made = self.do("POST", f"/{kind}", BODIES[kind])
                self.assertEqual(made.status, 201, made)
                one = made.one("Location").removeprefix("/api")
                self.assertEqual(one, f"/{kind}/{made.json['id']}")
                given = {name: value for name, value in BODIES[kind].items() if name != "clients"}
                self.assertEqual(made.json | given, made.json)
                self.assertEqual(self.do("GET", f"/{kind}").json, [made.json])
                self.assertEqual(self.do("GET", one).seen, (200, made.json))
                changed = self.do("PUT", one, CHANGES[kind])
                self.assertEqual((changed.status, changed.json | CHANGES[kind]), (200, changed.json))
                for verb, enabled in (("disable", False), ("disable", False), ("enable", True)):
                    switched = self.do("POST", f"{one}/{verb}")
                    self.assertEqual((switched.status, switched.json["enabled"]), (200, enabled))
                    self.assertEqual(self.do("GET", one).json["enabled"], enabled)
                self.assertEqual(self.do("DELETE", one).seen, (204, None))
                for method, path in (("GET", one), ("PUT", one), ("DELETE", one), ("POST", f"{one}/enable")):
                    self.refused(self.do(method, path, {} if method == "PUT" else None), 404, "Not Found")
                self.assertEqual(self.do("GET", f"/{kind}").json, [])

    def test_why_a_port_is_not_served_is_told(self) -> None:
        """By the resource that is kept from it, alone and in a list; hosts, which have no port, have no such member."""
        held, well = (
            self.do("POST", "/stream-hosts", {**BODIES["stream-hosts"], "incoming_port": port}).json
            for port in (5001, 5002)
        )
        self.world.unserved = {held["id"]: "the port cannot be opened"}
        found = {each["id"]: each["problem"] for each in self.do("GET", "/stream-hosts").json}
        self.assertEqual({held["id"]: "the port cannot be opened", well["id"]: ""}, found)
        self.assertEqual("the port cannot be opened", self.do("GET", f"/stream-hosts/{held['id']}").json["problem"])
        self.assertNotIn("problem", self.do("POST", "/proxy-hosts", HOST).json)

    def test_a_change_holds_when_its_answer_comes(self) -> None:
        """What is published is served anew before the answer to each change, and for none that was refused."""
        made = self.do("POST", "/proxy-hosts", HOST).json["id"]
        for method, path, body in (
            ("PUT", f"/proxy-hosts/{made}", {"forward_port": 3001}),
            ("POST", f"/proxy-hosts/{made}/disable", None),
            ("DELETE", f"/proxy-hosts/{made}", None),
        ):
            before = self.world.applied
            self.assertLess(self.do(method, path, body).status, 300)
            self.assertEqual(self.world.applied, before + 1, (method, path))
        before = self.world.applied
        self.refused(self.do("POST", "/proxy-hosts", {}), 400)
        self.do("GET", "/proxy-hosts")
        self.assertEqual(self.world.applied, before)

    def test_what_was_read_may_be_sent_back(self) -> None:
        """All of it, a certificate without its key too; nothing is changed by it."""
        shop = issued("shop.example.com", now=int(self.world.now), hosts=["shop.example.com"])
        uploaded = {"certificate": shop.pem, "certificate_key": shop.key_pem}
        for kind, body in (*BODIES.items(), ("certificates", uploaded)):
            with named(kind):
                made = self.do("POST", f"/{kind}", body).json
                back = self.do("PUT", f"/{kind}/{made['id']}", made)
                self.assertEqual(back.seen, (200, made))
        other = {**made, "certificate": issued("b.test", now=int(self.world.now), hosts=["b.test"]).pem}
        self.refused(self.do("PUT", f"/certificates/{made['id']}", other), 400, "certificate_key")

    def test_a_long_list_goes_on_elsewhere(self) -> None:
        """By `Link`, to the last of them."""
        for number in range(5):
            self.do("POST", "/dead-hosts", {"domain_names": [f"d{number}.example.com"]})
        found: list[int] = []
        path = "/dead-hosts?limit=2"
        while path:
            answer = self.do("GET", path)
            found += [each["id"] for each in answer.json]
            links = answer.all("Link")
            path = links[0].partition(">")[0].removeprefix("</api") if links else ""
        self.assertEqual(found, sorted(set(found)))
        self.assertEqual(len(found), 5)
        self.assertEqual([each["id"] for each in self.do("GET", "/dead-hosts").json], found)

    def test_a_large_list_goes_on_elsewhere_too(self) -> None:
        """By its size: an answer is made in memory."""
        self.patch(publishing, "LARGEST", 1)
        self.patch(publishing, "BATCH", 2)
        for number in range(3):
            self.do("POST", "/dead-hosts", {"domain_names": [f"d{number}.example.com"]})
        first = self.do("GET", "/dead-hosts")
        self.assertEqual(len(first.json), 2)
        self.assertEqual(len(self.do("GET", first.one("Link").partition(">")[0].removeprefix("</api")).json), 1)

    def test_ids_that_are_none(self) -> None:
        """A number of another kind's, too large a one, and what is no number are one answer."""
        made = self.do("POST", "/dead-hosts", BODIES["dead-hosts"]).json["id"]
        for which in (made, 0, 999, "9" * 18, "9" * 30, "x", "-1", "%20"):
            with named(which):
                self.refused(self.do("GET", f"/proxy-hosts/{which}"), 404, "Not Found")


class RefusalTests(PosternTestCase):
    def test_what_is_wrong_is_told_by_its_field(self) -> None:
        """400, with the name and what to do."""
        rows: list[tuple[Kind, Any, str]] = [
            ("proxy-hosts", {**HOST, "forward_port": 0}, "forward_port"),
            ("proxy-hosts", {**HOST, "forward_port": "3000"}, "forward_port"),
            ("proxy-hosts", {**HOST, "forward_hots": "x"}, "forward_hots"),
            ("proxy-hosts", {**HOST, "advanced_config": "deny all;"}, "advanced_config"),
            ("proxy-hosts", {"domain_names": ["a.example.com"]}, "forward_host"),
            ("proxy-hosts", {**HOST, "domain_names": ["-bad-.example"]}, "domain_names"),
            ("stream-hosts", {**BODIES["stream-hosts"], "protocol": "sctp"}, "protocol"),
            ("redirection-hosts", {**BODIES["redirection-hosts"], "http_code": 200}, "http_code"),
            ("access-lists", {"name": ""}, "name"),
            ("access-lists", {"name": "x", "items": [{"username": "jo"}]}, "items"),
            ("certificates", {"certificate": "no PEM", "certificate_key": "neither"}, "certificate"),
            ("certificates", {"provider": "custom"}, "certificate"),
        ]
        for kind, body, field in rows:
            with named((kind, body)):
                self.refused(self.do("POST", f"/{kind}", body), 400, field)

    def test_a_key_that_is_refused_is_told_by_its_field(self) -> None:
        """Whether it is none, another's, or of a kind that nobody takes; a certificate by its own."""
        now = int(self.world.now)
        shop, other = (issued(name, now=now, hosts=[name]) for name in ("shop.example.com", "other.example.com"))
        odd = pem_of(Ed25519PrivateKey.generate())
        for chain, key, field in (
            (shop.pem, "neither", "certificate_key: "),
            (shop.pem, "", "certificate_key: "),
            (shop.pem, other.key_pem, "certificate_key: "),
            (shop.pem, odd, "certificate_key: "),
            ("no PEM", shop.key_pem, "certificate: "),
        ):
            with named((chain[:30], key[:30])):
                body = {"certificate": chain, "certificate_key": key}
                answer = self.do("POST", "/certificates", body)
                self.refused(answer, 400)
                self.assertTrue(answer.json["error"]["message"].startswith(field), answer.json)

    def test_bodies_that_are_no_objects(self) -> None:
        for body in (b"[]", b"{", b'{"a": 1, "a": 2}', b"\xff", b"null"):
            with named(body):
                self.refused(self.do("POST", "/proxy-hosts", body), 400)
        self.refused(self.do("POST", "/proxy-hosts", b"a=1", ("Content-Type", "text/plain")), 400, "application/json")

    def test_what_another_has_is_409(self) -> None:
        """A name, a port, a list in use."""
        self.assertEqual(self.do("POST", "/proxy-hosts", HOST).status, 201)
        self.refused(self.do("POST", "/dead-hosts", {"domain_names": ["app.example.com"]}), 409, "app.example.com")
        self.assertEqual(self.do("POST", "/stream-hosts", BODIES["stream-hosts"]).status, 201)
        self.refused(self.do("POST", "/port-forwards", {**BODIES["port-forwards"], "incoming_port": 5432}), 409)
        office = self.do("POST", "/access-lists", BODIES["access-lists"]).json["id"]
        guarded = {**HOST, "domain_names": ["guarded.example.com"], "access_list_id": office}
        made = self.do("POST", "/proxy-hosts", guarded).json["id"]
        self.refused(self.do("DELETE", f"/access-lists/{office}"), 409, "proxy host")
        self.do("DELETE", f"/proxy-hosts/{made}")
        self.assertEqual(self.do("DELETE", f"/access-lists/{office}").status, 204)

    def test_ports_of_the_daemons_own(self) -> None:
        """Those of its settings are no stream's; 443 is one's that asks for a name."""
        for port in (80, 81):
            self.refused(
                self.do("POST", "/stream-hosts", {**BODIES["stream-hosts"], "incoming_port": port}),
                400,
                "incoming_port",
            )
        shared = {**BODIES["stream-hosts"], "incoming_port": 443}
        self.refused(self.do("POST", "/stream-hosts", shared), 400, "incoming_port")
        self.assertEqual(self.do("POST", "/stream-hosts", {**shared, "sni_match": "db.example.com"}).status, 201)

    def test_reserved_ports_where_hosts_are_elsewhere(self) -> None:
        """80 and 81 are, and 443 but for names; so is whatever else this process listens at, 443 too."""
        elsewhere = Hosting(listen=("tcp:8081",), http=("tcp:8080",), https=("tcp:8444",))
        cases = (
            (80, "", False, False),
            (81, "a.example.com", False, False),
            (443, "", False, False),
            (443, "a.example.com", True, False),
            (8080, "", False, False),
            (8081, "", False, False),
            (8444, "b.example.com", True, True),
            (8443, "", True, False),
            (8442, "", True, True),
        )
        self.world.set_topology(hosts=elsewhere)
        own: frozenset[int] = frozenset()
        self.world.services = replace(self.world.services, own_ports=lambda: own)
        self.world.site = build_hosts_site(self.world.clock, self.world.services, self.world.requests)  # type: ignore[arg-type]
        for listens in (frozenset({8444}), frozenset({443, 8443, 8444})):
            own = listens
            for port, sni, free, beside in cases:
                with named((port, sni, sorted(listens))):
                    given = {**BODIES["stream-hosts"], "incoming_port": port, "sni_match": sni}
                    answer = self.do("POST", "/stream-hosts", given)
                    if free if 443 not in listens else beside:
                        self.assertEqual(answer.status, 201, answer)
                        self.do("DELETE", f"/stream-hosts/{answer.json['id']}")
                    else:
                        self.refused(answer, 400, "incoming_port")

    def test_other_methods_and_paths(self) -> None:
        """405 with those that there are, 404 for what is nowhere."""
        answer = self.world.ask("PATCH", "/api/proxy-hosts", who=None)
        self.assertEqual((answer.status, answer.one("Allow")), (405, "GET, POST"))
        answer = self.world.ask("PATCH", "/api/proxy-hosts/1/", who=None)
        self.assertEqual((answer.status, answer.one("Allow")), (405, "DELETE, GET, PUT"))
        for path in ("/api/nothing", "/api/proxy-hosts/1/2/3", "/", "/v1/auth/user", "/sign-in/"):
            answer = self.world.ask("GET", path, who=None)
            self.assertEqual(answer.seen, (404, {"error": {"code": 404, "message": "Not Found"}}), path)


class SecretTests(PosternTestCase):
    def test_no_password_of_a_list_is_told(self) -> None:
        """Nor kept as it was; one that is not sent again stays."""
        items = [{"username": "jo", "password": "hunter2hunter2"}]
        made = self.do("POST", "/access-lists", {"name": "staff", "items": items})
        self.assertEqual(made.json["items"], [{"username": "jo"}])
        one = f"/access-lists/{made.json['id']}"
        self.assertEqual(self.do("PUT", one, {"name": "all", "items": [{"username": "jo"}]}).status, 200)
        self.refused(self.do("PUT", one, {"items": [{"username": "new"}]}), 400, "items")
        told = [self.do("GET", one).body, self.do("GET", "/access-lists").body, self.do("GET", "/audit-log").body]
        self.assertFalse(any(b"hunter2" in body for body in told))
