"""The sentences of the two documents about bearer tokens, each a test."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.web.api.document import DocumentTestCase
from tests.web.api.sentences import says
from tests.web.support import NOON, basic, named

PATHS = ("/api/token/create/", "/api/token/activate/", "/api/token/deactivate/", "/api/token/delete/")
CHALLENGES = ['Basic realm="meshd", charset="UTF-8"', 'Bearer realm="meshd"']


class WhoMayManageTests(DocumentTestCase):
    @says(
        "Bearer Tokens",
        "All bearer token endpoints require HTTP Basic Authorization with your parent account credentials.",
    )
    @says(
        "Manage Tokens via the API",
        "Token management endpoints require HTTP Basic Authorization with your account username and password.",
    )
    @says(
        "Limitations",
        "Token management needs your password: Creating and revoking tokens always requires HTTP Basic auth with your "
        "account credentials.",
    )
    @says(
        "Authentication",
        "Exception: Bearer token management endpoints (Bearer Tokens) require HTTP Basic Authorization only.",
    )
    def test_all_bearer_token_endpoints_require_http_basic_authorization(self) -> None:
        """Nobody, and a valid bearer token, get 401 on each of the five."""
        for who in (None, self.bearer(self.token())):
            with named(who):
                self.assertEqual(self.get("/api/tokens/", who=who).status, 401)
                for path in PATHS:
                    answer = self.post(path, id=1, who=who)
                    self.assertEqual((answer.status, answer.all("WWW-Authenticate")), (401, CHALLENGES))

    @says(
        "Authentication", "Bearer tokens cannot be used to create, list, activate, deactivate, or delete other tokens."
    )
    @says(
        "Manage Tokens via the API",
        "Bearer tokens cannot be used to create, list, activate, deactivate, or delete other tokens.",
    )
    def test_bearer_tokens_cannot_be_used_to_create_list_activate_deactivate_or_delete_other_tokens(self) -> None:
        """Nor is anything changed by trying."""
        token, other = self.token(), self.token()
        self.post("/api/token/create/", who=self.bearer(token))
        self.post("/api/token/delete/", id=other["id"], who=self.bearer(token))
        self.post("/api/token/deactivate/", id=other["id"], who=basic("jo", token["token"]))
        listed = self.get("/api/tokens/").json["tokens"]
        self.assertEqual(
            [(each["id"], each["is_active"]) for each in listed], [(token["id"], True), (other["id"], True)]
        )

    @says(
        "Bearer Tokens",
        "To manage tokens for a sub-account, authenticate as the parent and pass username (sub-account name) as noted "
        "below.",
        "username Optional: sub-account username to list tokens for",
    )
    @says(
        "Manage Tokens via the API",
        "To manage tokens for a sub-account, authenticate as the parent account and pass ?username=<sub-account> on "
        "GET requests or include username in POST form data where supported.",
    )
    @says("Create and Manage Tokens in the Dashboard", "Sub-accounts can have their own bearer tokens.")
    def test_to_manage_tokens_for_a_sub_account_authenticate_as_the_parent_and_pass_username(self) -> None:
        """`?username=` on a GET, `username` in the form of a POST."""
        token = self.token(username="sub", label="theirs")
        self.assertEqual([each["label"] for each in self.get("/api/tokens/?username=sub").json["tokens"]], ["theirs"])
        self.assertEqual(self.get("/api/tokens/").json, {"tokens": []})
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 200)

    def test_an_empty_username_means_the_caller(self) -> None:
        """As if it had not been sent."""
        self.token(username="", label="mine")
        self.assertEqual(len(self.get("/api/tokens/?username=").json["tokens"]), 1)

    def test_a_sub_account_gets_403_for_its_own_tokens(self) -> None:
        """contract.md, 3: tokens are its parent's."""
        token = self.token(username="sub")
        self.assertEqual(self.get("/api/tokens/", who="sub").status, 403)
        for path in PATHS:
            form = {} if path.endswith("/create/") else {"id": token["id"]}
            self.assertEqual(self.post(path, who="sub", **form).status, 403)

    def test_a_name_that_is_no_sub_account_of_the_caller_gets_one_answer(self) -> None:
        """contract.md, 3: another's, one that is not there, and a parent's own name are not told apart."""
        answers = {
            (answer.status, answer.body)
            for name in ("eves", "eve", "nobody", "jo", "tom", "EVES")
            for answer in (self.get(f"/api/tokens/?username={name}"), self.post("/api/token/create/", username=name))
        }
        self.assertEqual([status for status, _ in answers], [403])

    def test_another_accounts_id_is_404_as_one_that_is_not_there(self) -> None:
        """contract.md, 3; the same bytes for both, and nothing is changed."""
        foreign = self.token(who="eve")
        answers = set()
        for path in PATHS[1:]:
            for id_ in (foreign["id"], 999_999, 2**63 - 1):
                answer = self.post(path, id=id_)
                answers.add((answer.status, answer.body))
        self.assertEqual(answers, {(404, b'{"detail": "there is no such token"}')})
        self.assertTrue(self.get("/api/tokens/", who="eve").json["tokens"][0]["is_active"])


