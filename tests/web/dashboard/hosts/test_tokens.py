"""Access tokens of oneself for the API of published hosts."""

from __future__ import annotations

import re

from meshd.accounts import hostaudit
from meshd.auth.secrets import token_digest
from meshd.store.statements import tokens
from tests.web.dashboard.hosts.support import OPERATOR, HostsCase
from tests.web.support import named

TOKENS = "/operator/hosts/tokens/"
CREATE, DELETE = f"{TOKENS}create/", f"{TOKENS}delete/"


class TokenTests(HostsCase):
    def test_a_life(self) -> None:
        """Made, shown once, listed without its secret, deleted: an admin's, and a viewer's too."""
        for browser in (self.ada, self.vera):
            browser.open(TOKENS)
            page = browser.send(CREATE, name="ci runner")
            (secret,) = set(re.findall(r"pp_[0-9A-Za-z]{49}", page.html))
            (token,) = self.held(browser)
            found = self.world.store.file.run(tokens.by_digest, token_digest(secret))
            self.assertEqual(token, found)
            page = browser.open(TOKENS)
            self.assertNotIn("pp_", page.html)
            self.assertIn("ci runner", page.text)
            self.assertIn("never", page.text)
            self.assertIn("The token ci runner was deleted.", browser.send(DELETE).text)
            self.assertEqual([], self.held(browser))
            found = self.world.store.file.run(hostaudit.listing, OPERATOR, resource_type="access_token", limit=2)
            told = [(each.action, each.username, each.resource_id) for each in found]
            self.assertEqual(told, [(each, found[0].username, token.id) for each in ("delete", "create")])
            self.assertNotIn(secret, str(found))

    def held(self, browser: object) -> list[object]:
        name = "ada" if browser is self.ada else "vera"
        (id_,) = self.world.store.file._connection.execute(  # type: ignore[union-attr]
            "select id from accounts where username = ?", (name,)
        ).fetchone()
        return list(self.world.store.file.run(tokens.of_account, id_, "hosts"))

    def test_what_is_refused(self) -> None:
        """No name; a token of somebody else; what is no token."""
        self.ada.open(TOKENS)
        self.ada.send(CREATE, name="mine")
        (mine,) = self.held(self.ada)
        for form, status, told in (
            ({"name": " "}, 400, "Fill this in."),
            ({"id": mine.id}, 404, "There is no access token"),  # type: ignore[attr-defined]
            ({"id": 99}, 404, "There is no access token"),
            ({"id": "x"}, 400, "Enter a whole number."),
        ):
            with named(form):
                path = CREATE if "name" in form else DELETE
                page = self.vera.ask("POST", path, {"csrf": self.token(self.vera), **form})
                self.assertEqual((status, True), (page.status, told in page.text))
        self.assertEqual([mine], self.held(self.ada))
