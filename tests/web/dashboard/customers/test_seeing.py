"""An operator sees an account's pages as its holder does: what is shown, what is refused, and when it is over."""

from __future__ import annotations

import re

from meshd.accounts import toplevel
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import Profile
from meshd.accounts.toplevel import Terms
from meshd.topology import PLANS
from tests.web.dashboard.customers.support import OperatorsTestCase, named, sheet
from tests.web.support import result

HOME = "/account/dashboard/"
COOKIE = "__Host-meshd-seen"
PAGES = (
    HOME,
    "/account/usage/",
    "/account/activity/",
    "/account/edit_ips/",
    "/account/edit_hostnames/",
    "/account/edit_proxies/",
    "/account/proxy_status/us/",
    "/account/edit_tokens/",
    "/account/sub_accounts/",
    "/account/sub_accounts/sub/",
    "/account/new_sub_account/",
    "/account/settings/",
    "/account/change_password/",
    "/account/change_email/",
    "/account/sessions/",
)
BANNER = "You see this as jo does, and change nothing."
ELSEWHERE = ("/api", "/v1/", "/sign-in", "/sign-out", "/operator/seen")
"""Begins of paths that are of no page."""


class SeeingTests(OperatorsTestCase):
    def begin(self, name: str = "jo") -> None:
        page = self.sent(sheet(name), sheet(name, "see/"))
        self.assertIn(f"You see this as {name} does", page.text)

    def test_each_page(self) -> None:
        """As jo sees it, with the banner and the way back; hers again afterwards."""
        for name in ("ada", "vera", "rita"):
            self.browser.sign_in(name)
            self.begin()
            for path in PAGES:
                with named((name, path)):
                    page = self.browser.open(path)
                    self.assertEqual((page.status, BANNER in page.text), (200, True))
                    self.assertIn("/operator/seen/end/", page.actions)
                    self.assertNotIn("/sign-out/", page.actions)
                    self.assertNotIn("Operator", page.text)
            page = self.browser.send("/operator/seen/end/")
            self.assertIn(sheet("jo", "terms/"), page.html)
            self.assertNotIn("You see this as", self.browser.open(HOME).text)
            self.assertIn(name, self.browser.page.text)
            self.assertNotIn(COOKIE, self.browser.cookies)

    def test_the_audit(self) -> None:
        """One line when it begins, under the operator's name; none for the pages."""
        self.begin()
        self.browser.open("/account/usage/")
        self.assertEqual(self.audit()[0], ("ada", "account.seen_as"))
        self.assertEqual(len([each for each in self.audit() if each[1] == "account.seen_as"]), 1)
        self.begin()
        self.assertEqual(len([each for each in self.audit() if each[1] == "account.seen_as"]), 2)

    def test_the_request_log(self) -> None:
        """It names the operator, not the account that is seen."""
        self.begin()
        self.browser.open("/account/usage/")
        self.assertEqual(self.world.requests.added[-1].username, "ada")

    def test_every_change(self) -> None:
        """Refused in plain words, of customers' and of operators' pages, whoever sees; nothing is changed."""
        posts = [path for method, path in sorted(self.world.site.api.mounted) if method == "POST"]  # type: ignore[attr-defined]
        posts = [
            path for path in posts if not path.startswith(("/api", "/v1/", "/sign-in", "/sign-out", "/operator/seen"))
        ]
        self.assertGreater(len(posts), 40)
        for name in ("ada", "vera", "rita"):
            self.browser.sign_in(name)
            self.begin()
            token, before = self.browser.page.form("/operator/seen/end/")["csrf"], self.audit()
            for path in posts:
                if not path.endswith("/see/"):
                    with named((name, path)):
                        page = self.browser.ask("POST", re.sub(r"{\w+}", "sub", path), {"csrf": token})
                        self.assertEqual((page.status, "change nothing meanwhile" in page.text), (403, True))
            self.assertEqual(self.audit(), before)

    def test_what_is_secret(self) -> None:
        """The page that makes a key of a second factor is not shown; a token's secret is on no page."""
        self.begin()
        for path in ("/account/second_factor/", "/account/second_factor", "/account/second%5Ffactor/"):
            self.assertEqual(self.browser.ask("GET", path).status, 403)
        self.assertNotRegex(self.browser.open("/account/edit_tokens/").html, r"pm_\w{49}")

    def test_paths_in_disguise(self) -> None:
        """What looks like the way back, or like a page of operators, is not taken for it."""
        self.begin()
        token = self.browser.page.form("/operator/seen/end/")["csrf"]
        for path in (
            "/operator/accounts/jo/deactivate/?x=/see/",
            "/operator/accounts/jo%2Fdeactivate/see/",
            "/operator/accounts/jo/deactivate/%2e%2e/see/",
            "/operator/seen/end/../../accounts/jo/deactivate/",
            "/operator/accounts/jo/deactivate//",
            "/sign-out/../account/edit_ips/add/",
        ):
            with named(path):
                before = self.audit()
                self.assertIn(self.browser.ask("POST", path, {"csrf": token}).status, (400, 403, 404))
                self.assertEqual(self.audit(), before)
        hers = self.browser.ask("GET", "/%6Fperator/accounts/jo/")  # another spelling of the operator's own page
        self.assertEqual(hers.status, self.browser.ask("GET", sheet("jo")).status)

    def test_her_own_pages_meanwhile(self) -> None:
        """Below /operator/ she is herself, with a line that the view goes on; another view takes its place."""
        self.begin()
        page = self.browser.open(sheet("eve"))
        self.assertEqual(page.status, 200)
        self.assertIn("You see the pages of jo still", page.text)
        self.begin("eve")
        self.assertIn("You see this as eve does", self.browser.open(HOME).text)

    def test_whom_nobody_sees(self) -> None:
        """An admin and a viewer see customers alone, the root everybody but herself; a customer nobody."""
        for name, others, status in (
            ("ada", ("vera", "rita", "ada"), 403),
            ("vera", ("ada", "rita", "vera"), 403),
            ("rita", ("rita",), 403),
            ("rita", ("ada", "vera"), 303),
            ("ada", ("jo", "sub", "tom"), 303),
            ("ada", ("nobody",), 403),
            ("jo", ("sub", "eve", "jo"), 403),
        ):
            for other in others:
                with named((name, other)):
                    browser = self.signed_in(name)
                    token = browser.open(HOME).form("/sign-out/")["csrf"]
                    page = browser.ask("POST", sheet(other, "see/"), {"csrf": token})
                    self.assertEqual((page.status, COOKIE in browser.cookies), (status, status == 303))

    def test_forged_views(self) -> None:
        """Made by hand, another session's, another account's, another time's: none is one."""
        self.begin()
        right = self.browser.cookies[COOKIE]
        account_id, since, seal = right.split(".")
        other = self.signed_in("ada")
        forged = {
            "another session's": right,
            "another account's": f"{self.world.eve.id}.{since}.{seal}",
            "a later one": f"{account_id}.{int(since) + 60}.{seal}",
            "without a seal": f"{account_id}.{since}.{'0' * 64}",
            "no view": "x",
            "too much": f"{'9' * 30}.{since}.{seal}",
        }
        for sentence, value in forged.items():
            with named(sentence):
                other.cookies[COOKIE] = value
                self.assertIn("ada", other.open(HOME).text)
                self.assertNotIn("You see", other.page.text)
        eve = self.signed_in("eve")
        eve.cookies[COOKIE] = right
        self.assertNotIn("You see", eve.open(HOME).text)

    def test_when_it_is_over(self) -> None:
        """After an hour; with the session; with the role; when the account is gone."""
        self.begin()
        self.world.later(3599)
        self.assertIn(BANNER, self.browser.open(HOME).text)
        self.world.later(1)
        self.assertNotIn("You see", self.browser.open(HOME).text)

        self.begin()
        self.browser.ask("POST", "/sign-out/", {"csrf": self.browser.page.form("/operator/seen/end/")["csrf"]})
        self.assertIn("/sign-in/", self.browser.ask("GET", HOME).answer.one("Location"))
        self.browser.sign_in("ada")
        self.assertNotIn("You see", self.browser.open(HOME).text)

        self.begin()
        perform = self.world.accounts.perform
        terms = Terms(role="customer")
        result(perform(toplevel.edit, Operator(), "ada", Profile(), terms, plans=PLANS, now=int(self.world.now)))
        self.assertNotIn("You see", self.browser.open(HOME).text)
        self.assertEqual(self.browser.ask("GET", sheet("jo")).status, 303)  # her session has ended with the role

    def test_an_account_that_is_deleted_meanwhile(self) -> None:
        self.begin("tom")
        other = self.signed_in("rita")
        other.open(sheet("tom", "delete/"))
        other.send(sheet("tom", "delete/"))
        self.assertNotIn("You see", self.browser.open(HOME).text)
