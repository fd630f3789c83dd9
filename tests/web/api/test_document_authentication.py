"""The sentences of the documents about signing in to the API, each a test, on every path that there is."""

from __future__ import annotations

from typing import Any

from meshd.accounts import subaccounts
from meshd.store.interface import StoreUnavailable
from tests.web.api.document import DocumentTestCase
from tests.web.support import NOON, Answer, Line, basic, named, read_answer, request, result

EVERY = (
    ("GET", "/api/proxies/"),
    ("GET", "/api/sub/get/?username=sub"),
    ("GET", "/api/tokens/"),
    ("POST", "/api/token/create/"),
    ("POST", "/api/token/activate/"),
    ("POST", "/api/token/deactivate/"),
    ("POST", "/api/token/delete/"),
)
CHALLENGES = ['Basic realm="meshd", charset="UTF-8"', 'Bearer realm="meshd"']


class AuthenticationTests(DocumentTestCase):
    def every(self, **options: Any) -> list[Answer]:
        return [
            self.get(target, **options) if method == "GET" else self.post(target, id=1, **options)
            for method, target in EVERY
        ]

    def test_every_request_must_be_authenticated(self) -> None:
        """Nobody gets 401 and both challenges, on every path."""
        self.assertEqual(
            {path for _, path in self.world.site.api.mounted},
            {t.partition("?")[0] for _, t in EVERY} | {"/healthz", "/readyz"},
        )
        for answer in self.every(who=None):
            self.assertEqual((answer.status, answer.all("WWW-Authenticate")), (401, CHALLENGES))

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
            for answer in self.every(who=who):
                self.assertEqual((answer.status, list(answer.json)), (503, ["detail"]))
                self.assertTrue(answer.one("Retry-After"))
        self.world.store.away = None
        self.assertEqual(self.get("/api/proxies/").status, 200)
