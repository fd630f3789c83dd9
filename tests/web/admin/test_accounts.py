"""Accounts as an operator's program makes, reads, changes and deletes them."""

from __future__ import annotations

from typing import Any

from pyotp import TOTP

from meshd.accounts import secondfactor
from tests.web.admin.support import CONTRACT, AdminTestCase
from tests.web.support import NOON, basic, named

NEW = {"username": "ann", "plan": "20", "email": "ann@example.com", "monthly_limit": 5 * 10**9}

WRONG: dict[str, tuple[Any, int, str, tuple[str, ...]]] = {
    "no name": ({}, 400, "invalid", ("username",)),
    "a name of other letters": ({"username": "a b"}, 400, "invalid", ("username",)),
    "a name that is another's, in other case": ({"username": "JO"}, 409, "taken", ("username",)),
    "a plan that there is not": ({"username": "ann", "plan": "7"}, 400, "invalid", ("plan",)),
    "a number as a text": ({"username": "ann", "monthly_limit": "5"}, 400, "invalid", ("monthly_limit",)),
    "a truth as a number": ({"username": "ann", "monthly_limit": True}, 400, "invalid", ("monthly_limit",)),
    "a limit below none": ({"username": "ann", "total_limit": -1}, 400, "invalid", ("total_limit",)),
    "a member that is not known": ({"username": "ann", "montly_limit": 1}, 400, "invalid", ("montly_limit",)),
    "several at once": (
        {"username": "ann", "email": "x" * 300, "billing_day": 32},
        400,
        "invalid",
        ("email", "billing_day"),
    ),
    "two ways to a password": (
        {"username": "ann", "password": "x", "generate_password": True},
        400,
        "invalid",
        ("generate_password",),
    ),
    "an empty password": ({"username": "ann", "password": ""}, 400, "invalid", ("password",)),
    "a role that an admin cannot give": ({"username": "ann", "role": "admin"}, 403, "role", ()),
    "a parent that there is not": ({"username": "ann", "parent": "nobody"}, 404, "not-found", ()),
    "a plan for a sub-account's parent without room": ({"username": "ann", "parent": "tom"}, 409, "plan-limit", ()),
    "a list": ([1], 400, "invalid", ()),
    "no JSON": (b"{", 400, "malformed", ()),
    "a member twice": (b'{"username": "ann", "username": "bob"}', 400, "invalid", ("username",)),
    "a text that no database stores": ({"username": "ann", "first_name": "\ud800"}, 400, "invalid", ("first_name",)),
}


class CreationTests(AdminTestCase):
    def test_a_customer(self) -> None:
        """With what was asked for, and the first proxies of the plan."""
        answer = self.do("POST", "/accounts", NEW)
        self.assertEqual(answer.status, 201)
        self.assertEqual(answer.one("Location"), "/api/admin/accounts/ann")
        self.assertLessEqual(NEW.items(), answer.json.items())
        self.assertNotIn("password", answer.json)
        read = self.do("GET", "/accounts/ann")
        self.assertEqual(read.json, answer.json)
        proxies = self.do("GET", "/accounts/ann/proxies").json["proxies"]
        self.assertEqual([each["name"] for each in proxies], ["us", "open"])

    def test_a_sub_account(self) -> None:
        """Of the parent that is named; what the operator limits, its parent cannot raise."""
        answer = self.do("POST", "/accounts", {"username": "kid", "parent": "jo", "total_limit": 7})
        self.assertEqual((answer.status, answer.json["parent"], answer.json["plan"]), (201, "jo", "20"))
        self.assertEqual(answer.json["total_ceiling"], 7)

    def test_a_generated_password_is_shown_once_and_works(self) -> None:
        """And nowhere else."""
        made = self.do("POST", "/accounts", {"username": "ann", "generate_password": True}).json
        self.assertEqual(self.world.ask("GET", "/api/ips/", who=basic("ann", made["password"])).status, 200)
        self.assertNotIn("password", self.do("GET", "/accounts/ann").json)

    def test_what_is_refused(self) -> None:
        """By kind, with every member at fault; and nothing is made."""
        for sentence, (body, status, kind, names) in WRONG.items():
            with named(sentence):
                self.refused(self.do("POST", "/accounts", body), status, kind, *names)
        self.assertEqual(self.do("GET", "/accounts/ann").status, 404)

    def test_a_body_of_another_kind(self) -> None:
        """A form is no JSON, whatever it holds."""
        for kind in ("application/x-www-form-urlencoded", "text/plain", "application/xml"):
            answer = self.do("POST", "/accounts", b"username=ann", ("Content-Type", kind))
            self.refused(answer, 415, "media-type")


