"""Access tokens, users, and the record of what both do."""

from __future__ import annotations

from typing import get_args

from meshd.auth.secrets import new_token, token_digest
from meshd.store.statements import tokens as stored
from meshd.values.tokens import HOSTS, TokenKind
from tests.web.postern.support import HOST, PosternTestCase
from tests.web.support import NOON, basic, named


class TokenTests(PosternTestCase):
    def test_the_life_of_a_token(self) -> None:
        """Shown once, listed without its secret, used, revoked."""
        made = self.do("POST", "/access-tokens", {"name": "ci-deploy"})
        self.assertEqual(made.status, 201)
        secret = made.json["token"]
        (listed,) = self.do("GET", "/access-tokens").json
        self.assertEqual(listed, {key: value for key, value in made.json.items() if key != "token"})
        self.assertEqual((listed["name"], listed["last_used_at"]), ("ci-deploy", None))
        self.assertEqual(listed["created_at"], "2026-01-15T12:00:00Z")
        self.world.later(300)
        self.assertEqual(self.do("GET", "/proxy-hosts", who=secret).status, 200)
        (listed,) = self.do("GET", "/access-tokens").json
        self.assertEqual(listed["last_used_at"], "2026-01-15T12:05:00Z")
        self.assertEqual(self.do("DELETE", f"/access-tokens/{listed['id']}").status, 204)
        self.assertEqual(self.do("GET", "/proxy-hosts", who=secret).status, 401)
        self.assertEqual(self.do("GET", "/access-tokens").json, [])

    def test_everybody_has_her_own(self) -> None:
        """Another's is not there; a viewer's token makes and revokes tokens of the viewer's."""
        boss, eye = self.world.token("boss"), self.world.token("eye")
        (mine,) = self.do("GET", "/access-tokens", who=eye).json
        (other,) = self.do("GET", "/access-tokens", who=boss).json
        self.refused(self.do("DELETE", f"/access-tokens/{other['id']}", who=eye), 404)
        self.refused(self.do("DELETE", f"/access-tokens/{mine['id']}", who=boss), 404)
        self.assertEqual(self.do("DELETE", f"/access-tokens/{mine['id']}", who=eye).status, 204)
        self.assertEqual(self.do("GET", "/proxy-hosts", who=eye).status, 401)

    def test_a_worthless_token_is_401_however_often_it_comes(self) -> None:
        """Clients sign in again then; who tries one after the other is shut out all the same."""
        token = self.world.token()
        self.do("DELETE", f"/access-tokens/{self.do('GET', '/access-tokens').json[0]['id']}")
        self.assertEqual([self.do("GET", "/proxy-hosts", who=token).status for _ in range(12)], [401] * 12)
        found = [self.do("GET", "/proxy-hosts", who=f"pp_{number}", peer="192.0.2.8").status for number in range(100)]
        self.assertEqual((found[0], found[-1]), (401, 429))

    def test_names(self) -> None:
        for body, words in (
            ({}, "name is required"),
            ({"name": ""}, "name"),
            ({"name": "x" * 999}, "name"),
            ({"label": "x"}, "label"),
        ):
            with named(body):
                self.refused(self.do("POST", "/access-tokens", body), 400, words)

    def test_tokens_of_other_dialects_count_for_nothing(self) -> None:
        """Tokens of the proxies, ProxyHat's, those that count nowhere, and a password."""
        for kind in get_args(TokenKind):
            secret = new_token()
            self.world.store.file.run(stored.create, self.world.boss.id, token_digest(secret), "", "", NOON, kind=kind)
            answer = self.world.ask("GET", "/api/proxy-hosts", who=f"Bearer {secret}".encode())
            self.assertEqual(answer.status == 200, kind in HOSTS, kind)
        self.assertEqual(self.world.ask("GET", "/api/proxy-hosts", who=basic("boss", "secret12")).status, 401)


