"""What the operator reads of the accounts."""

from __future__ import annotations

from meshd.accounts import overview, proxies
from meshd.accounts.errors import NotFound
from tests.accounts.support import KNOWN, NOON, OPERATOR, AccountsCase


class OverviewTests(AccountsCase):
    def test_a_family(self) -> None:
        """In any case of the name; who is not there is said so."""
        self.below("alice", "baby")
        name, children = self.run_unit(overview.family, OPERATOR, "ALICE")
        self.assertEqual((name, [child.username for child in children]), ("alice", ["baby", "kid"]))
        self.assertEqual(self.run_unit(overview.family, OPERATOR, "kid"), ("kid", []))
        self.refused(NotFound, overview.family, OPERATOR, "nobody")

    def test_pages(self) -> None:
        """Parents before those below them; a parent whose page is past is looked up."""
        names: dict[int, str] = {}
        self.assertEqual([each.username for each in self.run_unit(overview.page, 0, names)], ["alice", "kid"])
        self.assertEqual(names, {self.alice.id: "alice"})
        names = {}
        self.assertEqual([each.username for each in self.run_unit(overview.page, self.alice.id, names)], ["kid"])
        self.assertEqual(names, {self.alice.id: "alice"})
        self.assertEqual(self.run_unit(overview.page, self.kid.id, names), [])

    def test_proxies(self) -> None:
        """What each may use, and what was taken from it."""
        self.run_unit(proxies.revoke, OPERATOR, "alice", "us", known=KNOWN, now=NOON)
        have, taken = self.run_unit(overview.proxies_of, [self.alice.id, self.kid.id])
        self.assertNotIn("us", have[self.alice.id])
        self.assertEqual(taken, {self.alice.id: ["us"]})
        names, held = self.run_unit(proxies.of_account, OPERATOR, "kid")
        self.assertEqual((names, [each.name for each in held]), (have[self.alice.id], ["us"]))

    def test_the_root_account(self) -> None:
        """None before the daemon has run."""
        self.assertIsNone(self.run_unit(overview.root))
        self.root()
        root = self.run_unit(overview.root)
        self.assertEqual(root and root.role, "root")
