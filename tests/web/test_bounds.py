"""What one account may guess in an hour, whichever door it comes by, and that it keeps nobody else from anything."""

from __future__ import annotations

from meshd.web.flood import ASKED_BY_ACCOUNT, HOUR, NAMED_BY_ACCOUNT
from tests.web.support import named
from tests.web.v1.support import V1TestCase

REQUEST = "/profile/email/request-change"


class BoundsTests(V1TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.letters = 0
        object.__setattr__(self.world.services, "post", self.post)

    def post(self, letter: object) -> bool:
        self.letters += 1
        return True

    def email(self, who: str, email: str = "x@mail.example") -> int:
        return self.world.post("/api/self/email/", {"email": email}, who=who).status

    def request(self, who: str, email: str) -> int:
        return self.do("POST", REQUEST, {"email": email}, who=who).status

    def test_addresses(self) -> None:
        """An account changes its own ten times, below `/v1` and beside it together."""
        for number in range(ASKED_BY_ACCOUNT):
            ask = self.email if number % 2 else self.request
            self.assertEqual(ask("jo", f"jo{number}@mail.example"), 200)
        self.assertEqual((self.email("jo"), self.request("jo", "jo@mail.example")), (429, 429))
        self.world.later(HOUR)
        self.assertEqual(self.email("jo"), 200)

    def test_sub_accounts(self) -> None:
        """They learn nothing and are not counted; the letters that those of one parent send are, together."""
        reseller = self.world.account("reseller", plan="100")
        for number in range(60):
            self.world.sub_account(reseller, f"s{number}")
            for _ in range(ASKED_BY_ACCOUNT + 1):
                self.assertEqual(self.email(f"s{number}"), 200)
        self.assertEqual(self.email("jo"), 200)
        seen = [self.request(f"s{number}", f"s{number}@mail.example") for number in range(12)]
        self.assertEqual((seen, self.letters), ([200] * 10 + [429] * 2, 10))
        for who in ("reseller", "sub"):
            with named(who):
                self.assertEqual(self.request(who, f"{who}@mail.example"), 200)

    def test_names_of_sub_accounts(self) -> None:
        """Who has an address is not learnt by naming sub-accounts so; what is made is not counted."""
        self.assertEqual(self.email("eve", "eve@mail.example"), 200)

        def make(name: str) -> int:
            return self.world.post("/api/sub/create/", {"username": name}).status

        self.assertEqual(make("new@mail.example"), 200)
        for number in range(NAMED_BY_ACCOUNT + 2):
            with named(number):
                self.assertEqual(make("eve@mail.example"), 400 if number < NAMED_BY_ACCOUNT else 429)
        self.assertEqual((make("free@mail.example"), make("free")), (429, 200))
