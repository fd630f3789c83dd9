"""Threat 15: whose a session is, when it ends, and what a cookie that was taken, planted or made up opens: nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from markupsafe import escape
from pyotp import TOTP
from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts import secondfactor, subaccounts, toplevel
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import Profile
from meshd.accounts.toplevel import Terms
from meshd.auth.guesses import Guess
from meshd.auth.service import AuthService
from meshd.auth.sessions import MOST, TRIES, digest
from meshd.topology import PLANS, Limits
from meshd.web.app import build_site
from meshd.web.dashboard import cookies
from tests.threats.web.stage import RECOVERY, TOTP_SECRET, Stage, token_of
from tests.web.dashboard.support import Browser
from tests.web.support import Answer, Door, NoHostnames, World, named, result

HOME = "/account/dashboard/"
SIGN_IN, CODE = "/sign-in/", "/sign-in/code/"
ATTRIBUTES = {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"}


class SessionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage(os.path.join(self.mktemp()))

    def thief(self, cookie: str) -> Browser:
        made = Browser(self.stage)
        made.cookies = {cookies.SESSION: cookie}
        return made

    def opens(self, cookie: str) -> bool:
        """Whether a page of an account is shown to who has this cookie."""
        return self.thief(cookie).ask("GET", HOME).status == 200

    def operate(self, unit: Callable[..., Any], *args: Any, **more: Any) -> None:
        result(self.stage.accounts.perform(unit, Operator(), *args, **more))

    def code(self) -> str:
        return TOTP(TOTP_SECRET).at(int(self.stage.now))

    def half(self, name: str = "jo") -> Browser:
        made = self.stage.visitor()
        assert "Enter your code" in made.send(SIGN_IN, username=name, password="secret").text
        return made


class EndTests(SessionCase):
    def test_what_ends_it(self) -> None:
        """Each of these, at once, in whatever browser it goes on; and it was open before."""
        now = int(self.stage.now)
        for sentence, (name, end) in {
            "signing out": ("jo", self.sign_out),
            "signing in anew, in the same browser": ("jo", lambda browser: browser.sign_in("jo")),
            "signing in as somebody else, in the same browser": ("jo", lambda browser: browser.sign_in("eve")),
            "another password, by its holder": ("jo", self.change_password),
            "another password, by the operator": (
                "eve",
                lambda _: self.operate(toplevel.set_password, "eve", "plain:x", now=now),
            ),
            "another role": ("tom", lambda _: self.role("tom", "admin")),
            "a role that is less": ("op2", lambda _: self.role("op2", "customer")),
            "deactivation": ("sib", lambda _: self.operate(subaccounts.deactivate, "sib", now=now)),
            "deactivation of the parent": ("eves", lambda _: self.operate(subaccounts.deactivate, "eve", now=now)),
            "the last day of the account": (
                "op",
                lambda _: self.stage.sql("update accounts set expires_on = ? where username = ?", "2026-01-14", "op"),
            ),
            "deletion": ("sub", lambda _: self.operate(subaccounts.delete, "sub", now=now)),
            "twelve idle hours": ("vi", lambda _: self.stage.later(12 * 3600)),
        }.items():
            with named(sentence):
                browser = self.stage.another(name)
                cookie = browser.cookies[cookies.SESSION]
                self.assertTrue(self.opens(cookie))
                end(browser)
                self.assertFalse(self.opens(cookie))

    def sign_out(self, browser: Browser) -> None:
        browser.ask("POST", "/sign-out/", {"csrf": token_of(browser)})

    def role(self, name: str, role: str) -> None:
        terms = Terms(role=role)  # type: ignore[arg-type]
        self.operate(toplevel.edit, name, Profile(), terms, plans=PLANS, now=int(self.stage.now))

    def change_password(self, browser: Browser) -> None:
        browser.open("/account/change_password/")
        page = browser.send("/account/change_password/", current="secret", password="secret", again="secret")
        assert "was changed" in page.text, page.text

    def test_second_factor(self) -> None:
        """Switched on, off or taken away, every session ends but the one that did it, which has another cookie."""
        browser, other = self.stage.another("jo"), self.stage.another("jo")
        for path in ("on", "off"):
            with named(path):
                before = [each.cookies[cookies.SESSION] for each in (browser, other)]
                browser.open("/account/second_factor/")
                fields = browser.page.form(f"/account/second_factor/{path}/")
                secret = fields.get("secret", "") or self.secret
                self.secret = secret
                form = {"current": "secret", "code": TOTP(secret).at(int(self.stage.now))}
                browser.send(f"/account/second_factor/{path}/", **form)
                self.assertTrue(self.opens(browser.cookies[cookies.SESSION]), browser.page.text)
                self.assertEqual([self.opens(each) for each in before], [False, False])
                self.stage.later(30)
            if path == "on":
                other = self.half()
                other.open(CODE)
                other.send(CODE, code=TOTP(secret).at(int(self.stage.now)))
                self.stage.later(30)
        self.stage.with_factor("eve")
        browser = self.half("eve")
        browser.open(CODE)
        browser.send(CODE, code=self.code())
        self.operate(secondfactor.take_away, "eve", now=int(self.stage.now))
        self.assertFalse(self.opens(browser.cookies[cookies.SESSION]))

    def test_everywhere_else(self) -> None:
        """Signing out everywhere ends all others and gives this browser another cookie; not another account's."""
        browser, other, eve = (self.stage.another(name) for name in ("jo", "jo", "eve"))
        before = [each.cookies[cookies.SESSION] for each in (browser, other)]
        browser.open("/account/sessions/")
        browser.send("/account/sessions/end_all/")
        self.assertEqual([self.opens(each) for each in before], [False, False])
        self.assertTrue(self.opens(browser.cookies[cookies.SESSION]))
        self.assertTrue(self.opens(eve.cookies[cookies.SESSION]))

    def test_as_many_as_one_has(self) -> None:
        """A flood of sign-ins ends the account's own oldest ones, and nobody else's."""
        first, eve = self.stage.another("jo"), self.stage.another("eve")
        for _ in range(MOST):
            self.stage.another("jo")
        self.assertFalse(self.opens(first.cookies[cookies.SESSION]))
        self.assertTrue(self.opens(eve.cookies[cookies.SESSION]))


