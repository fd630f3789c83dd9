"""What an account and its sub-accounts have open, and ending it."""

from __future__ import annotations

from meshd.store.statements.opened import endings
from tests.web.dashboard.operator.support import InstallationCase
from tests.web.support import named

OPEN = "/account/exchanges/"


class ExchangeTests(InstallationCase):
    def setUp(self) -> None:
        super().setUp()
        self.opens("jo", "sub", "eve")
        self.browser.sign_in("jo")

    def test_whose(self) -> None:
        """One's own and one's sub-accounts', of one of them where that is asked; nobody else's."""
        sub = self.signed_in("sub")
        for browser, query, seen in (
            (self.browser, "", {"jo", "sub"}),
            (self.browser, "?username=sub", {"sub"}),
            (sub, "", {"sub"}),
        ):
            with named((query, seen)):
                html = browser.open(f"{OPEN}{query}").html
                self.assertEqual({name for name in ("jo", "sub", "eve") if f"{name}.example:443" in html}, seen)
        self.assertEqual(self.browser.ask("GET", f"{OPEN}?username=eve").status, 403)
        self.assertEqual(self.browser.open("/account/activity/").links["What is open now"], OPEN)

    def test_ending(self) -> None:
        """One's own, and a sub-account's, as their holder."""
        self.browser.open(OPEN)
        self.assertIn("The exchange x0 of jo ends", self.browser.send(f"{OPEN}end/").text)
        self.browser.send(f"{OPEN}end/", id="x1")
        found = self.world.store.file.run(endings, 0)
        self.assertEqual(
            {(each.account_id, each.exchange, each.reason) for each in found},
            {(self.world.jo.id, "x0", "ended-by-holder"), (self.world.sub.id, "x1", "ended-by-holder")},
        )

    def test_another_ones(self) -> None:
        """Is not there: not by its id, nor by its account's name; a parent's is not a sub-account's to end."""
        sub = self.signed_in("sub")
        for browser, form, status in (
            (self.browser, {"id": "x2"}, 404),
            (self.browser, {"id": "x2", "account": "eve"}, 403),
            (self.browser, {"id": "nothing"}, 404),
            (self.browser, {"id": ""}, 400),
            (sub, {"id": "x0"}, 404),
            (sub, {"id": "x0", "account": "jo"}, 403),
            (self.vera, {"id": "x0"}, 403),
        ):
            with named(form):
                page = browser.ask("POST", f"{OPEN}end/", {"csrf": self.token(browser), **form})
                self.assertEqual(page.status, status)
        self.assertEqual(self.world.store.file.run(endings, 0), [])

    def test_without_any(self) -> None:
        self.assertIn("Nothing is open.", self.signed_in("tom").open(OPEN).text)
        self.world.later(61)  # the process has died
        self.assertIn("Nothing is open.", self.browser.open(OPEN).text)
