"""Every page of the dashboard, of every role, by its links alone: what it costs, who can use it, and how it reads.

A run of everybody's looks as a customer and as the root; `FULL=1` looks as every role does.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page
from twisted.trial.unittest import SkipTest

from meshd.store.open import BlockingStore
from meshd.store.statements import tops
from meshd.store.unit import Statement, Unit
from tests.support.figures import FULL
from tests.support.tour import OPERATORS, Loaded, TourCase, crawl, pages, twin, without_cache

MOST_BYTES, MOST_REQUESTS = 100_000, 5
NOT_LINKED: dict[str, str] = {}
"""Pages that no link leads to, and why."""

OPENED = "for (const each of document.querySelectorAll('details')) each.open = true"
AXE = "rules => axe.run(document, {resultTypes: ['violations'], ...(rules.length ? {runOnly: rules} : {})})"


def violations(page: Page, *rules: str) -> list[str]:
    """What axe-core finds serious or critical; it is put in as by the developer's tools, not by an element."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE_SCRIPT)
    found: Any = page.evaluate(AXE, list(rules))
    told = [
        f"{each['impact']} {each['id']}: {node['html'][:160]} ({node['failureSummary'][:200]})"
        for each in found["violations"]
        for node in each["nodes"]
        if each["impact"] in ("serious", "critical")
    ]
    assert found["passes"] is not None
    return told


def first_seen(role: str, path: str) -> bool:
    """Whether the page is another one than that which an earlier role has."""
    return role == "customer" or path.startswith("/operator/" if role in OPERATORS else "/account/")


def read(page: Page) -> str:
    """What somebody reads: not what a script alone can do, nor a key that is made anew for each look."""
    text = re.sub(r"\bCopy\b|\b[A-Z2-7]{32}\b", "", page.inner_text("body"))
    return re.sub(r"\s+", " ", text).strip()


class EveryPageTests(TourCase):
    """All that is wrong is told at once."""

    def look(self, role: str) -> None:
        faults: list[object] = []
        found: set[str] = set()
        with self.visit(role, color_scheme="light", reduced_motion="reduce") as page:
            loaded = Loaded(page)
            without_cache(page)
            plain = twin(
                page, self.chromium, java_script_enabled=False, base_url=self.daemon.api, reduced_motion="reduce"
            )
            unscripted = plain.new_page()
            loaded.forget()
            for path in crawl(page, role):
                found.add(path)
                told = [*self.costs(page, loaded), *self.reads(page, unscripted)]
                told += self.is_for_everybody(page) if FULL or first_seen(role, path) else []
                faults += [(path, each) for each in told]
                loaded.forget()
                loaded.complaints.clear()
            plain.close()
        self.assertEqual(faults, [], "\n".join(map(str, faults)))
        self.assertEqual(pages(role) - found - set(NOT_LINKED), set(), "no link leads there")
        self.assertEqual(found - pages(role), set(), "it is not theirs")

    def costs(self, page: Page, loaded: Loaded) -> list[object]:
        """Under 100 KB, five requests, nothing from elsewhere, and nothing that the browser complains of."""
        self.assertGreater(loaded.bytes, 1000, loaded.sizes)
        dear = loaded.bytes >= MOST_BYTES or len(loaded.sizes) > MOST_REQUESTS
        elsewhere = loaded.hosts - {self.daemon.api.split("/")[2]}
        return [*loaded.complaints, *elsewhere, *([loaded.sizes] if dear else [])]

    def reads(self, page: Page, unscripted: Page) -> list[object]:
        """The same without a script."""
        unscripted.goto(page.url)
        without, with_ = (re.sub(r"\d+ minutes? ago", "a while ago", read(each)) for each in (unscripted, page))
        return [] if without == with_ else [("differs without a script", without, with_)]

    def is_for_everybody(self, page: Page) -> list[object]:
        """Nothing serious or critical, what is folded up included: on a screen in light, on a telephone in dark."""
        page.evaluate(OPENED)
        found = violations(page)
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 390, "height": 844})
        found += [f"in the dark: {each}" for each in violations(page, *(() if FULL else ("color-contrast",)))]
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 844})
        return list(found)

    def test_customer(self) -> None:
        self.look("customer")

    def test_sub_account(self) -> None:
        self.in_full("sub-account")

    def test_root(self) -> None:
        self.look("root")

    def test_admin(self) -> None:
        self.in_full("admin")

    def test_viewer(self) -> None:
        self.in_full("viewer")

    def in_full(self, role: str) -> None:
        if not FULL:
            raise SkipTest("FULL=1 looks as everybody")
        self.look(role)

    def test_before_somebody_is_known(self) -> None:
        """Signing in, and what is not there."""
        faults: list[object] = []
        with self.visit("", color_scheme="light", reduced_motion="reduce") as page:
            for path in ("/sign-in/", "/nothing/"):
                page.goto(path)
                faults += [(path, each) for each in self.is_for_everybody(page)]
        self.assertEqual(faults, [])


class LiveFiguresTests(TourCase):
    """A script brings in what has changed, while somebody looks; the page's clock is ours."""

    def watched(self, role: str, path: str, figures: str, figure: str, change: Callable[[], Unit[None]]) -> None:
        with self.visit(role) as page:
            page.clock.install()
            page.goto(path)
            place = page.locator(f"[data-figure={figure}]").first
            before = place.inner_text()
            store = BlockingStore(self.daemon.store_url)
            try:
                store.run(change)
            finally:
                store.close()
            self.assertEqual(place.inner_text(), before)
            with page.expect_response(lambda answer: answer.url.endswith(figures)) as answer:
                page.clock.run_for(10_000)
            told = answer.value.json()[figure]
            self.assertNotEqual(told, before)
            page.wait_for_function(
                "([name, text]) => document.querySelector(`[data-figure=${name}]`).textContent === text",
                arg=[figure, told],
            )

    def test_a_customer(self) -> None:
        self.watched("customer", "/account/dashboard/", "/account/figures/", "used", used_more)

    def test_an_operator(self) -> None:
        self.watched("viewer", "/operator/", "/operator/figures/", "hour-exchanges", moved_more)


def used_more() -> Unit[None]:
    yield Statement(
        """update usage set period_bytes = period_bytes + 9000000000
        where account_id = (select id from accounts where username = 'alice')""",
        {},
    )


def moved_more() -> Unit[None]:
    hour = int(time.time()) // 3600 * 3600
    yield from tops.record([], [((tops.OUTCOME, hour, "served"), (1, 1, 5, 0))])