class CookieTests(SessionCase):
    def cookie_lines(self, answer: Answer) -> list[tuple[str, set[str]]]:
        parts = [line.split("; ") for line in answer.all("Set-Cookie")]
        return [(each[0], set(each[1:]) - {"Max-Age=0"}) for each in parts]

    def test_every_cookie(self) -> None:
        """By HTTPS alone, of this host alone, out of scripts' reach: the session's, the visitor's, the sentence's."""
        self.stage.with_factor("eve")
        browser = Browser(self.stage)
        answers = [browser.ask("GET", SIGN_IN).answer]
        form = {**browser.page.form(SIGN_IN), "username": "jo", "password": "secret"}
        answers.append(browser.ask("POST", SIGN_IN, form).answer)
        answers.append(
            browser.ask("POST", "/account/edit_ips/add/", {"csrf": token_of(browser), "ip": "9.9.9.9"}).answer
        )
        answers.append(browser.ask("GET", "/account/edit_ips/").answer)
        answers.append(browser.ask("POST", "/account/sessions/end_all/", {"csrf": token_of(browser)}).answer)
        answers.append(browser.ask("POST", "/sign-out/", {"csrf": token_of(browser)}).answer)
        answers.append(self.half("eve").page.answer)
        lines = [line for answer in answers for line in self.cookie_lines(answer)]
        self.assertLessEqual(
            {cookies.SESSION, cookies.VISITOR, cookies.SAID}, {line[0].partition("=")[0] for line in lines}
        )
        for pair, attributes in lines:
            with named(pair):
                self.assertTrue(pair.startswith("__Host-meshd"))
                self.assertEqual(attributes, ATTRIBUTES)

    def test_the_store_has_no_cookie(self) -> None:
        """In no row, as text or as bytes: not the session's, the visitor's or the token of a form."""
        browser = self.stage.another("jo")
        self.stage.with_factor("eve")
        half = self.half("eve")
        dump = "\n".join(self.stage.dump()).lower()
        for value in (browser.cookies[cookies.SESSION], half.cookies[cookies.SESSION], token_of(browser)):
            raw = cookies.urlsafe_b64decode(value + "=")
            for shown in (value.lower(), raw.hex(), value.rstrip("=").lower()):
                self.assertNotIn(shown, dump)

    def test_fixation(self) -> None:
        """Whatever a browser had before, it has a new cookie after its password, after its code, and after both."""
        for planted in ("A" * 43, self.stage.another("eve").cookies[cookies.SESSION], "x"):
            with named(planted):
                victim = Browser(self.stage)
                victim.cookies[cookies.SESSION] = planted
                victim.sign_in("jo")
                self.assertNotEqual(victim.cookies[cookies.SESSION], planted)
                self.assertFalse(self.opens(planted))
        self.stage.with_factor("jo")
        victim = self.half()
        before = victim.cookies[cookies.SESSION]
        victim.open(CODE)
        victim.send(CODE, code=self.code())
        self.assertNotEqual(victim.cookies[cookies.SESSION], before)
        self.assertTrue(self.opens(victim.cookies[cookies.SESSION]))
        self.assertFalse(self.opens(before))

    def test_spellings(self) -> None:
        """Of a cookie that was given, others that a lenient reader would take for it; and what is no cookie at all."""
        right = self.stage.another("jo").cookies[cookies.SESSION]
        last = right[:-1] + chr(ord(right[-1]) + 1)
        for value in (
            right + "=", right + "==", right + "A", right[:-1], right.swapcase(), f'"{right}"',
            f"{right[:9]}!{right[9:]}",
            f"{right[:9]} {right[9:]}", f"{right[:9]}\t{right[9:]}", last, "", "=", "%00" * 14, "é" * 43,
            right + "\x00", "A" * 5000, right.replace("-", "+").replace("_", "/") + "!",
        ):  # fmt: skip
            with named(value):
                self.assertFalse(self.opens(value))
        self.assertTrue(self.opens(right))

    def test_cookies_by_the_hundred(self) -> None:
        """Are read quickly, or refused by the head's bound, and open nothing."""
        lines = "; ".join(f"__Host-meshd{number}=x" for number in range(900))
        answer = self.stage.ask("GET", HOME, ("Cookie", lines), who=None)
        self.assertIn(answer.status, (303, 431))

    def test_half_signed_in_opens_nothing(self) -> None:
        """No page, no form of an account, neither API; the code alone makes it whole."""
        self.stage.with_factor("jo")
        half = self.half()
        for route in self.stage.routes:
            if route.room in ("pages", "account", "operators") and route.method in ("GET", "POST"):
                with named(str(route)):
                    before = self.stage.dump()
                    answer = half.ask(
                        route.method, route.filled({}), {"csrf": token_of(half)} if route.method == "POST" else None
                    )
                    self.assertIn(answer.status, (303,) if route.room == "pages" else (401,))
                    self.assertEqual(self.stage.dump(), before)

    def test_said(self) -> None:
        """A sentence is for the browser that caused it: another's, a forged or a changed one is not said."""
        browser = self.stage.another("jo")
        browser.ask("POST", "/account/edit_ips/add/", {"csrf": token_of(browser), "ip": "9.9.9.9"})
        given = browser.cookies[cookies.SAID]
        said = "9.9.9.9 was added"
        self.assertIn(said, browser.ask("GET", HOME).text)
        forged = (
            dict([cookies.saying(bytes(32), "You owe us money.")[0]])["Set-Cookie"].partition("=")[2].partition(";")[0]
        )
        for sentence, (who, value) in {
            "in another's browser": ("eve", given),
            "in another browser of one's own": ("jo", given),
            "made with another key": ("jo", forged),
            "of another text": (
                "jo",
                f"{cookies.urlsafe_b64encode(b'You owe us money.').decode()}.{given.partition('.')[2]}",
            ),
            "of nothing": ("jo", "."),
            "without a seal": ("jo", given.partition(".")[0]),
            "of no base64": ("jo", f"é.{given.partition('.')[2]}"),
        }.items():
            with named(sentence):
                other = self.stage.another(who)
                other.cookies[cookies.SAID] = value
                page = other.ask("GET", HOME)
                self.assertEqual((page.status, said in page.text, "You owe" in page.text), (200, False, False))


