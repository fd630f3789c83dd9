"""`meshd account list` with what is asked of the accounts."""

from __future__ import annotations

from unittest import mock

from meshd.accounts import directory
from meshd.model import Account, UsageEntry
from meshd.store.statements import accounts, usage
from tests.cli.support import CommandCase, named


class ListTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.customer("alice", "--plan", "20", "--email", "a@b.example")
        self.customer("kid", "--parent", "alice", "--monthly-limit", "0.0000001")
        self.customer("Bob", "--role", "viewer")
        self.done("account", "deactivate", "bob")
        self.done("account", "deactivate", "kid")

    def account(self, name: str) -> Account:
        found = self.store().run(accounts.by_username, name)
        assert found is not None
        return found

    def test_filters(self) -> None:
        """Each leaves those of whom it is true; several leave those of whom all are."""
        for options, wanted in (
            ([], ["alice", "kid", "Bob"]),
            (["--prefix", "B"], ["Bob"]),
            (["--email", "a@b.example"], ["alice"]),
            (["--state", "active"], ["alice"]),
            (["--state", "inactive"], ["Bob"]),
            (["--state", "suspended"], ["kid"]),
            (["--plan", "20"], ["alice", "kid"]),
            (["--role", "viewer", "--state", "inactive"], ["Bob"]),
            (["--parent", "alice"], ["kid"]),
            (["--seen-before", "2026-11-28"], ["alice", "kid", "Bob"]),
            (["--seen-after", "2026-11-28T00:00:00"], []),
            (["--near-limit", "80"], []),
        ):
            for pages in (1000, 1):
                with named((options, pages)), mock.patch("meshd.cli.directory.MOST", pages):
                    rows = self.done("account", "list", "--json", *options).json
                    self.assertEqual(wanted, [row["username"] for row in rows])
        self.assertEqual(1000, directory.MOST)

    def test_usage(self) -> None:
        """Who is near a limit, with how much, and when it was seen."""
        at = 1_770_000_000
        kid, alice = self.account("kid"), self.account("alice")
        self.store().run(usage.apply, "j", 1, at, [UsageEntry(kid.id, alice.id, 0, 90, 0, 1)])
        with mock.patch("time.time", return_value=at):
            header, row = self.done("account", "list", "--near-limit", "90").rows
            self.assertEqual(["SEEN"], header[-1:])
            self.assertEqual(["90", "B", "90", "B", "2026-02-02", "02:40:00"], row[-6:])
            (shown,) = self.done("account", "list", "--near-limit", "90", "--json").json
            self.assertEqual([], self.done("account", "list", "--near-limit", "91", "--json").json)
        self.assertEqual(
            ("suspended", 90, "2026-02-02T02:40:00Z"), tuple(shown[key] for key in ("state", "period_bytes", "seen_at"))
        )

    def test_wrong_usage(self) -> None:
        """Numbers that are no percent, times that are none."""
        for options in (["--near-limit", "0"], ["--near-limit", "101"], ["--seen-after", "today"], ["--state", "x"]):
            self.misused("account", "list", *options)
