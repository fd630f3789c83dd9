"""Signing in and out at `/v1`, and who is signed in, as the document and its SDK expect them."""

from __future__ import annotations

from typing import Any
from unittest import mock

from pyotp import TOTP

from meshd.accounts import secondfactor, topups
from meshd.accounts.ownership import Operator
from meshd.topology import PLANS
from tests.web.support import NOON, named, result
from tests.web.v1.support import V1TestCase

UNAUTHENTICATED = {"message": "Unauthenticated."}
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


class SignInTests(V1TestCase):
    def factor(self) -> None:
        """Give `jo` a second factor, and let its first code be spent."""
        code = TOTP(SECRET).at(int(self.world.now))
        unit, jo = secondfactor.switch_on, self.world.jo.id
        result(self.world.accounts.perform(unit, jo, SECRET, code, ["aaaa-bbbb"], now=int(self.world.now)))
        self.world.later(30)

    def code(self) -> str:
        return TOTP(SECRET).at(int(self.world.now))

    def test_both_spellings_of_the_token(self) -> None:
        """Python's SDK reads `accessToken`, Go's `access_token`."""
        answer = self.world.login("jo")
        self.assertEqual(answer.status, 200)
        told = answer.json
        self.assertEqual((told["accessToken"], told["tokenType"]), (told["access_token"], told["token_type"]))
        self.assertEqual(self.do("GET", "/auth/user", who=told["accessToken"]).status, 200)

    def test_who_signs_in(self) -> None:
        """By name or by an address that is hers alone; all that is wrong is one answer."""
        self.world.post("/api/self/email/", {"email": "jo@mail.example"}, who="jo")
        for name, password, status in (
            ("jo", "secret", 200),
            ("jo@mail.example", "secret", 200),
            ("JO@MAIL.example", "secret", 200),
            ("jo", "wrong", 401),
            ("nobody", "secret", 401),
            ("nobody@mail.example", "secret", 401),
        ):
            with named((name, password)):
                answer = self.world.login(name, password)
                self.assertEqual(answer.status, status)
                if status == 401:
                    self.assertEqual(answer.json, {"message": "Invalid credentials."})

    def test_what_is_missing(self) -> None:
        """Is told, and counts as no wrong password."""
        self.invalid(self.do("POST", "/auth/login", {}, who=""), "email", "password")
        for missing in 2 * ({}, {"password": None}, {"password": ""}):
            self.invalid(self.do("POST", "/auth/login", {"email": "jo", **missing}, who=""), "password")
        self.assertEqual(self.world.login("jo").status, 200)
        self.invalid(self.do("POST", "/auth/login", {"email": "jo", "pasword": "x"}, who=""), "pasword")
        self.invalid(self.do("POST", "/auth/login", {"email": "jo", "\ud800": "x"}, who=""), "\\xed\\xa0\\x80")

    def test_too_many_tries(self) -> None:
        """The address is told how long, and not whether the password is right."""
        for _ in range(4):
            self.world.login("jo", "wrong" + str(_))
        answer = self.world.login("jo")
        self.assertEqual((answer.status, answer.json), (429, {"message": "Too Many Attempts."}))
        self.assertEqual(answer.one("X-RateLimit-Remaining"), "0")

    def test_second_factor(self) -> None:
        """Without a code the document's 403 to the letter; a code once, a recovery code once."""
        self.factor()
        wanted = self.world.login("jo")
        self.assertEqual(wanted.status, 403)
        self.assertEqual(wanted.json, {"message": "Two-factor authentication required.", "requires_2fa": True})
        self.invalid(self.world.login("jo", twofa_code="000000"), "twofa_code")
        code = self.code()
        self.assertEqual(self.world.login("jo", twofa_code=code).status, 200)
        self.invalid(self.world.login("jo", twofa_code=code), "twofa_code")
        self.assertEqual(self.world.login("jo", twofa_code="aaaa-bbbb").status, 200)
        self.invalid(self.world.login("jo", twofa_code="aaaa-bbbb"), "twofa_code")

    def test_wrong_codes_are_a_ban(self) -> None:
        self.factor()
        for _ in range(4):
            self.invalid(self.world.login("jo", twofa_code=f"00000{_}"), "twofa_code")
        self.assertEqual(self.world.login("jo", twofa_code=self.code()).status, 429)

    def test_signing_out(self) -> None:
        """Ends this token and no other."""
        first, second = (self.world.login("jo").json["accessToken"] for _ in range(2))
        self.assertEqual(self.do("POST", "/auth/logout", who=first).seen, (204, None))
        self.assertEqual(self.do("GET", "/auth/user", who=first).seen, (401, UNAUTHENTICATED))
        self.assertEqual(self.do("GET", "/auth/user", who=second).status, 200)

    def test_a_token_ends_by_itself_and_with_the_password(self) -> None:
        token = self.world.key("jo")
        self.world.later(8 * 24 * 3600)
        self.assertEqual(self.do("GET", "/auth/user", who=token).status, 401)
        token = self.world.login("jo").json["accessToken"]
        form = {"password": "another secret"}
        self.assertEqual(self.world.post("/api/self/password/", form, who="jo").status, 200)
        self.assertEqual(self.do("GET", "/auth/user", who=token).status, 401)

    def test_who_is_nobody(self) -> None:
        """The document's answer; no token of another dialect counts, and no password."""
        pm = self.world.new_token()["token"]
        for credential in (None, f"Bearer {pm}".encode(), b"Bearer x", b"Basic am86c2VjcmV0", b"Bearer"):
            with named(credential):
                answer = self.world.ask("GET", "/v1/auth/user", who=credential)
                self.assertEqual(answer.seen, (401, UNAUTHENTICATED))
                self.assertEqual(answer.one("Content-Type"), "application/json")

    def test_its_tokens_count_nowhere_else(self) -> None:
        for path in ("/api/ips/", "/api/admin/accounts"):
            with named(path):
                answer = self.world.get(path, who=f"Bearer {self.world.key('jo')}".encode())
                self.assertEqual(answer.status, 401)
        self.assertEqual(self.world.get("/api/tokens/").json, {"tokens": []})

    def test_the_user(self) -> None:
        """With the bytes that are left, and `traffic` always an object."""
        user = self.payload(self.do("GET", "/auth/user"))
        self.assertEqual(user["traffic"]["total_bytes"], 0)
        self.assertIsNone(user["traffic"]["subscription"])
        unit, perform = topups.add, self.world.accounts.perform
        self.world.store.file.run(_limit, self.world.jo.id)
        result(perform(unit, Operator(), "jo", 3 * 2**30, "paid", note="", plans=PLANS, now=NOON))
        self.world.use(self.world.jo, 100)
        traffic = self.payload(self.do("GET", "/auth/user"))["traffic"]
        self.assertEqual((traffic["regular_bytes"], traffic["regular_human"]), (3 * 2**30, "3.00 GB"))
        self.assertEqual(traffic["subscription_bytes"], 900)
        self.assertEqual(traffic["total_bytes"], 3 * 2**30 + 900)
        self.assertEqual(traffic["subscription_expires_at"], "2026-02-15T00:00:00.000000Z")

    def test_the_user_again_and_again(self) -> None:
        """For a second the store is not asked; what the account's rules change is told at once."""
        self.do("GET", "/auth/user")
        asked: list[object] = []
        run = self.world.store.run

        async def noted(unit: Any, *args: Any, **kwargs: Any) -> Any:
            asked.append(unit)
            return await run(unit, *args, **kwargs)

        with mock.patch.object(self.world.store, "run", noted):
            first = self.do("GET", "/auth/user")
            self.assertEqual((first.status, asked), (200, []))
            self.world.use(self.world.jo, 100)
            self.world.later(1)
            self.do("GET", "/auth/user")
            self.assertEqual(len(asked), 1)
        unit, perform = topups.add, self.world.accounts.perform
        self.world.store.file.run(_limit, self.world.jo.id)
        result(perform(unit, Operator(), "jo", 5, "paid", note="", plans=PLANS, now=NOON))
        self.assertEqual(self.payload(self.do("GET", "/auth/user"))["traffic"]["regular_bytes"], 5)
        self.assertEqual(self.payload(self.do("GET", "/auth/user", who="eve"))["traffic"]["regular_bytes"], 0)

    def test_no_identity_providers(self) -> None:
        self.assertEqual(self.payload(self.do("GET", "/auth/supported-providers", who="")), [])
        self.assertEqual(self.payload(self.do("GET", "/auth/social-accounts")), [])
        self.assertEqual(self.do("DELETE", "/auth/social-accounts/google").status, 404)
        self.assertEqual(self.do("GET", "/auth/google/redirect", who="").status, 404)

    def test_without_its_section_nothing_is_there(self) -> None:
        """Neither a sign-in nor the document."""
        self.world.set_topology(v1=None)
        for method, path in (("POST", "/auth/login"), ("GET", "/auth/user"), ("GET", "/openapi.json")):
            with named(path):
                self.assertEqual(self.do(method, path, who="").status, 404)


def _limit(account_id: int):  # type: ignore[no-untyped-def]
    from meshd.store.unit import Statement

    yield Statement("update accounts set monthly_limit = 1000 where id = :id", {"id": account_id})
