"""Every page of the dashboard, as somebody finds it who follows the links from the first one, in Chromium.

Which pages there are is what the daemon has mounted: a page that is new is looked at from its first day, and one that
no link leads to is missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from meshd.web.app import build_api
from meshd.web.services import Services
from tests.live.test_browser import trusted
from tests.support import browser, demo, postgres
from tests.support.daemon import LiveDaemon, free_port

ROLES = tuple(demo.PEOPLE)
OPERATORS = ("root", "admin", "viewer")

NO_PAGES = {
    "/": "leads to the dashboard",
    "/account/figures/": "JSON, for the script",
    "/operator/figures/": "JSON, for the script",
    "/account/proxy_status/{name}/proxy.pac": "a file",
    "/proxy.pac": "a file",
    "/.well-known/pvd": "a file",
    "/operator/usage/usage.csv": "a file",
    "/operator/orders/{number}/invoice.pdf": "a file",
    "/account/orders/{number}/invoice.pdf": "a file",
    "/static/": "what belongs to pages",
    "/api/openapi.json": "a document",
    "/api/admin/openapi.json": "a document",
    "/healthz": "for programs",
    "/readyz": "for programs",
}
"""What is asked for by GET and is no page, and why."""
BEFORE = ("/sign-in/", "/sign-in/code/")
"""Pages for those who are not signed in."""
RICHEST = "alice"
LINKS = "a[href], form[method=get]"
PARENTS_ALONE = (
    "/account/edit_proxies/",
    "/account/edit_tokens/",
    "/account/sub_accounts/",
    "/account/new_sub_account/",
    "/account/orders/",
    "/account/api_keys/",
)
"""Begins of pages that a sub-account does not have: its parent decides."""

OPERATORS_LACK = {"/account/sub_accounts/{name}/"}
"""No operator has a sub-account of her own here."""
VIEWERS_LACK = {
    "/operator/accounts/{name}/delete/",
    "/operator/accounts/{name}/tokens/{id}/edit/",
    "/operator/new_account/",
    "/operator/hosts/{kind}/new/",
    "/operator/hosts/{kind}/{id}/edit/",
    "/operator/hosts/{kind}/{id}/delete/",
    "/operator/hosts/audit/",
}
"""Pages before a change, and one that she may not see, which a viewer is not led to."""


@cache
def mounted(method: str) -> frozenset[str]:
    """The paths of the dashboard's room that answer the method."""
    nobody: Any = SimpleNamespace(perform=None, entrance=None)

    async def ready() -> dict[str, str]:
        return {}

    api = build_api(Clock(), Services(nobody, nobody, nobody, nobody, nobody, nobody, ready))
    ours = {path for told, path in api.mounted if told == method}
    return frozenset(path for path in ours if not path.startswith(("/api/", "/v1/")) or path.startswith("/api/docs"))


def pages(role: str) -> set[str]:
    """The pages that are mounted for this role."""
    shown = {path for path in mounted("GET") if path not in (*NO_PAGES, *BEFORE) and not path.startswith("/static/")}
    if role not in OPERATORS:
        shown = {path for path in shown if not path.startswith("/operator/")}
    else:
        shown -= OPERATORS_LACK
    if role == "viewer":
        shown -= VIEWERS_LACK
    if role == "sub-account":
        shown = {path for path in shown if not path.startswith(PARENTS_ALONE)}
    return shown


def pattern(url: str, known: Sequence[str]) -> str | None:
    """The mounted path that a URL is one of; None for none.  A path without braces goes before one with."""
    path = urlsplit(url).path.rstrip("/")
    for each in sorted(known, key=lambda each: each.count("{")):
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(each.rstrip("/"))), path):
            return each
    return None


