"""The pages about the installation in Chromium over HTTPS, with a script and without: each page, and each form once."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from tests.live.raw import Raw, basic
from tests.live.test_pages import MOST_BYTES, MOST_REQUESTS, PASSWORD, Loaded, PagesCase
from tests.support.daemon import until
from tests.support.origin import RecordingOrigin
from tests.support.stores import postgres_url

CONFIG = """
[[exits]]
name = "rack-1"
kind = "direct"
country = "US"
tags = ["fast"]
[[exits]]
name = "rack-2"
kind = "http"
upstream = "127.0.0.1:9"
country = "DE"
"""

PAGES = (
    "/operator/",
    "/operator/usage/",
    "/operator/usage/?period=last",
    "/operator/exits/",
    "/operator/exits/?state=up&country=US&tag=fast",
    "/operator/exits/rack-1/",
    "/operator/exits/rack-1/users/?at=2026-11-28",
    "/operator/exchanges/",
    "/operator/bans/",
    "/operator/audit/",
    "/operator/settings/",
    "/account/exchanges/",
)
DOCUMENTATION = ("/api/docs/", "/api/docs/tokens/", "/api/docs/admin/", "/api/docs/admin/reports/")


class OperatorPagesCase(PagesCase):
    """The walk; a store and a browser with or without scripts are below."""

    config = CONFIG

    def setUp(self) -> None:
        super().setUp()
        self.daemon.account("ada", PASSWORD, role="admin")
        self.daemon.account("vera", PASSWORD, role="viewer")
        self.origin = RecordingOrigin(self, raw="echo")  # type: ignore[arg-type]

    def tunnel(self) -> Raw:
        """Opened by anna, and known to every process."""
        raw = Raw(self, self.daemon.proxy_port)  # type: ignore[arg-type]
        self.assertEqual(raw.tunnel(self.origin.authority, basic("anna", PASSWORD)), 200)
        return raw

    def walk_all(self) -> None:
        tunnel = self.tunnel()
        with self.page() as page:
            loaded = Loaded(page)
            for path in DOCUMENTATION:
                self.light(page, loaded, path)
            self.sign_in(page, "ada")
            for path in PAGES:
                self.light(page, loaded, path)
                self.assertIn("ada", page.inner_text("header"), path)
            self.overview(page)
            self.exits(page)
            self.exchanges(page, tunnel)
            self.bans(page)
            self.reports(page)
            page.click("header >> text=Sign out")
            self.own(page)
            self.viewer(page)
            unexpected = [each for each in loaded.complaints if "403" not in each and "404" not in each]
            self.assertEqual(unexpected, [], "of the policy, or of the script")

    def light(self, page: Page, loaded: Loaded, path: str) -> None:
        loaded.sizes.clear()
        page.goto(path)
        self.assertLessEqual(len(loaded.sizes), MOST_REQUESTS, path)
        self.assertLess(sum(loaded.sizes.values()), MOST_BYTES, path)
        self.assertEqual(len(loaded.hosts), 1, path)
        self.assertTrue(page.inner_text("h1"), path)

    def seen(self, page: Page, path: str, condition: Callable[[], Any]) -> None:
        """Load the page until something is there, as people do."""

        def there() -> Any:
            page.goto(path)
            return condition()

        until(there, path)

    def overview(self, page: Page) -> None:
        self.seen(page, "/operator/", lambda: page.inner_text("[data-figure=open]") == "1")
        self.assertEqual(page.locator("svg.plot").count(), 2)
        page.click("summary >> nth=0")
        self.assertTrue(page.is_visible("details[open] table"))

    def exits(self, page: Page) -> None:
        """Found, drained and used again, tried, asked for who used it."""
        page.goto("/operator/exits/")
        page.fill("#country", "us")
        page.click("text=Show")
        page.click("td >> text=rack-1")
        page.click("text=Drain")
        self.says(page, "Exit rack-1 is drained")
        page.click("text=Use it again")
        self.says(page, "Exit rack-1 is used again.")
        page.fill("#to", self.origin.authority)
        page.click("button:has-text('Try')")
        self.says(page, f"connected {self.origin.authority}")
        page.goto("/operator/exits/rack-2/")
        page.fill("#to", self.origin.authority)
        page.click("button:has-text('Try')")
        self.says(page, "failed")
        page.goto("/operator/exits/rack-1/")
        page.fill("#at", time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()))
        page.select_option("#within", "300")
        page.click("form[action$='/users/'] button")
        self.says(page, "anna")
        self.says(page, self.origin.authority)

    def exchanges(self, page: Page, tunnel: Raw) -> None:
        """Found by its account, and ended."""
        page.goto("/operator/exchanges/")
        page.fill("#of", "anna")
        page.click("text=Show")
        self.says(page, self.origin.authority)
        self.end(page, tunnel)

    def end(self, page: Page, tunnel: Raw) -> None:
        self.assertFalse(page.is_visible("td button"))
        page.click("td summary")
        page.click("td button")
        self.says(page, "of anna ends within seconds.")
        tunnel.socket.settimeout(60)
        self.assertEqual(tunnel.socket.recv(1), b"", "it was cut")

    def bans(self, page: Page) -> None:
        for number in range(12):
            Raw(self, self.daemon.proxy_port).get("http://meshd.internal/", basic("carl", f"wrong {number}"))  # type: ignore[arg-type]
        self.seen(page, "/operator/bans/", lambda: page.is_visible("td button"))
        page.click("td button")
        self.says(page, "carl may sign in from 127.0.0.1 again.")

    def reports(self, page: Page) -> None:
        """Usage as a table and as a file, the audit by filter, the settings."""
        page.goto("/operator/usage/")
        self.says(page, "anna")
        page.select_option("#period", "month")
        page.fill("#month", time.strftime("%Y-%m", time.gmtime()))
        page.click("text=Show")
        with page.expect_download() as saved:
            page.click("text=as CSV")
        with open(saved.value.path()) as file:
            self.assertTrue(any(line.startswith("anna,") for line in file))
        page.goto("/operator/audit/")
        page.fill("#actor", "ada")
        page.fill("#action", "exit.")
        page.click("text=Show")
        self.says(page, "exit.undrain")
        page.goto("/operator/settings/")
        page.click("summary:has-text('api')")
        self.says(page, f"tcp:{self.daemon.api_port}")
        page.click("main >> text=Operators' API")
        self.says(page, self.daemon.api.removeprefix("https://"))
        page.click("text=Go to the dashboard")

    def own(self, page: Page) -> None:
        """A customer ends her own, and sees nothing of these pages."""
        tunnel = self.tunnel()
        self.sign_in(page)
        page.click("text=Activity")
        page.click("text=What is open now")
        self.seen(page, "/account/exchanges/", lambda: page.is_visible("td summary"))
        self.end(page, tunnel)
        for path in PAGES[:-1]:
            answer = page.goto(path)
            assert answer is not None
            self.assertEqual(answer.status, 403, path)
        page.goto("/account/dashboard/")
        page.click("header >> text=Sign out")

    def viewer(self, page: Page) -> None:
        """Sees all of it, and no form that changes anything."""
        self.sign_in(page, "vera")
        for path in PAGES:
            page.goto(path)
            self.assertEqual(page.locator("main form[method=post]").count(), 0, path)


class ScriptTests(OperatorPagesCase):
    def test_every_page(self) -> None:
        self.walk_all()

    def test_figures_go_on(self) -> None:
        """While somebody looks at them."""
        with self.page() as page:
            page.clock.install()
            self.sign_in(page, "ada")
            page.goto("/operator/")
            self.assertEqual(page.inner_text("[data-figure=open]"), "0")
            tunnel = self.tunnel()

            def risen() -> bool:
                page.clock.fast_forward(11_000)
                return page.inner_text("[data-figure=open]") == "1"

            until(risen, "the figure")
            tunnel.socket.shutdown(socket.SHUT_RDWR)


class NoScriptTests(OperatorPagesCase):
    scripts = False

    def test_every_page(self) -> None:
        """Nothing that changes something needs a script."""
        self.walk_all()


class PostgresTests(OperatorPagesCase):
    def store_url(self) -> str:
        return postgres_url(self)  # type: ignore[arg-type]

    def test_every_page(self) -> None:
        self.walk_all()
