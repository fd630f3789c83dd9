"""What an operator does with an account, page by page."""

from __future__ import annotations

import re
from typing import Any

from meshd.accounts import secondfactor
from meshd.model import GB
from meshd.store.statements import activity, secondfactors
from meshd.values.exchanges import Exchange
from tests.web.dashboard.customers.support import ALL, OperatorsTestCase, Page, named, sheet
from tests.web.dashboard.support import secret_of
from tests.web.support import NOON

HOSTILE = ("<script>alert(1)</script>", '" onfocus=alert(1) x="', "{{ 7 * 7 }}")


class SheetTestCase(OperatorsTestCase):
    def do(self, end: str, action: str = "", name: str = "jo", **fields: object) -> Page:
        """Send a form of a page of jo's."""
        return self.sent(sheet(name, end), sheet(name, action or end), **fields)


class SummaryTests(SheetTestCase):
    def test_at_a_glance(self) -> None:
        """What it used, has and is, and what was changed last."""
        self.world.use(self.world.jo, 3 * GB)
        self.world.new_token("jo")
        page = self.browser.open(sheet("jo"))
        for text in ("3.00 GB", "1 of", "sub", "account.create", "customer", "just now"):
            self.assertIn(text, page.text)

    def test_out_of_use_and_back(self) -> None:
        self.do("", "deactivate/")
        self.assertIn("jo is inactive now", self.browser.page.text)
        self.assertEqual(self.world.get("/api/ips/").status, 402)
        self.browser.send(sheet("jo", "activate/"))
        self.assertIn("jo is active again.", self.browser.page.text)
        self.assertEqual(self.world.get("/api/ips/").status, 200)

    def test_deleting(self) -> None:
        """Asked once more on a page of its own; one that was changed meanwhile stays."""
        self.browser.open(sheet("jo", "delete/"))
        self.assertIn("what it used is not in Usage any more", self.browser.page.text)
        form = self.browser.page.form(sheet("jo", "delete/"))
        self.world.post("/api/token/create/", {})
        other = self.signed_in("ada")
        other.open(sheet("jo", "terms/"))
        other.send(sheet("jo", "terms/"), notes="wait")
        page = self.browser.ask("POST", sheet("jo", "delete/"), form)
        self.assertEqual((page.status, "has changed since it was read" in page.text), (409, True))
        self.browser.send(sheet("jo", "delete/"))
        self.assertIn("jo was deleted.", self.browser.page.text)
        for name in ("jo", "sub"):
            self.assertEqual(self.browser.ask("GET", sheet(name)).status, 404)

    def test_a_plan_that_the_settings_lack(self) -> None:
        """Every page is shown all the same, with a sentence on the first."""
        topology = self.world.live.topology
        self.world.set_topology(plans={name: plan for name, plan in topology.plans.items() if name != "20"})
        self.assertIn("The settings have no plan 20", self.browser.open(sheet("jo")).text)
        for end in ("terms/", "access/", "addresses/", "tokens/", "usage/", "topups/", "audit/"):
            with named(end):
                self.assertEqual(self.browser.open(sheet("jo", end)).status, 200)


