"""API keys of `/v1`: shown once, regenerated, deleted, and whose they are."""

from __future__ import annotations

from meshd.accounts.apikeys import MOST_KEYS
from tests.web.support import named
from tests.web.v1.support import V1TestCase


class KeyTests(V1TestCase):
    def new(self, who: str = "jo", **members: str) -> dict[str, object]:
        answer = self.do("POST", "/profile/api-keys", members, who=who)
        self.assertEqual(answer.status, 201, answer)
        return dict(answer.json)

    def test_a_key_is_shown_once(self) -> None:
        """A bare object with its secret, then in a bare list without."""
        made = self.new(name="crawler")
        (listed,) = self.do("GET", "/profile/api-keys").json
        self.assertEqual(listed, {name: value for name, value in made.items() if name != "plain_text_token"})
        self.assertEqual(self.do("GET", "/auth/user", who=str(made["plain_text_token"])).status, 200)

    def test_its_name(self) -> None:
        """One of its own, or the documented one; the SDK's walk sends no body at all."""
        self.assertEqual(self.new()["name"], "My API Key")
        self.assertEqual(self.do("POST", "/profile/api-keys").json["name"], "My API Key")
        self.invalid(self.do("POST", "/profile/api-keys", {"name": "x" * 300}), "name")

    def test_last_used(self) -> None:
        key = self.new()
        self.assertIsNone(self.do("GET", "/profile/api-keys").json[0]["last_used_at"])
        self.world.later(120)
        self.do("GET", "/auth/user", who=str(key["plain_text_token"]))
        self.assertEqual(self.do("GET", "/profile/api-keys").json[0]["last_used_at"], "2026-01-15T12:02:00.000000Z")

    def test_regenerating_kills_the_old_secret(self) -> None:
        old = self.new(name="crawler")
        self.assertEqual(self.do("GET", "/auth/user", who=str(old["plain_text_token"])).status, 200)
        answer = self.do("POST", f"/profile/api-keys/{old['id']}/regenerate")
        self.assertEqual((answer.status, answer.json["id"], answer.json["name"]), (200, old["id"], "crawler"))
        self.assertEqual(self.do("GET", "/auth/user", who=str(old["plain_text_token"])).status, 401)
        self.assertEqual(self.do("GET", "/auth/user", who=answer.json["plain_text_token"]).status, 200)

    def test_deleting(self) -> None:
        """By another key, and by itself."""
        keys = [self.new() for _ in range(2)]
        first, second = (str(each["plain_text_token"]) for each in keys)
        self.assertEqual(self.do("DELETE", f"/profile/api-keys/{keys[0]['id']}", who=second).status, 204)
        self.assertEqual(self.do("GET", "/auth/user", who=first).status, 401)
        self.assertEqual(self.do("DELETE", f"/profile/api-keys/{keys[1]['id']}", who=second).status, 204)
        self.assertEqual(self.do("GET", "/profile/api-keys", who=second).status, 401)

    def test_other_keys_are_not_there(self) -> None:
        """Another customer's, a token of another dialect, a sign-in, and what is no number are one answer."""
        foreign = self.new(who="eve")["id"]
        token = self.world.new_token()["id"]
        self.world.key("jo")
        for which in (foreign, token, 1, 99999, 0, -1, "x", "9" * 30, "%20"):
            for method, path in (("DELETE", ""), ("POST", "/regenerate")):
                with named((method, which)):
                    answer = self.do(method, f"/profile/api-keys/{which}{path}")
                    self.assertEqual(answer.seen, (404, {"message": "The requested resource was not found."}))
        self.assertEqual(len(self.do("GET", "/profile/api-keys", who="eve").json), 1)

    def test_a_sub_account_has_its_own(self) -> None:
        """It regenerates and deletes them; its parent neither sees them nor gets a secret of theirs."""
        key = self.new(who="sub")
        self.assertEqual(self.do("GET", "/profile/api-keys").json, [])
        for method, path in (("DELETE", ""), ("POST", "/regenerate")):
            with named(method):
                self.assertEqual(self.do(method, f"/profile/api-keys/{key['id']}{path}").status, 404)
        fresh = self.do("POST", f"/profile/api-keys/{key['id']}/regenerate", who="sub")
        self.assertEqual(fresh.status, 200)
        self.assertEqual(self.do("GET", "/auth/user", who=str(key["plain_text_token"])).status, 401)
        self.assertEqual(self.do("DELETE", f"/profile/api-keys/{key['id']}", who="sub").status, 204)
        self.assertEqual(self.do("GET", "/auth/user", who=fresh.json["plain_text_token"]).status, 401)

    def test_so_many(self) -> None:
        for _ in range(MOST_KEYS):
            self.new()
        self.assertEqual(self.do("POST", "/profile/api-keys").status, 403)
