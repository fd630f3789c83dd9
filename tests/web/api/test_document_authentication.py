"""The sentences of the documents about signing in to the API, each a test, on every path that there is."""

from __future__ import annotations

from typing import Any

from meshd.accounts import subaccounts
from meshd.store.interface import StoreUnavailable
from tests.web.api.document import DocumentTestCase
from tests.web.api.sentences import says
from tests.web.api.test_openapi import OPEN
from tests.web.support import NOON, Answer, Line, basic, named, of_the_api, read_answer, request, result

EVERY = (
    ("GET", "/api/proxies/"),
    ("GET", "/api/geoips/{proxy}/"),
    ("GET", "/api/ips/"),
    ("GET", "/api/ip_labels/"),
    ("GET", "/api/hostnames/"),
    ("GET", "/api/sub/get/"),
    ("GET", "/api/pac/"),
    ("GET", "/api/tokens/"),
    ("GET", "/api/token/made/"),
    ("GET", "/api/usage/"),
    ("GET", "/api/activity/"),
    ("POST", "/api/self/password/"),
    ("POST", "/api/self/email/"),
    ("POST", "/api/sub/create/"),
    ("POST", "/api/sub/edit/"),
    ("POST", "/api/sub/activate/"),
    ("POST", "/api/sub/deactivate/"),
    ("POST", "/api/sub/delete/"),
    ("POST", "/api/ip/add/"),
    ("POST", "/api/ip/delete/"),
    ("POST", "/api/hostname/add/"),
    ("POST", "/api/hostname/delete/"),
    ("POST", "/api/proxy/add/"),
    ("POST", "/api/proxy/delete/"),
    ("POST", "/api/pac/create/"),
    ("POST", "/api/pac/delete/"),
    ("POST", "/api/token/create/"),
    ("POST", "/api/token/activate/"),
    ("POST", "/api/token/deactivate/"),
    ("POST", "/api/token/delete/"),
)
FORM = {"id": "1", "username": "sub", "ip": "9.9.9.9", "domain": "home.example.org", "proxy": "us"}
"""What any of them needs; what one does not read does no harm."""
GEOIPS = "/api/geoips/{proxy}/"
CHALLENGES = ['Basic realm="meshd", charset="UTF-8"', 'Bearer realm="meshd"']