class UserTests(PosternTestCase):
    NEW = {"name": "Ann Lee", "email": "ann@mesh.example", "password": "longenough1", "role": "viewer"}

    def test_the_life_of_a_user(self) -> None:
        """Made, told, made an admin, switched off with her sessions, deleted with her tokens."""
        made = self.do("POST", "/users", self.NEW)
        self.assertEqual(made.status, 201, made)
        one = made.one("Location").removeprefix("/api")
        self.assertEqual((made.json["name"], made.json["role"], made.json["active"]), ("Ann Lee", "viewer", True))
        session = self.world.login("ann@mesh.example", "longenough1").json["access_token"]
        token = self.world.token(session)
        self.refused(self.do("POST", "/proxy-hosts", HOST, who=token), 403, "Permission Denied")
        self.assertEqual(self.do("PUT", one, {"role": "admin"}).json["role"], "admin")
        self.assertEqual(self.do("POST", "/proxy-hosts", HOST, who=token).status, 201)
        self.assertEqual(self.do("PUT", one, {"active": False}).json["active"], False)
        for each in (session, token):
            self.assertEqual(self.do("GET", "/proxy-hosts", who=each).status, 401)
        self.assertEqual(self.do("PUT", one, {"active": True}).status, 200)
        self.assertEqual(self.do("GET", "/proxy-hosts", who=token).status, 200)
        self.assertEqual(self.do("DELETE", one).status, 204)
        self.assertEqual(self.do("GET", "/proxy-hosts", who=token).status, 401)
        self.refused(self.do("GET", one), 404)

    def test_as_the_relative_has_them(self) -> None:
        """Its members make, and read, the same user."""
        body = {
            "name": "Bo",
            "nickname": "bo",
            "email": "bo@mesh.example",
            "roles": ["admin"],
            "is_disabled": False,
            "auth": {"type": "password", "secret": "longenough1"},
        }
        made = self.do("POST", "/users", body)
        self.assertEqual(made.status, 201, made)
        self.assertEqual((made.json["roles"], made.json["is_disabled"], made.json["role"]), (["admin"], False, "admin"))
        self.assertEqual(self.world.login("bo@mesh.example", "longenough1").status, 200)
        back = self.do("PUT", f"/users/{made.json['id']}", made.json | {"is_disabled": True, "active": False})
        self.assertEqual((back.status, back.json["active"]), (200, False))

    def test_passwords(self) -> None:
        """An admin sets anybody's, everybody her own with the present one; sessions end by it."""
        self.refused(self.do("PUT", "/users/me/auth", {"secret": "longenough1"}, who="eye"), 400, "current")
        body = {"type": "password", "current": "secret12", "secret": "longenough1"}
        self.assertEqual(self.do("PUT", "/users/me/auth", body, who="eye").status, 200)
        self.assertEqual(self.do("GET", "/auth/me", who=self.world.sessions["eye"]).status, 401)
        self.assertEqual(self.world.login("eye", "longenough1").status, 200)
        self.assertEqual(self.do("PUT", f"/users/{self.world.eye.id}/auth", {"secret": "another12"}).status, 200)
        self.assertEqual(self.world.login("eye", "another12").status, 200)
        self.refused(self.do("PUT", f"/users/{self.world.eye.id}/auth", {"secret": "short"}), 400, "8 characters")
        viewer = self.world.login("eye", "another12").json["access_token"]
        other = self.do("PUT", f"/users/{self.world.boss.id}/auth", {"secret": "another12"}, who=viewer)
        self.refused(other, 403)

    def test_a_change_with_a_password_is_whole(self) -> None:
        """Both or neither, each with its entry in the audit: one's own password takes the present one, which no member
        of a user is, so that nothing else is changed either.
        """
        eye, boss = f"/users/{self.world.eye.id}", f"/users/{self.world.boss.id}"
        before = self.do("GET", boss).json
        self.refused(self.do("PUT", boss, {"name": "Bo Ss", "password": "longenough1"}), 400, "current")
        self.assertEqual(self.do("GET", boss).json, before)
        self.assertEqual(self.world.audit("action=update"), [])
        changed = self.do("PUT", eye, {"name": "Ey E", "password": "longenough1"})
        self.assertEqual((changed.status, changed.json["name"]), (200, "Ey E"))
        self.assertEqual(self.world.login("eye", "longenough1").status, 200)
        told = [
            (each["action"], each["resource_id"], each["details"]) for each in self.world.audit("resource_type=user")
        ]
        self.assertEqual(told, [("password", self.world.eye.id, {}), ("update", self.world.eye.id, {"name": "Ey E"})])

    def test_what_users_may(self) -> None:
        """Nobody deletes herself; a viewer changes nobody; customers are no users; addresses are each one's."""
        self.refused(self.do("DELETE", f"/users/{self.world.boss.id}"), 403)
        self.refused(self.do("POST", "/users", self.NEW, who="eye"), 403)
        self.refused(self.do("DELETE", f"/users/{self.world.boss.id}", who="eye"), 403)
        self.refused(self.do("GET", f"/users/{self.world.jo.id}"), 404)
        self.assertEqual([each["name"] for each in self.do("GET", "/users", who="eye").json], ["boss", "eye"])
        self.refused(self.do("POST", "/users", self.NEW | {"email": "eye@mesh.example"}), 400, "email")
        self.assertEqual(self.do("GET", "/users/me", who="eye").json["name"], "eye")
        for body, field in (
            ({}, "password"),
            ({**self.NEW, "password": "short"}, "password"),
            ({**self.NEW, "role": "root"}, "role"),
            ({**self.NEW, "email": "no address"}, "email"),
            ({**self.NEW, "surname": "x"}, "surname"),
        ):
            with named(body):
                self.refused(self.do("POST", "/users", body), 400, field)


