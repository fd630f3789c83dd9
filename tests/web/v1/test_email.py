"""Changing and proving an e-mail address at `/v1`: by what was sent there, and nothing else."""

from __future__ import annotations

import re
from typing import Any

from pyotp import TOTP

from meshd.mail.letter import Letter
from meshd.values.v1 import V1
from meshd.web.v1.email import PER_ACCOUNT
from tests.web.support import named
from tests.web.v1.support import V1TestCase

NOTHING = (404, {"message": "The requested resource was not found."})


class EmailTests(V1TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.letters: list[Letter] = []
        self.full = False
        object.__setattr__(self.world.services, "post", self.post)

    def post(self, letter: Letter) -> bool:
        if not self.full:
            self.letters.append(letter)
        return not self.full

    def request(self, email: str = "new@mail.example", who: str = "jo", **more: str) -> Any:
        return self.do("POST", "/profile/email/request-change", {"email": email, **more}, who=who)

    def confirm(self, token: str, who: str = "jo") -> Any:
        return self.do("POST", "/profile/email/confirm-change", {"token": token}, who=who)

    def token(self) -> str:
        found = re.search(r"^ev_\w+$", self.letters[-1].text, re.MULTILINE)
        assert found is not None
        return found[0]

    def email(self, who: str = "jo") -> str:
        return str(self.payload(self.do("GET", "/auth/user", who=who))["email"])

    def test_a_change(self) -> None:
        """Holds from the confirmation on, once; the address of before is told of it."""
        self.assertTrue(self.payload(self.request("old@mail.example"))["message"])
        self.assertEqual((self.letters[-1].to, self.email()), ("old@mail.example", ""))
        self.payload(self.confirm(self.token()))
        self.assertEqual((self.email(), len(self.letters)), ("old@mail.example", 1))
        self.payload(self.request())
        token = self.token()
        self.payload(self.confirm(token))
        self.assertEqual((self.email(), self.letters[-1].to), ("new@mail.example", "old@mail.example"))
        self.assertNotIn(token, self.letters[-1].text)
        self.invalid(self.confirm(token), "token")
        self.assertEqual(self.world.login("new@mail.example").status, 200)

    def test_a_token_is_one_accounts(self) -> None:
        """Somebody else's, an older one, one that has ended, and what is none."""
        self.request()
        first = self.token()
        self.payload(self.do("POST", "/profile/email/resend-verification"))
        second = self.token()
        for token, who in ((second, "eve"), (first, "jo"), ("x", "jo"), ("ev_" + "0" * 49, "jo")):
            with named((token, who)):
                self.invalid(self.confirm(token, who), "token")
        self.world.later(24 * 3600)
        self.invalid(self.confirm(second), "token")
        self.payload(self.do("POST", "/profile/email/resend-verification"))
        self.payload(self.confirm(self.token()))

    def test_cancelling(self) -> None:
        self.request()
        token = self.token()
        self.payload(self.do("POST", "/profile/email/cancel-change"))
        self.invalid(self.confirm(token), "token")
        for path in ("cancel-change", "resend-verification"):
            with named(path):
                self.assertEqual(self.do("POST", f"/profile/email/{path}").seen, NOTHING)

    def test_what_cannot_be_an_address(self) -> None:
        """Nobody's, another's whatever the case, one's own, and what would be several."""
        self.request("eve@mail.example", who="eve")
        self.confirm(self.token(), who="eve")
        sent = len(self.letters)
        for email in ("", "nobody", "EVE@Mail.example", "a@b.example\r\nBcc: c@d.example", "a@b.example,c@d.example"):
            with named(email):
                self.invalid(self.request(email), "email")
        self.invalid(self.request("Eve@mail.example", who="eve"), "email")
        self.invalid(self.do("POST", "/profile/email/request-change", {"email": "a@b.example", "x": 1}), "x")
        self.assertEqual(len(self.letters), sent)

    def test_another_was_faster(self) -> None:
        """An address is whose proof comes first."""
        self.request()
        token = self.token()
        self.request(who="eve")
        self.payload(self.confirm(self.token(), who="eve"))
        self.invalid(self.confirm(token), "email")

    def test_it_takes_the_second_factor(self) -> None:
        shown = self.payload(self.do("POST", "/profile/2fa/enable"))
        totp = TOTP(shown["secret"])
        self.do("POST", "/profile/2fa/confirm", {"code": totp.at(int(self.world.now))})
        self.world.later(30)
        wanted = (403, {"message": "Two-factor authentication required.", "requires_2fa": True})
        self.assertEqual(self.request().seen, wanted)
        self.invalid(self.request(twofa_code="000000"), "twofa_code")
        self.assertEqual(self.letters, [])
        self.payload(self.request(twofa_code=totp.at(int(self.world.now))))

    def test_letters_are_bounded(self) -> None:
        """Of one account in an hour, whatever they are for."""
        self.request()
        for _ in range(PER_ACCOUNT - 1):
            self.payload(self.do("POST", "/profile/email/resend-verification"))
        for answer in (self.request("other@mail.example"), self.do("POST", "/profile/email/resend-verification")):
            self.assertEqual((answer.status, answer.json), (429, {"message": "Too Many Attempts."}))
        self.assertEqual(len(self.letters), PER_ACCOUNT)
        self.payload(self.request("eve@mail.example", who="eve"))

    def test_when_too_many_letters_wait(self) -> None:
        self.full = True
        answer = self.request()
        self.assertEqual((answer.status, answer.one("Retry-After")), (503, "60"))

    def test_what_was_registered_can_be_proven(self) -> None:
        """The same way; the address stays."""
        self.world.set_topology(v1=V1(registration="open"))
        body = {
            "name": "Ann",
            "email": "ann@mail.example",
            "password": "a password",
            "password_confirmation": "a password",
        }
        key = self.do("POST", "/auth/register", body, who="").json["accessToken"]
        self.assertEqual([each.to for each in self.letters], ["ann@mail.example"])
        self.payload(self.confirm(self.token(), who=key))
        self.assertEqual((self.email(key), len(self.letters)), ("ann@mail.example", 1))

    def test_the_store_has_no_token(self) -> None:
        self.request()
        dump = "\n".join(self.world.store.file._connection.iterdump())
        self.assertNotIn(self.token(), dump)
