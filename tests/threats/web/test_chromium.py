"""Threat 15 in a real browser: Chromium shows each page with markup in every text, and runs and complains of nothing.

Chromium is answered by the stage in the place of a socket, with the very fields and bytes that a client gets.  A run
of everybody's looks at one text, as an operator at operators' pages and as a customer at all others; `FULL=1` looks at
all texts as everybody.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page, sync_playwright
from playwright.sync_api import Route as Fetch
from twisted.trial.unittest import SkipTest

from tests.support import browser
from tests.support.figures import FULL
from tests.threats.web.stage import Asked, Route
from tests.threats.web.test_markup import STORED, Dressed, MarkupCase, parts
from tests.web.support import named

BASE = "https://meshd.test"
RUNS = "window.ran = []; for (const name of ['alert', 'confirm', 'prompt']) window[name] = text => ran.push(text)"
CONTROL = "<!doctype html><title>-</title><img src=x onerror=alert(1)><script>alert(2)</script>"


class ChromiumTests(MarkupCase):
    def setUp(self) -> None:
        super().setUp()
        try:
            program = browser.program()
        except browser.Missing as error:
            raise SkipTest(str(error)) from None
        driver = sync_playwright().start()
        self.addCleanup(driver.stop)
        self.chromium = driver.chromium.launch(executable_path=program, args=[*browser.FLAGS], timeout=120_000)
        self.addCleanup(self.chromium.close)

    def visit(self, stage: Dressed, who: str) -> tuple[Page, list[str]]:
        """A page that the stage answers as somebody's, and what the browser complains of."""
        complaints: list[str] = []
        page = self.chromium.new_page()
        self.addCleanup(page.close)
        page.add_init_script(RUNS)
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        jar = tuple(stage.browser(who).cookies.items())

        def answer(fetch: Fetch) -> None:
            target = fetch.request.url.removeprefix(BASE)
            if target == "/control":
                csp = Asked("GET", "/sign-in/", {}).send(stage).one("Content-Security-Policy")
                fetch.fulfill(body=CONTROL, content_type="text/html", headers={"Content-Security-Policy": csp})
                return
            said = Asked("GET", target, {}, (), jar).send(stage)
            fields = {name: ", ".join(said.all(name)) for name, _ in said.fields if name.lower() != "set-cookie"}
            fetch.fulfill(status=said.status, headers=fields, body=said.body)

        page.route("**/*", answer)
        return page, complaints

    def looks(self, stage: Dressed) -> Iterator[tuple[str, Route, str]]:
        """Whom each page is shown to, and where it is; files and redirects are none."""
        for who, route in self.pages(stage):
            if FULL or who == ("admin" if route.path.startswith("/operator/") else "jo"):
                for part in parts(stage, route):
                    kind = self.open(stage, who, route, {}, **part).all("Content-Type")
                    if kind == ["text/html; charset=utf-8"]:
                        yield (
                            who,
                            route,
                            route.filled({"name": "sub", "username": "jo", "exit": "us-0", "id": "1", **part}),
                        )

    def test_nothing_runs(self) -> None:
        """No script but that of the pages, no request to elsewhere, and nothing that their policy had to stop."""
        for text in STORED if FULL else STORED[:1]:
            stage = Dressed(os.path.join(self.mktemp()), text)
            visits = {who: self.visit(stage, who) for who in ("admin", "vi", "jo", "sub")}
            looked: set[str] = set()
            for who, route, target in self.looks(stage):
                page, complaints = visits[who]
                looked.add(route.path)
                with named((text, who, str(route))):
                    answer = page.goto(BASE + target)
                    assert answer is not None
                    self.assertEqual(page.evaluate("window.ran"), [])
                    gone = answer.status in (403, 404)  # the browser tells of those by itself
                    self.assertEqual([each for each in complaints if not (gone and "status of 40" in each)], [])
                    complaints.clear()
            self.assertGreater(len(looked), 50)

    def test_a_page_that_runs_something_is_noticed(self) -> None:
        """The policy stops it, and the browser says so."""
        page, complaints = self.visit(Dressed(os.path.join(self.mktemp()), "text"), "jo")
        page.goto(f"{BASE}/control")
        found: Any = page.evaluate("window.ran")
        self.assertEqual(found, [])
        self.assertEqual(len([each for each in complaints if "Content Security Policy" in each]), 2, complaints)