class TermsTests(SheetTestCase):
    def test_all_of_them(self) -> None:
        """Saved, shown again, told by the audit; what was not changed is not told."""
        fields = {
            "plan": "50",
            "billing_day": "7",
            "monthly_limit": "12.5",
            "total_limit": "100",
            "expires_on": "2030-01-01",
            "first_name": "Jo",
            "last_name": "Jones",
            "email": "jo@mail.example",
            "notes": "pays late\r\nby card",
        }
        self.do("terms/", **fields)
        self.assertIn("The terms of jo were saved.", self.browser.page.text)
        form = self.browser.page.form(sheet("jo", "terms/"))
        shown = {name: form[name] for name in ("monthly_limit", "total_limit", "expires_on", "first_name", "email")}
        self.assertEqual(shown, {name: fields[name] for name in shown})
        self.assertIn('<option value="50" selected>', self.browser.page.html)
        self.assertIn("pays late\nby card</textarea>", self.browser.page.html)
        audit = self.browser.open(sheet("jo", "audit/")).text
        self.assertIn("plan : 20 → 50", audit.replace("plan:", "plan :"))
        self.assertNotIn("pays late", audit)
        before = self.audit()
        self.do("terms/", plan="50", billing_day="7", notes="pays late\nby card")
        self.assertIn("Nothing was changed.", self.browser.page.text)
        self.assertEqual(self.audit(), before)

    def test_two_at_once(self) -> None:
        """Whoever saves second sees what the first has saved, and nothing of hers is kept."""
        other = self.signed_in("rita")
        other.open(sheet("jo", "terms/"))
        self.do("terms/", first_name="First", plan="20", billing_day="15")
        page = other.send(sheet("jo", "terms/"), last_name="Second", plan="20", billing_day="15")
        self.assertEqual((page.status, "Somebody changed this account" in page.text), (409, True))
        self.assertIn('value="First"', page.html)
        self.assertNotIn("Second", page.html)
        other.send(sheet("jo", "terms/"), last_name="Second", plan="20", billing_day="15")
        self.assertIn("First Second", self.browser.open(sheet("jo")).text)

    def test_without_a_version(self) -> None:
        """A form that says not what it saw changes nothing."""
        self.browser.open(sheet("jo", "terms/"))
        form = {**self.browser.page.form(sheet("jo", "terms/")), "first_name": "X", "version": ""}
        self.assertEqual(self.browser.ask("POST", sheet("jo", "terms/"), form).status, 409)

    def test_refusals(self) -> None:
        for sentence, fields, told in (
            ("a plan", {"plan": "x"}, "There is no plan"),
            ("a day", {"billing_day": "0"}, "Enter 1 or more."),
            ("a limit", {"monthly_limit": "-1"}, "Enter a number of GB"),
            ("an address", {"email": "nobody"}, "Enter an e-mail address."),
            ("a date", {"expires_on": "2030-02-30"}, "Enter a date"),
            ("too long a name", {"first_name": "x" * 21}, "Use at most 20 characters"),
            ("too many notes", {"notes": "x" * 4001}, "Use at most 4000 characters"),
        ):
            with named(sentence):
                self.browser.open(sheet("jo", "terms/"))
                form = self.browser.page.form(sheet("jo", "terms/"))
                page = self.browser.ask(
                    "POST", sheet("jo", "terms/"), {**form, "plan": "20", "billing_day": "15", "notes": "", **fields}
                )
                self.assertEqual((page.status, told in page.text), (400, True), page.text)

    def test_roles(self) -> None:
        """The root alone gives one."""
        self.assertNotIn('name="role"', self.browser.open(sheet("jo", "terms/")).html)
        form = {**self.browser.page.form(sheet("jo", "terms/")), "plan": "20", "billing_day": "15", "role": "viewer"}
        form.pop("notes", None)
        self.assertEqual(self.browser.ask("POST", sheet("jo", "terms/"), form).status, 403)
        self.browser.sign_in("rita")
        self.do("terms/", plan="20", billing_day="15", role="viewer")
        self.assertIn("viewer", self.browser.open(sheet("jo")).text)

    def test_renaming(self) -> None:
        """The page goes on under the new name; a name that is taken is refused."""
        self.do("terms/", "terms/rename/", username="eve")
        self.assertIn("This username is taken.", self.browser.page.text)
        self.do("terms/", "terms/rename/", username="joan")
        self.assertIn("This account is joan now.", self.browser.page.text)
        self.assertEqual(self.browser.page.form(sheet("joan", "terms/"))["csrf"] != "", True)
        self.assertEqual(self.browser.ask("GET", sheet("jo")).status, 404)

    def test_a_sub_account(self) -> None:
        """Its terms are its parent's; a limit becomes a ceiling only where it is changed; it moves once it is still."""
        page = self.browser.open(sheet("sub", "terms/"))
        for name in ("plan", "role", "billing_day"):
            self.assertNotIn(f'name="{name}"', page.html)
        self.browser.send(sheet("sub", "terms/"), first_name="S")
        self.assertNotIn("allows", self.signed_in("jo").open("/account/sub_accounts/sub/").text)
        self.do("terms/", "terms/move/", "sub", parent="eve")
        self.assertEqual(self.browser.page.status, 403)
        self.assertIn("Deactivate sub first", self.browser.page.text)
        self.do("", "deactivate/", "sub")
        self.world.later(11)
        self.do("terms/", "terms/move/", "sub", parent="eve")
        self.assertIn("sub is below eve now.", self.browser.page.text)


