"""A customer's pages in Chromium over HTTPS, on both stores, with a script and without: every page, every form once."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, sync_playwright
from pyotp import TOTP
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.live.test_browser import trusted
from tests.support import browser
from tests.support.authenticator import code_before
from tests.support.daemon import LiveDaemon
from tests.support.figures import FULL
from tests.support.origin import RecordingOrigin
from tests.support.stores import postgres_url

PASSWORD = "correct horse"
PAGES = (
    "/account/dashboard/",
    "/account/usage/?range=quarter",
    "/account/activity/",
    "/account/edit_ips/",
    "/account/edit_hostnames/",
    "/account/edit_proxies/",
    "/account/edit_tokens/",
    "/account/sub_accounts/",
    "/account/new_sub_account/",
    "/account/settings/",
    "/account/change_password/",
    "/account/change_email/",
    "/account/second_factor/",
    "/account/sessions/",
    "/account/proxy_status/local/",
)
MOST_BYTES, MOST_REQUESTS = 100_000, 5


class Loaded:
    """What a page has made the browser load, and what the browser complained of."""

    def __init__(self, page: Page) -> None:
        self.sizes: dict[str, int] = {}
        """Bytes by URL."""
        self.complaints: list[str] = []
        page.on("response", self._response)
        page.on("console", lambda told: self.complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _response(self, response: Any) -> None:
        self.sizes[response.url] = int(response.headers.get("content-length", "0"))

    @property
    def hosts(self) -> set[str]:
        return {url.split("/")[2] for url in self.sizes}


class PagesCase(SynchronousTestCase):
    """The walk; a store and a browser with or without scripts are below."""

    scripts = True
    store = ""
    config = ""

    def setUp(self) -> None:
        try:
            self.program = browser.program()
        except browser.Missing as error:
            raise SkipTest(str(error)) from None
        self.daemon = LiveDaemon(self, self.config, store=self.store_url())
        self.daemon.account("anna", PASSWORD)

    def store_url(self) -> str:
        return ""

    @contextmanager
    def page(self) -> Iterator[Page]:
        """A browser with nothing in it."""
        flag = trusted(self.daemon.certificate.read_bytes())
        with sync_playwright() as driver:
            chromium = driver.chromium.launch(
                executable_path=self.program, args=[*browser.FLAGS, flag], timeout=120_000
            )
            context = chromium.new_context(java_script_enabled=self.scripts, base_url=self.daemon.api)
            page = context.new_page()
            page.set_default_timeout(120_000)
            page.on("dialog", lambda dialog: dialog.accept())
            yield page
            chromium.close()

    def sign_in(self, page: Page, name: str = "anna", password: str = PASSWORD) -> None:
        page.goto("/")
        page.fill("#username", name)
        page.fill("#password", password)
        page.click("button[type=submit]")

    def says(self, page: Page, text: str) -> None:
        self.assertIn(text, page.inner_text("main"))

    def walk(self) -> None:
        with self.page() as page:
            loaded = Loaded(page)
            self.sign_in(page)
            self.says(page, "Dashboard")
            for path in PAGES:
                loaded.sizes.clear()
                page.goto(path)
                self.assertIn("anna", page.inner_text("header"), path)
                self.assertLessEqual(len(loaded.sizes), MOST_REQUESTS, path)
                self.assertLess(sum(loaded.sizes.values()), MOST_BYTES, path)
                self.assertEqual(len(loaded.hosts), 1, path)
            self.lists(page)
            self.tokens(page)
            self.sub_accounts(page)
            self.second_factor(page)
            self.password(page)
            self.assertEqual(loaded.complaints, [], "of the policy, or of the script")

    def lists(self, page: Page) -> None:
        page.goto("/account/edit_ips/")
        page.fill("#ip", "93.184.216.34")
        page.fill("#label", "office")
        page.click("form.row button")
        self.says(page, "93.184.216.34 was added.")
        page.click("td button")
        self.says(page, "93.184.216.34 was removed.")
        page.goto("/account/edit_hostnames/")
        page.fill("#domain", "home.example.com")
        page.click("form.row button")
        page.click("td button")
        self.says(page, "home.example.com was removed.")
        page.goto("/account/edit_proxies/")
        page.click("button:has-text('Remove')")
        page.click("button:has-text('Add')")
        self.says(page, "You may use local now.")

    def tokens(self, page: Page) -> None:
        """Seen once, used at the proxy, deleted."""
        page.goto("/account/dashboard/")
        page.click("aside >> text=Edit Bearer Tokens")
        page.fill("#label", "production")
        page.fill("#expires_at", time.strftime("%Y-12-31", time.gmtime()))
        page.click("text=Create Token")
        token = page.inner_text("#token")
        self.assertRegex(token, r"\Apm_[0-9A-Za-z]{49}\Z")
        self.assertEqual(page.is_visible("[data-copy=token]"), self.scripts)
        told = f"Proxy-Authorization: Bearer {token}"
        command = ["curl", "-sS", "-x", f"http://{self.daemon.proxy}", "--proxy-header", told]
        answer = subprocess.run([*command, "http://meshd.internal/"], capture_output=True, text=True, check=True)
        self.assertIn('"anna"', answer.stdout)
        page.reload()
        self.assertNotIn(token, page.content() if self.scripts else "")
        page.goto("/account/edit_tokens/")
        while page.is_visible("td button"):
            page.click("td button")
        self.says(page, "There is no token yet.")

    def sub_accounts(self, page: Page) -> None:
        page.goto("/account/dashboard/")
        page.click("text=Create New Sub-Account")
        self.says(page, "Create New Sub Account")
        page.fill("#username", "anna-shop")
        page.fill("#password", PASSWORD)
        page.fill("#monthly_limit", "0.5")
        page.click("text=Save Account")
        self.says(page, "Sub-account anna-shop was created.")
        page.click("text=anna-shop >> nth=1")
        page.click("text=Manage Bearer Tokens")
        page.click("text=Create Token")
        self.assertTrue(page.inner_text("#token").startswith("pm_"))
        page.goto("/account/sub_accounts/anna-shop/")
        page.click("button:has-text('Deactivate')")
        page.click("button:has-text('Activate')")
        self.says(page, "Sub-account anna-shop is active again.")
        page.click("summary:has-text('Delete')")
        page.click("text=Delete anna-shop")
        self.says(page, "Sub-account anna-shop was deleted.")

    def second_factor(self, page: Page) -> None:
        """On, signed in with, off by a recovery code."""
        page.goto("/account/second_factor/")
        secret = page.inner_text("#key")
        page.fill("#code", code_before(TOTP(secret)))
        page.fill("#current", PASSWORD)
        page.click("text=Switch on")
        codes = re.findall(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}", page.inner_text("#codes"))
        self.assertEqual(len(codes), 10)
        page.click("text=Sign out")
        self.sign_in(page)
        page.fill("#code", codes[0])
        page.click("button[type=submit]")
        self.says(page, "Dashboard")
        page.goto("/account/second_factor/")
        page.fill("#code", codes[1])
        page.fill("#current", PASSWORD)
        page.click("text=Switch off")
        self.says(page, "The second factor is off.")

    def password(self, page: Page) -> None:
        page.goto("/account/change_email/")
        page.fill("#email", "anna@mail.example")
        page.fill("#current", PASSWORD)
        page.click("main button")
        page.goto("/account/change_password/")
        page.fill("#current", PASSWORD)
        page.fill("#password", "battery staple")
        page.fill("#again", "battery staple")
        page.click("main button")
        self.says(page, "Your password was changed")
        page.goto("/account/sessions/")
        page.click("text=Sign out everywhere else")
        self.says(page, "You are signed out everywhere else.")
        page.click("header >> text=Sign out")
        self.sign_in(page, "anna@mail.example", "battery staple")
        self.says(page, "Dashboard")


class ScriptTests(PagesCase):
    def test_every_page(self) -> None:
        self.walk()


class NoScriptTests(PagesCase):
    scripts = False

    def test_every_page(self) -> None:
        """Nothing that changes something needs a script."""
        self.walk()


class PostgresTests(PagesCase):
    def store_url(self) -> str:
        return postgres_url(self)  # type: ignore[arg-type]

    def test_every_page(self) -> None:
        if not FULL:
            raise SkipTest("FULL=1 walks here too")
        self.walk()


class SnippetTests(SynchronousTestCase):
    """What the page of a proxy shows works as it stands, with the password and a target that is here."""

    def test_snippets(self) -> None:
        from meshd.web.dashboard.snippets import TARGET, snippets

        daemon = LiveDaemon(self)
        daemon.account("anna", PASSWORD)
        origin = RecordingOrigin()
        self.addCleanup(origin.close)
        found = {each.title: each.text for each in snippets(daemon.proxy, "anna")}
        password = PASSWORD.replace(" ", "%20")
        for title in ("Python: requests", "Python: httpx", "Python: aiohttp"):
            text = found[title].replace(TARGET, origin.url("/snippet"))
            text = text.replace('"PASSWORD"', repr(PASSWORD)).replace("PASSWORD", password)
            ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
            self.assertEqual((ran.stdout.strip(), ran.returncode), ("200", 0), f"{title}: {ran.stderr}")
        self.assertEqual(len(origin.requests), 3)
