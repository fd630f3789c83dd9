"""Signing in and out: by which names, what is said of wrong ones, what a session's cookie is, the second factor."""

from __future__ import annotations

from pyotp import TOTP

from meshd.accounts import secondfactor, subaccounts
from meshd.accounts import toplevel as holders
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import Profile
from meshd.auth.guesses import Guess
from meshd.auth.sessions import HALF, LIFE, TRIES
from meshd.model import Account, Refusal
from meshd.topology import Limits
from meshd.web.dashboard.dialect import safe_next
from meshd.web.dashboard.pages import HOME
from meshd.web.dashboard.signin import CODE, OVER, WRONG, WRONG_CODE
from tests.web.dashboard.support import Browser, PagesTestCase, named
from tests.web.support import basic, result

SIGN_IN = "/sign-in/"


def said(text: str) -> str:
    """A sentence as it is read from a page."""
    return " ".join(text.split())


SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODES = [f"aaaa-bbbb-cccc-{number:04}" for number in range(10)]

NEXT = {
    "a page": ("/account/usage/?range=today&by=token", True),
    "another site": ("https://evil.example/", False),
    "another site without a scheme": ("//evil.example/", False),
    "the same with a backslash": ("/\\evil.example/", False),
    "a script": ("javascript:alert(1)", False),
    "a line break": ("/a\r\nSet-Cookie: x=y", False),
    "nothing": ("", False),
    "too much": ("/" + "a" * 300, False),
}


class NextTests(PagesTestCase):
    def test_where_a_sign_in_may_lead(self) -> None:
        """To an address of ours alone."""
        for sentence, (text, ours) in NEXT.items():
            with named(sentence):
                self.assertEqual(safe_next(text), text if ours else HOME)

    def test_it_leads_back(self) -> None:
        """To the page that was asked for, by way of the sign-in; a form that came too late leads to the dashboard."""
        page = self.browser.ask("GET", "/account/usage/?range=today&by=token")
        self.assertEqual(
            page.answer.one("Location"), "/sign-in/?next=%2Faccount%2Fusage%2F%3Frange%3Dtoday%26by%3Dtoken"
        )
        self.browser.open(page.answer.one("Location"))
        fields = {**self.browser.page.form(SIGN_IN), "username": "jo", "password": "secret"}
        page = self.browser.ask("POST", SIGN_IN, fields)
        self.assertEqual(page.answer.one("Location"), "/account/usage/?range=today&by=token")
        for next_ in ("https://evil.example/", "//evil.example"):
            other = self.another()
            other.open(SIGN_IN)
            page = other.ask(
                "POST",
                SIGN_IN,
                {**other.page.form(SIGN_IN), **fields, "next": next_, "csrf": other.page.form(SIGN_IN)["csrf"]},
            )
            self.assertEqual(page.answer.one("Location"), HOME)
        self.assertEqual(self.another().ask("POST", "/account/edit_ips/add/", {}).answer.one("Location"), SIGN_IN)