class LimitsTests(SheetTestCase):
    def test_limits(self) -> None:
        """Set, kept beside the plan's, given back; what is wrong is said beside the field."""
        self.do("limits/", "limits/bounds/", tunnels="50", kbit_down="0", on_limit="slow")
        self.assertIn("The limits of jo were saved.", self.browser.page.text)
        form = self.browser.page.form(sheet("jo", "limits/bounds/"))
        self.assertEqual((form["tunnels"], form["kbit_down"], form["kbit_up"]), ("50", "0", ""))
        self.assertIn('<option value="slow" selected>', self.browser.page.html)
        self.assertIn("3 of its own", self.browser.open(sheet("jo")).text)
        self.assertIn(("ada", "account.bounds"), self.audit())
        self.do("limits/", "limits/bounds/", tunnels="", kbit_down="")
        self.assertEqual(self.browser.page.form(sheet("jo", "limits/bounds/"))["tunnels"], "")
        for name, text, told in (
            ("tunnels", "many", "Enter a whole number."),
            ("kbit_up", "-1", "Enter 0 or more."),
            ("requests_per_second", "10000000", "Enter 1000000 or less."),
            ("on_limit", "stop", "Choose one of"),
        ):
            with named(name):
                page = self.do("limits/", "limits/bounds/", **{name: text})
                self.assertEqual((page.status, told in page.html), (400, True))

    def test_destinations(self) -> None:
        """One a line, with the operator's words; taken away; a line that is none is named."""
        words = {"words": "ask your account manager", "observe": "yes"}
        self.do("limits/", "limits/rules/", kind="only", entries="example.com:443\r\n\r\n 192.0.2.0/24 ", **words)
        self.assertIn("The destinations of jo were saved.", self.browser.page.text)
        self.assertIn("example.com:443\n192.0.2.0/24</textarea>", self.browser.page.html)
        self.assertIn("only 2, observed", self.browser.open(sheet("jo")).text)
        viewer = self.signed_in("vera").open(sheet("jo", "limits/"))
        for text in ("Only these", "ask your account manager", "example.com:443"):
            self.assertIn(text, viewer.text)
        for kind, entries in (("only", "no host"), ("except", "192.0.2.1/24"), ("only", "a.example:0")):
            with named(entries):
                page = self.do("limits/", "limits/rules/", kind=kind, entries=entries)
                self.assertEqual((page.status, f"{entries}</textarea>" in page.html), (400, True))
                self.assertIn('id="entries-about"', page.html)
                self.assertIn('class="problem"', page.html)
        self.do("limits/", "limits/rules/", kind="", entries="left over")
        self.assertIn("no rules of its own", self.browser.page.html)
        self.assertNotIn("left over", self.browser.page.html)

    def test_two_at_once(self) -> None:
        """Whoever saves second sees what the first has saved."""
        other = self.signed_in("rita")
        other.open(sheet("jo", "limits/"))
        self.do("limits/", "limits/bounds/", tunnels="5")
        page = other.send(sheet("jo", "limits/bounds/"), tunnels="7")
        self.assertEqual((page.status, "Somebody changed this account" in page.text), (409, True))
        self.assertEqual(page.form(sheet("jo", "limits/bounds/"))["tunnels"], "5")

    def test_a_tokens_destinations(self) -> None:
        """On its own page, with its label."""
        id_ = self.world.new_token("jo", label="old")["id"]
        edit = f"tokens/{id_}/edit/"
        self.do(edit, kind="except", entries="bank.example", words="")
        self.assertIn("bank.example</textarea>", self.browser.open(sheet("jo", edit)).html)
        self.assertIn("old", self.browser.page.text)
        page = self.do(edit, kind="only", entries="no host")
        self.assertEqual((page.status, 'class="problem"' in page.html), (400, True))
        self.do(edit, kind="", entries="")
        self.assertNotIn("bank.example", self.browser.open(sheet("jo", edit)).html)


