"""Who sees the pages about the installation, and who changes something there: held against what is mounted."""

from __future__ import annotations

from tests.web.dashboard.operator.support import InstallationCase
from tests.web.dashboard.selling import sold
from tests.web.support import named

PAGES = (
    "/operator/",
    "/operator/figures/",
    "/operator/usage/",
    "/operator/usage/usage.csv",
    "/operator/orders/",
    "/operator/orders/{number}/invoice.pdf",
    "/operator/exits/",
    "/operator/exits/{exit}/",
    "/operator/exits/{exit}/users/",
    "/operator/exchanges/",
    "/operator/bans/",
    "/operator/audit/",
    "/operator/settings/",
)
FORMS = (
    "/operator/exits/{exit}/drain/",
    "/operator/exits/{exit}/undrain/",
    "/operator/exits/{exit}/test/",
    "/operator/exchanges/end/",
    "/operator/bans/lift/",
    "/operator/orders/settle/",
    "/operator/orders/cancel/",
)
OURS = ("orders", "usage", "figures", "exits", "exchanges", "bans", "audit", "settings")


class RightsTests(InstallationCase):
    def test_the_table_is_complete(self) -> None:
        mounted = {
            each
            for each in self.world.site.api.mounted  # type: ignore[attr-defined]
            if each[1] == "/operator/" or each[1].startswith(tuple(f"/operator/{name}/" for name in OURS))
        }
        self.assertEqual(mounted, {("GET", path) for path in PAGES} | {("POST", path) for path in FORMS})

    def test_pages_by_role(self) -> None:
        """Operators see them, a viewer without a form that changes anything; customers and visitors do not."""
        forms = {each.replace("{exit}", "us-0") for each in FORMS}
        jo, sub = self.signed_in("jo"), self.signed_in("sub")
        sold(self.world)
        for path in PAGES:
            target = path.replace("{exit}", "us-0").replace("{number}", "1")
            with named(path):
                self.assertEqual(self.ada.ask("GET", target).status, 200)
                self.assertEqual(self.vera.ask("GET", target).status, 200)
                if "text/html" in self.vera.page.answer.one("Content-Type"):
                    self.assertEqual(set(self.vera.page.actions) & forms, set())
                for browser in (jo, sub):
                    self.assertEqual(browser.ask("GET", target).status, 403)
                self.assertEqual(self.another().ask("GET", target).status, 303)

    def test_forms_by_role(self) -> None:
        """A viewer and customers are refused; without the form's token everybody is."""
        for browser, told in (
            (self.vera, "viewer changes nothing"),
            (self.signed_in("jo"), "for operators"),
            (self.signed_in("sub"), "for operators"),
        ):
            token = self.token(browser)
            for path in FORMS:
                with named((told, path)):
                    page = browser.ask("POST", path.replace("{exit}", "us-0"), {"csrf": token})
                    self.assertEqual((page.status, told in page.text), (403, True), page.text)
        for path in FORMS:
            page = self.ada.ask("POST", path.replace("{exit}", "us-0"), {})
            self.assertEqual((page.status, "not made for this browser" in page.text), (403, True))
