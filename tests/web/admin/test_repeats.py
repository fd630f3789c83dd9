"""A creation that is sent twice."""

from __future__ import annotations

from meshd.accounts.repeats import KEPT
from tests.web.admin.support import AdminTestCase
from tests.web.support import named

KEY = ("Idempotency-Key", "0f0e0d0c-0b0a-4908-8706-050403020100")


class RepeatTests(AdminTestCase):
    def test_it_is_made_once_and_answered_alike(self) -> None:
        """With the secrets that are shown once; the draft's quotes around a key change nothing."""
        for path, body in (
            ("/accounts", {"username": "ann", "generate_password": True}),
            ("/accounts/jo/tokens", {"label": "t"}),
            ("/accounts/jo/ips", {"ip": "9.9.9.9"}),
        ):
            with named(path):
                key = (KEY[0], KEY[1] + path)
                first = self.do("POST", path, body, key)
                again = self.do("POST", path, body, key)
                quoted = self.do("POST", path, body, (KEY[0], f'"{key[1]}"'))
                self.assertEqual(first.status, 201)
                self.assertEqual((again.seen, again.all("Location")), (first.seen, first.all("Location")))
                self.assertEqual(quoted.seen, first.seen)
                self.assertEqual([each.all("Idempotency-Replayed") for each in (first, again)], [[], ["true"]])
        self.assertEqual(len(self.do("GET", "/accounts/jo/tokens").json["tokens"]), 1)

    def test_the_store_has_no_secret(self) -> None:
        """Neither the key nor the answer in the clear."""
        made = self.do("POST", "/accounts", {"username": "ann", "generate_password": True}, KEY).json
        kept = "\n".join(self.world.store.file._connection.iterdump())
        rows = [line for line in kept.splitlines() if line.startswith('INSERT INTO "repeats"')]
        self.assertEqual(len(rows), 1)
        for secret in (made["password"], KEY[1]):
            self.assertNotIn(secret.encode().hex().upper(), rows[0].upper())

    def test_another_request_under_the_same_key(self) -> None:
        """Is refused: one of the two is a mistake."""
        self.do("POST", "/accounts", {"username": "ann"}, KEY)
        self.refused(self.do("POST", "/accounts", {"username": "bob"}, KEY), 422, "repeat")
        self.refused(self.do("POST", "/accounts/jo/tokens", {}, KEY), 422, "repeat")

    def test_a_key_is_its_senders(self) -> None:
        """Another operator's same key is another."""
        self.do("POST", "/accounts/jo/tokens", {}, KEY)
        answer = self.do("POST", "/accounts/jo/tokens", {}, KEY, who="admin")
        self.assertEqual((answer.status, answer.all("Idempotency-Replayed")), (201, []))

    def test_what_was_refused_may_be_asked_again(self) -> None:
        """Nothing was made, so nothing is remembered."""
        self.refused(self.do("POST", "/accounts/tom/tokens", {}, KEY), 409, "plan-limit")
        self.do("PATCH", "/accounts/tom", {"plan": "10"})
        self.assertEqual(self.do("POST", "/accounts/tom/tokens", {}, KEY).status, 201)

    def test_for_a_day(self) -> None:
        """Then the request is a new one."""
        self.do("POST", "/accounts/jo/tokens", {}, KEY)
        self.world.later(KEPT + 1)
        self.do("POST", "/accounts/jo/tokens", {}, (KEY[0], "another key, much later".replace(" ", "-")))
        self.assertEqual(self.do("POST", "/accounts/jo/tokens", {}, KEY).all("Idempotency-Replayed"), [])

    def test_a_key_that_could_be_guessed(self) -> None:
        """Or that no field can hold."""
        for text in ("short", "", '"', "x" * 256, "a b c d e f g h i j k l m n o p"):
            with named(text):
                self.refused(self.do("POST", "/accounts/jo/tokens", {}, (KEY[0], text)), 400, "invalid", KEY[0])