class ChangeTests(AdminTestCase):
    def test_only_what_is_named_changes(self) -> None:
        """`null` empties a text."""
        before = self.do("PATCH", "/accounts/jo", {"first_name": "Jo", "email": "jo@example.com"}).json
        after = self.do("PATCH", "/accounts/jo", {"email": None, "total_limit": 9}).json
        self.assertEqual(after, {**before, "email": "", "total_limit": 9})

    def test_all_or_nothing(self) -> None:
        """A wrong plan leaves the name as it was, and the account active."""
        before = self.do("GET", "/accounts/jo").json
        for body in ({"active": False, "plan": "7"}, {"first_name": "Jo", "billing_day": 0}):
            self.assertEqual(self.do("PATCH", "/accounts/jo", body).status, 400)
        self.assertEqual(self.do("GET", "/accounts/jo").json, before)

    def test_out_of_use_and_back(self) -> None:
        """And the account's requests with it."""
        self.assertFalse(self.do("PATCH", "/accounts/jo", {"active": False}).json["active"])
        self.assertEqual(self.world.get("/api/ips/").status, 402)
        self.assertTrue(self.do("PATCH", "/accounts/jo", {"active": True}).json["active"])
        self.assertEqual(self.world.get("/api/ips/").status, 200)

    def test_a_change_of_what_another_has_changed_is_refused(self) -> None:
        """If-Match holds the ETag that was read; usage does not change it."""
        tag = self.do("GET", "/accounts/jo").one("ETag")
        self.world.use(self.world.jo, 1000)
        changed = self.do("PATCH", "/accounts/jo", {"first_name": "A"}, ("If-Match", tag))
        self.assertEqual(changed.status, 200)
        for method, body in (("PATCH", {"first_name": "B"}), ("DELETE", None)):
            self.refused(self.do(method, "/accounts/jo", body, ("If-Match", tag)), 412, "changed")
        newer = changed.one("ETag")
        self.assertEqual(self.do("GET", "/accounts/jo").one("ETag"), newer)
        for right in (f'"other", {newer}', "*", newer):
            self.assertEqual(self.do("PATCH", "/accounts/jo", {}, ("If-Match", right)).status, 200, right)
        weak = self.do("PATCH", "/accounts/jo", {}, ("If-Match", f"W/{newer}"))
        self.refused(weak, 412, "changed")
        self.refused(self.do("PATCH", "/accounts/jo", {}, ("If-Match", "abc")), 400, "invalid", "If-Match")

    def test_bounds_and_rules(self) -> None:
        """A bound that is not named stays; null gives it back to the plan; rules are replaced as a whole."""
        bounds = {"kbit_down": 10000, "tunnels": 50}
        rules = {"only": ["example.com"], "words": "example.com alone"}
        made = self.do("POST", "/accounts", {"username": "ann", "bounds": bounds, "rules": rules}).json
        self.assertEqual((made["bounds"], made["rules"]), (bounds, rules))
        changed = self.do("PATCH", "/accounts/ann", {"bounds": {"tunnels": None, "on_limit": "slow"}}).json
        self.assertEqual((changed["bounds"], changed["rules"]), ({"kbit_down": 10000, "on_limit": "slow"}, rules))
        last = self.do("GET", "/audit?account=ann&action=account.bounds&limit=1").json["entries"][0]
        was = "tunnels=50 kbit_down=10000"
        self.assertEqual(last["changed"], {"bounds": [was, "kbit_down=10000 on_limit=slow"]})
        emptied = self.do("PATCH", "/accounts/ann", {"bounds": None, "rules": None}).json
        self.assertEqual((emptied["bounds"], emptied["rules"]), ({}, None))
        for body, name in (
            ({"bounds": {"tunnels": "5"}}, "tunnels"),
            ({"bounds": {"speed": 5}}, "speed"),
            ({"bounds": 5}, "bounds"),
            ({"rules": {"only": ["a b"]}}, "only"),
            ({"rules": {"only": ["a.example"], "except": ["b.example"]}}, "only"),
        ):
            with named(body):
                self.refused(self.do("PATCH", "/accounts/ann", body), 400, "invalid", name)
        token = self.do("POST", "/accounts/ann/tokens", {}).json["id"]
        told = self.do("PATCH", f"/accounts/ann/tokens/{token}", {"rules": {"except": ["*:25"]}}).json
        self.assertEqual(told["rules"], {"except": ["*:25"]})

    def test_passwords(self) -> None:
        """Set, generated, taken away."""
        self.assertEqual(self.do("PUT", "/accounts/jo/password", {"password": " new "}).status, 204)
        self.assertEqual(self.world.get("/api/ips/", who=basic("jo", " new ")).status, 200)
        self.assertEqual(self.world.get("/api/ips/").status, 401)
        made = self.do("PUT", "/accounts/jo/password", {"generate_password": True}).json["password"]
        self.assertEqual(self.world.get("/api/ips/", who=basic("jo", made)).status, 200)
        self.assertEqual(self.do("PUT", "/accounts/jo/password", {"password": None}).status, 204)
        self.assertFalse(self.do("GET", "/accounts/jo").json["has_password"])
        self.refused(self.do("PUT", "/accounts/jo/password", {}), 400, "invalid", "password")

    def test_deleted(self) -> None:
        """For good; the root never."""
        self.assertEqual(self.do("DELETE", "/accounts/jo").status, 204)
        self.refused(self.do("GET", "/accounts/jo"), 404, "not-found")
        self.refused(self.do("GET", "/accounts/sub"), 404, "not-found")
        self.assertEqual(self.do("DELETE", "/accounts/admin", who="admin").status, 403)


