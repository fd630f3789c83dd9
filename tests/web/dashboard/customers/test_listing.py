"""The list of accounts, the plans, and new accounts."""

from __future__ import annotations

import re

from meshd.model import GB
from meshd.topology import PLANS
from tests.web.dashboard.customers.support import ALL, OperatorsTestCase, named, sheet

NEW = "/operator/new_account/"
HIDDEN = "<script>alert(1)</script>"

FOUND: dict[str, set[str]] = {
    "?prefix=E": {"eve", "eves"},
    "?prefix=jo&state=active": {"jo"},
    "?email=jo%40mail.example": {"jo"},
    "?state=inactive": {"tom"},
    "?state=expired": {"eve"},
    "?plan=trial": {"tom"},
    "?role=viewer": {"vera"},
    "?parent=jo": {"sub"},
    "?near=80": {"jo"},
    "?near=100": set(),
    "?seen=day": {"jo", "eves"},
    "?plan=none": set(),
}

WRONG = {
    "?near=101": "Choose one of",
    "?state=x": "Choose one of",
    "?parent=nobody": "There is no account of this name.",
    "?cursor=x": "This is no cursor of this list",
    f"?prefix={'x' * 31}": "Use at most 30 characters",
}


class ListTests(OperatorsTestCase):
    def names(self, query: str = "") -> set[str]:
        html = self.browser.open(ALL + query).html
        return set(re.findall(r'<tr><td data-label="Username"><a href="[^"]*">([^<]*)</a>', html))

    def test_filters(self) -> None:
        """Each leaves those of whom it is true."""
        self.sent(sheet("jo", "terms/"), sheet("jo", "terms/"), email="jo@mail.example", monthly_limit="10")
        self.sent(sheet("eve", "terms/"), sheet("eve", "terms/"), expires_on="2020-01-01")
        self.sent(sheet("tom"), sheet("tom", "deactivate/"))
        self.world.use(self.world.jo, 9 * GB)
        self.world.use(self.world.foreign, 1)
        for query, names in FOUND.items():
            with named(query):
                self.assertEqual(self.names(query), names)
        everybody = {"ada", "vera", "rita", "jo", "sub", "eve", "eves", "tom"}
        self.assertEqual(self.names(), everybody)
        self.assertEqual(self.names("?order=newest"), everybody)
        self.assertIn("9.00 GB of 10.0 GB", self.browser.open(f"{ALL}?prefix=jo").text)

    def test_pages(self) -> None:
        """Fifty at a time, with a link to the next ones that keeps the filters."""
        for number in range(60):
            self.world.account(f"p{number:02}", plan="trial")
        self.assertEqual(len(self.names("?prefix=p&order=newest")), 50)
        following = self.browser.page.links["The next ones"]
        self.assertIn("prefix=p", following)
        self.assertEqual(self.names(following.removeprefix(ALL)), {f"p{number:02}" for number in range(50, 60)})
        self.assertNotIn("The next ones", self.browser.page.links)

    def test_odd_questions(self) -> None:
        """Said beside the field, or in a sentence, and nothing is listed."""
        for query, told in WRONG.items():
            with named(query):
                page = self.browser.ask("GET", ALL + query)
                self.assertEqual((page.status, told in page.text), (400, True), page.text)
        page = self.browser.ask("GET", f"{ALL}?prefix={HIDDEN}")
        self.assertNotIn("<script>alert", page.answer.body.decode())

    def test_plans(self) -> None:
        """All that the settings have, each with its accounts."""
        page = self.browser.open("/operator/plans/")
        for name, plan in PLANS.items():
            with named(name):
                self.assertIn(f'href="{ALL}?plan={name}"', page.html)
                self.assertIn(f'class="number">{plan.sub_accounts}</td>', page.html)


class CreatingTests(OperatorsTestCase):
    def made(self, **fields: object) -> None:
        self.sent(NEW, NEW, **fields)

    def test_a_password_that_is_made(self) -> None:
        """Shown once, on the answer alone, and right."""
        self.made(username="newt", plan="20", monthly_limit="0.5", by="generate", billing_day="")
        (password,) = re.findall(r'class="secret">(\w{20,})</code>', self.browser.page.html)
        self.assertEqual(self.browser.page.answer.all("Cache-Control"), ["no-store"])
        self.assertTrue(self.another().sign_in("newt", password).text.startswith("Dashboard"))
        page = self.browser.open(sheet("newt"))
        self.assertIn("of 500 MB", page.text)
        self.assertNotIn(password, page.html)

    def test_other_ways(self) -> None:
        """A password that is typed; none; with all there is to agree."""
        self.made(username="typed", plan="20", by="typed", password="battery staple", role="customer")
        self.assertIn("typed was created.", self.browser.page.text)
        self.assertEqual(self.another().sign_in("typed", "battery staple").status, 200)
        terms = {"first_name": "N", "email": "n@mail.example", "notes": "one\r\ntwo", "expires_on": "2030-01-01"}
        self.made(username="without", plan="50", by="none", billing_day="31", total_limit="3", **terms)
        page = self.browser.open(sheet("without"))
        for text in ("n@mail.example", "2030-01-01", "one two", "of 3.00 GB"):
            self.assertIn(text, page.text)

    def test_a_sub_account(self) -> None:
        """Below the account whose page led there; its terms are its parent's."""
        self.browser.open(sheet("jo"))
        page = self.browser.open(self.browser.page.links["New sub-account"])
        self.assertNotIn('name="plan"', page.html)
        self.browser.send(NEW, username="below", by="none", monthly_limit="2")
        self.assertIn("sub-account of jo", self.browser.page.text)
        self.assertIn("The operator allows", self.signed_in("jo").open("/account/sub_accounts/below/").text)

    def test_refusals(self) -> None:
        """Beside the field, with all that was typed but the password."""
        refused = {
            "a name that is taken": ({"username": "JO"}, "This username is taken."),
            "a plan that is not there": ({"plan": "x"}, "There is no plan"),
            "a limit that is none": ({"monthly_limit": "much"}, "Enter a number of GB"),
            "no password": ({"by": "typed"}, "Type the password"),
            "a password left unused": (
                {"by": "generate", "password": "battery staple"},
                "The one typed here”",
            ),
            "an odd day": ({"billing_day": "32"}, "Enter 31 or less."),
            "an odd date": ({"expires_on": "soon"}, "Enter a date"),
            "no name": ({"username": ""}, "Fill this in."),
            "another parent's name": ({"parent": "nobody"}, "There is no account of this name."),
        }
        for sentence, (fields, told) in refused.items():
            with named(sentence):
                self.browser.open(NEW)
                form = {**self.browser.page.form(NEW), "username": "newt", "plan": "20", "by": "none", **fields}
                page = self.browser.ask("POST", NEW, {"password": "", **form, "last_name": "Kept"})
                self.assertIn(page.status, (400, 404))
                self.assertIn(told, page.text)
        self.assertEqual(self.browser.ask("GET", sheet("newt")).status, 404)

    def test_roles(self) -> None:
        """The root makes operators; an admin has no choice, and is refused where she sends one."""
        self.assertNotIn('name="role"', self.browser.open(NEW).html)
        form = {**self.browser.page.form(NEW), "username": "x", "plan": "20", "by": "none", "role": "admin"}
        self.assertEqual(self.browser.ask("POST", NEW, form).status, 403)
        self.browser.sign_in("rita")
        self.made(username="olga", plan="20", by="none", role="viewer")
        self.assertIn("viewer", self.browser.open(sheet("olga")).text)