class AccessTests(SheetTestCase):
    def test_passwords(self) -> None:
        """Made and shown once; typed; taken away; each ends the sessions there are."""
        theirs = self.signed_in("jo")
        self.do("access/", "access/password/", by="generate")
        (password,) = re.findall(r'class="secret">(\w{20,})</code>', self.browser.page.html)
        self.assertNotIn(password, self.browser.open(sheet("jo", "access/")).html)
        self.assertEqual(theirs.ask("GET", "/account/dashboard/").status, 303)
        self.assertTrue(self.another().sign_in("jo", password).text.startswith("Dashboard"))
        self.do("access/", "access/password/", by="typed", password="battery staple")
        self.assertIn("jo has a new password", self.browser.page.text)
        self.assertTrue(self.another().sign_in("jo", "battery staple").text.startswith("Dashboard"))
        self.do("access/", "access/password/", by="none")
        self.assertIn("It has no password", self.browser.page.text)
        for fields, told in (({"by": "typed"}, "Type the new password."), ({"by": "x"}, "Choose one of")):
            self.browser.open(sheet("jo", "access/"))
            self.assertIn(told, self.browser.send(sheet("jo", "access/password/"), **fields).html)

    def test_a_second_factor(self) -> None:
        """Taken away; where there is none that is said."""
        secret = secondfactor.new_secret()
        self.world.store.file.run(secondfactors.add, self.world.jo.id, secret, 1, NOON)
        self.do("access/", "access/second_factor/")
        self.assertIn("The second factor of jo is off.", self.browser.page.text)
        form = {"csrf": self.browser.page.form("/sign-out/")["csrf"]}
        page = self.browser.ask("POST", sheet("jo", "access/second_factor/"), form)
        self.assertEqual((page.status, "has no second factor" in page.text), (404, True))

    def test_proxies(self) -> None:
        """Taken away, which its holder cannot undo; given back; beyond the plan refused."""
        self.do("access/", "access/revoke/", proxy="us")
        self.assertIn("Taken away by operators", self.browser.page.text)
        mine = self.signed_in("jo")
        mine.open("/account/edit_proxies/")
        form = {"csrf": mine.page.form("/sign-out/")["csrf"], "proxy": "us"}
        self.assertEqual(mine.ask("POST", "/account/edit_proxies/add/", form).status, 403)
        self.browser.send(sheet("jo", "access/authorize/"), proxy="us")
        self.assertIn("jo may use us now.", self.browser.page.text)
        self.assertNotIn("Taken away by operators", self.browser.page.text)
        token = {"csrf": self.browser.page.form("/sign-out/")["csrf"]}
        page = self.browser.ask("POST", sheet("jo", "access/authorize/"), {**token, "proxy": "nowhere"})
        self.assertEqual((page.status, "There is no proxy" in page.text), (400, True))
        page = self.browser.ask("POST", sheet("sub", "access/revoke/"), {**token, "proxy": "us"})
        self.assertEqual((page.status, "A sub-account has its parent's proxies." in page.text), (400, True))


class AddressTests(SheetTestCase):
    def test_both_lists(self) -> None:
        """Added and removed; what is wrong is said beside the field."""
        for add, delete, name, value in (
            ("add_ip/", "delete_ip/", "ip", "9.9.9.9"),
            ("add_hostname/", "delete_hostname/", "domain", "home.example.com"),
        ):
            with named(name):
                self.do("addresses/", f"addresses/{add}", **{name: value})
                self.assertIn(f"{value} was added.", self.browser.page.text)
                self.do("addresses/", f"addresses/{add}", **{name: value})
                self.assertIn("is already authorized", self.browser.page.text)
                self.do("addresses/", f"addresses/{add}", **{name: "<b>"})
                self.assertEqual(self.browser.page.status, 400)
                self.assertNotIn("<b>", self.browser.page.answer.body.decode())
                self.do("addresses/", f"addresses/{delete}")
                self.assertIn(f"{value} was removed", self.browser.page.text)
        self.do("addresses/", "addresses/add_ip/", ip="10.0.0.1")
        self.assertIn("This is not a public address.", self.browser.page.text)


class TokenTests(SheetTestCase):
    def test_the_whole_life(self) -> None:
        """Shown once, used, put out of use for good but for operators, deleted."""
        self.do("tokens/", "tokens/create/", label="crawler", expires_at="2030-01-01")
        secret = secret_of(self.browser.page)
        self.assertNotIn(secret, self.browser.open(sheet("jo", "tokens/")).html)
        bearer = f"Bearer {secret}".encode()
        self.assertEqual(self.world.get("/api/ips/", who=bearer).status, 200)
        self.browser.send(sheet("jo", "tokens/deactivate/"))
        self.assertIn("The token crawler is inactive now", self.browser.page.text)
        self.assertEqual(self.world.get("/api/ips/", who=bearer).status, 401)
        id_ = self.world.get("/api/tokens/").json["tokens"][0]["id"]
        self.assertNotEqual(self.world.post("/api/token/activate/", {"id": id_}).status, 200)
        self.browser.send(sheet("jo", "tokens/activate/"))
        self.assertIn("The token crawler is active again.", self.browser.page.text)
        self.browser.send(sheet("jo", "tokens/delete/"))
        self.assertIn("There is no token.", self.browser.page.text)

    def test_another_label_and_end(self) -> None:
        """To the minute; what is wrong is said beside the field; a token of somebody else is not there."""
        id_ = self.world.new_token("jo", label="old")["id"]
        edit = f"tokens/{id_}/edit/"
        self.do(edit, label="new", expires_at="2030-01-01T09:30")
        for text in ("The token new was saved.", "2030-01-01 09:30"):
            self.assertIn(text, self.browser.page.text)
        self.do(edit, expires_at="soon")
        self.assertEqual((self.browser.page.status, 'value="soon"' in self.browser.page.html), (400, True))
        form = {**self.browser.page.form(sheet("jo", edit)), "label": "x", "expires_at": ""}
        for name, other_id in (("eve", str(id_)), ("jo", "0"), ("jo", "9" * 30), ("jo", "x")):
            with named((name, other_id)):
                other = sheet(name, f"tokens/{other_id}/edit/")
                self.assertEqual(self.browser.ask("GET", other).status, 404)
                self.assertEqual(self.browser.ask("POST", other, form).status, 404)

    def test_refusals(self) -> None:
        self.do("tokens/", "tokens/create/", expires_at="2020-01-01")
        self.assertIn("This day is in the past.", self.browser.page.text)
        self.assertIn("does not support bearer tokens", self.browser.open(sheet("tom", "tokens/")).text)


