"""What a customer does on her pages, form by form, and what comes of it."""

from __future__ import annotations

import re

from pyotp import TOTP

from meshd.accounts import history
from meshd.model import GB, UsageEntry
from meshd.store.statements import activity, usage
from meshd.values.exchanges import Exchange
from meshd.web.dashboard.activity import PAGE
from meshd.web.dashboard.usage import bounds
from tests.web.dashboard.support import Browser, Page, PagesTestCase, named
from tests.web.support import NOON, basic

HOME = "/account/dashboard/"
IPS, HOSTNAMES, PROXIES = "/account/edit_ips/", "/account/edit_hostnames/", "/account/edit_proxies/"
NEW, SUBS, ONE = "/account/new_sub_account/", "/account/sub_accounts/", "/account/sub_accounts/{}/"
PASSWORD, EMAIL, FACTOR = "/account/change_password/", "/account/change_email/", "/account/second_factor/"
SESSIONS = "/account/sessions/"


class CustomerTestCase(PagesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.browser.sign_in()

    def filled(self, path: str, action: str = "", **fields: object) -> Page:
        """Open a page and send its form."""
        self.browser.open(path)
        return self.browser.send(action or path, **fields)


class ListTests(CustomerTestCase):
    def test_ips(self) -> None:
        """Added with a label, as they are stored; one's own by a button; removed; refused beside the field."""
        page = self.filled(IPS, f"{IPS}add/", ip="::ffff:9.9.9.9", label="office")
        self.assertIn("9.9.9.9 was added.", page.text)
        self.assertIn("office", page.text)
        page = self.browser.send(f"{IPS}add/", ip="9.9.9.9", label="kept")
        self.assertEqual((page.status, page.form(f"{IPS}add/")["label"]), (400, "kept"))
        self.assertIn("IP address is already authorized", page.text)
        self.assertIn("9.9.9.9 was removed.", self.browser.send(f"{IPS}delete/").text)
        self.assertIn("No address is on the list yet.", self.browser.page.text)
        self.assertIn("which is no public address", self.browser.page.text)
        self.assertNotIn("Add my address", self.browser.page.text)

    def test_hostnames(self) -> None:
        page = self.filled(HOSTNAMES, f"{HOSTNAMES}add/", domain="Home.Dyn.example.com.")
        self.assertIn("home.dyn.example.com was added.", page.text)
        self.assertIn("none found yet", page.text)
        self.assertIn("Enter a hostname.", self.browser.send(f"{HOSTNAMES}add/", domain="1.2.3.4").text)
        self.assertIn("was removed.", self.browser.send(f"{HOSTNAMES}delete/").text)

    def test_a_sub_accounts(self) -> None:
        """By its parent, on the same pages, and nowhere among the parent's own."""
        self.browser.open(f"{IPS}?username=sub")
        page = self.browser.send(f"{IPS}add/", ip="8.8.8.8")
        self.assertIn("8.8.8.8 was added.", page.text)
        self.assertIn("let in as sub", page.text)
        self.assertNotIn("8.8.8.8", self.browser.open(IPS).text)
        self.assertEqual(self.world.get("/api/ips/", who="sub").json, {"ips": ["8.8.8.8"]})

    def test_proxies(self) -> None:
        """Removed and added again; what the plan lacks is said."""
        self.assertIn("us was removed", self.filled(PROXIES, f"{PROXIES}delete/").text)
        page = self.browser.send(f"{PROXIES}add/")
        self.assertIn("You may use us now.", page.text)
        page = self.browser.send(f"{PROXIES}add/", proxy="world")
        self.assertEqual((page.status, "does not include the proxy world" in page.text), (400, True))

    def test_a_proxys_page(self) -> None:
        """Her own host and name in each snippet, and no secret; another's proxy is not there."""
        page = self.browser.open("/account/proxy_status/us/")
        for text in ("curl -x http://us.mesh.example:31280 -U jo", "http://jo:PASSWORD@us.mesh.example:31280", "US 1"):
            self.assertIn(text, page.html)
        for title in ("curl", "requests", "httpx", "aiohttp", "Scrapy", "Playwright", "Node", "PAC file"):
            self.assertIn(title, page.text)
        self.assertNotIn("secret@", page.html)
        answer = self.browser.ask("GET", "/account/proxy_status/us/proxy.pac").answer
        self.assertEqual(answer.one("Content-Type"), "application/x-ns-proxy-autoconfig")
        self.assertIn(b"PROXY us.mesh.example:31280", answer.body)
        for name in ("world", "nothing", "%2e%2e"):
            self.assertEqual(self.browser.ask("GET", f"/account/proxy_status/{name}/").status, 404)


class SubAccountTests(CustomerTestCase):
    def test_the_form_of_the_document(self) -> None:
        """Its headings, its button, and the confirming line on the dashboard."""
        page = self.browser.open(HOME)
        page = self.browser.open(page.links["Create New Sub-Account"])
        self.assertIn("<h1>Create New Sub Account</h1>", page.html)
        for text in ("Update Account", "Save Account"):
            self.assertIn(text, page.text)
        page = self.browser.send(NEW, username="kid", password="own", first_name="Kid", monthly_limit="0.5")
        self.assertIn("Sub-account kid was created.", page.text)
        page = self.browser.open(page.links["kid"])
        self.assertIn("<h1>Edit Sub Account</h1>", page.html)
        self.assertEqual(page.form(ONE.format("kid"))["monthly_limit"], "0.5")
        page = self.browser.send(ONE.format("kid"), monthly_limit="2", total_limit="")
        self.assertIn("Sub-account kid was saved.", page.text)
        self.assertIn("Dashboard", page.text)
        self.assertIn("2.00 GB", page.text)
        self.assertEqual(self.world.get("/api/proxies/", who=basic("kid", "own")).status, 200, "the password stayed")

    def test_what_is_wrong_with_it(self) -> None:
        """Said beside each field, with what was typed but the password."""
        for fields, problem in (
            ({"username": "sub"}, "This username is taken."),
            ({"username": "a b"}, "Use letters, digits and .@+-_ only."),
            ({"username": ""}, "Fill this in."),
            ({"username": "kid", "monthly_limit": "much"}, "Enter a number of GB"),
            ({"username": "kid", "email": "nobody"}, "Enter an e-mail address."),
        ):
            with named(fields):
                page = self.filled(NEW, password="typed secret", last_name="Kept", **fields)
                self.assertEqual((page.status, page.form(NEW)["last_name"]), (400, "Kept"))
                self.assertIn(problem, page.text)
                self.assertNotIn("typed secret", page.html)

    def test_out_of_use_and_gone(self) -> None:
        path = ONE.format("sub")
        self.assertIn("inactive now", self.filled(path, f"{path}deactivate/").text)
        self.assertEqual(self.world.get("/api/ips/", who="sub").status, 402)
        self.assertIn("active again", self.browser.send(f"{path}activate/").text)
        self.assertIn("Sub-account sub was deleted.", self.browser.send(f"{path}delete/").text)
        self.assertEqual(self.browser.ask("GET", path).status, 403)

    def test_page_by_page(self) -> None:
        """In the order of their names."""
        from meshd.web.dashboard import subaccounts

        self.patch(subaccounts, "PAGE", 1)
        self.filled(NEW, username="aaa")
        page = self.browser.open(SUBS)
        self.assertIn("aaa", page.text)
        self.assertNotIn("sub ", page.text)
        page = self.browser.open(page.links["The next ones"])
        self.assertIn("sub", page.links)
        self.assertNotIn("The next ones", page.links)


class SettingsTests(CustomerTestCase):
    def test_password(self) -> None:
        """With the present one; other sessions end, this one goes on under a new cookie."""
        other, before = self.signed_in(), self.browser.cookies["__Host-meshd"]
        page = self.filled(PASSWORD, current="secret", password="better", again="better")
        self.assertIn("Your password was changed", page.text)
        self.assertNotEqual(self.browser.cookies["__Host-meshd"], before)
        self.assertEqual((other.ask("GET", HOME).status, self.browser.open(HOME).status), (303, 200))
        self.assertEqual(self.another().sign_in("jo", "better").status, 200)
        self.assertEqual(self.another().sign_in("jo", "secret").status, 403)

    def test_what_is_wrong_with_it(self) -> None:
        """The present one, a slip, nothing; nothing that was typed is shown again."""
        for current, password, again, problem in (
            ("wrong one", "better1", "better1", "This is not your present password."),
            ("secret", "better1", "better2", "This is not the same as the new password."),
            ("secret", "", "", "A password cannot be empty."),
        ):
            with named(problem):
                page = self.filled(PASSWORD, current=current, password=password, again=again)
                self.assertEqual(page.status, 400)
                self.assertIn(problem, page.text)
                for text in ("wrong one", "better1", "better2"):
                    self.assertNotIn(text, page.html)

    def test_wrong_present_passwords_are_failures(self) -> None:
        """Who finds a browser open has as many guesses as anybody."""
        for number in range(4):
            self.filled(EMAIL, email="a@b.example", current=f"wrong {number}")
        page = self.filled(EMAIL, email="a@b.example", current="secret")
        self.assertEqual((page.status, "too many wrong passwords" in page.text), (400, True))
        self.assertEqual(self.world.get("/api/ips/").status, 429)

    def test_email(self) -> None:
        """With the password; signs in from then on."""
        page = self.filled(EMAIL, email="jo@mail.example", current="secret")
        self.assertIn("jo@mail.example", page.text)
        self.assertEqual(self.another().sign_in("jo@mail.example").status, 200)
        page = self.filled(EMAIL, email="none", current="secret")
        self.assertEqual((page.status, page.form(EMAIL)["email"]), (400, "none"))

    def test_an_email_address_of_another(self) -> None:
        """It is refused, and told ten times an hour: whoever tries many does not learn whose they are."""
        eve = self.signed_in("eve")
        eve.open(EMAIL)
        eve.send(EMAIL, email="eve@mail.example", current="secret")
        for number in range(12):
            page = self.filled(EMAIL, email="Eve@mail.example", current="secret")
            expected = (400, "has already been taken") if number < 10 else (429, "too often")
            self.assertEqual((page.status, expected[1] in page.text), (expected[0], True))
        self.assertEqual(self.another().sign_in("eve@mail.example").status, 200)

    def test_sessions(self) -> None:
        """Shown with browser and address; one ended, all others ended; another's is not there to be ended."""
        other = self.another()
        other.agent = "curl/8"
        other.sign_in()
        eve = self.signed_in("eve")
        page = self.browser.open(SESSIONS)
        for text in ("Firefox on Linux", "this one", "curl/8", "192.0.2.1", "just now"):
            self.assertIn(text, page.text)
        number = int(self.ids(self.browser)[0])
        token = eve.open(SESSIONS).form("/sign-out/")["csrf"]
        eve.ask("POST", f"{SESSIONS}end/", {"csrf": token, "id": number})
        self.assertEqual(other.ask("GET", HOME).status, 200)
        self.browser.open(SESSIONS)
        self.assertIn("That session has ended.", self.browser.send(f"{SESSIONS}end/", id=number).text)
        self.assertEqual(other.ask("GET", HOME).status, 303)
        other.sign_in()
        self.browser.open(SESSIONS)
        self.assertIn("signed out everywhere else", self.browser.send(f"{SESSIONS}end_all/").text)
        self.assertEqual((other.ask("GET", HOME).status, self.browser.open(HOME).status), (303, 200))

    def ids(self, browser: Browser) -> list[str]:
        """Of the sessions that a browser could end."""
        return re.findall(r'name="id" value="(\d+)"', browser.open(SESSIONS).html)

    def test_second_factor(self) -> None:
        """On with a right code and the password; its recovery codes once; off with both again."""
        page = self.browser.open(FACTOR)
        secret = page.form(f"{FACTOR}on/")["secret"]
        self.assertIn("<svg", page.html)
        page = self.browser.send(f"{FACTOR}on/", code="000000", current="secret")
        self.assertEqual((page.status, page.form(f"{FACTOR}on/")["secret"]), (400, secret))
        before = self.browser.cookies["__Host-meshd"]
        page = self.browser.send(f"{FACTOR}on/", code=TOTP(secret).at(NOON), current="secret")
        codes = re.findall(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}", page.html)
        self.assertEqual((page.status, len(set(codes))), (200, 10))
        self.assertNotEqual(self.browser.cookies["__Host-meshd"], before)
        self.assertNotIn(codes[0], self.browser.open(FACTOR).html)
        self.assertNotIn(secret, self.browser.page.html)
        self.assertIn("Enter your code", self.another().sign_in().text)
        form = {**self.browser.page.form(f"{FACTOR}off/"), "code": codes[0], "current": "secret"}
        page = self.browser.ask("POST", f"{FACTOR}codes/", form)
        fresh = re.findall(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}", page.html)
        self.assertEqual((len(fresh), set(fresh) & set(codes)), (10, set()))
        self.browser.open(FACTOR)
        self.assertEqual(self.browser.send(f"{FACTOR}off/", code=codes[1], current="secret").status, 400)
        self.browser.open(FACTOR)
        self.assertEqual(self.browser.send(f"{FACTOR}off/", code=fresh[1], current="wrong").status, 400)
        self.browser.open(FACTOR)
        self.assertIn(
            "The second factor is off.", self.browser.send(f"{FACTOR}off/", code=fresh[1], current="secret").text
        )
        self.assertIn("Dashboard", self.another().sign_in().text)

    def test_a_secret_of_somebody_elses(self) -> None:
        """Is not switched on: it must be one that this session was shown."""
        form = self.browser.open(FACTOR).form(f"{FACTOR}on/")
        theirs = self.signed_in("eve").open(FACTOR).form(f"{FACTOR}on/")
        for secret, seal in ((theirs["secret"], theirs["seal"]), (theirs["secret"], form["seal"]), ("A" * 32, "")):
            code = TOTP(secret).at(NOON)
            self.browser.open(FACTOR)
            page = self.browser.send(f"{FACTOR}on/", secret=secret, seal=seal, code=code, current="secret")
            self.assertEqual((page.status, "Load this page again" in page.text), (400, True))


class UsageTests(CustomerTestCase):
    def test_figures(self) -> None:
        """What was used, with what it comes to, on the dashboard and for its script."""
        self.world.use(self.world.jo, 3 * GB)
        self.world.use(self.world.sub, GB)
        self.assertEqual(self.browser.ask("GET", "/account/figures/").answer.json["used"], "4.00 GB")
        page = self.browser.open(HOME)
        self.assertIn("4.00 GB", page.text)
        self.assertIn("At this pace the period ends with", page.text)
        page = self.browser.open("/account/usage/")
        self.assertIn('<svg class="plot"', page.html)
        self.assertIn("The same numbers as a table", page.text)
        for text in ("3.00 GB", "1.00 GB"):
            self.assertIn(text, page.text)
        page = self.browser.open("/account/usage/?username=sub&range=today&by=token")
        self.assertIn("sub, without a token", page.text)
        self.assertNotIn("3.00 GB", page.text)

    def test_one_token(self) -> None:
        """Has a plot of its own, by a link from the table; what goes by none is not in it."""
        id_ = self.world.new_token(label="crawler")["id"]
        for number, token_id in enumerate((0, id_)):
            entry = UsageEntry(self.world.jo.id, 0, token_id, 0, GB * (number + 1), 1)
            self.world.store.file.run(usage.apply, "other", number + 1, NOON, [entry])
        page = self.browser.open("/account/usage/?by=token")
        self.assertIn("3.00 GB (3.00 GB down", page.html)
        page = self.browser.open(page.links["jo, crawler"])
        self.assertIn("crawler alone", page.text)
        self.assertIn("2.00 GB (2.00 GB down", page.html)
        page = self.browser.open("/account/usage/?token=999&by=token")
        self.assertIn("token 999 alone", page.text)

    def test_ranges(self) -> None:
        """Each begins and ends where it says."""
        identity = self.world.accounts and self.identity()
        for name, since, until, span in (
            ("period", NOON - 12 * 3600, NOON + 1, "day"),
            ("previous", NOON - 12 * 3600 - 31 * 86_400, NOON - 12 * 3600, "day"),
            ("today", NOON - 23 * 3600, NOON + 1, "hour"),
            ("quarter", NOON - 12 * 3600 - 89 * 86_400, NOON + 1, "day"),
        ):
            with named(name):
                self.assertEqual(bounds(name, identity, NOON), (since, until, span))

    def identity(self) -> object:
        return self.world.store.file.run(
            history.series, self.world.jo.id, None, since=None, until=None, span=history.DAY, by="total", now=NOON
        ).identity

    def test_one_question_at_a_time(self) -> None:
        """Of usage or activity: the store takes longer for those."""
        from twisted.internet.defer import Deferred

        self.assertEqual(self.browser.ask("GET", "/account/activity/?outcome=nonsense").status, 400)
        self.world.store.waiting = Deferred()
        self.world.store.waiting.callback(None)
        self.assertEqual(self.browser.ask("GET", "/account/usage/").status, 200)


class ActivityTests(CustomerTestCase):
    def setUp(self) -> None:
        super().setUp()
        found = [self.exchange(number) for number in range(120)]
        self.world.store.file.run(activity.add, found)

    def exchange(self, number: int) -> Exchange:
        account = self.world.sub if number % 3 == 0 else self.world.jo
        status, reason = (502, "connection_refused") if number % 10 == 0 else (200, "")
        host = "shop.example" if number % 2 else "api.example"
        whose = (account.id, account.username, 0, "us", "192.0.2.9", "CONNECT", host, 443, "us-0")
        return Exchange(f"r{number:04}", NOON - number * 60, 1.5, *whose, status, reason, 10, 20)

    def rows(self, query: str) -> int:
        return self.browser.open(f"/account/activity/?{query}").html.count('data-label="Target"')

    def test_filters(self) -> None:
        """By account, target, outcome and time; fifty at a time."""
        for query, expected in (
            ("", PAGE),
            ("username=sub", 40),
            ("host=SHOP", PAGE),
            ("outcome=failed", 12),
            ("outcome=failed&username=sub", 4),
            ("outcome=well&host=api&username=sub", 16),
            ("until=2026-01-15T10:05:00", 4),
            ("host=nowhere", 0),
        ):
            with named(query):
                self.assertEqual(self.rows(query), expected)

    def test_older_ones(self) -> None:
        """Each exchange once, on one of the pages, with the same filters."""
        seen = []
        page = self.browser.open("/account/activity/?outcome=well")
        for _ in range(5):
            seen += re.findall(r"(\d\d:\d\d)</td>", page.html)
            if "Older ones" not in page.links:
                break
            page = self.browser.open(page.links["Older ones"])
        self.assertEqual((len(seen), len(set(seen))), (108, 108))

    def test_a_cursor_of_ones_own_making(self) -> None:
        self.assertEqual(self.browser.ask("GET", "/account/activity/?cursor=x").status, 400)


class SubAccountsOwnTests(PagesTestCase):
    """A sub-account that signs in sees what is its own."""

    def setUp(self) -> None:
        super().setUp()
        self.browser.sign_in("sub")

    def test_what_it_sees(self) -> None:
        """Its proxies, usage, lists and settings; nothing of plan, tokens and sub-accounts."""
        page = self.browser.open(HOME)
        for text in ("Authorized Proxies", "Current & Past Bandwidth Usage", "IPs", "Change Password"):
            self.assertIn(text, page.text)
        for text in ("Subscription Plan", "Bearer Tokens", "Sub-accounts", "Edit proxies", "jo"):
            self.assertNotIn(text, page.text)
        for path in (IPS, HOSTNAMES, "/account/usage/", "/account/activity/", SESSIONS, FACTOR, PASSWORD):
            self.assertEqual(self.browser.ask("GET", path).status, 200, path)

    def test_what_it_may_not(self) -> None:
        """Its parent's pages and forms, and its parent's name on its own."""
        token = self.browser.open(HOME).form("/sign-out/")["csrf"]
        for path in ("/account/edit_tokens/", SUBS, NEW, ONE.format("sub"), ONE.format("jo"), f"{IPS}?username=jo"):
            with named(path):
                self.assertEqual(self.browser.ask("GET", path).status, 403)
        for path, form in (
            ("/account/edit_tokens/create/", {}),
            (NEW, {"username": "x"}),
            (ONE.format("sub"), {"monthly_limit": "0"}),
            (f"{PROXIES}delete/", {"proxy": "us"}),
            (f"{IPS}add/", {"ip": "9.9.9.9", "username": "jo"}),
        ):
            with named(path):
                self.assertEqual(self.browser.ask("POST", path, {"csrf": token, **form}).status, 403)

    def test_its_own_password(self) -> None:
        self.browser.open(PASSWORD)
        self.assertIn("was changed", self.browser.send(PASSWORD, current="secret", password="a", again="a").text)
