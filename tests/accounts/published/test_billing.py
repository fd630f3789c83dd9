"""Who pays for what is published."""

from __future__ import annotations

from meshd.accounts import subaccounts
from meshd.accounts.errors import Forbidden
from meshd.accounts.published import billing, reading, resources
from meshd.model import UsageEntry
from meshd.store.statements import accounts, changes, tokens, usage
from meshd.topology import PLANS
from meshd.values.published import HOSTS
from meshd.values.times import DAY
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

    def test_what_hosts_have_moved(self) -> None:
        """By the host's own token, in the days that are told of; of what moves nothing there is none."""
        rows = [self.made(kind) for kind in SAMPLES]
        first, second = rows[0], rows[1]
        day = NOON - NOON % DAY
        for number, (row, at) in enumerate(
            ((first, NOON), (first, day - 29 * DAY), (first, day - 29 * DAY - 1), (second, NOON)), start=1
        ):
            entry = UsageEntry(self.anna.id, 0, row.token_id, 10**number, 2 * 10**number, number)
            self.run_unit(usage.apply, "j", number, at, [entry])
        found = self.run_unit(billing.moved, self.anna.id, rows, NOON)
        self.assertEqual(found.keys(), {row.id for row in rows if row.token_id})
        self.assertEqual(found[first.id], (110, 220, 3))
        self.assertEqual(found[second.id], (10_000, 20_000, 4))
        self.assertEqual({each for id_, each in found.items() if id_ not in (first.id, second.id)}, {(0, 0, 0)})
        self.assertRaises(Forbidden, self.run_unit, billing.moved, self.alice.id, rows, NOON)

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