class ListTests(DocumentTestCase):
    @says("Bearer Tokens", "GET /api/tokens/", "Returns a JSON object with a tokens array.")
    def test_returns_a_json_object_with_a_tokens_array(self) -> None:
        """Empty where there are none."""
        self.assertEqual(self.get("/api/tokens/").seen, (200, {"tokens": []}))

    @says(
        "Bearer Tokens",
        "Each entry includes id , label , is_active , expires_at , and created_at .",
        '{"tokens": [{"id": 1, "label": "production", "is_active": true, "expires_at": null, "created_at": '
        '"2026-01-15T12:00:00"}]}',
    )
    def test_each_entry_includes_id_label_is_active_expires_at_and_created_at(self) -> None:
        """The document's example, key by key and in its order."""
        id_ = self.token(label="production")["id"]
        expected = (
            f'{{"tokens": [{{"id": {id_}, "label": "production", "is_active": true, "expires_at": null, '
            '"created_at": "2026-01-15T12:00:00"}]}'
        )
        self.assertEqual(self.get("/api/tokens/").body.decode(), expected)

    @says("Bearer Tokens", "The raw token secret is never returned after creation.")
    def test_the_raw_token_secret_is_never_returned_after_creation(self) -> None:
        """Not by the list, nor by activate or deactivate."""
        token = self.token()
        answers = (
            self.get("/api/tokens/"),
            self.post("/api/token/deactivate/", id=token["id"]),
            self.post("/api/token/activate/", id=token["id"]),
        )
        for answer in answers:
            self.assertEqual(answer.status, 200)
            self.assertNotIn(b"pm_", answer.body)

    def test_the_order_is_that_of_creation(self) -> None:
        """Oldest first."""
        made = [self.token()["id"] for _ in range(3)]
        self.assertEqual([token["id"] for token in self.get("/api/tokens/").json["tokens"]], made)