class RightsTests(AdminTestCase):
    ROUTES = (
        ("GET", "/accounts/jo", None),
        ("POST", "/accounts", {"username": "ann"}),
        ("PATCH", "/accounts/jo", {"first_name": "x"}),
        ("PUT", "/accounts/jo/password", {"password": "x"}),
        ("DELETE", "/accounts/jo", None),
        ("POST", "/accounts/jo/tokens", {}),
        ("POST", "/accounts/jo/ips", {"ip": "9.9.9.9"}),
    )

    def test_by_role(self) -> None:
        """Nobody, a customer, a sub-account, a token of an operator; a viewer reads and changes nothing."""
        token = f"Bearer {self.world.new_token('op')['token']}".encode()
        for method, path, body in self.ROUTES:
            with named((method, path)):
                self.refused(self.do(method, path, body, who=None), 401, "unauthenticated")
                self.refused(self.do(method, path, body, who="jo"), 403, "role")
                self.refused(self.do(method, path, body, who="sub"), 403, "role")
                self.refused(self.do(method, path, body, who=token), 403, "password")
                if method != "GET":
                    self.refused(self.do(method, path, body, who="vi"), 403, "role")
        self.assertEqual(self.do("GET", "/accounts/jo", who="vi").status, 200)

    def test_a_second_factor(self) -> None:
        """Its account signs in on pages alone; an operator sees it, and takes it away from who has lost it."""
        for name, account in (("jo", self.world.jo), ("op", self.world.op)):
            secret = secondfactor.new_secret()
            code = TOTP(secret).at(NOON)
            codes = secondfactor.new_recovery_codes()
            self.world.store.file.run(secondfactor.switch_on, account.id, secret, code, codes, now=NOON)
            self.assertTrue(self.do("GET", f"/accounts/{name}", who="admin").json["second_factor"])
        self.refused(self.do("GET", "/accounts/jo"), 403, "forbidden")
        self.assertEqual(self.do("DELETE", "/accounts/jo/second-factor", who="admin").status, 204)
        self.assertFalse(self.do("GET", "/accounts/jo", who="admin").json["second_factor"])
        self.refused(self.do("DELETE", "/accounts/jo/second-factor", who="admin"), 404, "not-found")

    def test_an_admin_reaches_customers_alone(self) -> None:
        """Not another operator, nor the root; each sees its own account."""
        for name in ("admin", "vi"):
            self.assertEqual(self.do("GET", f"/accounts/{name}").status, 403)
            self.assertEqual(self.do("PATCH", f"/accounts/{name}", {"first_name": "x"}).status, 403)
        self.assertEqual(self.do("GET", "/accounts/op").json["role"], "admin")
        self.assertEqual(self.do("GET", "/accounts/vi", who="admin").status, 200)

    def test_the_documents_paths_are_those_that_are_mounted(self) -> None:
        """A route that is not in the document fails here, and so does the reverse; so do its members."""
        methods = {"get", "post", "put", "patch", "delete"}
        told = {(m.upper(), path) for path, item in CONTRACT.document["paths"].items() for m in methods & item.keys()}
        self.assertEqual(told, {each for each in self.world.site.api.mounted if each[1].startswith("/api/admin")})
        for (method, path), fields in self.world.site.api.fields.items():  # type: ignore[attr-defined]
            if path.startswith("/api/admin"):
                with named((method, path)):
                    self.assertEqual(told_fields(CONTRACT, method, path), set(fields))


def told_fields(contract: Any, method: str, path: str) -> set[str]:
    """The members of the body, or the parameters of the query and, of a GET, of the path."""
    item = contract.document["paths"][path]
    operation = item[method.lower()]
    if "requestBody" in operation:
        schema = contract.resolved(operation["requestBody"]["content"]["application/json"]["schema"])
        return set(schema["properties"])
    if method != "GET":
        return set()
    found = [contract.resolved(each) for each in (*item.get("parameters", ()), *operation.get("parameters", ()))]
    return {each["name"] for each in found if each["in"] in ("query", "path")}