class Loaded:
    """What pages have made the browser load since `forget`, and what it ever complained of."""

    def __init__(self, page: Page) -> None:
        self.sizes: list[tuple[str, int]] = []
        """URLs and their bytes."""
        self.complaints: list[str] = []
        page.on("response", self._response)
        page.on("requestfailed", self._failed)
        page.on("console", lambda told: self.complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _response(self, response: Any) -> None:
        self.sizes.append((response.url, int(response.headers.get("content-length", "0"))))
        if response.status >= 500:
            self.complaints.append(f"{response.status} {response.url}")

    def _failed(self, request: Any) -> None:
        """What the browser itself gave up, since the next page was asked for meanwhile, is no complaint."""
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url}: {request.failure}")

    def forget(self) -> None:
        self.sizes.clear()

    @property
    def bytes(self) -> int:
        return sum(size for _, size in self.sizes)

    @property
    def hosts(self) -> set[str]:
        return {urlsplit(url).netloc for url, _ in self.sizes}


class TourCase(SynchronousTestCase):
    """A daemon with much in it, and one Chromium, for all tests of the class."""

    postgres = False
    scripts = True
    daemon: LiveDaemon
    chromium: Browser

    @classmethod
    def setUpClass(cls) -> None:
        try:
            program = browser.program()
        except browser.Missing as error:
            raise SkipTest(str(error)) from None
        cls.daemon = demo_daemon(cls, _database(cls) if cls.postgres else "")
        driver = sync_playwright().start()
        cls.addClassCleanup(driver.stop)
        flag = trusted(cls.daemon.certificate.read_bytes())
        cls.chromium = driver.chromium.launch(executable_path=program, args=[*browser.FLAGS, flag], timeout=120_000)
        cls.addClassCleanup(cls.chromium.close)

    @contextmanager
    def visit(self, role: str = "", **options: Any) -> Iterator[Page]:
        """A browser with nothing in it but the session of somebody with that role; "" for nobody's."""
        context = self.chromium.new_context(
            **{"java_script_enabled": self.scripts, "base_url": self.daemon.api} | options
        )
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("dialog", lambda dialog: dialog.accept())
        if role:
            sign_in(page, demo.PEOPLE[role])
        try:
            yield page
        finally:
            context.close()


def _database(case: type[TourCase]) -> str:
    """The URL of an empty database for all tests of a class."""
    server = postgres.server()
    database = server.new_database()
    case.addClassCleanup(server.give_back, database)
    return server.url(database)


def demo_daemon(owner: Any, store: str = "") -> LiveDaemon:
    """One whose store looks lived in."""
    ports = {name: free_port() for name in ("us", "eu", "open", "gateway", "hosts", "http", "https")}
    daemon = LiveDaemon(owner, demo.config(ports), store=store)
    demo.fill(daemon)
    return daemon


def sign_in(page: Page, name: str, password: str = demo.PASSWORD) -> None:
    page.goto("/sign-in/")
    page.fill("#username", name)
    page.fill("#password", password)
    page.click("main button[type=submit]")


def without_cache(page: Page) -> None:
    """Let each page load what belongs to it anew."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})


def twin(page: Page, chromium: Browser, **options: Any) -> BrowserContext:
    """Another browser with the same session."""
    state: Any = page.context.storage_state()
    return chromium.new_context(storage_state=state, **options)


def crawl(page: Page, role: str) -> Iterator[str]:
    """Open one URL of each page that links and forms lead to, from the first page on; yields its path as mounted.

    Of the URLs of one page that of `RICHEST` goes first, who has something of everything.  Whoever is told may do what
    she likes with the page.
    """
    known, base = sorted(mounted("GET")), "/".join(page.url.split("/", 3)[:3])
    seen: set[str] = set()
    waiting: dict[str, str] = {"": "/"}
    while waiting:
        page.goto(base + waiting.pop(next(iter(waiting))))
        here = pattern(page.url, known)
        links = page.eval_on_selector_all(LINKS, "all => all.map(each => each.href || each.action)")
        if here is not None and here not in seen:
            seen.add(here)
            yield here
        for link in sorted(dict.fromkeys(links), key=lambda link: f"/{RICHEST}/" not in link):
            to = pattern(link, known)
            if to is None or to in seen or to in NO_PAGES or not link.startswith(base):
                continue
            if to not in waiting or (f"/{RICHEST}/" in link and f"/{RICHEST}/" not in waiting[to]):
                waiting[to] = link.removeprefix(base)
