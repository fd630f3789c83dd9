"""What the room of the pages refuses, and how: forged forms, other sites, paths, faults; what each answer carries."""

from __future__ import annotations

import re
from typing import Any

from meshd.accounts.errors import AccountError, Forbidden, Invalid, NotFound, NotYours, PlanUnknown, TooMany
from meshd.auth.passwords import Busy
from meshd.store.interface import StoreUnavailable
from meshd.web.dashboard import cookies
from meshd.web.dashboard.dialect import EVERY_ANSWER, POLICY, Pages
from meshd.web.dashboard.pages import HOME, environment
from meshd.web.forms import FormError
from meshd.web.problems import Flaw
from tests.web.dashboard.support import PagesTestCase, named
from tests.web.support import Answer

ADD = "/account/edit_ips/add/"

FORGED: dict[str, Any] = {
    "no token": lambda mine, others: None,
    "an empty one": lambda mine, others: "",
    "another session's": lambda mine, others: others,
    "one that is nearly right": lambda mine, others: mine[:-1] + ("A" if mine[-1] != "A" else "B"),
    "one with more": lambda mine, others: f"{mine}A",
    "one that is no text": lambda mine, others: "\udcff".encode("utf-8", "surrogatepass").decode("latin-1"),
}

RAISED: dict[str, tuple[Exception, int]] = {
    "a rule": (AccountError("no"), 400),
    "values": (Invalid({"a": ["No."]}), 400),
    "what is another's": (NotYours(), 403),
    "what may not be": (Forbidden("no"), 403),
    "what is not there": (NotFound("no"), 404),
    "too much at once": (TooMany("no"), 429),
    "a plan that is gone": (PlanUnknown("no"), 503),
    "a form": (FormError.of(Flaw.MALFORMED), 400),
    "a full queue": (Busy(), 503),
    "a store that is away": (StoreUnavailable("gone"), 503),
    "a fault": (ZeroDivisionError(), 500),
}


class DialectTests(PagesTestCase):
    def check_heads(self, answer: Answer) -> None:
        for name, value in EVERY_ANSWER:
            self.assertEqual(answer.all(name), [value])
        self.assertEqual(len(answer.all("Cache-Control")), 1)

    def test_forged_forms(self) -> None:
        """Refused before the route is run, on every path that is posted to, whoever is signed in."""
        self.browser.sign_in()
        mine = self.browser.open(HOME).form("/sign-out/")["csrf"]
        others = self.signed_in("eve").open(HOME).form("/sign-out/")["csrf"]
        self.assertNotEqual(mine, others)
        posts = [
            path
            for method, path in self.world.site.api.mounted
            if method == "POST" and not path.startswith(("/api/", "/v1/"))
        ]
        self.assertGreater(len(posts), 20)
        for path in posts:
            for sentence, make in FORGED.items():
                with named((path, sentence)):
                    token = make(mine, others)
                    form = {} if token is None else {"csrf": token}
                    page = self.browser.ask("POST", re.sub(r"{\w+}", "sub", path), form)
                    self.assertEqual((page.status, "not made for this browser" in page.text), (403, True))
        self.assertEqual(self.browser.open("/account/edit_ips/").actions.count("/account/edit_ips/delete/"), 0)

    def test_the_sign_in_is_a_form_like_any_other(self) -> None:
        """Else somebody could be signed in as somebody else without noticing."""
        self.browser.open("/sign-in/")
        form = {"username": "jo", "password": "secret"}
        self.assertEqual(self.browser.ask("POST", "/sign-in/", form).status, 403)
        token = self.browser.page and self.another().open("/sign-in/").form("/sign-in/")["csrf"]
        self.assertEqual(self.browser.ask("POST", "/sign-in/", {**form, "csrf": token}).status, 403)
        self.assertEqual(self.another().ask("POST", "/sign-in/", {**form, "csrf": token}).status, 403)

    def test_a_page_of_another_site(self) -> None:
        """Its form is refused with a right token too, and its frames and fetches show nothing; a link is followed."""
        self.browser.sign_in()
        token = self.browser.open(HOME).form("/sign-out/")["csrf"]
        page = self.browser.ask("POST", ADD, {"csrf": token, "ip": "9.9.9.9"}, ("Sec-Fetch-Site", "cross-site"))
        self.assertEqual(page.status, 403)
        page = self.browser.ask("POST", ADD, {"csrf": token, "ip": "9.9.9.9"}, ("Origin", "https://evil.example"))
        self.assertEqual(page.status, 403)
        away = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")]
        self.assertEqual(self.browser.ask("GET", HOME, None, *away, ("Sec-Fetch-Dest", "iframe")).status, 403)
        self.assertEqual(self.browser.ask("GET", HOME, None, *away, ("Sec-Fetch-Dest", "document")).status, 200)

    def test_what_each_answer_carries(self) -> None:
        """A policy that lets nothing inline pass, and no way into a frame or a cache."""
        self.browser.sign_in()
        for path in (HOME, "/", "/nothing", "/account/figures/", "/sign-in/", "/account/edit_ips/add/"):
            with named(path):
                self.check_heads(self.browser.ask("GET", path).answer)
        self.assertNotIn("unsafe", POLICY)
        for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
            self.assertIn(part, POLICY)

    def test_paths_and_methods_that_are_not_there(self) -> None:
        """As pages, below every path but the API's."""
        for path, status in (("/nothing", 404), ("/account/", 404), ("/static/x", 404), (ADD, 405)):
            with named(path):
                page = self.browser.ask("GET", path)
                self.assertEqual(page.status, status)
                self.assertEqual(page.answer.one("Content-Type"), "text/html; charset=utf-8")
                self.assertIn("Go to the dashboard", page.text)
                self.check_heads(page.answer)
        for path in ("/api/nothing", "/api/token/create/", "/api"):
            with named(path):
                kind = self.browser.ask("GET", path).answer.one("Content-Type")
                self.assertEqual(kind, "text/html; charset=utf-8" if path == "/api" else "application/json")

    def test_what_is_raised(self) -> None:
        """Each has its status and plain words; a fault tells the log alone what it is."""
        dialect = Pages(self.world.services)
        answers = {
            Busy: dialect.busy,
            StoreUnavailable: dialect.store_away,
            ZeroDivisionError: lambda: dialect.internal_error("0f"),
        }
        for sentence, (error, status) in RAISED.items():
            with named(sentence):
                if isinstance(error, FormError):
                    reply = dialect.form_refused(error)
                elif isinstance(error, AccountError):
                    reply = dialect.rule_refused(error)
                else:
                    reply = answers[type(error)]()
                self.assertEqual(reply.status, status)
                self.assertEqual(bool(dict(reply.fields).get("Retry-After")), status in (429, 503))

    def test_a_store_that_is_away(self) -> None:
        """Nobody is asked to sign in again then."""
        self.browser.sign_in()
        self.world.store.away = StoreUnavailable("gone")
        self.assertEqual(self.browser.ask("GET", HOME).status, 503)

    def test_odd_forms(self) -> None:
        """JSON, a file, a field twice, a field too many: refused in words."""
        self.browser.sign_in()
        token = self.browser.open("/account/edit_ips/").form(ADD)["csrf"]
        self.assertEqual(self.browser.ask("POST", ADD, {"csrf": token, "ip": "9.9.9.9", "role": "admin"}).status, 400)
        cookie = "; ".join(f"{name}={value}" for name, value in self.browser.cookies.items())
        for body, kind in (
            (b'{"csrf": "x"}', "application/json"),
            (b"csrf=a&csrf=b", "application/x-www-form-urlencoded"),
            (b"x", "multipart/form-data; boundary=x"),
        ):
            with named(body):
                fields = (("Cookie", cookie), ("Content-Type", kind))
                answer = self.world.ask("POST", ADD, *fields, who=None, body=body)
                self.assertEqual((answer.status, answer.one("Content-Type")), (400, "text/html; charset=utf-8"))


