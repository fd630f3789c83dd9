"""What somebody hostile has chosen, as operators see it: text, wherever it is shown, stored or reflected."""

from __future__ import annotations

from urllib.parse import quote

from meshd.model import RestingExit
from meshd.store.statements import activity, audit, exits, opened, tops
from meshd.store.statements.tops import EXIT, HOUR
from meshd.values.exchanges import Exchange, OpenExchange
from tests.web.dashboard.operator.support import InstallationCase
from tests.web.dashboard.test_hostile import HOSTILE
from tests.web.support import NOON, named

SIGNS = ("<script>alert", "<svg onload", '" onfocus')
"""Of a text that has become a part of the page."""


class HostileTests(InstallationCase):
    def refuse(self, path: str, *statuses: int) -> None:
        page = self.ada.ask("GET", path)
        self.assertIn(page.status, statuses)
        raw = page.answer.body.decode()
        for sign in SIGNS:
            self.assertNotIn(sign, raw)

    def test_stored(self) -> None:
        """Targets, clients, exits' names, processes, reasons, what the audit has."""
        run = self.world.store.file.run
        for number, text in enumerate(HOSTILE):
            whose = (self.world.jo.id, "jo", 0, text, "192.0.2.9", "CONNECT", text, 443, text)
            run(activity.add, [Exchange(f"x{number}", NOON, 1.0, *whose, 502, text, 1, 1, "us-0")])
            way = (self.world.jo.id, self.world.jo.id, text, 0, text, text, "CONNECT", text, 443, text, 1, 1, "us-0")
            run(opened.write, f"n{number}{text}", NOON, 1, [OpenExchange(text, NOON * 1000, *way)])
            run(exits.record, text, [RestingExit(text, "us-0", NOON + 60, 3, text, NOON)], [])
            run(tops.record, [], [((EXIT, NOON - NOON % HOUR, text), [1, 1, 1, 1])])
            run(audit.record, NOON, text, text, self.world.jo.id, text, "", text)
        for path in (
            "/operator/",
            "/operator/exchanges/",
            "/operator/exits/",
            "/operator/exits/us-0/",
            "/operator/exits/us-0/users/?at=2026-01-15T12:00:00",
            "/operator/audit/",
            "/operator/settings/",
        ):
            with named(path):
                self.refuse(path, 200)
                shown = [text for text in HOSTILE if text in self.ada.page.html]
                self.assertEqual(shown, shown and list(HOSTILE) if path != "/operator/exits/" else shown[:1])
                self.assertTrue(shown)

    def test_reflected(self) -> None:
        """Filters, and what was typed into forms."""
        token = self.token(self.ada)
        for text in HOSTILE:
            short = text[:30]
            with named(text):
                for path in (
                    "/operator/exchanges/?account={}",
                    "/operator/exchanges/?exit={}",
                    "/operator/exits/?tag={}",
                    "/operator/audit/?account={}",
                    "/operator/audit/?actor={}&action={}&since={}",
                    "/operator/usage/?period=month&month={}",
                    "/operator/exits/us-0/users/?at={}",
                    "/operator/bans/?cursor={}",
                    "/operator/exits/{}/",
                ):
                    self.refuse(path.replace("{}", quote(short, safe="")), 200, 400, 403, 404)
                for path, form in (
                    ("/operator/exits/us-0/test/", {"to": text}),
                    ("/operator/exchanges/end/", {"id": text, "account": short}),
                    ("/operator/bans/lift/", {"address": text, "username": short}),
                ):
                    page = self.ada.ask("POST", path, {"csrf": token, **form})
                    self.assertIn(page.status, (400, 403, 404))
                    for sign in SIGNS:
                        self.assertNotIn(sign, page.answer.body.decode())
