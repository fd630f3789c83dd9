"""PosternProxy's page about access tokens, sentence by sentence; each test is named by what the page says."""

from __future__ import annotations

from tests.web.postern.support import BODIES, CHANGES, HOST, PosternTestCase
from tests.web.postern.walk import OPERATIONS
from tests.web.support import Line, named, read_answers, request

RESOURCES = (
    "proxy-hosts",
    "redirection-hosts",
    "stream-hosts",
    "dead-hosts",
    "certificates",
    "access-lists",
    "port-forwards",
)


class AccessTokenTests(PosternTestCase):
    def test_access_tokens_let_you_authenticate_without_using_your_username_and_password(self) -> None:
        """A request with a token and nothing else."""
        self.assertEqual(self.do("GET", "/proxy-hosts", who=self.world.token()).seen, (200, []))

    def test_enter_a_name_to_identify_the_token(self) -> None:
        for name in ("ci-deploy", "monitoring"):
            self.assertEqual(self.do("POST", "/access-tokens", {"name": name}).json["name"], name)

    def test_it_is_only_displayed_once_and_cannot_be_retrieved_afterwards(self) -> None:
        """By no list, no record, and not from the store."""
        token = self.world.token()
        for path in ("/access-tokens", "/audit-log", "/users", "/auth/me"):
            self.assertNotIn(token.encode(), self.do("GET", path).body)
        kept = b"".join(each.read_bytes() for each in self.world.file.parent.glob(f"{self.world.file.name}*"))
        self.assertTrue(kept)
        self.assertNotIn(token.encode(), kept)

    def test_all_api_endpoints_that_require_authentication_accept_bearer_tokens(self) -> None:
        """Each path of the seven resources, and the others that tell something."""
        token = self.world.token()
        paths = [*(f"/{each}" for each in RESOURCES), "/access-tokens", "/users", "/audit-log", "/auth/me", "/settings"]
        for path in (*paths, *(f"/nginx/{each}" for each in ("proxy-hosts", "streams", "certificates"))):
            with named(path):
                self.assertEqual(self.do("GET", path, who=token).status, 200)
                self.assertEqual(self.do("GET", path, who="").status, 401)

    def test_tokens_inherit_the_permissions_of_the_user_who_created_them(self) -> None:
        """At the moment of the request: a role that changes changes the token's rights."""
        token = self.world.token("eye")
        self.refused(self.do("POST", "/dead-hosts", BODIES["dead-hosts"], who=token), 403)
        self.do("PUT", f"/users/{self.world.eye.id}", {"role": "admin"})
        self.assertEqual(self.do("POST", "/dead-hosts", BODIES["dead-hosts"], who=token).status, 201)
        self.do("PUT", f"/users/{self.world.eye.id}", {"role": "viewer"})
        self.refused(self.do("DELETE", "/dead-hosts/1", who=token), 403)

    def test_an_admin_users_token_has_admin_level_api_access(self) -> None:
        """Also over users and the record."""
        token = self.world.token("boss")
        for path in ("/users", "/audit-log"):
            self.assertEqual(self.do("GET", path, who=token).status, 200)
        self.assertEqual(self.do("POST", "/proxy-hosts", HOST, who=token).status, 201)

    def test_a_viewers_token_has_read_only_access(self) -> None:
        """It reads everything that is published, and changes none of it."""
        token = self.world.token("eye")
        for kind in RESOURCES:
            with named(kind):
                self.assertEqual(self.do("GET", f"/{kind}", who=token).status, 200)
                self.refused(self.do("POST", f"/{kind}", BODIES[kind], who=token), 403, "Permission Denied")

    def test_the_page_lists_all_tokens_belonging_to_the_current_user(self) -> None:
        """With name, when it was created, and when it was last used to make an API request."""
        used = self.world.token(name="monitoring")
        self.world.token("eye")
        self.world.later(120)
        self.do("GET", "/proxy-hosts", who=used)
        (listed,) = self.do("GET", "/access-tokens").json
        self.assertEqual(set(listed), {"id", "name", "created_at", "last_used_at"})
        self.assertEqual(
            (listed["name"], listed["created_at"], listed["last_used_at"]),
            ("monitoring", "2026-01-15T12:00:00Z", "2026-01-15T12:02:00Z"),
        )

    def test_revoked_tokens_are_rejected_on_next_use(self) -> None:
        """Immediately, also one that was used a moment ago."""
        token = self.world.token()
        self.assertEqual(self.do("GET", "/proxy-hosts", who=token).status, 200)
        self.do("DELETE", f"/access-tokens/{self.do('GET', '/access-tokens').json[0]['id']}")
        self.assertEqual(self.do("GET", "/proxy-hosts", who=token).status, 401)