class CookieTests(PagesTestCase):
    def test_what_is_sealed(self) -> None:
        """For one use, by one secret; without a secret nothing is."""
        one, other = b"1" * 32, b"2" * 32
        seal = cookies.seal(one, "form", "text")
        self.assertTrue(cookies.sealed(one, "form", "text", seal))
        for secret, use, text, given in (
            (other, "form", "text", seal),
            (one, "said", "text", seal),
            (one, "form", "texts", seal),
            (one, "form", "text", ""),
            (one, "form", "text", "é"),
            (b"", "form", "text", cookies.seal(b"", "form", "text")),
        ):
            self.assertFalse(cookies.sealed(secret, use, text, given))

    def test_a_sentence_is_said_once_and_only_ours(self) -> None:
        """One that somebody else wrote, or that was left for another session, is not."""
        self.browser.sign_in()
        self.browser.open("/account/edit_ips/")
        self.browser.ask("POST", ADD, {**self.browser.page.form(ADD), "ip": "9.9.9.9"})
        left = self.browser.cookies["__Host-meshd-said"]
        self.assertIn("9.9.9.9 was added.", self.browser.open("/account/dashboard/").text)
        self.assertNotIn("was added.", self.browser.open("/account/dashboard/").text)
        eve = self.signed_in("eve")
        for value in (left, left.partition(".")[0], "x.y", "."):
            eve.cookies["__Host-meshd-said"] = value
            self.assertNotIn("was added.", eve.open("/account/dashboard/").text)


class TemplateTests(PagesTestCase):
    def test_nothing_inline(self) -> None:
        """No style, no script, no handler of an event, no address of another host, no attribute without quotes."""
        loader = environment().loader
        assert loader is not None
        for name in loader.list_templates():
            with named(name):
                text, _, _ = loader.get_source(environment(), name)
                for pattern in (
                    r"\sstyle=",
                    r"<style",
                    r"<script(?![^>]*src=)",
                    r"\son\w+=",
                    r"https?://",
                    r"\s[\w-]+=\{\{",
                    r"javascript:",
                ):
                    self.assertNotRegex(text, pattern)
                self.assertNotRegex(text, r"\|\s*safe\b|autoescape")

    def test_static_files(self) -> None:
        """Kept for a year under names that change with their content; nobody signs in for them."""
        page = self.browser.open("/sign-in/")
        found = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.html))
        self.assertEqual(len(found), 3)
        for path in found:
            answer = self.world.get(path, who=None)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.all("Cache-Control"), ["public, max-age=31536000, immutable"])
            self.assertEqual(answer.one("X-Content-Type-Options"), "nosniff")