class UsageTests(SheetTestCase):
    def test_every_range(self) -> None:
        """With its plot, its table, the sub-accounts and the newest exchanges."""
        self.world.use(self.world.jo, 2 * GB)
        self.world.use(self.world.sub, GB)
        whose = (self.world.jo.id, "jo", 0, "us", "192.0.2.9", "CONNECT", "shop.example", 443, "us-0")
        self.world.store.file.run(activity.add, [Exchange("x1", NOON, 1.0, *whose, 502, "connection_refused", 1, 1)])
        for range_ in ("period", "today", "quarter"):
            with named(range_):
                page = self.browser.open(sheet("jo", f"usage/?range={range_}"))
                for text in ("<svg", "By account", "3.00 GB", "connection_refused", "shop.example:443"):
                    self.assertIn(text, page.html)
                self.assertIn(sheet("sub", f"usage/?range={range_}"), page.html)
        self.assertNotIn("3.00 GB", self.browser.open(sheet("jo", "usage/?range=previous")).text)
        self.assertEqual(self.browser.ask("GET", sheet("jo", "usage/?range=x")).status, 400)


class TopUpTests(SheetTestCase):
    def test_adding(self) -> None:
        """Once for each reference; nothing to an account without limits."""
        self.assertIn("The account has no limit", self.browser.open(sheet("jo", "topups/")).text)
        form = {"csrf": self.browser.page.form("/sign-out/")["csrf"], "bytes": "1", "reference": "r"}
        page = self.browser.ask("POST", sheet("jo", "topups/"), form)
        self.assertEqual((page.status, "nothing to add to" in page.text), (400, True))
        self.do("terms/", plan="20", billing_day="15", monthly_limit="10")
        self.do("topups/", bytes="2.5", reference="invoice 7", note="by card")
        for text in ("2.50 GB were added.", "invoice 7", "by card", "ada"):
            self.assertIn(text, self.browser.page.text)
        self.do("topups/", bytes="2.5", reference="invoice 7")
        self.assertIn("was known already", self.browser.page.text)
        for fields, told in (
            ({"bytes": "", "reference": "x"}, "Fill this in."),
            ({"bytes": "x", "reference": "x"}, "Enter a number of GB"),
            ({"bytes": "1", "reference": ""}, "Fill this in."),
            (
                {"bytes": "3", "reference": "invoice 7"},
                "This is of a top-up of 2.5 GB; give another payment a reference of its own.",
            ),
        ):
            self.do("topups/", **fields)
            self.assertEqual((self.browser.page.status, told in self.browser.page.text), (400, True))


class ShownTests(SheetTestCase):
    def test_what_somebody_hostile_chose(self) -> None:
        """Text on every page of the account, and in the list."""
        pages = ("", "terms/", "access/", "addresses/", "tokens/", "usage/", "topups/", "audit/", "delete/")
        for number, text in enumerate(HOSTILE):
            with named(text):
                self.do("terms/", plan="20", billing_day="15", notes=text, first_name=text[:20], monthly_limit="9")
                self.do("tokens/", "tokens/create/", label=text)
                self.do("addresses/", "addresses/add_ip/", ip=f"9.9.9.{number}", label=text)
                self.do("topups/", bytes="1", reference=text, note=text)
                whose: Any = (self.world.jo.id, "jo", 0, text, "192.0.2.9", "CONNECT", text, 443, text)
                told = Exchange(f"x{number}", NOON, 1.0, *whose, 502, "connection_refused", 1, 1)
                self.world.store.file.run(activity.add, [told])
                for end in pages:
                    raw = self.browser.open(sheet("jo", end)).answer.body.decode()
                    for sign in ("<script>alert", '" onfocus', "49<"):
                        self.assertNotIn(sign, raw, end)
        self.assertNotIn("<script>alert", self.browser.open(ALL).answer.body.decode())
