"""What somebody hostile types, and whose ids and names she tries: shown as text, and refused."""

from __future__ import annotations

from meshd.accounts import toplevel as holders
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import NewAccount
from meshd.accounts.toplevel import Terms
from meshd.store.statements import activity
from meshd.topology import PLANS
from meshd.values.exchanges import Exchange
from tests.web.dashboard.support import PagesTestCase, named
from tests.web.support import NOON, basic, result

HOME = "/account/dashboard/"
SCRIPT = "<script>alert(1)</script>"
QUOTES = "\" onfocus=alert(1) autofocus x='"
TEMPLATE = "{{ 7 * 7 }}{% raw %}"
HOSTILE = (SCRIPT, QUOTES, TEMPLATE, "</title><svg onload=alert(1)>", "javascript:alert(1)")


class ShownTests(PagesTestCase):
    """Every text that somebody else chose is a text on the page."""

    def check(self, path: str, text: str) -> None:
        page = self.browser.open(path)
        self.assertIn(text, page.html, "it is shown")
        raw = page.answer.body.decode()
        self.assertNotIn(text, raw.replace("&#39;", "'") if "<" in text else "", "it is escaped")
        self.assertNotIn("<script>alert", raw)
        self.assertNotIn("<svg onload", raw)
        self.assertNotIn('" onfocus', raw)

    def test_stored(self) -> None:
        """Labels, names of people, browsers' names, target hosts and exits' names."""
        self.browser.sign_in()
        for number, text in enumerate(HOSTILE):
            with named(text):
                self.world.post("/api/token/create/", {"label": text})
                self.world.post("/api/ip/add/", {"ip": f"9.9.9.{number}", "label": text})
                self.world.post(
                    "/api/sub/edit/", {"username": "sub", "first_name": text[:20], "last_name": text[20:40]}
                )
                whose = (self.world.jo.id, "jo", 0, text, "192.0.2.9", "CONNECT", text, 443, text)
                told = Exchange(f"x{number}", NOON, 1.0, *whose, 502, "connection_refused", 1, 1)
                self.world.store.file.run(activity.add, [told])
                browser = self.another()
                browser.agent = text
                browser.sign_in()
                for path in ("/account/edit_tokens/", "/account/edit_ips/", "/account/activity/", "/account/sessions/"):
                    self.check(path, text)
                self.check("/account/sub_accounts/sub/", text[:20])

    def test_reflected(self) -> None:
        """What was typed into a form and is shown again, what an address holds."""
        self.browser.sign_in()
        for text in HOSTILE:
            with named(text):
                for path, action, field in (
                    ("/account/edit_ips/", "/account/edit_ips/add/", "ip"),
                    ("/account/edit_hostnames/", "/account/edit_hostnames/add/", "domain"),
                    ("/account/edit_tokens/", "/account/edit_tokens/create/", "expires_at"),
                    ("/account/change_email/", "/account/change_email/", "email"),
                    ("/account/new_sub_account/", "/account/new_sub_account/", "username"),
                ):
                    self.browser.open(path)
                    page = self.browser.send(action, **{field: text[:30]})
                    raw = page.answer.body.decode()
                    self.assertEqual(page.status, 400)
                    for sign in ("<script>alert", "<svg onload", '" onfocus'):
                        self.assertNotIn(sign, raw)
        other = self.another()
        page = other.ask("GET", "/sign-in/?next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
        self.assertNotIn("<script>alert", page.answer.body.decode())
        page = other.ask("GET", "/%3Cscript%3Ealert(1)%3C/script%3E")
        self.assertEqual((page.status, "alert" in page.html), (404, False))


class ForeignTests(PagesTestCase):
    """Eve's names and ids, in each form and address: 403 or 404, and nothing is changed."""

    def test_foreign_names_and_ids(self) -> None:
        token = self.world.new_token("eve")
        self.world.post("/api/ip/add/", {"ip": "9.9.9.9"}, who="eve")
        self.browser.sign_in()
        mine = self.browser.open(HOME).form("/sign-out/")["csrf"]
        before = self.seen()
        gets = ("edit_ips/?username={}", "edit_hostnames/?username={}", "edit_tokens/?username={}", "sub_accounts/{}/")
        for name in ("eve", "eves", "nobody", "admin"):
            for path in (*gets, "usage/?username={}", "activity/?username={}"):
                with named((name, path)):
                    self.assertEqual(self.browser.ask("GET", f"/account/{path.format(name)}").status, 403)
            for path, form in (
                ("edit_ips/add/", {"ip": "9.9.9.8", "username": name}),
                ("edit_ips/delete/", {"ip": "9.9.9.9", "username": name}),
                ("edit_hostnames/add/", {"domain": "a.example.com", "username": name}),
                ("edit_tokens/create/", {"username": name}),
                ("edit_tokens/delete/", {"id": token["id"], "username": name}),
                (f"sub_accounts/{name}/", {"first_name": "x"}),
                (f"sub_accounts/{name}/deactivate/", {}),
                (f"sub_accounts/{name}/delete/", {}),
            ):
                with named((name, path)):
                    self.assertEqual(self.browser.ask("POST", f"/account/{path}", {"csrf": mine, **form}).status, 403)
        answer = self.browser.ask("POST", "/account/edit_tokens/delete/", {"csrf": mine, "id": token["id"]})
        self.assertEqual(answer.status, 404)
        self.assertEqual(self.seen(), before)

    def seen(self) -> list[object]:
        paths = ("/api/ips/", "/api/hostnames/", "/api/tokens/", "/api/sub/get/?username=eves")
        return [self.world.get(path, who="eve").seen for path in paths]


class ViewerTests(PagesTestCase):
    """A viewer sees, and changes nothing but how she signs in herself."""

    def setUp(self) -> None:
        super().setUp()
        made = holders.create
        new = NewAccount(username="vera", password_hash="plain:secret")
        terms = {"terms": Terms(plan="20", role="viewer"), "plans": PLANS, "proxies": ("us",), "now": NOON}
        result(self.world.accounts.perform(made, Operator(), new, **terms))  # type: ignore[arg-type]
        self.browser.sign_in("vera")

    def test_a_viewers_forms(self) -> None:
        """All of them, her own lists and a customer's."""
        mine = self.browser.open(HOME).form("/sign-out/")["csrf"]
        for path, form in (
            ("edit_ips/add/", {"ip": "9.9.9.9"}),
            ("edit_ips/add/", {"ip": "9.9.9.9", "username": "jo"}),
            ("edit_hostnames/add/", {"domain": "a.example.com"}),
            ("edit_tokens/create/", {}),
            ("edit_proxies/delete/", {"proxy": "us"}),
            ("new_sub_account/", {"username": "x"}),
            ("sub_accounts/sub/deactivate/", {}),
            ("sub_accounts/sub/delete/", {}),
        ):
            with named((path, form)):
                page = self.browser.ask("POST", f"/account/{path}", {"csrf": mine, **form})
                self.assertEqual((page.status, "viewer changes nothing" in page.text), (403, True))
        self.assertEqual(self.world.get("/api/ips/", who=basic("vera", "secret")).json, {"ips": []})

    def test_how_she_signs_in(self) -> None:
        """Is hers."""
        self.browser.open("/account/change_password/")
        page = self.browser.send("/account/change_password/", current="secret", password="b", again="b")
        self.assertIn("was changed", page.text)
