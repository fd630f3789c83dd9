"""`meshd account topup` and `meshd account topups`."""

from __future__ import annotations

from tests.cli.support import CommandCase


class TopUpTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.customer("alice", "--monthly-limit", "1", "--total-limit", "10")

    def test_once_for_each_reference(self) -> None:
        """Told again it says so and adds nothing; the account shows what it has."""
        added = self.done("account", "topup", "alice", "2.5", "--reference", "r1", "--note", "by\ncard")
        self.assertEqual(
            {"added": "2.5 GB", "reference": "r1", "prepaid": "2.5 GB", "total limit": "12.5 GB"}, added.facts
        )
        again = self.done("account", "topup", "alice", "2.5", "--reference", "r1", "--json")
        self.assertEqual("This top-up was added before; nothing is added now.\n", again.err)
        self.assertEqual((True, 25 * 10**8), (again.json["again"], again.json["prepaid_bytes"]))
        self.assertEqual("2.5 GB", self.done("account", "show", "alice").facts["prepaid"])
        self.assertIn("limit 1 GB, and 2.5 GB prepaid are left", self.done("usage", "alice").out)
        told = "reference: This is of a top-up of 2.5 GB; give another payment a reference of its own."
        self.refused(told, "account", "topup", "alice", "3", "--reference", "r1")

    def test_the_list(self) -> None:
        """The newest first."""
        for number in (1, 2):
            self.done("account", "topup", "alice", "1", "--reference", f"r{number}", "--note", "by\ncard")
        header, first, _ = self.done("account", "topups", "alice").rows
        self.assertEqual(["AT", "ADDED", "REFERENCE", "BY", "NOTE"], header)
        self.assertEqual(["1", "GB", "r2"], first[1:4])
        self.assertEqual(["by", "/", "card"], first[-3:])
        self.assertEqual(
            ["r2", "r1"], [row["reference"] for row in self.done("account", "topups", "alice", "--json").json]
        )

    def test_what_is_refused(self) -> None:
        """An account without limits, an amount that is none, and a payment without a name."""
        self.customer("bob")
        told = "username: This account has no limit, so there is nothing to add to."
        self.refused(told, "account", "topup", "bob", "1", "--reference", "r")
        told = "bytes: Enter a number of GB above 0, up to 1000000000."
        self.refused(told, "account", "topup", "alice", "0", "--reference", "r")
        self.misused("account", "topup", "alice", "1")
        self.misused("account", "topup", "alice", "much", "--reference", "r")

    def test_a_plans_limit(self) -> None:
        """Is shown as such, and topped up."""
        self.customer("bob")
        config = ["--config", self.settings("[plans.10]\nincluded_gb = 0.5\n")]
        self.assertEqual("500 MB, by its plan", self.done("account", "show", "bob", *config).facts["monthly limit"])
        self.assertIn("limit 500 MB", self.done("usage", "bob", *config).out)
        added = self.done("account", "topup", "bob", "1", "--reference", "r", *config)
        self.assertEqual(("1 GB", "none"), (added.facts["prepaid"], added.facts["total limit"]))