class AuthenticationTests(DocumentTestCase):
    def one(self, method: str, path: str, **options: Any) -> Answer:
        """A whole request for a path of EVERY."""
        if method == "POST":
            return self.post(path, **FORM, **options)
        return self.get(f"{path.format(proxy='open')}?username=sub&id=1", **options)

    def every(self, **options: Any) -> list[Answer]:
        return [self.one(*each, **options) for each in EVERY]

    @says("Authentication", "Every request must be authenticated using one of the following methods:")
    @says("ProxyMesh API", "Every request must be authenticated using your main parent account credentials.")
    def test_every_request_must_be_authenticated(self) -> None:
        """Nobody gets 401 and both challenges, on every path."""
        closed = {(method, path) for method, path in of_the_api(self.world.site.api.mounted) if path not in OPEN}
        self.assertEqual(closed, set(EVERY))
        for answer in self.every(who=None):
            self.assertEqual((answer.status, answer.all("WWW-Authenticate")), (401, CHALLENGES))

    @says(
        "ProxyMesh API",
        "To authenticate to the ProxyMesh API, use HTTP Basic Authorization with your username and password, or send "
        "Authorization: Bearer pm_… with a bearer token.",
    )
    @says(
        "Authentication",
        "HTTP Basic Authorization — send Authorization: Basic … with your parent account username:password .",
        "Bearer token — send Authorization: Bearer pm_… with a token you created in the dashboard or API.",
    )
    @says(
        "API Requests with Bearer Tokens",
        "For all other API endpoints (sub-accounts, IPs, proxies, geo IPs, and so on), send: Authorization: Bearer "
        "pm_…",
    )
    def test_both_ways_open_every_path_but_those_of_tokens(self) -> None:
        """With a token a path answers what it answers with the password, byte by byte; a token's paths, 401."""
        token = self.bearer(self.token())
        for method, path in EVERY:
            with named(path):
                by_token = self.one(method, path, who=token)
                if "/token" in path or "/self" in path:
                    self.assertEqual(by_token.status, 401)
                    continue
                self.assertNotEqual(by_token.status, 401)
                if method == "GET":
                    by_password = self.one(method, path)
                    self.assertEqual((by_token.status, by_token.body), (200, by_password.body))

    @says("ProxyMesh API", "It cannot be used to create or execute proxied data-query scripts.")
    def test_it_is_no_proxy(self) -> None:
        """What a proxy's clients would send gets an error of the API's own, from whoever it comes."""
        who = basic("jo", "secret")
        for method, target in (
            ("CONNECT", "origin.example:443"),
            ("GET", "http://origin.example/"),
            ("POST", "http://origin.example/api/proxies/"),
            ("GET", "/http://origin.example/"),
        ):
            with named((method, target)):
                line = Line(self.world.site)
                fields = ("Authorization", who), ("Proxy-Authorization", who)
                line.say(request(method, target, *fields, host="origin.example"))
                answer = read_answer(line.heard())
                if answer.status == 303:  # to the pages of the API's own host
                    self.assertEqual(answer.all("Location"), ["/sign-in/"])
                else:
                    self.assertIn(answer.status, (400, 404, 405, 421))
                    self.assertTrue(answer.body)

    @says("Authentication", "If authentication fails, you receive 401 .")
    def test_if_authentication_fails_you_receive_401(self) -> None:
        """A wrong password, an unknown name, what is no credential."""
        wrong = (
            basic("jo", "wrong"),
            basic("nobody", "secret"),
            b"Basic ???",
            b"Bearer pm_x",
            b"Digest x",
            b"Basic",
            b"x",
        )
        for who in wrong:
            with named(who):
                self.assertEqual(self.get("/api/proxies/", who=who).status, 401)

    @says("API Requests with Bearer Tokens", "Invalid, inactive, or expired tokens return 401 .")
    def test_invalid_inactive_or_expired_tokens_return_401(self) -> None:
        """Each of them, and a valid one 200."""
        active, inactive, expired = self.token(), self.token(), self.token(expires_at="2026-01-15")
        self.post("/api/token/deactivate/", id=inactive["id"])
        self.world.now = NOON + 86_400
        seen = [self.get("/api/proxies/", who=self.bearer(token)).status for token in (active, inactive, expired)]
        self.assertEqual(seen, [200, 401, 401])

    def test_an_unknown_name_and_a_wrong_password_are_the_same_bytes(self) -> None:
        """threats.md, row 11: one text for wrong, unknown, expired and deactivated, headers included."""
        token = self.token()
        self.post("/api/token/deactivate/", id=token["id"])
        secret = token["token"]
        unknown = secret[:-1] + ("A" if secret[-1] != "A" else "B")
        answers = set()
        for who in (
            basic("jo", "wrong"),
            basic("nobody", "secret"),
            self.bearer(token),
            f"Bearer {unknown}".encode(),
            b"Basic ?",
        ):
            answer = self.get("/api/proxies/", who=who)
            answers.add((answer.status, answer.body, tuple(pair for pair in answer.fields if pair[0] != "Date")))
        self.assertEqual(len(answers), 1)

    def test_the_same_for_a_sub_account_of_another(self) -> None:
        """An existing name with a wrong password says no more than a free one."""
        one, other = (self.get("/api/proxies/", who=basic(name, "wrong")) for name in ("eves", "free-name"))
        self.assertEqual((one.status, one.body), (other.status, other.body))

    @says(
        "Authentication",
        "Four authentication failures in a short period result in a 3-hour ban.",
        "To resolve a ban, correct your Authorization header and wait until the ban expires.",
    )
    def test_four_authentication_failures_in_a_short_period_result_in_a_3_hour_ban(self) -> None:
        """429 with Retry-After, for the right password too, until three hours are over."""
        seen = [self.get("/api/proxies/", who=basic("jo", f"wrong{number}")).status for number in range(4)]
        self.assertEqual(seen[:3], [401, 401, 401])
        self.assertIn(seen[3], (401, 429))
        right, wrong = self.get("/api/proxies/"), self.get("/api/proxies/", who=basic("jo", "wrong"))
        self.assertEqual(right.status, 429)
        self.assertTrue(0 < int(right.one("Retry-After")) <= 3 * 3600)
        self.world.later(3 * 3600 + 1)
        self.assertEqual(self.get("/api/proxies/").status, 200)
        self.assertEqual((wrong.status, wrong.body), (right.status, right.body))

    def test_the_api_counts_the_same_wrong_credential_each_time(self) -> None:
        """contract.md, 2.3: only the proxy forgives a client that repeats itself."""
        for _ in range(4):
            self.get("/api/proxies/", who=basic("jo", "wrong"))
        self.assertEqual(self.get("/api/proxies/").status, 429)

    def test_another_name_from_that_address_goes_on_working(self) -> None:
        """threats.md, row 10: a ban is of one name from one address."""
        for _ in range(4):
            self.get("/api/proxies/", who=basic("jo", "wrong"))
        self.assertEqual(self.get("/api/proxies/", who="eve").status, 200)
        line = Line(self.world.site, "198.51.100.9")
        line.say(request("GET", "/api/proxies/", ("Authorization", basic("jo", "secret"))))
        self.assertEqual(read_answer(line.heard()).status, 200)

    def test_a_request_without_credentials_is_no_failure(self) -> None:
        """Browsers always send one first."""
        for _ in range(10):
            self.get("/api/proxies/", who=None)
        self.assertEqual(self.get("/api/proxies/").status, 200)

    def test_a_deactivated_account_gets_402_on_every_path(self) -> None:
        """Its credentials are right, so 401 would be wrong; a wrong password is still 401."""
        token = self.token(username="sub")
        result(self.world.accounts.perform(subaccounts.deactivate, self.world.jo.id, "sub", now=NOON))
        for answer in self.every(who="sub"):
            self.assertEqual(answer.seen, (402, {"detail": "account inactive"}))
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 402)
        self.assertEqual(self.get("/api/proxies/", who=basic("sub", "wrong")).status, 401)

    def test_a_store_that_is_away_is_503_in_json_with_retry_after(self) -> None:
        """contract.md, 4: on every path, for who is known and who is not; and it heals by itself."""
        self.get("/api/proxies/")
        self.world.store.away = StoreUnavailable("gone")
        for who in ("jo", "eve"):
            for method, path in EVERY:
                answer = self.one(method, path, who=who)
                self.assertEqual((answer.status, list(answer.json)), (503, ["detail"]), path)
                self.assertTrue(answer.one("Retry-After"))
        self.world.store.away = None
        self.assertEqual(self.get("/api/proxies/").status, 200)
