"""Operators' pages about accounts in Chromium over HTTPS, on both stores, with a script and without: every page and
every form once, as admin, as viewer, and as a customer is seen.
"""

from __future__ import annotations

import re
import time

from playwright.sync_api import Page

from tests.live.test_pages import MOST_BYTES, MOST_REQUESTS, PASSWORD, Loaded, PagesCase
from tests.support.stores import postgres_url

ANNA = "/operator/accounts/anna/"
TABS = (
    "",
    "terms/",
    "limits/",
    "access/",
    "addresses/",
    "tokens/",
    "usage/?range=quarter",
    "topups/",
    "audit/",
    "delete/",
)
PAGES = (
    "/operator/accounts/",
    "/operator/accounts/?near=80&state=active&seen=day",
    "/operator/plans/",
    "/operator/new_account/",
    "/operator/new_account/?parent=anna",
    *(f"{ANNA}{tab}" for tab in TABS),
)


class OperatorsCase(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.daemon.account("vera", PASSWORD, role="viewer")

    def walk(self) -> None:
        with self.page() as page:
            loaded = Loaded(page)
            self.sign_in(page, "admin", self.daemon.root_password)
            self.pages(page, loaded)
            self.terms(page)
            self.limits(page)
            self.access(page)
            self.addresses(page)
            self.tokens(page)
            self.topups(page)
            self.new_accounts(page)
            self.seen_as(page)
            page.click("header >> text=Sign out")
            self.sign_in(page, "vera")
            self.viewer(page, loaded)
            self.assertEqual([text for text in loaded.complaints if "403" not in text], [])

    def pages(self, page: Page, loaded: Loaded) -> None:
        """Each within the bounds of a page, from one host."""
        for path in PAGES:
            loaded.sizes.clear()
            page.goto(path)
            self.assertIn("Operator", page.inner_text("header"), path)
            self.assertLessEqual(len(loaded.sizes), MOST_REQUESTS, path)
            self.assertLess(sum(loaded.sizes.values()), MOST_BYTES, path)
            self.assertEqual(len(loaded.hosts), 1, path)

    def terms(self, page: Page) -> None:
        """Searched for, opened, given other terms, renamed and back, out of use and back."""
        page.goto("/operator/accounts/")
        page.fill("#prefix", "ann")
        page.click("text=Search")
        page.click("td >> text=anna")
        page.click("nav.tabs >> text=Terms")
        page.select_option("#plan", "50")
        page.fill("#monthly_limit", "2")
        page.fill("#notes", "pays late")
        page.fill("#expires_on", time.strftime("%Y-12-31", time.gmtime()))
        page.click("text=Save")
        self.says(page, "The terms of anna were saved.")
        for old, new in (("anna", "joan"), ("joan", "anna")):
            page.goto(f"/operator/accounts/{old}/terms/")
            page.fill("#username", new)
            page.click("button:has-text('Rename')")
            self.says(page, f"This account is {new} now.")
        page.goto(ANNA)
        self.says(page, "pays late")
        page.click("button:has-text('Deactivate')")
        self.says(page, "anna is inactive now")
        page.click("button:has-text('Activate')")
        self.says(page, "anna is active again.")

    def limits(self, page: Page) -> None:
        """Rates and destinations, set and given back."""
        page.goto(f"{ANNA}limits/")
        page.fill("#tunnels", "50")
        page.select_option("#on_limit", "slow")
        page.click("text=Save limits")
        self.says(page, "The limits of anna were saved.")
        for kind, entries in (("only", "example.com:443"), ("", "")):
            page.select_option("#kind", kind)
            page.fill("#entries", entries)
            page.click("text=Save destinations")
            self.says(page, "The destinations of anna were saved.")

    def access(self, page: Page) -> None:
        page.goto(f"{ANNA}access/")
        page.click("text=Make a new password")
        made = page.inner_text("#new-password")
        self.assertRegex(made, r"\A\w{20,}\Z")
        page.reload()
        self.assertNotIn(made, page.content() if self.scripts else "")
        page.goto(f"{ANNA}access/")
        page.click("summary")
        page.fill("#password", PASSWORD)
        page.click("text=Set password")
        self.says(page, "anna has a new password")
        page.click("button:has-text('Take away')")
        self.says(page, "Taken away by operators")
        page.click("button:has-text('Authorize')")
        self.says(page, "anna may use local now.")

    def addresses(self, page: Page) -> None:
        page.goto(f"{ANNA}addresses/")
        page.fill("#ip", "93.184.216.34")
        page.fill("#label", "office")
        page.click("text=Add IP")
        page.fill("#domain", "home.example.com")
        page.click("text=Add hostname")
        self.says(page, "home.example.com was added.")
        for _ in range(2):
            page.click("td button >> nth=0")
        self.says(page, "home.example.com was removed")

    def tokens(self, page: Page) -> None:
        page.goto(f"{ANNA}tokens/")
        page.fill("#label", "production")
        page.click("text=Create token")
        self.assertRegex(page.inner_text("#token"), r"\Apm_[0-9A-Za-z]{49}\Z")
        page.goto(f"{ANNA}tokens/")
        page.click("td >> text=production")
        page.fill("#label", "crawler")
        page.fill("#expires_at", time.strftime("%Y-12-31T23:59", time.gmtime()))
        page.click("text=Save")
        self.says(page, "The token crawler was saved.")
        page.click("button:has-text('Deactivate')")
        page.click("button:has-text('Activate')")
        self.says(page, "The token crawler is active again.")
        page.click("td button.danger")
        self.says(page, "There is no token.")

    def topups(self, page: Page) -> None:
        page.goto(f"{ANNA}topups/")
        page.fill("#bytes", "1.5")
        page.fill("#reference", "invoice 7")
        page.click("main button:has-text('Add')")
        self.says(page, "1.50 GB were added.")
        page.goto(f"{ANNA}audit/")
        self.says(page, "account.topup")

    def new_accounts(self, page: Page) -> None:
        """One with a password that is shown once, and a sub-account of it; both deleted."""
        page.goto("/operator/accounts/")
        page.click("text=New account")
        page.fill("#username", "newt")
        page.click("text=Make the account")
        made = page.inner_text("#password")
        self.assertRegex(made, r"\A\w{20,}\Z")
        page.click("text=I have kept it")
        self.assertNotIn(made, page.content())
        page.click("text=New sub-account")
        page.fill("#username", "newt-shop")
        page.select_option("#by", "none")
        page.click("text=Make the account")
        self.says(page, "newt-shop was created.")
        page.goto("/operator/accounts/newt/")
        page.click("text=Delete this account")
        page.click("text=Delete newt >> nth=-1")
        self.says(page, "newt was deleted.")

    def seen_as(self, page: Page) -> None:
        """Her pages, under a banner; a form of hers is refused; and back."""
        page.goto(ANNA)
        page.click("text=See as anna")
        self.says(page, "Dashboard")
        for path in ("/account/dashboard/", "/account/edit_tokens/", "/account/usage/", "/account/settings/"):
            page.goto(path)
            self.assertIn("You see this as anna does", page.inner_text(".seeing"))
            self.assertIn("anna", page.inner_text("header"))
        page.goto("/account/edit_tokens/")
        page.click("text=Create Token")
        self.says(page, "change nothing meanwhile")
        page.goto("/account/dashboard/")
        page.click("text=Back to my own pages")
        self.assertRegex(page.url, re.escape(ANNA) + r"\Z")
        page.goto(f"{ANNA}audit/")
        self.says(page, "account.seen_as")

    def viewer(self, page: Page, loaded: Loaded) -> None:
        """Sees all of it, and no form but the search, the range and the view."""
        self.pages(page, loaded)
        for path in PAGES:
            page.goto(path)
            sent = page.eval_on_selector_all("main form[method=post]", "found => found.map(each => each.action)")
            self.assertEqual([to for to in sent if not to.endswith("/see/")], [], path)
        page.goto(ANNA)
        page.click("text=See as anna")
        self.assertIn("You see this as anna does", page.inner_text(".seeing"))
        page.click("text=Back to my own pages")
        self.says(page, "anna")


class ScriptTests(OperatorsCase):
    def test_every_page(self) -> None:
        self.walk()


class NoScriptTests(OperatorsCase):
    scripts = False

    def test_every_page(self) -> None:
        """Nothing that changes something needs a script."""
        self.walk()


class PostgresTests(OperatorsCase):
    def store_url(self) -> str:
        return postgres_url(self)  # type: ignore[arg-type]

    def test_every_page(self) -> None:
        self.walk()
