"""API keys on their page, and sub-accounts as ProxyHat's programs know them."""

from __future__ import annotations

import re
from typing import Any

from meshd.accounts import groups, subusers
from meshd.accounts.subuserterms import Wanted
from meshd.topology import PLANS
from meshd.values.v1 import V1
from tests.web.dashboard.support import Page, PagesTestCase
from tests.web.support import NOON

KEYS = "/account/api_keys/"
SUB = "/account/sub_accounts/sub/"


class KeyTests(PagesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.world.set_topology(v1=V1(domain="gate.example"))
        self.browser.sign_in()

    def secret(self, page: Page) -> str:
        """The key that the page shows."""
        found = re.search(r"ph_[0-9A-Za-z]{49}", page.html)
        assert found is not None
        return found[0]

    def status(self, secret: str) -> int:
        return self.world.get("/v1/profile/api-keys", who=f"Bearer {secret}".encode()).status

    def test_where_the_page_is_found(self) -> None:
        """Where the dialect is on; no sub-account is led there."""
        self.assertIn(KEYS, self.browser.open("/account/dashboard/").links.values())
        self.assertNotIn(KEYS, self.signed_in("sub").page.links.values())
        self.world.set_topology(v1=None)
        self.assertNotIn(KEYS, self.browser.open("/account/dashboard/").links.values())

    def test_a_key_is_shown_once(self) -> None:
        self.browser.open(KEYS)
        page = self.browser.send(f"{KEYS}create/", label="<b>crawler</b>")
        secret = self.secret(page)
        self.assertEqual(self.status(secret), 200)
        page = self.browser.open(KEYS)
        self.assertNotIn(secret, page.html)
        self.assertIn("<b>crawler</b>", page.text)

    def test_another_secret(self) -> None:
        self.browser.open(KEYS)
        old = self.secret(self.browser.send(f"{KEYS}create/", label="crawler"))
        self.browser.open(KEYS)
        new = self.secret(self.browser.send(f"{KEYS}regenerate/"))
        self.assertEqual((self.status(old), self.status(new)), (401, 200))
        self.browser.open(KEYS)
        self.assertIn("The key was deleted.", self.browser.send(f"{KEYS}delete/").text)
        self.assertEqual(self.status(new), 401)

    def test_another_customers(self) -> None:
        """Its number is as one that is not there."""
        eve = self.signed_in("eve")
        eve.open(KEYS)
        secret = self.secret(eve.send(f"{KEYS}create/", label="hers"))
        eve.open(KEYS)
        number = eve.page.form(f"{KEYS}delete/")["id"]
        self.browser.open(KEYS)
        self.browser.send(f"{KEYS}create/", label="mine")
        self.browser.open(KEYS)
        for action in ("regenerate", "delete"):
            self.assertEqual(self.browser.send(f"{KEYS}{action}/", id=number).status, 404)
            self.browser.open(KEYS)
        self.assertEqual(self.status(secret), 200)

    def test_a_wrong_name(self) -> None:
        self.browser.open(KEYS)
        page = self.browser.send(f"{KEYS}create/", label="\u202e")
        self.assertEqual(page.status, 400)

    def test_a_sub_account_at_the_gateway(self) -> None:
        """Its user name, and what its parent calls it; nothing where the dialect is off."""
        run, jo = self.world.store.file.run, self.world.jo.id
        (sub,) = run(subusers.listing, jo, at=NOON)
        group = run(groups.create, jo, name="<i>crawlers</i>", description="", now=NOON)
        wanted: dict[str, Any] = {"plans": PLANS, "at": NOON}
        run(subusers.edit, jo, sub.uuid, Wanted(name="number one", group=group.uuid), **wanted)
        page = self.browser.open(SUB)
        for text in ("gate.example:8080", "number one", "<i>crawlers</i>", "sub-country-us"):
            self.assertIn(text, page.text)
        self.world.set_topology(v1=None)
        self.assertNotIn("At the gateway", self.browser.open(SUB).text)