class ReferenceTests(PosternTestCase):
    def test_all_resources_follow_the_same_pattern(self) -> None:
        """Seven methods and paths for each of the seven, by a token."""
        token = self.world.token()
        asked = 0
        for kind in RESOURCES:
            made = self.do("POST", f"/{kind}", BODIES[kind], who=token).json["id"]
            for operation, (method, path) in OPERATIONS.items():
                with named((kind, operation)):
                    body = CHANGES[kind] if operation == "update" else None
                    if operation != "create":
                        answer = self.do(method, f"/{kind}{path.format(id=made)}", body, who=token)
                        self.assertLess(answer.status, 300)
                    asked += 1
        self.assertEqual(asked, 49)

    def test_auth_endpoints_need_no_token(self) -> None:
        """They say what is wrong instead of asking for one; only who one is takes a token or a session."""
        for method, path, body, status in (
            ("POST", "/auth/login", {"email": "boss", "password": "secret12"}, 200),
            ("POST", "/auth/refresh", None, 401),
            ("POST", "/auth/logout", None, 204),
            ("GET", "/auth/me", None, 401),
        ):
            self.assertEqual(self.do(method, path, body, who="").status, status, path)

    def test_create_a_proxy_host_via_api(self) -> None:
        """The example's members, as they are there."""
        body = {
            "domain_names": ["app.example.com"],
            "forward_scheme": "http",
            "forward_host": "192.168.1.10",
            "forward_port": 3000,
            "ssl_forced": True,
            "enabled": True,
        }
        made = self.do("POST", "/proxy-hosts", body, who=self.world.token())
        self.assertEqual((made.status, made.json | body), (201, made.json))


class NoteTests(PosternTestCase):
    def test_tokens_do_not_expire(self) -> None:
        token = self.world.token()
        self.world.later(10 * 365 * 86400)
        self.assertEqual(self.do("GET", "/proxy-hosts", who=token).status, 200)

    def test_all_api_requests_made_with_a_token_are_recorded_with_the_associated_user(self) -> None:
        token = self.world.token("eye")
        self.do("GET", "/proxy-hosts", who=token)
        self.do("POST", "/proxy-hosts", HOST, who=token)
        told = [(each["user_name"], each["details"]["status"]) for each in self.world.audit("action=request&limit=5")]
        self.assertEqual(told, [("eye", 403), ("eye", 200)])

    def test_there_is_no_rate_limit_per_token_beyond_120_requests_a_minute_per_address(self) -> None:
        """Two tokens of one address share its hundred and twenty; one token of two addresses has twice as many."""
        one, other = self.world.token(name="one"), self.world.token(name="other")
        self.world.later(61)
        for number in range(120):
            self.assertEqual(self.do("GET", "/proxy-hosts", who=one if number % 2 else other).status, 200)
        for token in (one, other):
            self.assertEqual(self.do("GET", "/proxy-hosts", who=token).status, 429)
        for _ in range(120):
            self.assertEqual(self.do("GET", "/proxy-hosts", who=one, peer="192.0.2.77").status, 200)


class FieldTests(PosternTestCase):
    def test_fields_of_security(self) -> None:
        """On every answer, those below the routes too; HSTS only where the listener speaks TLS."""
        wanted = {
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Content-Security-Policy": "default-src 'self'",
            "Cache-Control": "no-store",
        }
        line = Line(self.world.site)
        line.say(request("GET", "/api/proxy-hosts", ("Transfer-Encoding", "gzip")))
        (below,) = read_answers(line.heard())
        answers = [self.do("GET", "/proxy-hosts"), self.do("GET", "/proxy-hosts", who=""), below]
        for answer in (*answers, self.world.ask("GET", "/api/nowhere", who=None)):
            with named(answer):
                self.assertEqual({name: answer.one(name) for name in wanted}, wanted)
                self.assertEqual(answer.all("Strict-Transport-Security"), [])
        hosts = self.world.live.topology.hosts
        assert hosts is not None
        self.world.set_topology(hosts=type(hosts)(tls=True))
        told = self.do("GET", "/proxy-hosts").one("Strict-Transport-Security")
        self.assertEqual(told, "max-age=31536000; includeSubDomains")
