"""What is open, who is banned, who changed what."""

from __future__ import annotations

from meshd.model import GB
from meshd.store.statements import bans as stored
from meshd.store.statements.opened import endings
from meshd.store.unit import Statement, Unit
from meshd.web.dashboard.operator import audit, bans
from meshd.web.dashboard.operator.audit import Changed, shown
from tests.web.dashboard.operator.support import InstallationCase
from tests.web.support import NOON, named

LIVE, BANS, AUDIT = "/operator/exchanges/", "/operator/bans/", "/operator/audit/"


def banned(address: str, username: str, until: int) -> Unit[None]:
    sql = "insert into bans (address, username, until) values (:address, :username, :until)"
    yield Statement(sql, {"address": address, "username": username, "until": until})


class ExchangeTests(InstallationCase):
    def setUp(self) -> None:
        super().setUp()
        self.opens("jo", "sub", "eve", total=500)

    def shown(self, query: str) -> list[str]:
        html = self.ada.open(f"{LIVE}{query}").html
        return [name for name in ("jo", "sub", "eve") if f"<code>{name}.example:443</code>" in html]

    def test_filters(self) -> None:
        """By account with its sub-accounts, and by exit."""
        for query, names in (
            ("", ["jo", "sub", "eve"]),
            ("?account=jo", ["jo", "sub"]),
            ("?account=SUB", ["sub"]),
            ("?exit=us-0", ["jo", "sub", "eve"]),
            ("?exit=us-0&account=eve", ["eve"]),
            ("?exit=nothing", []),
        ):
            with named(query):
                self.assertEqual(self.shown(query), names)
        self.assertIn("3 of 500", self.ada.open(LIVE).text)
        self.assertIn("More are open than are shown", self.ada.page.text)
        self.assertEqual(self.ada.ask("GET", f"{LIVE}?account=nobody").status, 403)

    def test_ending(self) -> None:
        """One of them, as an operator; a question stands before it that needs no script."""
        page = self.ada.open(LIVE)
        self.assertIn("<details", page.html.partition("Cut it off")[0])
        page = self.ada.send(f"{LIVE}end/")
        self.assertIn("The exchange x0 of jo ends within seconds.", page.text)
        (asked,) = self.world.store.file.run(endings, self.world.jo.id)
        self.assertEqual((asked.exchange, asked.reason), ("x0", "ended-by-operator"))

    def test_ending_what_is_not_shown(self) -> None:
        """By its id, with the name of its account; what is not known is said, with what was typed."""
        token = self.token(self.ada)
        page = self.ada.ask("POST", f"{LIVE}end/", {"csrf": token, "id": "unknown"})
        self.assertEqual((page.status, "may have ended" in page.text), (404, True))
        page = self.ada.ask("POST", f"{LIVE}end/", {"csrf": token, "id": "x2", "account": "jo"})
        self.assertEqual((page.status, "none of that account" in page.text), (404, True))
        page = self.ada.ask("POST", f"{LIVE}end/", {"csrf": token, "id": "unknown", "account": "jo"})
        self.assertEqual(page.status, 303)


class BanTests(InstallationCase):
    def setUp(self) -> None:
        super().setUp()
        for number in range(5):
            self.world.store.file.run(banned, f"192.0.2.{number}", "jo", NOON + 600 + number)
        self.world.store.file.run(banned, "198.51.100.1", "*", NOON + 99)

    def test_page_by_page(self) -> None:
        """Those that last longest first, each once."""
        self.patch(bans, "PAGE", 2)
        page, found = self.ada.open(BANS), []
        while True:
            found += [cell.partition("<")[0] for cell in page.html.split('data-label="Address"><code>')[1:]]
            if "Next page" not in page.links:
                break
            page = self.ada.open(page.links["Next page"])
        self.assertEqual(found, [*(f"192.0.2.{number}" for number in (4, 3, 2, 1, 0)), "198.51.100.1"])
        self.assertIn("every name", page.text)
        self.assertEqual(self.ada.ask("GET", f"{BANS}?cursor=x").status, 400)

    def test_lift(self) -> None:
        """One name's, or every name's; once."""
        self.ada.open(BANS)
        self.assertIn("jo may sign in from 192.0.2.4 again.", self.ada.send(f"{BANS}lift/").text)
        page = self.ada.send(f"{BANS}lift/", address="198.51.100.1", username="*")
        self.assertIn("Every name may sign in from 198.51.100.1 again.", page.text)
        self.assertEqual(len(self.world.store.file.run(stored.active, NOON, 99)), 4)
        page = self.ada.send(f"{BANS}lift/", address="192.0.2.4", username="jo")
        self.assertEqual((page.status, "is not banned" in page.text), (404, True))
        page = self.ada.ask("POST", f"{BANS}lift/", {"csrf": self.token(self.ada), "address": "no address"})
        self.assertEqual(page.status, 404)


class AuditTests(InstallationCase):
    def setUp(self) -> None:
        super().setUp()
        self.browser.sign_in()
        self.browser.open("/account/sub_accounts/sub/")
        self.browser.send("/account/sub_accounts/sub/", monthly_limit="2", first_name="Kid")
        self.browser.open("/account/sub_accounts/sub/")
        self.browser.send("/account/sub_accounts/sub/", monthly_limit="3", first_name="Kid", password="new")

    def test_what_was_and_what_is(self) -> None:
        """In words, with sizes as sizes; of a secret only that it changed."""
        page = self.vera.open(f"{AUDIT}?account=sub")
        for text in ("monthly limit 2.00 GB → 3.00 GB", "password was changed"):
            self.assertIn(text, page.text)

    def test_values_in_words(self) -> None:
        for name, value, text in (
            ("monthly_limit", 2 * GB, "2.00 GB"),
            ("monthly_limit", 0, "none"),
            ("billing_day", 0, "0"),
            ("active", True, "yes"),
            ("active", False, "no"),
            ("proxies", ["us", "open"], "us, open"),
            ("proxies", [], "none"),
            ("notes", "", "none"),
            ("plan", None, "none"),
        ):
            with named((name, value)):
                self.assertEqual(shown(name, value), text)
        self.assertEqual(Changed("password", "", "").now, "")

    def test_filters(self) -> None:
        """By account, by who did it, by how the action begins, by time; a name that nobody has is said."""
        for query, seen, unseen in (
            ("?account=sub", "→ <ins>3.00 GB", "eves"),
            ("?actor=jo", "account.edit", "number"),
            ("?action=account.", "account.create", "→ 3.00 GB"),
            ("?until=2026-01-15", "No change is known", "account.create"),
            ("?since=2026-01-16", "No change is known", "account.create"),
        ):
            with named(query):
                page = self.vera.open(f"{AUDIT}{query}")
                self.assertIn(seen, page.html.partition('aria-label="Changes"')[2])
                self.assertNotIn(unseen, page.html.partition('aria-label="Changes"')[2])
        page = self.vera.ask("GET", f"{AUDIT}?account=nobody")
        self.assertEqual((page.status, "no account named" in page.text), (404, True))
        page = self.vera.ask("GET", f"{AUDIT}?since=yesterday")
        self.assertEqual((page.status, "Enter a date" in page.text), (400, True))

    def test_page_by_page(self) -> None:
        """With the same filters; each entry once."""
        self.patch(audit, "PAGE", 2)
        page, found = self.vera.open(f"{AUDIT}?action=account.create"), 0
        while True:
            found += page.html.count('data-label="When"')
            if "Older ones" not in page.links:
                break
            page = self.vera.open(page.links["Older ones"])
        self.assertEqual(found, 7)
        self.assertIn("Newest ones", page.links)
