"""The sentences of the two documents about activating, deactivating and deleting bearer tokens, each a test."""

from __future__ import annotations

from tests.web.api.document import DocumentTestCase
from tests.web.api.sentences import says
from tests.web.support import NOON

PATHS = ("/api/token/create/", "/api/token/activate/", "/api/token/deactivate/", "/api/token/delete/")


class ChangeTests(DocumentTestCase):
    @says(
        "Bearer Tokens",
        "POST /api/token/deactivate/",
        "Deactivates the token.",
        "Returns updated token metadata on success.",
    )
    @says("Limitations", "Use the API to activate or deactivate a token without deleting it.")
    def test_deactivates_the_token_and_returns_updated_token_metadata(self) -> None:
        """And its next request gets 401."""
        token = self.token(label="x", expires_at="2026-12-31")
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 200)
        answer = self.post("/api/token/deactivate/", id=token["id"])
        expected = {key: value for key, value in token.items() if key != "token"} | {"is_active": False}
        self.assertEqual(answer.seen, (200, expected))
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 401)

    @says("Bearer Tokens", "POST /api/token/activate/", "Reactivates a previously deactivated token.")
    @says("Limitations", "Use the API to activate or deactivate a token without deleting it.")
    def test_reactivates_a_previously_deactivated_token(self) -> None:
        """And it works again."""
        token = self.token()
        self.post("/api/token/deactivate/", id=token["id"])
        answer = self.post("/api/token/activate/", id=token["id"])
        self.assertEqual((answer.status, answer.json["is_active"]), (200, True))
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 200)

    @says("Bearer Tokens", "Cannot activate an expired token.")
    def test_cannot_activate_an_expired_token(self) -> None:
        """400 that names the field."""
        token = self.token(expires_at="2026-01-16")
        self.post("/api/token/deactivate/", id=token["id"])
        self.world.now = NOON + 2 * 86_400
        answer = self.post("/api/token/activate/", id=token["id"])
        self.assertEqual((answer.status, list(answer.json)), (400, ["id"]))

    @says(
        "Bearer Tokens",
        "POST /api/token/delete/",
        "Permanently deletes the token.",
        "Returns an empty 204 response on success.",
    )
    def test_permanently_deletes_the_token_and_returns_an_empty_204_response(self) -> None:
        """Exactly 204, no body, no length; afterwards it is not there."""
        token = self.token()
        answer = self.post("/api/token/delete/", id=token["id"])
        self.assertEqual((answer.status, answer.body, answer.all("Content-Length")), (204, b"", []))
        self.assertEqual(self.get("/api/tokens/").json, {"tokens": []})
        self.assertEqual(self.post("/api/token/delete/", id=token["id"]).status, 404)
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 401)

    def test_a_parent_changes_the_tokens_of_its_sub_accounts_by_their_id(self) -> None:
        """contract.md, 3: ids are per installation."""
        token = self.token(username="sub")
        for path, status in ((PATHS[2], 200), (PATHS[1], 200), (PATHS[3], 204)):
            self.assertEqual(self.post(path, id=token["id"]).status, status)

    @says("Bearer Tokens", "id Required: token ID")
    def test_the_id_is_required_and_a_number(self) -> None:
        """400 that names it, on all three."""
        for path in PATHS[1:]:
            self.assertEqual(self.post(path).seen, (400, {"id": ["This field is required."]}))
            self.assertEqual(self.post(path, id="one").seen, (400, {"id": ["Enter a whole number."]}))
            self.assertEqual(self.post(path, id="0").status, 400)
            self.assertEqual(self.post(path, id=2**63).status, 400)


class ExpiryTests(DocumentTestCase):
    def test_a_token_is_valid_through_its_last_day_and_not_after(self) -> None:
        """contract.md, 3: UTC."""
        token = self.token(expires_at="2026-01-15")
        self.world.later(12 * 3600 - 1)
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 200)
        self.world.later(1)
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 401)
