"""Certificates as operators see them: how long each is good, what failed, and bringing one."""

from __future__ import annotations

from meshd.accounts import hostaudit
from meshd.accounts.published import acme
from meshd.tls.material import sealed_about
from tests.tls.authority import issued
from tests.web.dashboard.hosts.support import OPERATOR, HostsCase, at
from tests.web.support import NOON, named

CERTIFICATES = "/operator/certificates/"
UPLOAD, RENEW = f"{CERTIFICATES}upload/", f"{CERTIFICATES}renew/"
DAY = 86400


class ListTests(HostsCase):
    def test_days_left(self) -> None:
        """A warning for thirty days and less; none before there is a certificate."""
        for sentence, expires, shown in (
            ("for long", NOON + 31 * DAY, "31 days"),
            ("for thirty days", NOON + 31 * DAY - 1, '<span class="tag off">30 days</span>'),
            ("for a day", NOON + DAY, '<span class="tag off">1 day</span>'),
            ("for hours", NOON + 1, '<span class="tag off">0 days</span>'),
            ("no more", NOON - 1, '<span class="tag off">expired</span>'),
            ("not yet", 0, "\u2013"),
        ):
            with named(sentence):
                row = self.made("certificates", domain_names=[f"n{expires}.example.com"])
                if expires:
                    self.world.store.file.run(acme.obtained, row.id, "PEM", b"x", expires, NOON, NOON)
                html = self.vera.open(f"{CERTIFICATES}?after={row.id - 1}").html
                self.assertIn(shown, html.replace("\n", ""))
                self.assertIn(shown, self.vera.open(at(row)).html.replace("\n", ""))

    def test_why_one_failed(self) -> None:
        row = self.made("certificates")
        self.world.store.file.run(acme.failed, row.id, "the authority found nobody", NOON + 60, NOON)
        for path in (CERTIFICATES, at(row)):
            page = self.vera.open(path)
            self.assertIn("the authority found nobody", page.text)
            self.assertIn("failed", page.text)

    def test_pages(self) -> None:
        """Fifty at a time."""
        rows = [self.made("certificates", domain_names=[f"n{number}.example.com"]) for number in range(51)]
        page = self.vera.open(CERTIFICATES)
        self.assertNotIn(at(rows[50]), page.links.values())
        page = self.vera.open(page.links["Next page"])
        self.assertIn(at(rows[50]), page.links.values())
        self.assertNotIn("Next page", page.links)
        self.assertEqual(page.links["First page"], CERTIFICATES)

    def test_obtained_anew(self) -> None:
        """One by ACME; what was uploaded is told to be uploaded again."""
        row = self.made("certificates")
        self.ada.open(CERTIFICATES)
        self.assertIn("is being obtained anew.", self.ada.send(RENEW).text)
        self.assertEqual(1, self.applied)
        (found,) = self.world.store.file.run(hostaudit.listing, OPERATOR)
        self.assertEqual((found.action, found.resource_type, found.resource_id), ("renew", "certificate", row.id))
        leaf = issued("leaf", now=NOON, hosts=("a.example.com",))
        self.ada.open(CERTIFICATES)
        self.ada.send(UPLOAD, certificate=leaf.pem, certificate_key=leaf.key_pem)
        token = self.token(self.ada)
        for id_, status, told in (
            (row.id + 1, 400, "by another upload"),
            (99, 404, "no certificate 99"),
            ("x", 400, ""),
        ):
            page = self.ada.ask("POST", RENEW, {"csrf": token, "id": id_})
            self.assertEqual((status, True), (page.status, told in page.text))


class UploadTests(HostsCase):
    def setUp(self) -> None:
        super().setUp()
        self.root = issued("root", now=NOON)
        self.leaf = issued("leaf", self.root, now=NOON, hosts=("a.example.com", "*.a.example.com"), days=(-1, 60))

    def test_uploaded(self) -> None:
        """With its issuers in one text or in two; the key is sealed, and no page has it."""
        for number, given in enumerate(
            (
                {"certificate": self.leaf.pem + self.root.pem},
                {"certificate": self.leaf.pem, "intermediate_certificate": self.root.pem, "nice_name": "the shop"},
            ),
            1,
        ):
            self.ada.open(CERTIFICATES)
            page = self.ada.send(UPLOAD, **given, certificate_key=self.leaf.key_pem)
            self.assertIn("was uploaded.", page.text)
            row = self.row("certificates", number)
            self.assertEqual(row.settings["domain_names"], ["a.example.com", "*.a.example.com"])
            self.assertEqual(row.settings["certificate"], self.leaf.pem + self.root.pem)
            self.assertEqual(row.settings["expires"], NOON + 60 * DAY)
            opened = self.world.services.seals().open_bytes(row.secret, sealed_about(row.settings["certificate"]))
            self.assertEqual(opened.decode(), self.leaf.key_pem)
            for path in (CERTIFICATES, at(row), at(row, "edit/")):
                self.assertNotIn("PRIVATE KEY", self.ada.open(path).html)

    def test_what_is_refused(self) -> None:
        """Nothing is kept, the certificate stays typed, the key is shown to nobody."""
        other = issued("other", now=NOON, hosts=("b.example.com",))
        for sentence, given, field in (
            ("a key of another", {"certificate": self.leaf.pem, "certificate_key": other.key_pem}, "certificate_key"),
            ("no key", {"certificate": self.leaf.pem}, "certificate_key"),
            ("no certificate", {"certificate_key": other.key_pem}, "certificate"),
            ("no PEM", {"certificate": "x", "certificate_key": "y"}, "certificate"),
        ):
            with named(sentence):
                self.ada.open(CERTIFICATES)
                page = self.ada.send(UPLOAD, **given)
                self.assertEqual(400, page.status)
                self.assertIn(f'<p class="problem" id="{field}-about">', page.html)
                self.assertNotIn("PRIVATE KEY", page.html)
                self.assertIn(f"\n{given.get('certificate', '')}</textarea>", page.html)
                self.assertEqual(404, self.ada.open("/operator/hosts/certificates/1/").status)

    def test_replaced(self) -> None:
        """By another with its key; its name alone can be changed without either."""
        self.ada.open(CERTIFICATES)
        self.ada.send(UPLOAD, certificate=self.leaf.pem, certificate_key=self.leaf.key_pem)
        row = self.row("certificates", 1)
        self.ada.open(at(row, "edit/"))
        self.assertIn("was saved.", self.ada.send(at(row, "edit/"), nice_name="the shop").text)
        after = self.row("certificates", 1)
        self.assertEqual(after.settings, row.settings | {"nice_name": "the shop"})
        newer = issued("newer", now=NOON, hosts=("b.example.com",), days=(-1, 90))
        self.ada.open(at(row, "edit/"))
        page = self.ada.send(at(row, "edit/"), certificate=newer.pem)
        self.assertEqual(400, page.status)
        page = self.ada.send(at(row, "edit/"), certificate=newer.pem, certificate_key=newer.key_pem)
        self.assertIn("was saved.", page.text)
        after = self.row("certificates", 1)
        self.assertEqual(
            (after.settings["domain_names"], after.settings["expires"]), (["b.example.com"], NOON + 90 * DAY)
        )
