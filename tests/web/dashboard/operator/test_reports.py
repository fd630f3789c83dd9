"""The overview, the usage of every account, the settings: what operators look at."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from html import unescape

from meshd.accounts import traffic, usagefile
from meshd.accounts.ownership import Operator
from meshd.model import GB, RestingExit
from meshd.store.statements import exits as stored
from meshd.store.statements import nodes
from meshd.usage.outcomes import KINDS
from meshd.web.dashboard.operator import usage
from meshd.web.dashboard.operator.overview import OUTCOMES, bars_of
from meshd.web.dashboard.operator.settings import MOST, sections
from tests.web.dashboard.operator.support import NODE, InstallationCase
from tests.web.support import NOON, TOPOLOGY, named


class OverviewTests(InstallationCase):
    def test_figures(self) -> None:
        """Of the last hour, day and month, and what is open; a script reads the same texts."""
        self.moved(down=2000, exchanges=3)
        self.moved(at=NOON - 5 * 3600, down=5000, exchanges=7)
        self.moved(at=NOON - 9 * 86_400, down=9_000_000, exchanges=90)
        self.opens("jo", "sub", total=1234)
        self.world.use(self.world.jo, GB)
        page = self.ada.open("/operator/")
        told = self.ada.ask("GET", "/operator/figures/").answer.json
        for name, text in (
            ("hour-down", "2.00 kB"),
            ("day-down", "7.00 kB"),
            ("month-down", "9.01 MB"),
            ("day-up", "2.00 kB"),
            ("hour-exchanges", "3"),
            ("month-exchanges", "100"),
            ("day-exit", "2"),
            ("day-active", "1"),
            ("day-new", "5"),
            ("open", "1\u202f234"),
            ("up", str(len(TOPOLOGY.exits))),
        ):
            with named(name):
                self.assertEqual(told[name], text)
                self.assertIn(f'data-figure="{name}">{text}<', page.html)

    def test_plots(self) -> None:
        """One by hour and one by day, each with the same numbers as a table; every hour has its bar."""
        self.moved(at=NOON - 5 * 3600, down=5000, exchanges=7)
        page = self.ada.open("/operator/")
        self.assertEqual(page.html.count('<svg class="plot"'), 2)
        self.assertEqual(page.html.count("<g><title>"), 24 + 30)
        self.assertEqual(page.html.count("<tr><td>"), 24 + 30)
        self.assertIn("07:00: 6.00 kB (5.00 kB down, 1.00 kB up)", page.html)
        moved = self.world.store.file.run(traffic.series, Operator(), span="month", now=NOON)
        self.assertEqual(bars_of(moved, "month")[-1].label, "2026-01-15")

    def test_exits_with_most(self) -> None:
        """By name, with a link to those that the settings have."""
        self.moved("us-0", exchanges=5)
        self.moved("gone", exchanges=9)
        page = self.ada.open("/operator/")
        self.assertEqual(page.links["us-0"], "/operator/exits/us-0/")
        self.assertIn("gone", page.text)
        self.assertNotIn("gone", page.links)

    def test_without_anything(self) -> None:
        page = self.ada.open("/operator/")
        for text in ("No exchange has ended in the last month.", "Nothing has left by an exit"):
            self.assertIn(text, page.text)

    def test_every_outcome_has_words(self) -> None:
        self.assertEqual(set(OUTCOMES), set(KINDS))


class UsageTests(InstallationCase):
    def setUp(self) -> None:
        super().setUp()
        self.world.use(self.world.jo, 3 * GB)
        self.world.use(self.world.sub, GB)

    def names(self, query: str = "") -> list[str]:
        html = self.ada.open(f"/operator/usage/{query}").html
        return re.findall(r'data-label="Account"><a href="/operator/accounts/([^/]+)/">', html)

    def test_periods(self) -> None:
        """The running one, the one before, a month; what is no month is said beside the field."""
        for query, total in (
            ("", "4.00 GB"),
            ("?period=last", "0 bytes"),
            ("?period=month&month=2026-01", "4.00 GB"),
            ("?period=month&month=2025-12", "0 bytes"),
        ):
            with named(query):
                page = self.ada.open(f"/operator/usage/{query}")
                self.assertIn(f'data-label="In all" class="number">{total}<', page.html)
                self.assertIn("sub of jo", page.text)
        for month in ("", "2026-13", "January"):
            page = self.ada.ask("GET", f"/operator/usage/?period=month&month={month}")
            self.assertEqual((page.status, "Enter a month such as 2026-10." in page.text), (400, True))

    def test_pages(self) -> None:
        """Every account that an admin sees, once, in the order in which they were made."""
        self.patch(usage, "PAGE", 2)
        found, page = self.names(), self.ada.page
        while "Next page" in page.links:
            found += self.names(page.links["Next page"].removeprefix("/operator/usage/"))
            page = self.ada.page
        self.assertEqual(found, ["jo", "eve", "tom", "sub", "eves"])
        self.assertIn("First page", page.links)

    def test_files(self) -> None:
        """Several pages in one; where the next file begins is told, and what is a formula is text."""
        self.world.account("+1", plan="20")
        self.patch(usage, "MOST", 2)
        self.patch(usage, "PAGES_OF_FILE", 2)
        page = self.ada.open("/operator/usage/")
        rows: list[list[str]] = []
        for _ in range(4):
            link = next(href for text, href in page.links.items() if text.startswith("Save"))
            answer = self.ada.ask("GET", unescape(link)).answer
            self.assertIn("attachment; filename=", answer.one("Content-Disposition"))
            head, *body = csv.reader(answer.body.decode().splitlines())
            self.assertEqual(tuple(head), usagefile.COLUMNS)
            rows += body
            if "Go to where the next file begins" not in page.links:
                break
            self.assertEqual(len(answer.all("Link")), 1)
            page = self.ada.open(page.links["Go to where the next file begins"])
        self.assertEqual([row[0] for row in rows], ["jo", "eve", "tom", "sub", "eves", "'+1"])
        jo = ["20", "true", "2026-01-15T00:00:00Z", "2026-02-15T00:00:00Z", "0", "4000000000", "4000000000", "2", "0"]
        self.assertEqual(rows[0][2:], jo)


class SettingsTests(InstallationCase):
    def test_settings(self) -> None:
        """By section with their origins; exits and proxies are shown otherwise."""
        rows = [
            ("data_dir", "/var/lib/meshd", "default"),
            ("api.listen", "tcp:8443", "meshd.toml"),
            ("store.url", "postgresql://meshd:***@db/meshd", "MESHD_STORE"),
            ("exits_from", "-", "default"),
            ("exits.rack-1.kind", "local", "meshd.toml"),
            ("proxies.us.exits", "countries: US", "meshd.toml"),
        ]
        self.assertEqual([name for name, _ in sections(rows)], ["general", "api", "store"])
        many = [(f"plans.p{number}.proxies", "1", "default") for number in range(2 * MOST)]
        self.assertEqual(sum(len(found) for _, found in sections(many)), MOST)
        object.__setattr__(self.world.services, "settings", lambda: rows)
        page = self.ada.open("/operator/settings/")
        for text in ("tcp:8443", "meshd.toml", "countries: US", "postgresql://meshd:***@db/meshd"):
            self.assertIn(text, page.text)
        self.assertNotIn("rack-1", page.text)

    def test_proxies_and_processes(self) -> None:
        """Where each listens; who has something open, or a resting exit, and since when nothing was heard."""
        us = replace(TOPOLOGY.proxies["us"], listen=("tcp:31280", "unix:/run/meshd/us"))
        self.world.set_topology(proxies={**TOPOLOGY.proxies, "us": us})
        self.opens("jo", total=77)
        rest = RestingExit("other:/data", "us-0", NOON + 60, 3, "exit-failed", NOON - 120)
        self.world.store.file.run(stored.record, "other:/data", [rest], [])
        self.world.store.file.run(nodes.seen, "third:/data", "1.2.3", ["us tcp:31281"], NOON - 7200, NOON - 61)
        self.world.use(self.world.jo, 1)
        page = self.ada.open("/operator/settings/")
        for text in ("third:/data", "1.2.3", "us tcp:31281", "2 hours ago", "gone"):
            self.assertIn(text, page.text)
        for text in ("unix:/run/meshd/us", NODE, "77", "other:/data", "2 minutes ago", "1 process billed something"):
            self.assertIn(text, page.text)
        for text in ("Python", "OpenSSL", "twisted"):
            self.assertIn(text, page.text)