class FactorTests(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.stage.with_factor("jo")

    def try_(self, code: str) -> bool:
        """Whether a code signs in, in a browser of its own."""
        browser = self.half()
        browser.open(CODE)
        browser.send(CODE, code=code)
        return self.opens(browser.cookies[cookies.SESSION])

    def at(self, seconds: int) -> str:
        return TOTP(TOTP_SECRET).at(int(self.stage.now) + seconds)

    def test_codes(self) -> None:
        """Each is good once, however it is typed, and none that is of a step to come or older than one step."""
        self.stage.live.limits = Limits(failures=1000)
        self.stage.later(60)
        present = self.at(0)
        for sentence, (code, right) in {
            "of the step to come": (self.at(30), False),
            "of two steps ago": (self.at(-60), False),
            "of the step before": (self.at(-30), True),
            "of the step before, again": (self.at(-30), False),
            "of this step": (present, True),
            "of this step, again": (present, False),
            "of this step, with a blank": (f"{present[:3]} {present[3:]}", False),
            "of the step before this one, late": (self.at(-30), False),
            "in Arabic digits": (present.translate({48 + n: 0x660 + n for n in range(10)}), False),
            "cut": (present[:5], False),
            "none": ("", False),
            "a recovery code": (RECOVERY[0], True),
            "the same recovery code": (RECOVERY[0], False),
            "the same in capitals": (RECOVERY[0].upper(), False),
            "another one, without hyphens": (RECOVERY[1].replace("-", ""), True),
            "that one, with hyphens": (RECOVERY[1], False),
        }.items():
            with named(sentence):
                self.assertEqual(self.try_(code), right)

    def test_at_once(self) -> None:
        """Of many browsers that send one code in one moment, one is signed in: by a step, and by a recovery code."""
        for code in (self.code(), RECOVERY[5]):
            with named(code):
                browsers = [self.half() for _ in range(4)]
                taken = [
                    result(
                        self.stage.store.run(
                            secondfactor.complete,
                            _key(each.cookies[cookies.SESSION]),
                            code,
                            now=int(self.stage.now),
                        )
                    ).right
                    for each in browsers
                ]
                self.assertEqual(sum(taken), 1)

    def test_brute_force(self) -> None:
        """Four wrong codes are four failures, in whichever process and sign-in: then nothing is tried."""
        second = Process(self.stage)
        browsers = [self.half() for _ in range(4)]
        for number, browser in enumerate(browsers):
            browser.open(CODE)
            browser.world = second if number % 2 else self.stage
            browser.send(CODE, code=f"00000{number}")
        self.assertEqual(browser.send(CODE, code=self.code()).status, 429, "in the process that counted the last")
        self.assertIn(("jo",), self.stage.sql("select username from bans"))
        for auth in (second.auth, self.stage.door.auth):
            result(auth._failures._read())  # as a process does once a second
        for where in (self.stage, second):
            other = Browser(where)
            self.assertEqual(other.sign_in("jo").status, 429)

    def test_tries_of_one_sign_in(self) -> None:
        """Are counted in the store, wherever each is tried: after a few the password is asked for anew."""
        self.stage.live.limits = Limits(failures=1000)
        second = Process(self.stage)
        browser = self.half()
        browser.open(CODE)
        form = browser.page.form(CODE)
        for number in range(TRIES):
            browser.world = second if number % 2 else self.stage
            self.assertEqual(browser.ask("POST", CODE, {**form, "code": f"00000{number}"}).status, 403)
        browser.ask("POST", CODE, {**form, "code": self.code()})
        self.assertFalse(self.opens(browser.cookies[cookies.SESSION]))

    def test_ways_around(self) -> None:
        """Another password, by its holder's parent or the operator, and a second sign-in do not make it unasked for."""
        self.operate(toplevel.set_password, "jo", "plain:other", now=int(self.stage.now))
        browser = self.stage.visitor()
        self.assertIn("Enter your code", browser.send(SIGN_IN, username="jo", password="other").text)
        self.assertFalse(self.opens(browser.cookies[cookies.SESSION]))
        for path in ("/account/change_password/", "/account/second_factor/off/", "/account/second_factor/on/"):
            answer = browser.ask("POST", path, {"csrf": token_of(browser), "current": "other", "code": "1"})
            self.assertEqual(answer.status, 303)
        self.stage.with_factor("op")
        self.assertEqual(self.stage.get("/api/admin/overview", who="op").status, 403, "Basic is no way around")
        self.assertEqual(self.stage.get("/api/ips/", who="op").status, 200, "the account API takes no code, by design")

    def test_the_code_of_another(self) -> None:
        """A half sign-in takes the codes of its own account alone."""
        self.stage.with_factor("eve")
        self.stage.sql("update second_factors set secret = ? where account_id = ?", "A" * 32, self.stage.eve.id)
        browser = self.half("eve")
        browser.open(CODE)
        browser.send(CODE, code=self.code())
        self.assertFalse(self.opens(browser.cookies[cookies.SESSION]))


class Process(World):
    """Another process of the same meshd: its own memory and sign-in, on the store of the first."""

    def __init__(self, first: Stage) -> None:
        self.clock, self.now, self.live = first.clock, first.now, first.live
        self.hasher, self.requests = first.hasher, first.requests
        clock = first.services.clock
        self.auth = AuthService(first.store, first.clock, clock, first.live, first.hasher, NoHostnames())  # type: ignore[arg-type]
        services = replace(first.services, auth=Door(self.auth))
        self.site = build_site(first.clock, services, first.requests)  # type: ignore[arg-type]


class NameTests(SessionCase):
    def test_nothing_tells_whether_a_name_exists(self) -> None:
        """One page, byte by byte, and one hash, for each of these with a wrong password."""
        self.operate(subaccounts.deactivate, "tom", now=int(self.stage.now))
        self.stage.with_factor("op")
        self.stage.live.limits = Limits(failures=1000, names_per_address=1000)
        hashed: list[str] = []
        verify = self.stage.hasher.verify

        async def noted(encoded: str, password: str, guess: Guess) -> object:
            hashed.append(password)
            return await verify(encoded, password, guess)

        self.stage.hasher.verify = noted  # type: ignore[method-assign, assignment]
        told = set()
        names = (
            "jo", "JO", "sub", "tom", "op", "admin", "nobody", "canary-jo-mail", "canary-jo@mail.example",
            "canary-no@mail.example", "canary-tom@mail.example", "no name at all", "a" * 200, "", "\u2028", "<b>",
        )  # fmt: skip
        for number, name in enumerate(names):
            browser = self.stage.visitor()
            answer = browser.send(SIGN_IN, username=name, password=f"wrong {number}").answer
            form = token_of(browser, cookies.VISITOR)
            typed = f'value="{escape(name.strip())}"'
            body = answer.body.decode().replace(form, "*").replace(typed, "*")
            with named(name):
                told.add((answer.status, body, tuple(key for key, _ in answer.fields)))
                self.assertEqual(len(told), 1)
        self.assertEqual(len(hashed), len(names))


def _key(cookie: str) -> bytes:
    return digest(cookies.urlsafe_b64decode(cookie + "="))
