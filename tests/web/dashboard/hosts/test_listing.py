"""The list of all that is published, and who sees any of its pages: held against what is mounted."""

from __future__ import annotations

from tests.web.dashboard.hosts.support import HOSTS, TYPED, HostsCase, at
from tests.web.support import named

PAGES = {
    "/operator/hosts/",
    "/operator/hosts/{kind}/new/",
    "/operator/hosts/{kind}/{id}/",
    "/operator/hosts/{kind}/{id}/edit/",
    "/operator/hosts/{kind}/{id}/delete/",
    "/operator/certificates/",
    "/operator/hosts/audit/",
    "/operator/hosts/tokens/",
}
FORMS = {
    "/operator/hosts/{kind}/new/",
    "/operator/hosts/{kind}/{id}/edit/",
    "/operator/hosts/{kind}/{id}/enable/",
    "/operator/hosts/{kind}/{id}/disable/",
    "/operator/hosts/{kind}/{id}/delete/",
    "/operator/certificates/upload/",
    "/operator/certificates/renew/",
    "/operator/hosts/tokens/create/",
    "/operator/hosts/tokens/delete/",
}
ADMINS = {"/operator/hosts/audit/"}
"""What a viewer does not see."""
OWN = {"/operator/hosts/tokens/create/", "/operator/hosts/tokens/delete/"}
"""Forms that a viewer has too."""


def target(path: str) -> str:
    return path.replace("{kind}", "proxy-hosts").replace("{id}", "1")


class RightsTests(HostsCase):
    def setUp(self) -> None:
        super().setUp()
        self.made()

    def test_the_table_is_complete(self) -> None:
        ours = ("/operator/hosts/", "/operator/certificates/")
        mounted = {each for each in self.world.site.api.mounted if each[1].startswith(ours)}  # type: ignore[attr-defined]
        self.assertEqual(mounted, {("GET", path) for path in PAGES} | {("POST", path) for path in FORMS})

    def test_pages_by_role(self) -> None:
        """Operators see them; customers and visitors do not; nobody does where nothing can be published."""
        jo, sub = self.signed_in("jo"), self.signed_in("sub")
        for path in PAGES:
            with named(path):
                self.assertEqual(self.ada.ask("GET", target(path)).status, 200)
                self.assertEqual(self.vera.ask("GET", target(path)).status, 403 if path in ADMINS else 200)
                for browser in (jo, sub):
                    self.assertEqual(browser.ask("GET", target(path)).status, 403)
                self.assertEqual(self.another().ask("GET", target(path)).status, 303)
        self.world.set_topology(hosts=None)
        for path in PAGES:
            with named(path):
                page = self.ada.ask("GET", target(path))
                self.assertEqual((404, True), (page.status, "no section [hosts]" in page.text))
        for path in FORMS:
            self.assertEqual(404, self.ada.ask("POST", target(path), {"csrf": self.token(self.ada)}).status)

    def test_forms_by_role(self) -> None:
        """Customers are refused, and a viewer but for her own tokens; without the form's token everybody is."""
        for browser, told in ((self.vera, "viewer changes nothing"), (self.signed_in("jo"), "for operators")):
            token = self.token(browser)
            for path in FORMS - (OWN if browser is self.vera else set()):
                with named((told, path)):
                    page = browser.ask("POST", target(path), {"csrf": token})
                    self.assertEqual((page.status, told in page.text), (403, True), page.text)
        for path in FORMS:
            page = self.ada.ask("POST", target(path), {})
            self.assertEqual((page.status, "not made for this browser" in page.text), (403, True))

    def test_where_the_pages_are_found(self) -> None:
        """Where the settings have the section."""
        links = ("/operator/hosts/", "/operator/certificates/")
        self.assertLessEqual(set(links), set(self.vera.open("/operator/").links.values()))
        self.assertIn("/operator/hosts/audit/", self.ada.open(HOSTS).links.values())
        self.assertNotIn("/operator/hosts/audit/", self.vera.open(HOSTS).links.values())
        self.world.set_topology(hosts=None)
        self.assertTrue(set(links).isdisjoint(self.vera.open("/operator/").links.values()))


class ListTests(HostsCase):
    def test_all_kinds(self) -> None:
        """In one list: names, where each leads, state, certificate."""
        certificate = self.made("certificates", domain_names=["z.example.com"])
        made = {kind: self.made(kind) for kind in TYPED if kind not in ("dead-hosts", "certificates")}
        dead = self.made("dead-hosts", certificate_id=certificate.id, enabled=False)
        page = self.vera.open(HOSTS)
        for row in (certificate, dead, *made.values()):
            self.assertIn(at(row), page.links.values())
        for text in (
            "app.example.com",
            "http://192.168.1.10:3000",
            "301 to new.example.com",
            "answered 404",
            "tcp 5432",
            "db:5432",
            "10.0.0.7:22",
            "1 rule, 0 logins",
            "by ACME",
            f"certificate {certificate.id}",
            "off",
            "Proxy host (1)",
        ):
            with named(text):
                self.assertIn(text, page.text)

    def test_pages(self) -> None:
        """Fifty at a time, of all kinds and of one."""
        rows = [self.made("dead-hosts", domain_names=[f"n{number}.example.com"]) for number in range(51)]
        for query in ("", "?kind=dead-hosts"):
            with named(query):
                page = self.vera.open(f"{HOSTS}{query}")
                self.assertNotIn(at(rows[50]), page.links.values())
                page = self.vera.open(page.links["Next page"])
                self.assertIn(at(rows[50]), page.links.values())
                self.assertNotIn(at(rows[49]), page.links.values())
                self.assertNotIn("Next page", page.links)
        self.assertIn("Nothing of this kind", self.vera.open(f"{HOSTS}?kind=proxy-hosts").text)
        for query in ("?kind=x", "?after=-1", "?after=x"):
            self.assertEqual(400, self.vera.open(f"{HOSTS}{query}").status)
