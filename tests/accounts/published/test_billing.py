"""Who pays for what is published."""

from __future__ import annotations

from meshd.accounts import subaccounts
from meshd.accounts.published import billing, reading, resources
from meshd.store.statements import accounts, changes, tokens
from meshd.topology import PLANS
from meshd.values.published import HOSTS
from tests.accounts.published.support import SAMPLES, PublishedCase
from tests.accounts.support import NOON, OPERATOR, OnPostgres, named


class BillingTests(PublishedCase):
    def test_each_that_moves_bytes_has_a_token_of_its_own(self) -> None:
        """Of its owner's, that is nobody's to use and is told in no list; it goes with what it counts."""
        for kind in SAMPLES:
            with named(kind):
                row = self.made(kind)
                token = self.run_unit(tokens.by_id, row.token_id)
                if kind in ("access-lists", "certificates"):
                    self.assertEqual((row.token_id, token), (0, None))
                else:
                    assert token is not None
                    self.assertEqual((token.account_id, token.kind), (self.anna.id, "meter"))
                self.run_unit(resources.delete, self.anna.id, kind, row.id, now=NOON)
                self.assertIsNone(self.run_unit(tokens.by_id, row.token_id))
        self.assertEqual(self.run_unit(tokens.of_account, self.anna.id), [])

    def test_what_nobody_signed_in_makes_is_the_roots(self) -> None:
        """As by the command line."""
        row = self.made(actor=OPERATOR)
        self.assertEqual(row.owner_id, self.account("admin").id)

    def test_holders(self) -> None:
        """Those that are there, as the ledger needs them."""
        found = self.run_unit(billing.holders, [self.anna.id, self.alice.id, self.anna.id, 0, 999], NOON)
        self.assertEqual(
            {each: found[each].account.username for each in found}, {self.anna.id: "anna", self.alice.id: "alice"}
        )
        admission = billing.admission(found[self.anna.id], 7, PLANS)
        self.assertEqual((admission.account.id, admission.token_id, admission.source), (self.anna.id, 7, "meter"))

    def test_what_somebody_has_made_who_goes_is_the_roots(self) -> None:
        """With new tokens, since the old ones go too; every process is told, and what is off stays off."""
        rows = [self.made(kind) for kind in SAMPLES]
        self.run_unit(resources.switch, self.anna.id, rows[0].kind, rows[0].id, False, now=NOON)
        before = self.run_unit(changes.newest)
        self.run_unit(subaccounts.delete, OPERATOR, "anna", now=NOON)
        root = self.account("admin")
        found = {row.id: row for row in self.run_unit(reading.newer, before, 100).rows}
        self.assertEqual(set(found), {row.id for row in rows})
        for row in rows:
            after = found[row.id]
            self.assertEqual(after.owner_id, root.id)
            self.assertEqual(after.settings, {**row.settings, "enabled": row.id != rows[0].id})
            self.assertEqual(bool(after.token_id), bool(row.token_id))
            self.assertNotEqual(after.token_id, row.token_id or -1)
            token = self.run_unit(tokens.by_id, after.token_id)
            self.assertEqual(token and token.account_id, root.id if row.token_id else None)
        told = [each.account_id for each in self.run_unit(changes.since, before, 100)]
        self.assertEqual(told, [HOSTS, self.anna.id])

    def test_who_has_made_nothing_just_goes(self) -> None:
        """Nobody is told of hosts."""
        before = self.run_unit(changes.newest)
        self.run_unit(subaccounts.delete, OPERATOR, "vera", now=NOON)
        self.assertEqual([each.account_id for each in self.run_unit(changes.since, before, 9)], [self.vera.id])
        self.assertIsNone(self.run_unit(accounts.by_id, self.vera.id))


class BillingOnPostgresTests(OnPostgres, BillingTests):
    """The same on PostgreSQL."""