class SignInTests(PagesTestCase):
    def mailed(self, name: str, email: str) -> None:
        edit = self.world.accounts.perform(subaccounts.edit, Operator(), name, Profile(email=email), at=0)
        result(edit)

    def test_by_name_and_by_email(self) -> None:
        """In any case; an address that two accounts have signs nobody in, and says no more than a wrong password."""
        self.mailed("jo", "jo@mail.example")
        for name in ("jo", "JO", " jo ", "Jo@Mail.example"):
            with named(name):
                self.assertIn("Dashboard", self.another().sign_in(name).text)
        self.mailed("eve", "jo@mail.example")
        page = self.another().sign_in("jo@mail.example")
        self.assertEqual((page.status, WRONG in page.text), (403, True))

    def test_one_answer_for_everything_that_is_wrong(self) -> None:
        """Nothing tells whether a name exists; the slow hash is asked for each."""
        hashed: list[str] = []
        verify = self.world.hasher.verify

        async def noted(encoded: str, password: str, guess: Guess) -> object:
            hashed.append(password)
            return await verify(encoded, password, guess)

        self.world.hasher.verify = noted  # type: ignore[method-assign, assignment]
        said = set()
        for number, name in enumerate(("jo", "nobody", "no@body.example", "not a name", "")):
            page = self.another().sign_in(name, f"wrong {number}")
            said.add((page.status, page.text, tuple(name for name, _ in page.answer.fields)))
        self.assertEqual((len(said), len(hashed)), (1, 5))
        self.assertNotIn("wrong 0", page.html)

    def test_bans_are_those_of_the_api(self) -> None:
        """Four failures here refuse the name there, and the other way round, also with the right password."""
        for number in range(4):
            self.browser.sign_in("jo", f"wrong {number}")
        page = self.browser.sign_in("jo")
        self.assertEqual((page.status, page.answer.one("Retry-After")), (429, "10800"))
        self.assertIn("too many failures", page.text)
        self.assertEqual(self.world.get("/api/ips/", who="jo").status, 429)
        for number in range(4):
            self.world.get("/api/ips/", who=basic("eve", f"wrong {number}"))
        self.assertEqual(self.browser.sign_in("eve").status, 429)
        self.assertEqual(self.browser.sign_in("tom").status, 200)

    def test_a_ban_does_not_tell_whose_an_address_is(self) -> None:
        """Failures count under what was typed: four with the e-mail address ban that, and not the name behind it."""
        self.mailed("jo", "a.long.address.of.jo@mail.example")
        for name in ("a.long.address.of.jo@mail.example", "a.long.address.of.no@mail.example"):
            for number in range(4):
                self.browser.sign_in(name, f"wrong {number}")
            self.assertEqual(self.browser.sign_in(name).status, 429)
        self.assertEqual(self.browser.sign_in("a.third.address.of.some@mail.example").status, 403)
        self.assertIn("Dashboard", self.browser.sign_in("jo").text)

    def test_a_token_is_no_password(self) -> None:
        """Of nobody: who steals one must not get at the pages."""
        token = self.world.new_token()["token"]
        for name, password in (("jo", token), (token[:30], "x"), (token, "x")):
            self.assertEqual(self.another().sign_in(name, password).status, 403)

    def test_who_may_not(self) -> None:
        """An inactive account, a queue that is full, a store that is away: each in words."""
        result(self.world.accounts.perform(subaccounts.deactivate, Operator(), "tom", now=0))
        page = self.browser.sign_in("tom")
        self.assertEqual((page.status, "inactive" in page.text), (403, True))

        async def away(*_: str) -> Refusal:
            return Refusal("auth-unavailable", retry_after=1)

        self.world.door.entrance.enter = away  # type: ignore[assignment]
        page = self.browser.sign_in("jo")
        self.assertEqual((page.status, page.answer.one("Retry-After")), (503, "1"))

    def test_the_cookie(self) -> None:
        """By HTTPS alone, out of the reach of scripts and other hosts; nothing of it in the store."""
        self.browser.open(SIGN_IN)
        form = self.browser.page.form(SIGN_IN)
        answer = self.browser.ask("POST", SIGN_IN, {**form, "username": "jo", "password": "secret"}).answer
        line = next(each for each in answer.all("Set-Cookie") if each.startswith("__Host-meshd="))
        self.assertEqual(
            set(line.split("; ")[1:]), {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"}, "a Domain would open it"
        )
        value = self.browser.cookies["__Host-meshd"]
        self.assertNotIn(value.encode(), b"".join(repr(row).encode() for row in self.dumped()))

    def dumped(self) -> list[str]:
        return list(self.world.store.file._connection.iterdump())

    def test_each_sign_in_has_a_new_one(self) -> None:
        """One that was planted before, or is another's, is not signed in with; the one before ends."""
        planted = "A" * 43
        self.browser.cookies["__Host-meshd"] = planted
        self.browser.sign_in()
        first = self.browser.cookies["__Host-meshd"]
        self.assertNotEqual(first, planted)
        self.browser.sign_in()
        thief = self.another()
        for value in (planted, first, "", "x", "é", "A" * 500):
            with named(value):
                thief.cookies = {"__Host-meshd": value}
                self.assertEqual(thief.ask("GET", HOME).answer.all("Location"), [SIGN_IN])

    def test_signing_out(self) -> None:
        """The cookie is of nobody from then on."""
        self.browser.sign_in()
        kept = dict(self.browser.cookies)
        self.browser.open(HOME)
        self.assertIn("Sign in", self.browser.send("/sign-out/").text)
        self.assertNotIn("__Host-meshd", self.browser.cookies)
        self.browser.cookies = kept
        self.assertEqual(self.browser.ask("GET", HOME).status, 303)

    def test_basic_is_never_looked_at(self) -> None:
        """A browser that remembers the API's password has no session by that."""
        answer = self.world.get(HOME, who="jo")
        self.assertEqual((answer.status, answer.all("WWW-Authenticate")), (303, []))
        self.assertEqual(self.world.door.asked, [])


class SecondFactorTests(PagesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.switch_on(self.world.jo)

    def switch_on(self, account: Account) -> None:
        code = TOTP(SECRET).at(int(self.world.now))
        unit = secondfactor.switch_on
        result(self.world.accounts.perform(unit, account.id, SECRET, code, CODES, now=int(self.world.now)))
        self.world.later(30)

    def code(self) -> str:
        return TOTP(SECRET).at(int(self.world.now))

    def half(self) -> Browser:
        browser = self.another()
        self.assertIn("Enter your code", browser.sign_in().text)
        return browser

    def test_with_its_code(self) -> None:
        """Then, with a new cookie; before, the right password alone opens nothing."""
        browser = self.half()
        before = browser.cookies["__Host-meshd"]
        for path in (HOME, "/account/figures/", "/account/second_factor/"):
            self.assertEqual(browser.ask("GET", path).answer.one("Location")[:9], SIGN_IN)
        browser.open(CODE)
        self.assertIn("Dashboard", browser.send(CODE, code=self.code()).text)
        self.assertNotEqual(browser.cookies["__Host-meshd"], before)
        thief = self.another()
        thief.cookies = {"__Host-meshd": before}
        self.assertEqual(thief.ask("GET", CODE).answer.one("Location"), SIGN_IN)

    def test_a_code_that_was_used(self) -> None:
        """Signs nobody in again, from another browser and from the same."""
        code = self.code()
        self.half().send(CODE, code=code)
        browser = self.half()
        page = browser.send(CODE, code=code)
        self.assertEqual((page.status, WRONG_CODE in page.text), (403, True))

    def test_a_recovery_code(self) -> None:
        """Once."""
        self.assertIn("Dashboard", self.half().send(CODE, code=CODES[3]).text)
        self.assertIn(WRONG_CODE, self.half().send(CODE, code=CODES[3]).text)

    def test_wrong_codes_are_failures(self) -> None:
        """Four of them ban the name, at the API too; the right code does not help then."""
        browser = self.half()
        for _ in range(4):
            self.assertIn(WRONG_CODE, browser.send(CODE, code="000000").text)
        self.assertEqual(browser.send(CODE, code=self.code()).status, 429)
        self.assertEqual(self.world.get("/api/ips/").status, 429)

    def test_a_few_tries_and_minutes(self) -> None:
        """Then the sign-in begins anew, whatever the code."""
        self.world.live.limits = self.world.live.limits.__class__(failures=100)
        browser = self.half()
        for _ in range(TRIES):
            browser.send(CODE, code="000000")
        self.assertIn(said(OVER), browser.send(CODE, code=self.code()).text)
        browser = self.half()
        self.world.later(HALF)
        self.assertIn(said(OVER), browser.send(CODE, code=self.code()).text)

    def test_a_sub_account_has_its_own(self) -> None:
        """Its parent's does not count for it."""
        self.assertIn("Dashboard", self.another().sign_in("sub").text)


class EndTests(PagesTestCase):
    def test_what_ends_a_session(self) -> None:
        """Idle hours, another password, deactivation: the next page is the sign-in."""
        for sentence, end in {
            "twelve idle hours": lambda: self.world.later(LIFE.idle),
            "half an hour, where the settings say so": lambda: self.idle(1800),
            "another password, by the operator": lambda: self.operate(holders.set_password, "jo", "plain:secret2"),
            "deactivation": lambda: self.operate(subaccounts.deactivate, "eve"),
        }.items():
            with named(sentence):
                browser = self.another()
                browser.sign_in("eve" if sentence == "deactivation" else "jo")
                self.assertEqual(browser.ask("GET", HOME).status, 200)
                end()
                self.assertEqual(browser.ask("GET", HOME).status, 303)

    def idle(self, seconds: int) -> None:
        self.world.live.limits = Limits(session_idle=seconds)
        self.world.later(seconds)

    def operate(self, unit: object, *args: object) -> None:
        result(self.world.accounts.perform(unit, Operator(), *args, now=int(self.world.now)))  # type: ignore[arg-type]
