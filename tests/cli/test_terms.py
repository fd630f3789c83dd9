"""`meshd account set` with what operators agree with a customer."""

from __future__ import annotations

import time
from unittest import mock

from tests.cli.support import CommandCase


class TermsTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.customer("alice", "--plan", "20")
        self.customer("kid", "--parent", "alice")
        self.customer("bob", "--plan", "50")

    def test_all_of_it(self) -> None:
        """Shown afterwards, under the new name; `never` takes the day away."""
        result = self.done(
            "account",
            "set",
            "alice",
            "--rename",
            "Al",
            "--expires",
            "2020-01-01",
            "--notes",
            "pays\nlate",
            "--plan",
            "50",
        )
        self.assertEqual(
            ("Al", "50", "after 2020-01-01, which is past", "pays / late"),
            tuple(result.facts[key] for key in ("account", "plan", "expires", "notes")),
        )
        shown = self.done("account", "set", "al", "--expires", "never", "--json").json
        self.assertEqual(("Al", "pays\nlate", False), (shown["username"], shown["notes"], "expires_on" in shown))
        self.assertNotIn("notes", self.done("account", "set", "al", "--notes", "", "--json").json)

    def test_another_parent(self) -> None:
        """Ten seconds after it was deactivated."""
        told = "deactivate kid first and wait 10 seconds: what it has open is its parent's to pay"
        self.refused(told, "account", "set", "kid", "--parent", "bob")
        self.done("account", "deactivate", "kid")
        with mock.patch("time.time", return_value=time.time() + 11):
            facts = self.done("account", "set", "kid", "--parent", "bob").facts
        self.assertEqual(("bob", "50"), (facts["parent"], facts["plan"]))

    def test_what_is_refused(self) -> None:
        """In the words of the rule, and nothing is changed."""
        self.refused("username: This username is taken.", "account", "set", "alice", "--plan", "50", "--rename", "BOB")
        self.refused("expires_on: Enter a date as YYYY-MM-DD.", "account", "set", "alice", "--expires", "soon")
        self.assertEqual("20", self.done("account", "show", "alice").facts["plan"])
        self.misused("account", "set", "alice")
