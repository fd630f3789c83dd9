"""Signing in and out, renewing, who is signed in; and how often that may fail."""

from __future__ import annotations

import json

from pyotp import TOTP
from twisted.internet.defer import Deferred

from meshd.accounts import secondfactor
from meshd.auth.guesses import Guess
from meshd.auth.passwords import Compared
from meshd.web.postern import cookies
from tests.web.postern.support import PosternTestCase
from tests.web.support import Answer, Line, named, read_answers, request, result


def kept(answer: Answer) -> str:
    """What renews the session, out of its cookie."""
    (field,) = [each for each in answer.all("Set-Cookie") if each.startswith(cookies.REFRESH)]
    return field.partition("=")[2].partition(";")[0]


class SignInTests(PosternTestCase):
    def test_a_session(self) -> None:
        """By e-mail address or name; a bearer token of a quarter of an hour, and the cookie that renews it."""
        for typed in ("boss", "boss@mesh.example", "BOSS@mesh.example"):
            answer = self.world.login(typed)
            self.assertEqual(answer.status, 200, answer)
            found = answer.json
            self.assertEqual((found["token_type"], found["expires_in"]), ("Bearer", 900))
            user = {"name": "boss", "email": "boss@mesh.example", "role": "admin", "active": True}
            self.assertEqual(found["user"] | user, found["user"])
            self.assertEqual(self.do("GET", "/auth/me", who=found["access_token"]).json, found["user"])

    def test_a_session_ends(self) -> None:
        """After its quarter of an hour, which is told in minutes: not before, and not two minutes later."""
        token = self.world.session("boss")
        for seconds, status in ((880, 200), (130, 401)):
            self.world.later(seconds)
            self.assertEqual(self.do("GET", "/proxy-hosts", who=token).status, status)

    def test_who_is_refused(self) -> None:
        """One answer for a wrong password, an unknown name, an inactive user; customers have no business here."""
        self.world.staff("gone", "admin")
        gone = self.do("GET", "/users").json[-1]["id"]
        self.do("PUT", f"/users/{gone}", {"active": False})
        for name, password, status in (
            ("boss", "wrong", 401),
            ("nobody", "secret12", 401),
            ("gone", "secret12", 401),
            ("jo", "secret", 403),
            ("", "secret12", 400),
        ):
            with named(name):
                self.world.peer = f"198.51.100.{len(name)}"
                answer = self.world.login(name, password)
                self.assertEqual(answer.status, status, answer)
                if status == 401:
                    self.assertEqual(answer.json["error"]["message"], "Invalid email or password")

    def test_who_is_signed_in(self) -> None:
        """By a token, or by the cookie of a session; 401 for neither."""
        answer = self.world.login("eye")
        self.assertEqual(self.do("GET", "/auth/me", who="").status, 401)
        cookie = ("Cookie", f"{cookies.REFRESH}={kept(answer)}")
        self.assertEqual(self.do("GET", "/auth/me", None, cookie, who="").json["role"], "viewer")
        self.assertEqual(self.do("GET", "/auth/me", who=self.world.token("eye")).json["name"], "eye")
        forged = ("Cookie", f"{cookies.REFRESH}=pr_{'x' * 49}")
        self.assertEqual(self.do("GET", "/auth/me", None, forged, who="").status, 401)
        self.assertEqual(self.do("GET", "/proxy-hosts", None, cookie, who="").status, 401)

    def test_who_has_a_second_factor_sends_its_code(self) -> None:
        """A password alone is worth no more here than on the pages."""
        secret, now = secondfactor.new_secret(), int(self.world.now)
        switched = self.world.accounts.perform(
            secondfactor.switch_on,
            self.world.boss.id,
            secret,
            TOTP(secret).at(now - 30),
            secondfactor.new_recovery_codes(),
            now=now,
        )
        result(switched)
        self.refused(self.world.login("boss"), 401, "code")
        self.refused(self.world.login("boss", code="000000"), 401)
        self.world.later(60)
        self.assertEqual(self.world.login("boss", code=TOTP(secret).at(int(self.world.now))).status, 200)


