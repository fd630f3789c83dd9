"""Threats 6, 16 and 21 on the pages: requests that no browser sends, and values that would leave their place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from meshd.web.dashboard.dialect import safe_next
from tests.threats.web.stage import VALUES, Asked, Route, Stage, basic_of, token_of
from tests.threats.web.test_attacks import OWN_SIGN_IN
from tests.web.dashboard.support import Browser
from tests.web.support import Answer, Line, named, read_answers, request

HOME = "/account/dashboard/"
FORM = ("Content-Type", "application/x-www-form-urlencoded")
INJECTED = "x\r\nX-Evil: 1\r\nSet-Cookie: evil=1"
BREAKS = (
    INJECTED,
    "x\nX-Evil: 1",
    "x\rX-Evil: 1",
    "x\u2028X-Evil: 1",
    "x\x85X-Evil: 1",
    "x\x0bX-Evil: 1",
    "é\U0001f4a5",
)

ELSEWHERE = (
    "https://evil.example", "//evil.example", "///evil.example", "////evil.example", "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example", "\t//evil.example", " //evil.example", "/ /evil.example", "/\n/evil.example",
    "/\r\n/evil.example",
    "https:evil.example", "https:/evil.example", "http:///evil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
    "data:text/html,x", "evil.example", "@evil.example", ".evil.example", "?x", "#x", "/\u2028/evil.example",
    "/\u3002/", "/\x00/evil.example",
    "\x00//evil.example", "/\x7f/evil", "/\x0b/evil.example", "\uff0f\uff0fevil.example",
    "/" + "a" * 301, "%2f%2fevil.example", "x:/", "blob:https://evil.example", "ws://evil.example",
)  # fmt: skip


class RequestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage(os.path.join(self.mktemp()))
        self.jar = tuple(self.stage.browser("jo").cookies.items())
        self.token = token_of(self.stage.browser("jo"))

    def post(self, target: str, body: bytes, *fields: tuple[str, str]) -> Answer:
        return Asked("POST", target, {}, fields or (FORM,), self.jar, body).send(self.stage)

    def pages(self, method: str) -> Iterator[Route]:
        return (route for route in self.stage.routes if route.room == "pages" and route.method == method)

    def clean(self, answer: Answer) -> None:
        """No field of the answer is one that the client wrote."""
        names = {name.lower() for name, _ in answer.fields}
        self.assertNotIn("x-evil", names)
        for line in answer.all("Set-Cookie"):
            self.assertTrue(line.startswith("__Host-meshd"), line)
        for name, value in answer.fields:
            self.assertTrue(value.isprintable(), (name, value))


class NextTests(RequestCase):
    def test_where_a_sign_in_leads(self) -> None:
        """To a path of ours, by whatever spelling of another place: as a form's field, and as the page's own."""
        for text in ELSEWHERE:
            with named(text):
                self.assertEqual(safe_next(text), HOME)
                browser = self.stage.visitor()
                browser.ask("GET", f"/sign-in/?next={quote(text)}")
                answer = browser.ask(
                    "POST",
                    "/sign-in/",
                    {**self._form(browser), "username": "jo", "password": "secret", "next": text.replace("\0", "")},
                ).answer
                self.assertEqual(answer.status, 303)
                self.assertTrue(answer.one("Location").startswith("/account/"), answer)
                self.clean(answer)

    def _form(self, browser: Browser) -> dict[str, str]:
        return {"csrf": token_of(browser, "__Host-meshd-form")}

    def test_back_to_where_one_was(self) -> None:
        """A path keeps its escapes on its way through the sign-in."""
        stranger = self.stage.visitor()
        for path in ("/account/sub_accounts/a%40b/", "/account/sub_accounts/a%2Bb/?x=%26"):
            with named(path):
                stranger.ask("GET", path)
                stranger.open(stranger.page.answer.one("Location"))
                self.assertEqual(stranger.page.form("/sign-in/")["next"], path)


class HeaderTests(RequestCase):
    def test_every_value_that_comes_back(self) -> None:
        """In Location, Set-Cookie, Link, Content-Disposition: of every route, each field and each part of a path."""
        self.stage.live.limits = replace(self.stage.live.limits, failures=1000)
        for route in self.stage.routes:
            if route.room == "open" or route.path == "/api/self/password/":
                continue  # the latter answers nothing, and changes what this test signs in by
            who = "admin" if route.room == "operators" or route.path.startswith("/operator") else "jo"
            for text in BREAKS:
                for name in (*route.fields, *route.variables):
                    with named((str(route), name, text)):
                        if route.path.startswith(OWN_SIGN_IN) or route.room == "visitors":
                            self.stage.forget(who)
                        self._ask(route, name, text, who)

    def _ask(self, route: Route, name: str, text: str, who: str) -> None:
        values = {**VALUES, "name": "us" if "proxy" in route.path else "sub", "username": "sub"}
        form = {each: values.get(each, "") for each in route.fields} | ({name: text} if name in route.fields else {})
        parts = {each: quote(text, safe="") if each == name else values.get(each, "x") for each in route.variables}
        target, fields, jar = route.filled(parts), (basic_of(who),), ()
        if route.room in ("pages", "visitors"):
            browser = self.stage.browser(who)
            form, fields, jar = {**form, "csrf": token_of(browser)}, (), tuple(browser.cookies.items())
        if route.method == "GET":
            target += "?" + "&".join(f"{key}={quote(value)}" for key, value in form.items() if key != "csrf")
        answer = Asked(route.method, target, form, fields, jar).send(self.stage)  # type: ignore[arg-type]
        self.assertLess(answer.status, 500, answer.body)
        self.clean(answer)


class BodyTests(RequestCase):
    def test_bodies(self) -> None:
        """Too large, with too many fields, a field twice, NUL, no UTF-8, a file: refused, and nothing is changed."""
        token = f"csrf={self.token}&".encode()
        many = b"&".join(b"f%d=" % number for number in range(101))
        for sentence, (body, statuses) in {
            "more than 64 KiB": (token + b"ip=" + b"a" * 65_536, (413,)),
            "101 fields": (token + many, (413,)),
            "a field twice": (token + b"ip=9.9.9.9&ip=9.9.9.8", (400,)),
            "a field twice, once escaped": (token + b"ip=9.9.9.9&%69p=9.9.9.8", (400,)),
            "NUL": (token + b"ip=9.9.9.9&label=a%00b", (400,)),
            "NUL in a name": (token + b"ip=9.9.9.9&%00=b", (400,)),
            "no UTF-8": (token + b"ip=9.9.9.9&label=%ff%fe", (400,)),
            "half a surrogate pair": (token + b"ip=9.9.9.9&label=%ed%a0%80", (400,)),
            "an overlong slash": (token + b"ip=9.9.9.9&label=%c0%af", (400,)),
            "a semicolon between fields": (token + b"ip=9.9.9.9;label=x", (400,)),
            "the method in a field": (token + b"_method=DELETE&ip=9.9.9.9", (400,)),
            "nothing": (b"", (403,)),
        }.items():
            with named(sentence):
                before = self.stage.dump()
                answer = self.post("/account/edit_ips/add/", body)
                self.assertIn(answer.status, statuses, answer.body)
                self.assertEqual(self.stage.dump(), before)
                self.assertEqual(answer.one("Content-Type"), "text/html; charset=utf-8")
                self.assertEqual(answer.all("Cache-Control"), ["no-store"])

    def test_a_body_that_is_announced(self) -> None:
        """As too large is refused from the head alone."""
        line = Line(self.stage.site)
        line.say(request("POST", "/account/edit_ips/add/", FORM, ("Content-Length", "65537")))
        self.assertEqual(read_answers(line.heard())[0].status, 413)


class PathTests(RequestCase):
    def test_spellings(self) -> None:
        """Another spelling of a path is that page, or none: never another page, never one that is open."""
        for path in (
            "//account/dashboard/", "/account//dashboard/", "/account/./dashboard/", "/account/../account/dashboard/",
            "/account/dashboard/..;/", "/account;x=1/dashboard/", "/account/dashboard/%00", "/account%2fdashboard%2f",
            "/account/%2e%2e/account/dashboard/", "/static/../account/dashboard/", "/static/%2e%2e/account/dashboard/",
            "/static/..%2faccount/dashboard/", "/sign-in/../account/dashboard/", "/sign-in/..;/account/dashboard/",
            "/ACCOUNT/DASHBOARD/", "/account/dashboard/.css", "/account/dashboard/x.js", "/account\\dashboard\\",
            "/%61ccount/dashboard/", "/account/dashboard", "/api/../account/dashboard/", "/account/dashboard/?/static/",
        ):  # fmt: skip
            with named(path):
                answer = Asked("GET", path, {}).send(self.stage)
                self.assertIn(answer.status, (303, 404, 400), answer)
                self.assertEqual(answer.all("Cache-Control"), ["no-store"])
                signed = Asked("GET", path, {}, (), self.jar).send(self.stage)
                self.assertIn(signed.status, (200, 404) if answer.status == 303 else (404, 400))

    def test_static_files(self) -> None:
        """Are for ever, under the names that their content gives; nothing else of that folder is served."""
        for route in self.stage.routes:
            if route.path.startswith("/static/"):
                answer = Asked("GET", route.path, {}).send(self.stage)
                self.assertEqual(answer.one("Cache-Control"), "public, max-age=31536000, immutable")
                self.assertEqual(answer.one("X-Content-Type-Options"), "nosniff")
        for path in (
            "/static/",
            "/static/meshd.css",
            "/static/meshd-000000000000.css",
            "/static/..%2f..%2fcookies.py",
            "/static/..",
        ):
            with named(path):
                answer = Asked("GET", path, {}).send(self.stage)
                self.assertEqual((answer.status, answer.one("Cache-Control")), (404, "no-store"))


class MethodTests(RequestCase):
    def test_methods(self) -> None:
        """HEAD is a GET without its body; every other method is refused and told which are not."""
        for route in self.pages("GET"):
            target = route.filled({"name": "us"})
            for method in ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get"):
                with named((method, target)):
                    before = self.stage.dump()
                    answer = Asked(method, target, {}, (), self.jar, b"").send(self.stage)
                    self.assertIn(answer.status, (200, 303, 403, 404) if method == "HEAD" else (405, 501, 400), answer)
                    self.assertEqual((answer.body == b"") if method == "HEAD" else True, True)
                    self.assertEqual(answer.all("Access-Control-Allow-Origin"), [])
                    self.assertEqual(self.stage.dump(), before)

    def test_no_page_is_shared(self) -> None:
        """With another origin, by a frame, or with a cache: what every answer of a page says."""
        for route in self.pages("GET"):
            for jar in (self.jar, ()):
                with named((str(route), bool(jar))):
                    answer = Asked("GET", route.filled({"name": "us"}), {}, (), jar).send(self.stage)
                    self.assertEqual(answer.all("Cache-Control"), ["no-store"])
                    policy = answer.one("Content-Security-Policy")
                    for part in (
                        "default-src 'none'",
                        "frame-ancestors 'none'",
                        "base-uri 'none'",
                        "form-action 'self'",
                    ):
                        self.assertIn(part, policy)
                    self.assertNotIn("unsafe", policy)
                    self.assertEqual(answer.one("Referrer-Policy"), "same-origin")
                    self.assertEqual(answer.all("Access-Control-Allow-Origin"), [])

    def test_the_apis_answers_are_not_kept(self) -> None:
        """By no cache: whatever holds something of somebody, and every refusal."""
        for route in self.stage.routes:
            if route.room in ("account", "operators"):
                for fields in ((), (basic_of("admin"),)):
                    with named((str(route), bool(fields))):
                        answer = Asked(route.method, route.filled({}), {}, fields).send(self.stage)  # type: ignore[arg-type]
                        self.assertEqual(answer.all("Cache-Control"), ["no-store"])

    def test_http_1_0(self) -> None:
        """Without a Host nobody is let in by it; with a cookie a page is a page, and the connection ends."""
        line = Line(self.stage.site)
        cookie = "; ".join(f"{name}={value}" for name, value in self.jar)
        line.say(f"GET {HOME} HTTP/1.0\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
        head = line.heard().partition(b"\r\n\r\n")[0]
        self.assertIn(b"Cache-Control: no-store", head)
        self.assertTrue(line.closed)
