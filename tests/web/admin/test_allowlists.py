"""Tokens, addresses, hostnames and proxies of an account, as an operator's program changes them."""

from __future__ import annotations

from tests.web.admin.support import AdminTestCase


class TokenTests(AdminTestCase):
    def test_a_life(self) -> None:
        """Made, listed without its secret, put out of use so that its holder cannot put it back, deleted."""
        made = self.do("POST", "/accounts/jo/tokens", {"label": "ci", "expires_at": "2030-01-31", "proxies": ["us"]})
        self.assertEqual((made.status, made.json["proxies"]), (201, ["us"]))
        bearer = f"Bearer {made.json['token']}".encode()
        self.assertEqual(self.world.get("/api/ips/", who=bearer).status, 200)
        where = f"/accounts/jo/tokens/{made.json['id']}"
        self.assertEqual(made.one("Location"), f"/api/admin{where}")
        (listed,) = self.do("GET", "/accounts/jo/tokens").json["tokens"]
        self.assertEqual(listed, {key: value for key, value in made.json.items() if key != "token"})
        self.assertEqual(self.do("PATCH", where, {"active": False}).json["ended_by"], "operator")
        self.assertEqual(self.world.get("/api/ips/", who=bearer).status, 401)
        self.assertEqual(self.world.post("/api/token/activate/", {"id": made.json["id"]}).status, 403)
        self.assertTrue(self.do("PATCH", where, {"active": True}).json["active"])
        changed = self.do("PATCH", where, {"label": "night", "expires_at": "2031-01-01T05:30"}).json
        self.assertEqual((changed["label"], changed["expires_at"]), ("night", "2031-01-01T05:30"))
        self.refused(self.do("PATCH", where, {"active": False, "expires_at": "soon"}), 400, "invalid", "expires_at")
        self.assertTrue(self.do("PATCH", where, {"expires_at": None}).json["active"])
        self.assertEqual(self.do("DELETE", where).json["id"], made.json["id"])
        self.refused(self.do("DELETE", where), 404, "not-found")

    def test_of_whom(self) -> None:
        """A number of another account's token, or none, is no token here."""
        token = self.do("POST", "/accounts/eve/tokens", {}).json["id"]
        for id_ in (token, 0, -1, 10**30, "x", "1e3"):
            self.refused(self.do("DELETE", f"/accounts/jo/tokens/{id_}"), 404, "not-found")
        self.refused(self.do("PATCH", f"/accounts/eve/tokens/{token}", {"active": 1}), 400, "invalid", "active")


class AllowlistTests(AdminTestCase):
    def test_addresses(self) -> None:
        """In one spelling; what an operator takes away stays away."""
        made = self.do("POST", "/accounts/jo/ips", {"ip": "::ffff:9.9.9.9", "label": "office"})
        self.assertEqual((made.json["ip"], made.one("Location")), ("9.9.9.9", "/api/admin/accounts/jo/ips/9.9.9.9"))
        self.do("POST", "/accounts/jo/ips", {"ip": "2001:4860:4860::8888"})
        listed = self.do("GET", "/accounts/jo/ips").json["ips"]
        self.assertEqual([each["ip"] for each in listed], ["9.9.9.9", "2001:4860:4860::8888"])
        self.assertEqual(self.do("DELETE", "/accounts/jo/ips/2001:4860:4860::8888").status, 204)
        self.assertEqual(self.do("DELETE", "/accounts/jo/ips/9.9.9.9").status, 204)
        self.assertEqual(self.world.post("/api/ip/add/", {"ip": "9.9.9.9"}).status, 403)
        self.refused(self.do("POST", "/accounts/jo/ips", {"ip": "10.0.0.1"}), 400, "invalid", "ip")
        self.refused(self.do("POST", "/accounts/jo/ips", {}), 400, "invalid", "ip")

    def test_hostnames(self) -> None:
        """By the same rules."""
        self.assertEqual(self.do("POST", "/accounts/jo/hostnames", {"hostname": "Office.Example.com."}).status, 201)
        (listed,) = self.do("GET", "/accounts/jo/hostnames").json["hostnames"]
        self.assertEqual(listed["hostname"], "office.example.com")
        self.assertEqual(self.do("DELETE", "/accounts/jo/hostnames/office.example.com").status, 204)
        self.assertEqual(self.do("GET", "/accounts/jo/hostnames").json["hostnames"], [])

    def test_proxies(self) -> None:
        """Taken, told as withheld, given back."""
        self.assertEqual(self.do("DELETE", "/accounts/jo/proxies/us").status, 204)
        told = self.do("GET", "/accounts/jo/proxies").json
        self.assertEqual(([each["name"] for each in told["proxies"]], told["withheld"]), (["open"], ["us"]))
        self.assertEqual(self.world.post("/api/proxy/add/", {"proxy": "us"}).status, 403)
        given = self.do("PUT", "/accounts/jo/proxies/us")
        self.assertEqual(given.json, {"name": "us", "domain": "us.mesh.example:31280"})
        self.refused(self.do("PUT", "/accounts/jo/proxies/nowhere"), 400, "invalid", "proxy")
        self.refused(self.do("PUT", "/accounts/jo/proxies/world"), 409, "plan-limit")
