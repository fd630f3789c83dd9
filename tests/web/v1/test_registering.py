"""Registering at `/v1`: who may, what an account begins with, and that a flood ends."""

from __future__ import annotations

from typing import Any

from meshd.accounts import invitations
from meshd.accounts.ownership import Operator
from meshd.values.v1 import V1
from meshd.web.flood import HOUR, PER_ADDRESS, Flood, Wait
from tests.web.support import NOON, Answer, named, result
from tests.web.v1.support import V1TestCase


class RegisteringTests(V1TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.world.set_topology(v1=V1(registration="open"))

    def register(self, email: str = "ann@mail.example", **more: Any) -> Answer:
        password = "correct horse"
        body = {"name": "Ann Example", "email": email, "password": password, "password_confirmation": password}
        return self.do("POST", "/auth/register", {**body, **more}, who="")

    def test_a_new_account(self) -> None:
        """A bare object with both spellings of the token, which signs in; and so does the password."""
        answer = self.register(utm_source="x", utm_medium=None, utm_campaign="y")
        self.assertEqual(answer.status, 201)
        told = answer.json
        self.assertEqual((told["accessToken"], told["tokenType"]), (told["access_token"], told["token_type"]))
        user = self.payload(self.do("GET", "/auth/user", who=told["accessToken"]))
        self.assertEqual((user["name"], user["email"]), ("Ann Example", "ann@mail.example"))
        self.assertEqual(self.world.login("ANN@mail.example", "correct horse").status, 200)

    def test_traffic_is_an_object_from_the_first_moment(self) -> None:
        """The trap: `traffic: null` breaks the SDK.  Nothing was bought, and no period brings anything."""
        token = self.register().json["accessToken"]
        traffic = self.payload(self.do("GET", "/auth/user", who=token))["traffic"]
        self.assertEqual((traffic["total_bytes"], traffic["subscription"]), (0, None))

    def test_the_sub_user_that_comes_with_it(self) -> None:
        """Under a password that the gateway takes and the API tells; none where the plan has no room for one."""
        token = self.register().json["accessToken"]
        (sub,) = self.payload(self.do("GET", "/sub-users", who=token))
        self.assertTrue(sub["is_default_user"])
        self.assertEqual((sub["suspended_at"], sub["traffic_limit"]), (None, 0))
        self.assertRegex(sub["proxy_password"], r"\A[0-9A-Za-z]{20,}\Z")
        self.assertEqual(self.world.login(sub["proxy_username"], sub["proxy_password"]).status, 200)
        self.world.set_topology(v1=V1(registration="open", plan="trial"))
        token = self.register("bea@mail.example").json["accessToken"]
        self.assertEqual(self.payload(self.do("GET", "/sub-users", who=token)), [])

    def test_closed(self) -> None:
        """As it is by default: told in words, whatever was sent, and nothing is counted."""
        self.world.set_topology(v1=V1())
        for _ in range(PER_ADDRESS + 1):
            answer = self.register()
            self.assertEqual(answer.status, 403)
            self.assertIn("closed", answer.json["message"])

    def test_by_invitation(self) -> None:
        self.world.set_topology(v1=V1(registration="invite"))
        code = invitations.new_code()
        result(
            self.world.accounts.perform(
                invitations.create,
                Operator(),
                digest=invitations.code_digest(code),
                label="",
                uses=1,
                until=0,
                now=NOON,
            )
        )
        self.invalid(self.register(), "referral_code")
        self.invalid(self.register(referral_code="wrong"), "referral_code")
        self.assertEqual(self.register(referral_code=code).status, 201)
        self.invalid(self.register("bob@mail.example", referral_code=code), "referral_code")

    def test_what_cannot_be_accepted(self) -> None:
        """By field; an address that is somebody's is told, as the vendor's form tells it."""
        self.register()
        for change, field in (
            ({"name": ""}, "name"),
            ({"name": "x" * 101}, "name"),
            ({"email": "nobody"}, "email"),
            ({"email": "a@mail.example\r\nBcc: b@mail.example"}, "email"),
            ({"email": "ANN@mail.example"}, "email"),
            ({"password": "7 chars", "password_confirmation": "7 chars"}, "password"),
            ({"password_confirmation": "correct hors"}, "password_confirmation"),
            ({"password": None}, "password"),
            ({"plan": "100"}, "plan"),
            ({"role": "root"}, "role"),
            ({"monthly_limit": 0}, "monthly_limit"),
            ({"username": "admin"}, "username"),
        ):
            with named(change):
                answer = self.register(**{"email": "bob@mail.example", **change})
                self.assertEqual(answer.status, 422)
                self.assertIn(field, answer.json["errors"])
        self.assertEqual(self.register("bob@mail.example").status, 201)

    def test_a_flood(self) -> None:
        """From one address it ends, before any password is hashed, with whole seconds to wait."""
        hashed: list[str] = []
        plain = self.world.hasher.hash

        async def counting(password: str) -> str:
            hashed.append(password)
            return await plain(password)

        self.world = type(self.world)(self.mktemp())
        self.do = self.world.do
        self.world.set_topology(v1=V1(registration="open"))
        object.__setattr__(self.world.services, "hash", counting)
        for number in range(PER_ADDRESS):
            self.assertEqual(self.register(f"a{number}@mail.example").status, 201)
        answer = self.register("last@mail.example")
        self.assertEqual((answer.status, answer.json), (429, {"message": "Too Many Attempts."}))
        self.assertEqual(answer.one("Retry-After"), str(int(HOUR) // PER_ADDRESS))
        self.assertEqual(len(hashed), 2 * PER_ADDRESS)  # each account's password, and its first sub-user's
        self.world.later(HOUR / PER_ADDRESS)
        self.assertEqual(self.register("last@mail.example").status, 201)


class FloodTests(V1TestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.flood = Flood(lambda: self.now, per_address=2, in_all=3)

    def test_one_address_and_all(self) -> None:
        """What is refused is not counted."""
        for address, expected in (
            ("a", None),
            ("a", None),
            ("a", Wait(1800, 2)),
            ("b", None),
            ("b", Wait(1200, 3)),
            ("c", Wait(1200, 3)),
        ):
            with named(address):
                self.assertEqual(self.flood.tried(address), expected)

    def test_it_comes_back(self) -> None:
        """Evenly, and no more than an hour's is saved up."""
        for _ in range(2):
            self.flood.tried("a")
        self.now += 1800
        self.assertIsNone(self.flood.tried("a"))
        self.assertIsNotNone(self.flood.tried("a"))
        self.now += 100 * HOUR
        self.assertEqual([self.flood.tried("a") is None for _ in range(3)], [True, True, False])

    def test_a_clock_that_was_set_back(self) -> None:
        """Nobody waits for longer than an hour's tries."""
        self.now = 10_000_000.0
        self.flood.tried("a")
        self.now = 1000.0
        for _ in range(3):
            wait = self.flood.tried("a")
            self.assertLessEqual(wait.seconds if wait else 0, HOUR)
