"""The record of requests of the API of published hosts."""

from __future__ import annotations

from meshd.accounts import hostaudit
from tests.web.dashboard.hosts.support import HostsCase
from tests.web.support import NOON, named

RECORD = "/operator/hosts/audit/"


class RecordTests(HostsCase):
    def setUp(self) -> None:
        super().setUp()
        for number in range(60):
            self.world.store.file.run(
                hostaudit.record,
                at=NOON + number,
                action="create" if number % 2 else "request",
                resource_type="proxy_host" if number < 30 else "certificate",
                resource_id=1000 + number,
                username="ada" if number < 5 else "jo",
                details={"path": f"/api/{number}"},
                address="192.0.2.9",
            )

    def test_pages(self) -> None:
        """The newest first, fifty at a time; the filters stay."""
        page = self.ada.open(f"{RECORD}?action=&since=2026-01-01")
        self.assertIn("certificate 1059", page.text)
        self.assertIn('{"path":"/api/59"}', page.text)
        self.assertNotIn("proxy_host 1009", page.text)
        page = self.ada.open(page.links["Next page"])
        self.assertIn("proxy_host 1009", page.text)
        self.assertNotIn("Next page", page.links)
        self.assertIn("since=2026-01-01", page.links["First page"])

    def test_filters(self) -> None:
        for query, there, absent in (
            ("resource_type=proxy_host", "1029", "1030"),
            ("action=create", "1059", "1058"),
            ("user=ada", "1004", "1005"),
            ("user=Ada&action=request", "1004", "1003"),
        ):
            with named(query):
                text = self.ada.open(f"{RECORD}?{query}").text
                self.assertEqual((True, False), (there in text, absent in text))
        self.assertIn("Nothing is recorded.", self.ada.open(f"{RECORD}?user=nobody").text)

    def test_what_is_refused(self) -> None:
        for query, told in (
            ("since=yesterday", "Enter a date"),
            ("page=1001", "Pages reach back"),
            ("page=0", "or more"),
        ):
            with named(query):
                page = self.ada.open(f"{RECORD}?{query}")
                self.assertEqual((400, True), (page.status, told in page.text), page.text)