class CreateTests(DocumentTestCase):
    @says(
        "Bearer Tokens",
        "POST /api/token/create/",
        "On success, returns token metadata plus the raw token value once.",
        '{"id": 1, "label": "production", "token": "pm_…", "is_active": true, "expires_at": null, "created_at": '
        '"2026-01-15T12:00:00"}',
    )
    @says("Manage Tokens via the API", "Create a token (returns the raw token value once):")
    def test_on_success_returns_token_metadata_plus_the_raw_token_value_once(self) -> None:
        """The document's example."""
        answer = self.post("/api/token/create/", label="production")
        token = answer.json
        self.assertEqual(list(token), ["id", "label", "token", "is_active", "expires_at", "created_at"])
        self.assertRegex(token["token"], r"\Apm_[0-9A-Za-z]{20,}\Z")
        self.assertEqual((token["is_active"], token["expires_at"]), (True, None))

    def test_each_token_is_an_opaque_string_prefixed_with_pm(self) -> None:
        """And no two are alike."""
        secrets = {self.token()["token"] for _ in range(10)}
        self.assertEqual(len(secrets), 10)
        self.assertTrue(all(secret.startswith("pm_") for secret in secrets))

    def test_the_document_example_of_curl(self) -> None:
        """`curl -u username:password -X POST -d "label=production"`: a form and nothing else."""
        answer = self.world.ask(
            "POST",
            "/api/token/create/",
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("User-Agent", "curl/7.88.1"),
            ("Accept", "*/*"),
            body=b"label=production",
        )
        self.assertEqual((answer.status, answer.json["label"]), (200, "production"))

    def test_a_multipart_form_does_as_well(self) -> None:
        """contract.md, 3."""
        body = b'--X\r\nContent-Disposition: form-data; name="label"\r\n\r\ncaf\xc3\xa9\r\n--X--\r\n'
        answer = self.world.ask(
            "POST", "/api/token/create/", ("Content-Type", "multipart/form-data; boundary=X"), body=body
        )
        self.assertEqual((answer.status, answer.json["label"]), (200, "café"))

    def test_without_a_body_too(self) -> None:
        """Both fields are optional."""
        answer = self.world.ask("POST", "/api/token/create")
        self.assertEqual((answer.status, answer.json["label"]), (200, ""))

    @says("Bearer Tokens", "label Optional: up to 100 characters")
    def test_label_is_optional_up_to_100_characters(self) -> None:
        """One hundred are kept, one more is 400 and names the field."""
        self.assertEqual(self.token(label="é" * 100)["label"], "é" * 100)
        answer = self.post("/api/token/create/", label="é" * 101)
        self.assertEqual((answer.status, list(answer.json)), (400, ["label"]))

    @says("Bearer Tokens", "expires_at Optional: expiration date (YYYY-MM-DD ); blank means no expiration")
    def test_expires_at_is_an_optional_expiration_date(self) -> None:
        """YYYY-MM-DD; what it was is what comes back."""
        self.assertEqual(self.token(expires_at="2026-12-31")["expires_at"], "2026-12-31")

    @says("Bearer Tokens", "expires_at Optional: expiration date (YYYY-MM-DD ); blank means no expiration")
    def test_a_blank_expires_at_means_no_expiration(self) -> None:
        """null, as in the example."""
        self.assertIsNone(self.token(expires_at="")["expires_at"])

    def test_an_expires_at_that_is_no_date_is_400(self) -> None:
        """And names the field."""
        for text in ("31.12.2026", "2026-02-30", "tomorrow", "2026-12-31T00:00:00"):
            with named(text):
                self.assertEqual(
                    self.post("/api/token/create/", expires_at=text).seen,
                    (400, {"expires_at": ["Enter a valid date."]}),
                )

    def test_all_that_is_wrong_is_told_at_once(self) -> None:
        """400 is `{"field": ["message", …]}`."""
        answer = self.post("/api/token/create/", label="x" * 101, expires_at="never")
        self.assertEqual((answer.status, list(answer.json)), (400, ["label", "expires_at"]))

    @says("Bearer Tokens", "Note: Please make sure you are sending form-encoded data, not JSON.")
    def test_please_make_sure_you_are_sending_form_encoded_data_not_json(self) -> None:
        """contract.md, 3: 400 with a message that says so."""
        answer = self.world.ask(
            "POST", "/api/token/create/", ("Content-Type", "application/json"), body=b'{"label": "x"}'
        )
        self.assertEqual(answer.status, 400)
        self.assertIn("not JSON", str(answer.json))
        self.assertEqual(self.get("/api/tokens/").json, {"tokens": []})

    def test_can_return_402_if_your_plan_does_not_support_bearer_tokens(self) -> None:
        """ "Free trials cannot create bearer tokens."."""
        self.assertEqual(self.post("/api/token/create/", who="tom").status, 402)

    def test_can_return_402_if_you_have_reached_your_token_limit(self) -> None:
        """The twenty-first of plan 20; a deleted one makes room."""
        made = [self.token()["id"] for _ in range(20)]
        answer = self.post("/api/token/create/")
        self.assertEqual((answer.status, list(answer.json)), (402, ["detail"]))
        self.post("/api/token/delete/", id=made[0])
        self.assertEqual(self.post("/api/token/create/").status, 200)

    def test_created_at_is_utc_without_a_zone(self) -> None:
        """contract.md, 3."""
        self.world.now = NOON + 86_399 + 0.9
        expected = datetime.fromtimestamp(NOON + 86_399, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        self.assertEqual(self.token()["created_at"], expected)


class SelectionTests(DocumentTestCase):
    """Beyond the document: what a token asks for, and the proxies that it is for."""

    def test_what_a_token_has_beyond_the_document_comes_last(self) -> None:
        """In each of its answers; without it nothing is said of it."""
        token = self.token(label="x", selection="ttl-60-Session-a1", proxies="us.mesh.example, open")
        beyond = {"selection": "session-a1-ttl-1m", "proxies": ["us", "open"]}
        self.assertEqual(list(token), ["id", "label", "token", "is_active", "expires_at", "created_at", *beyond])
        self.assertEqual({name: token[name] for name in beyond}, beyond)
        for path in (PATHS[2], PATHS[1]):
            answer = self.post(path, id=token["id"]).json
            self.assertEqual({name: answer[name] for name in beyond}, beyond)
        plain = self.token(selection="", proxies=" , ")
        self.assertEqual(list(plain), ["id", "label", "token", "is_active", "expires_at", "created_at"])

    def test_wrong_ones(self) -> None:
        """400, with the key and its place, or the proxy."""
        for form, message in (
            (
                {"selection": "country-us-foo-1"},
                "foo at character 12: not one of country, region, city, exit, not, session, sid, ttl, strict, filter",
            ),
            ({"selection": "session-" + "a" * 255}, "Ensure this value has at most 255 characters"),
            ({"proxies": "us,world"}, "The account is not authorized for a proxy 'world'."),
            ({"proxies": "us,nowhere"}, "The account is not authorized for a proxy 'nowhere'."),
        ):
            with named(form):
                answer = self.post("/api/token/create/", **form)
                self.assertEqual((answer.status, list(answer.json)), (400, list(form)))
                self.assertTrue(answer.json[next(iter(form))][0].startswith(message), answer.json)
        self.assertEqual(self.get("/api/tokens/").json, {"tokens": []})

    def test_the_proxies_of_a_token(self) -> None:
        """Its list holds those that it is for, in the account's order."""
        token = self.token(proxies="open")
        listed = {"proxies": ["open.mesh.example:31280"]}
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).json, listed)
