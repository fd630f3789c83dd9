"""The second factor and the password at `/v1`: pending until confirmed, shown once, and no way to guess either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from pyotp import TOTP

from meshd.accounts import oneself
from meshd.running.cause import ASKER
from meshd.web.v1 import factor
from tests.web.support import NOON, named, result
from tests.web.v1.support import V1TestCase

T = TypeVar("T")

WANTED = (403, {"message": "Two-factor authentication required.", "requires_2fa": True})
NEW = {"password": "another secret", "password_confirmation": "another secret"}


class FactorTests(V1TestCase):
    def begun(self) -> dict[str, object]:
        return dict(self.payload(self.do("POST", "/profile/2fa/enable")))

    def on(self) -> dict[str, object]:
        shown = self.begun()
        answer = self.do("POST", "/profile/2fa/confirm", {"code": self.code(shown)})
        self.assertEqual(self.payload(answer)["enabled"], True)
        self.world.later(30)
        return shown

    def code(self, shown: dict[str, object]) -> str:
        return TOTP(str(shown["secret"])).at(int(self.world.now))

    def enabled(self) -> bool:
        return bool(self.payload(self.do("GET", "/profile/2fa/status"))["enabled"])

    def test_pending_until_it_is_confirmed(self) -> None:
        """Nothing is asked for before, and the secret is told until then and no longer."""
        shown = self.begun()
        self.assertFalse(self.enabled())
        self.assertEqual(self.world.login("jo").status, 200)
        told = self.payload(self.do("GET", "/profile/2fa/qr-code"))
        self.assertEqual(told, {"qr": shown["qr"], "secret": shown["secret"]})
        self.invalid(self.do("POST", "/profile/2fa/confirm", {"code": "000000"}), "code")
        self.assertFalse(self.enabled())
        self.do("POST", "/profile/2fa/confirm", {"code": self.code(shown)})
        self.assertTrue(self.enabled())
        self.assertEqual(self.do("GET", "/profile/2fa/qr-code").status, 403)
        self.assertEqual(self.do("POST", "/profile/2fa/enable").status, 403)
        self.assertEqual(self.do("POST", "/profile/2fa/confirm", {"code": self.code(shown)}).status, 403)
        self.assertEqual(self.world.login("jo").seen, WANTED)

    def test_what_is_pending_ends(self) -> None:
        """After an hour; and what is begun anew takes the place of what was begun before."""
        first, second = self.begun(), self.begun()
        self.invalid(self.do("POST", "/profile/2fa/confirm", {"code": self.code(first)}), "code")
        self.world.later(3600)
        for method, path, body in (
            ("POST", "/profile/2fa/confirm", {"code": self.code(second)}),
            ("GET", "/profile/2fa/qr-code", None),
        ):
            with named(path):
                self.assertEqual(self.do(method, path, body).status, 403)

    def test_the_picture_is_drawn_aside(self) -> None:
        """It takes milliseconds, which are nobody else's; in the turn of whoever asks."""
        aside: list[str] = []
        askers: list[str] = []

        async def noted(work: Callable[[], T]) -> T:
            drawn = work()
            aside.append(str(drawn))
            askers.append(ASKER.get())
            return drawn

        object.__setattr__(self.world.services, "aside", noted)
        self.assertEqual(aside, [self.begun()["qr"]])
        self.do("GET", "/profile/2fa/qr-code")
        self.assertEqual(len(aside), 2)
        self.do("POST", "/profile/2fa/enable", who="eve")
        mine, again, hers = askers
        self.assertEqual(mine, again)
        self.assertRegex(hers, r"^account \d+$")
        self.assertNotEqual(mine, hers)

    def test_a_picture_of_any_address(self) -> None:
        """One that has no room, or would take a tenth of a second to draw, is not in it."""
        plain = "a" * 60 + "@" + "b" * 39
        for email, called in ((plain, plain), (f"{plain}b", "jo"), ("💥" * 243 + "@x.example", "jo"), ("", "jo")):
            with named(email):
                jo = self.world.jo
                self.assertEqual(factor.called(replace(jo, email=email)), called)
                given = {"verified": jo.password_hash, "now": NOON}
                result(self.world.accounts.perform(oneself.change_email, jo.id, email, **given))
                self.assertLess(len(str(self.begun()["qr"])), 20_000)

    def test_the_picture_is_of_the_address(self) -> None:
        """A data URI, as the SDK's own tests have it."""
        self.assertTrue(str(self.begun()["qr"]).startswith("data:image/svg+xml"))

    def test_recovery_codes_are_shown_once(self) -> None:
        """Afterwards an array without any, which the SDK reads as it is, and how many are left."""
        codes = self.on()["recovery_codes"]
        assert isinstance(codes, list)
        answer = self.do("GET", "/profile/2fa/recovery-codes")
        self.assertEqual((answer.json["payload"], answer.json["meta"]), ([], {"remaining": 10}))
        self.assertEqual(self.world.login("jo", twofa_code=codes[0]).status, 200)
        self.assertEqual(self.do("GET", "/profile/2fa/recovery-codes").json["meta"], {"remaining": 9})

    def test_switching_off(self) -> None:
        """By a code, or by one that stands in for the authenticator; each once."""
        for field, path, recovery in (
            ("twofa_code", "/profile/2fa/disable", False),
            ("recovery_code", "/profile/2fa/disable-by-recovery-code", True),
        ):
            with named(path):
                shown = self.on()
                codes = shown["recovery_codes"]
                assert isinstance(codes, list)
                self.invalid(self.do("POST", path, {}), field)
                self.invalid(self.do("POST", path, {field: "wrong"}), field)
                self.assertTrue(self.enabled())
                right = codes[3] if recovery else self.code(shown)
                self.assertEqual(self.payload(self.do("POST", path, {field: right}))["enabled"], False)
                self.assertFalse(self.enabled())
                self.assertEqual(self.do("POST", path, {field: right}).status, 404)

    def test_a_key_is_no_way_to_guess_codes(self) -> None:
        """Wrong ones are counted as at a sign-in, and then the right one is refused too."""
        shown = self.on()
        for number in range(4):
            self.invalid(self.do("POST", "/profile/2fa/disable", {"twofa_code": f"00000{number}"}), "twofa_code")
        answer = self.do("POST", "/profile/2fa/disable", {"twofa_code": self.code(shown)})
        self.assertEqual((answer.status, answer.json), (429, {"message": "Too Many Attempts."}))
        self.assertTrue(answer.one("Retry-After").isdigit())

    def test_switching_on_ends_other_sign_ins(self) -> None:
        other = self.world.login("jo").json["accessToken"]
        self.on()
        self.assertEqual(self.do("GET", "/auth/user", who=other).status, 401)
        self.assertEqual(self.do("GET", "/auth/user").status, 200)

    def test_the_password(self) -> None:
        """The old one is worth nothing, other sign-ins have ended, this one goes on."""
        other = self.world.login("jo").json["accessToken"]
        answer = self.do("POST", "/profile/password", {"current_password": "secret", **NEW})
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.do("GET", "/auth/user", who=other).status, 401)
        self.assertEqual(self.do("GET", "/auth/user").status, 200)
        self.assertEqual(self.world.login("jo").status, 401)
        self.assertEqual(self.world.login("jo", "another secret").status, 200)

    def test_a_password_that_cannot_be_set(self) -> None:
        for change, field in (
            ({"current_password": "wrong"}, "current_password"),
            ({"current_password": None}, "current_password"),
            ({"password": "7 chars", "password_confirmation": "7 chars"}, "password"),
            ({"password": "x" * 129, "password_confirmation": "x" * 129}, "password"),
            ({"password_confirmation": "another secre"}, "password_confirmation"),
            ({"password_confirmation": None}, "password_confirmation"),
            ({"old_password": "secret"}, "old_password"),
        ):
            with named(change):
                answer = self.do("POST", "/profile/password", {"current_password": "secret", **NEW, **change})
                self.assertEqual(answer.status, 422)
                self.assertIn(field, answer.json["errors"])
        self.assertEqual(self.world.login("jo").status, 200)

    def test_a_key_is_no_way_to_guess_the_password(self) -> None:
        """The trap of the ban: wrong ones count as at a sign-in."""
        for number in range(4):
            body = {"current_password": f"wrong {number}", **NEW}
            self.invalid(self.do("POST", "/profile/password", body), "current_password")
        answer = self.do("POST", "/profile/password", {"current_password": "secret", **NEW})
        self.assertEqual(answer.status, 429)
        self.assertEqual(self.world.login("jo").status, 429)

    def test_a_password_takes_the_second_factor(self) -> None:
        """Without a code the document's 403; a wrong one is told by its field; a right one does."""
        shown = self.on()
        body = {"current_password": "secret", **NEW}
        self.assertEqual(self.do("POST", "/profile/password", body).seen, WANTED)
        self.invalid(self.do("POST", "/profile/password", {**body, "twofa_code": "000000"}), "twofa_code")
        answer = self.do("POST", "/profile/password", {**body, "twofa_code": self.code(shown)})
        self.assertEqual(answer.status, 200)

    def test_no_secret_in_what_is_logged(self) -> None:
        """Neither in the audit nor in the name of anything that is shown in a traceback."""
        from meshd.store.statements import secondfactors

        shown = self.begun()
        found = self.world.store.file.run(secondfactors.pending, self.world.jo.id, int(self.world.now))
        self.assertNotIn(str(shown["secret"]), repr(found))