class AuditTests(PosternTestCase):
    def test_every_request_by_a_token(self) -> None:
        """Reads too, those that are refused, and those to paths that there are not; under the token's user."""
        admin, viewer = self.world.token("boss"), self.world.token("eye")
        rows = (
            ("GET", "/proxy-hosts", None, admin, 200, "proxy_host", 0, "boss"),
            ("GET", "/proxy-hosts/77", None, admin, 404, "proxy_host", 77, "boss"),
            ("POST", "/proxy-hosts", {}, admin, 400, "proxy_host", 0, "boss"),
            ("POST", "/proxy-hosts", HOST, viewer, 403, "proxy_host", 0, "eye"),
            ("GET", "/audit-log", None, viewer, 403, "audit_log", 0, "eye"),
            ("GET", "/auth/me", None, viewer, 200, "session", 0, "eye"),
            ("POST", "/dead-hosts", b"{", admin, 400, "dead_host", 0, "boss"),
        )
        for method, path, body, token, status, kind, id_, name in rows:
            with named((method, path)):
                self.assertEqual(self.do(method, path, body, who=token).status, status)
                entry = self.world.audit("limit=1")[0]
                told = {"method": method, "path": f"/api{path}", "status": status}
                self.assertEqual((entry["action"], entry["details"]), ("request", told))
                self.assertEqual((entry["resource_type"], entry["resource_id"]), (kind, id_))
                self.assertEqual((entry["user_name"], entry["ip_address"]), (name, "192.0.2.1"))
                self.assertEqual(entry["user_email"], f"{name}@mesh.example")
        for method, path, status in (("GET", "/nowhere", 404), ("PATCH", "/proxy-hosts", 405)):
            answer = self.world.ask(method, f"/api{path}", who=f"Bearer {admin}".encode())
            entry = self.world.audit("limit=1")[0]
            self.assertEqual((answer.status, entry["details"]["status"], entry["user_name"]), (status, status, "boss"))

    def test_a_deactivated_users_token(self) -> None:
        """Its requests are refused, and recorded under the user."""
        gone = self.world.staff("gone", "admin")
        token = self.world.token("gone")
        self.do("PUT", f"/users/{gone.id}", {"active": False})
        self.assertEqual(self.do("GET", "/proxy-hosts", who=token).status, 401)
        entry = self.world.audit("limit=1")[0]
        self.assertEqual((entry["user_name"], entry["details"]["status"]), ("gone", 401))

    def test_a_session_is_recorded_by_what_it_changes(self) -> None:
        """Its reads are not: a page asks for a list again and again."""
        before = len(self.world.audit())
        self.do("GET", "/proxy-hosts")
        self.assertEqual(len(self.world.audit()), before)

    def test_every_change_and_every_sign_in(self) -> None:
        """Who, what, and of which; nothing secret."""
        self.world.login("boss", "wrong")
        made = self.do("POST", "/proxy-hosts", HOST).json["id"]
        self.do("PUT", f"/proxy-hosts/{made}", {"forward_port": 3001})
        for verb in ("disable", "disable", "enable"):
            self.do("POST", f"/proxy-hosts/{made}/{verb}")
        self.do("DELETE", f"/proxy-hosts/{made}")
        token = self.do("POST", "/access-tokens", {"name": "ci"}).json
        self.do("DELETE", f"/access-tokens/{token['id']}")
        user = self.do("POST", "/users", UserTests.NEW).json["id"]
        self.do("PUT", f"/users/{user}/auth", {"secret": "another12"})
        self.do("POST", "/auth/logout", who=self.world.login("boss").json["access_token"])
        told = [(each["action"], each["resource_type"], each["resource_id"]) for each in reversed(self.world.audit())]
        self.assertEqual(
            told,
            [
                ("login_failed", "session", 0),
                ("login", "session", 0),
                ("create", "proxy_host", made),
                ("update", "proxy_host", made),
                ("disable", "proxy_host", made),
                ("enable", "proxy_host", made),
                ("delete", "proxy_host", made),
                ("create", "access_token", token["id"]),
                ("delete", "access_token", token["id"]),
                ("create", "user", user),
                ("password", "user", user),
                ("login", "session", 0),
                ("logout", "session", 0),
            ],
        )
        texts = self.do("GET", "/audit-log").body
        for secret in (b"wrong", b"longenough1", b"another12", token["token"].encode()):
            self.assertNotIn(secret, texts)

    def test_the_link_to_the_next_page_says_what_was_asked_for(self) -> None:
        """Also what stands for something else in a URL, or would end a line of the answer's head."""
        for number in range(3):
            self.do("POST", "/dead-hosts", {"domain_names": [f"d{number}.example.com"]})
        first = self.do("GET", "/audit-log?limit=1&action=create&user=%0D%0A%0D%0Aboss%20")
        self.assertIn("user=%0D%0A%0D%0Aboss+>", first.one("Link"))
        following = first.one("Link").partition(">")[0].removeprefix("</api")
        self.assertEqual([each["resource_id"] for each in self.do("GET", following).json], [2])

    def test_pages_and_filters(self) -> None:
        """Fifty a page, newest first, `Link` to the next; by type, action, user and time; for admins alone."""
        for number in range(7):
            self.do("POST", "/dead-hosts", {"domain_names": [f"d{number}.example.com"]})
            self.world.later(1)
        first = self.do("GET", "/audit-log?page=1&limit=3&resource_type=dead_host")
        self.assertEqual(
            [each["details"]["domain_names"] for each in first.json], [[f"d{n}.example.com"] for n in (6, 5, 4)]
        )
        following = first.one("Link").partition(">")[0].removeprefix("</api")
        second = self.do("GET", following)
        self.assertEqual([each["details"]["domain_names"][0][1] for each in second.json], ["3", "2", "1"])
        self.assertEqual(len(self.world.audit("action=create&user=boss@mesh.example")), 7)
        self.assertEqual(self.world.audit("action=create&user=eye"), [])
        self.assertEqual(len(self.world.audit("action=create&since=2026-01-15T12:00:05")), 2)
        self.assertEqual(len(self.world.audit("action=create&until=2026-01-15T12:00:05")), 5)
        self.refused(self.do("GET", "/audit-log", who="eye"), 403, "Permission Denied")
        self.refused(self.do("GET", "/audit-log?pag=2"), 400, "page")
        self.refused(self.do("GET", "/audit-log?limit=0"), 400, "limit")
        one = self.do("GET", f"/audit-log/{first.json[0]['id']}")
        self.assertEqual(one.seen, (200, first.json[0]))
        self.refused(self.do("GET", "/audit-log/999999"), 404)

    def test_both_shapes(self) -> None:
        """With neither a page nor a limit the newest hundred, as its relative's clients have them."""
        for number in range(60):
            self.world.peer = f"198.51.100.{number}"
            self.world.login("boss")
        self.assertEqual(len(self.do("GET", "/audit-log").json), 61)
        self.assertEqual(len(self.do("GET", "/audit-log?page=1").json), 50)
        self.assertEqual(len(self.do("GET", "/audit-log?page=2").json), 11)
        entry = self.do("GET", "/audit-log").json[0]
        self.assertEqual((entry["object_type"], entry["object_id"], entry["meta"]), ("session", 0, {}))