class RenewalTests(PosternTestCase):
    def renewed(self, secret: str, *fields: tuple[str, str]) -> Answer:
        cookie = ("Cookie", f"{cookies.REFRESH}={secret}")
        return self.do("POST", "/auth/refresh", None, cookie, *fields, who="")

    def double(self, secret: str) -> tuple[str, str]:
        return cookies.FIELD, cookies.token(secret)

    def test_a_session_is_renewed_once(self) -> None:
        """By the cookie and its double; the old token and the old cookie are worth nothing from then on."""
        first = self.world.login("boss")
        old = kept(first)
        second = self.renewed(old, self.double(old))
        self.assertEqual(second.status, 200, second)
        self.assertNotEqual(kept(second), old)
        self.assertNotIn("user", second.json)
        self.assertEqual(self.do("GET", "/auth/me", who=second.json["access_token"]).status, 200)
        self.assertEqual(self.do("GET", "/auth/me", who=first.json["access_token"]).status, 401)

    def test_what_is_used_twice_was_stolen(self) -> None:
        """All that came of the sign-in ends."""
        first = kept(self.world.login("boss"))
        second = self.renewed(first, self.double(first))
        self.assertEqual(self.renewed(first, self.double(first)).status, 401)
        self.assertEqual(self.do("GET", "/auth/me", who=second.json["access_token"]).status, 401)
        fresh = kept(second)
        self.assertEqual(self.renewed(fresh, self.double(fresh)).status, 401)

    def test_by_the_body(self) -> None:
        """For clients that keep no cookies; a page of another site cannot send that."""
        secret = kept(self.world.login("boss"))
        self.assertEqual(self.do("POST", "/auth/refresh", {"refresh_token": secret}, who="").status, 200)
        self.assertEqual(self.do("POST", "/auth/refresh", {"refresh_token": "x"}, who="").status, 401)
        self.assertEqual(self.do("POST", "/auth/refresh", who="").status, 401)

    def test_a_page_of_another_site_renews_nothing(self) -> None:
        """A cookie without its double changes nothing, and neither does a wrong double."""
        secret = kept(self.world.login("boss"))
        for fields in ((), ((cookies.FIELD, "x"),), ((cookies.FIELD, secret),)):
            self.refused(self.renewed(secret, *fields), 403, cookies.FIELD)
            out = self.do("POST", "/auth/logout", None, ("Cookie", f"{cookies.REFRESH}={secret}"), *fields, who="")
            self.refused(out, 403, cookies.FIELD)
        cross = ("Sec-Fetch-Site", "cross-site")
        self.refused(self.renewed(secret, self.double(secret), cross), 403, "another site")
        self.assertEqual(self.renewed(secret, self.double(secret)).status, 200)

    def test_a_token_needs_no_double(self) -> None:
        """No browser sends a bearer token by itself."""
        self.assertEqual(self.do("POST", "/dead-hosts", {"domain_names": ["x.example.com"]}).status, 201)

    def test_signing_out(self) -> None:
        """By the bearer, the cookie or the body; a cookie is dropped, and what is over stays so."""
        for way in ("bearer", "cookie", "body"):
            with named(way):
                answer = self.world.login("boss")
                token, secret = answer.json["access_token"], kept(answer)
                if way == "bearer":
                    out = self.do("POST", "/auth/logout", who=token)
                elif way == "cookie":
                    cookie = ("Cookie", f"{cookies.REFRESH}={secret}")
                    out = self.do("POST", "/auth/logout", None, cookie, self.double(secret), who="")
                else:
                    out = self.do("POST", "/auth/logout", {"refresh_token": secret}, who="")
                self.assertEqual(out.status, 204)
                self.assertTrue(all("Max-Age=0" in each for each in out.all("Set-Cookie")))
                self.assertEqual(self.do("GET", "/auth/me", who=token).status, 401)
                self.assertEqual(self.renewed(secret, self.double(secret)).status, 401)
        self.assertEqual(self.do("POST", "/auth/logout", who="").status, 204)

    def test_an_access_token_is_no_session(self) -> None:
        """Signing out with one leaves it: it is revoked where it was made."""
        token = self.world.token()
        self.assertEqual(self.do("POST", "/auth/logout", who=token).status, 204)
        self.assertEqual(self.do("GET", "/auth/me", who=token).status, 200)


class LimitTests(PosternTestCase):
    def test_sign_ins_that_fail(self) -> None:
        """Five a minute from one address, whatever names they try; the sixth is not even looked at."""
        for number in range(5):
            self.assertEqual(self.world.login(f"name{number}", "wrong").status, 401)
        answer = self.world.login("boss")
        self.refused(answer, 429)
        self.assertEqual(answer.one("Retry-After"), "60")
        self.refused(self.do("POST", "/tokens", {"identity": "boss", "secret": "secret12"}, who=""), 429)
        self.assertEqual(self.world.login("boss", peer="192.0.2.99").status, 200)
        self.world.later(60)
        self.assertEqual(self.world.login("boss").status, 200)

    def test_a_sign_in_that_succeeds_counts_for_none(self) -> None:
        """One of the clients signs in before each of its commands."""
        for _ in range(30):
            self.assertEqual(self.world.login("boss").status, 200)
        for number in range(4):
            self.world.login(f"name{number}", "wrong")
            self.assertEqual(self.world.login("boss").status, 200)
        self.world.login("name4", "wrong")
        self.assertEqual(self.world.login("boss").status, 429)

    def test_many_at_once(self) -> None:
        """Of sign-ins that come together no more are looked at than of those that come one by one."""
        gate: Deferred[None] = Deferred()
        looked: list[str] = []
        verify = self.world.hasher.verify

        async def slow(encoded: str, password: str, guess: Guess) -> Compared:
            looked.append(password)
            if not gate.called:
                await gate
            return await verify(encoded, password, guess)

        self.world.hasher.verify = slow  # type: ignore[method-assign]
        lines = [Line(self.world.site, "192.0.2.1") for _ in range(20)]
        for number, line in enumerate(lines):
            body = json.dumps({"email": f"name{number}", "password": "wrong"}).encode()
            line.say(request("POST", "/api/auth/login", ("Content-Type", "application/json"), body=body))
        self.assertEqual(len(looked), 1)
        gate.callback(None)
        statuses = [read_answers(line.heard())[0].status for line in lines]
        self.assertEqual((statuses, len(looked)), ([401] * 5 + [429] * 15, 5))

    def test_requests(self) -> None:
        """A hundred and twenty a minute from one address, over all paths, known or not, signed in or not."""
        token = self.world.token()
        self.world.later(61)
        asked = 0
        for method, path, who in (("GET", "/proxy-hosts", token), ("GET", "/auth/me", ""), ("GET", "/", "")):
            for _ in range(40):
                self.assertNotEqual(self.do(method, path, who=who).status, 429)
                asked += 1
        self.assertEqual(asked, 120)
        answer = self.do("GET", "/proxy-hosts", who=token)
        self.refused(answer, 429, "120")
        self.assertEqual(answer.one("Retry-After"), "60")
        self.assertEqual(self.world.ask("GET", "/api/nowhere", who=None).status, 429)
        self.assertEqual(self.do("GET", "/proxy-hosts", who=token, peer="192.0.2.99").status, 200)
        self.world.later(60)
        self.assertEqual(self.do("GET", "/proxy-hosts", who=token).status, 200)
