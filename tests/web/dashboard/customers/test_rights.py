"""Who opens which of the operators' pages about accounts, and who sends their forms."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshd.web.dashboard.customers import mounting
from tests.web.dashboard.customers.support import ALL, OperatorsTestCase, named, sheet

MINE = ("/operator/accounts/", "/operator/plans/", "/operator/new_account/", "/operator/seen/")
TABS = ("", "terms/", "access/", "addresses/", "tokens/", "usage/", "topups/", "audit/", "limits/", "delete/")
VIEWERS = ("/see/", "/operator/seen/end/")
"""What a viewer sends too: nothing is changed by it."""


class RightsTests(OperatorsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.id = self.world.new_token("jo")["id"]

    def routes(self, method: str) -> Iterator[str]:
        """The paths of a method, about jo."""
        for verb, path in sorted(self.world.site.api.mounted):  # type: ignore[attr-defined]
            if verb == method and path.startswith(MINE):
                yield path.replace("{name}", "jo").replace("{id}", str(self.id))

    def token(self) -> str:
        return self.browser.open("/account/dashboard/").form("/sign-out/")["csrf"]

    def seen(self) -> object:
        facts = ("/api/ips/", "/api/tokens/", "/api/hostnames/", "/api/proxies/", "/api/subs/")
        return [self.world.get(path).seen for path in facts], self.audit()

    def test_there_is_a_route_for_each(self) -> None:
        self.assertEqual(len(list(self.routes("GET"))), len(TABS) + 4)
        self.assertGreater(len(list(self.routes("POST"))), 20)
        self.assertEqual(len(mounting.GROUPS), 11)

    def test_a_customer_and_a_sub_account(self) -> None:
        """Refused on every path, also about themselves and what is below them, and of what is not there."""
        for name in ("jo", "sub"):
            self.browser.sign_in(name)
            token = self.token()
            for path in self.routes("GET"):
                with named((name, path)):
                    self.assertEqual(self.browser.ask("GET", path).status, 403)
                    for other in ("sub", "eve", "nobody", "rita"):
                        self.assertEqual(self.browser.ask("GET", path.replace("/jo/", f"/{other}/")).status, 403)
            for path in self.routes("POST"):
                with named((name, path)):
                    self.assertEqual(self.browser.ask("POST", path, {"csrf": token}).status, 403)
            self.assertNotIn("Operator", self.browser.open("/account/dashboard/").text)

    def test_a_viewer(self) -> None:
        """Sees every page, without a form that changes something; sends none."""
        self.browser.sign_in("vera")
        token, before = self.token(), self.seen()
        for path in self.routes("GET"):
            with named(path):
                page = self.browser.ask("GET", path)
                self.assertEqual(page.status, 200)
                sent = r"/sign-out/|/operator/accounts/((jo/)?see/|jo/usage/)?"
                self.assertEqual([to for to in page.actions if not re.fullmatch(sent, to)], [])
        for path in self.routes("POST"):
            if not path.endswith(VIEWERS):
                with named(path):
                    page = self.browser.ask("POST", path, {"csrf": token})
                    self.assertEqual((page.status, "viewer changes nothing" in page.text), (403, True))
        self.assertEqual(self.seen(), before)
        said = "You are a viewer"
        self.assertIn(said, self.browser.open("/account/edit_tokens/").text)
        self.assertNotIn(said, self.browser.open("/operator/accounts/").text)
        self.assertNotIn(said, self.signed_in("jo").open("/account/edit_tokens/").text)

    def test_an_admin_and_other_operators(self) -> None:
        """Neither seen nor changed; the root sees and changes both."""
        token = self.token()
        for other in ("vera", "rita"):
            for tab in TABS:
                with named((other, tab)):
                    self.assertEqual(self.browser.ask("GET", sheet(other, tab)).status, 403)
            for path in self.routes("POST"):
                if "/jo/" in path:
                    about = path.replace("/jo/", f"/{other}/")
                    with named(about):
                        form = {"csrf": token, "id": 1, "ip": "9.9.9.9", "domain": "a.example.com", "proxy": "us"}
                        mounted = path.replace("/jo/", "/{name}/").replace(f"/{self.id}/", "/{id}/")
                        known = self.world.site.api.fields["POST", mounted]  # type: ignore[attr-defined]
                        sent = {name: value for name, value in form.items() if name == "csrf" or name in known}
                        filled = {"bytes": 1, "reference": "x", "username": "x", "parent": "eve", "first_name": "x"}
                        sent |= {name: value for name, value in filled.items() if name in known}
                        self.assertIn(self.browser.ask("POST", about, sent).status, (403, 404))
        self.browser.sign_in("rita")
        for other in ("ada", "vera"):
            for tab in TABS:
                self.assertEqual(self.browser.ask("GET", sheet(other, tab)).status, 200, (other, tab))

    def test_her_own_account(self) -> None:
        """An operator sees her own, and changes it in her settings alone."""
        for name in ("ada", "rita"):
            self.browser.sign_in(name)
            for tab in TABS:
                with named((name, tab)):
                    page = self.browser.ask("GET", sheet(name, tab))
                    self.assertEqual(page.status, 200)
                    self.assertEqual([to for to in page.actions if to not in ("/sign-out/", sheet(name, "usage/"))], [])
            self.assertEqual(self.browser.ask("POST", sheet(name, "deactivate/"), {"csrf": self.token()}).status, 403)
            changed = {"csrf": self.token(), "by": "generate"}
            self.assertEqual(self.browser.ask("POST", sheet(name, "access/password/"), changed).status, 403)

    def test_names_that_nobody_has(self) -> None:
        """Not there, on every page; what is no name of ours too."""
        for name in ("nobody", "%3Cscript%3E", "x" * 200):
            for tab in TABS:
                with named((name, tab)):
                    self.assertEqual(self.browser.ask("GET", sheet(name, tab)).status, 404)

    def test_ids_of_others(self) -> None:
        """A token of eve is none of jo's; below jo's address nobody reaches it."""
        eves = self.world.new_token("eve")["id"]
        token = self.token()
        for how in ("activate", "deactivate", "delete"):
            page = self.browser.ask("POST", sheet("jo", f"tokens/{how}/"), {"csrf": token, "id": eves})
            self.assertEqual(page.status, 404)
        self.assertTrue(self.world.get("/api/tokens/", who="eve").json["tokens"][0]["is_active"])

    def test_the_row_of_places(self) -> None:
        """Operators have it on every page of theirs, with the present place marked."""
        page = self.browser.open(sheet("jo", "tokens/"))
        for text in ("Overview", "Accounts", "Plans", "Usage", "Exits", "Live", "Bans", "Audit"):
            self.assertIn(text, page.links)
        self.assertIn(f'<a href="{ALL}" aria-current="page">Accounts</a>', page.html)
