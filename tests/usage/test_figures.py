"""What a ledger tells of itself in numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.usage.allowance import UNLIMITED
from meshd.usage.figures import ledger_samples
from meshd.usage.journal import Journal


def allowance(meters: int, lent: int) -> Any:
    return SimpleNamespace(meters=set(range(meters)), lent=lent)


class FigureTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.journal = Journal(self.mktemp(), slots=8, now=lambda: self.now)
        self.addCleanup(self.journal.release)
        self.slot = self.take(7)

    def take(self, account_id: int) -> int:
        slot = self.journal.take(account_id, 0, 0)
        assert slot is not None
        return slot

    def count(self, slot: int, up: int, down: int) -> None:
        at = self.journal.cell(slot)
        self.journal.words[at] += up
        self.journal.words[at + 1] += down

    def told(self, *at_work: Any) -> dict[str, float]:
        found = ledger_samples(at_work, self.journal, self.now)
        return {name + "".join(value for _, value in labels): number for name, labels, number in found}

    def bill(self) -> None:
        batch = self.journal.seal(int(self.now))
        assert batch is not None
        self.journal.acknowledge(batch.number)

    def test_bytes_are_those_of_all_slots(self) -> None:
        """They never shrink: not when they are billed, and not when a slot becomes another account's."""
        self.count(self.slot, 5, 7)
        other = self.take(8)
        self.count(other, 10, 0)
        seen = [self.told()]
        self.bill()
        seen.append(self.told())
        self.journal.free(self.slot)
        self.assertEqual(self.take(9), self.slot)
        seen.append(self.told())
        self.count(self.slot, 1, 1)
        seen.append(self.told())
        bytes_ = [(each["transferred_bytes_totalup"], each["transferred_bytes_totaldown"]) for each in seen]
        self.assertEqual(bytes_, [(15.0, 7.0), (15.0, 7.0), (15.0, 7.0), (16.0, 8.0)])

    def test_the_oldest_byte_that_is_not_billed(self) -> None:
        """From the beginning of its batch on; a batch that waits is older than the one that runs."""
        self.assertEqual(self.told()["ledger_unbilled_seconds"], 0.0)
        self.count(self.slot, 1, 0)
        self.now = 1004.0
        self.assertEqual(self.told()["ledger_unbilled_seconds"], 4.0)
        self.journal.seal(1005)
        self.now = 1010.0
        self.count(self.slot, 1, 0)
        found = self.told()
        self.assertEqual((found["ledger_unbilled_seconds"], found["ledger_batches_waiting"]), (10.0, 1.0))
        self.journal.acknowledge(1)
        found = self.told()
        self.assertEqual((found["ledger_unbilled_seconds"], found["ledger_batches_waiting"]), (5.0, 0.0))
        self.bill()
        self.assertEqual(self.told()["ledger_unbilled_seconds"], 0.0)

    def test_leases_are_of_accounts_with_a_limit(self) -> None:
        found = self.told(allowance(2, 100), allowance(1, UNLIMITED), allowance(0, 0), allowance(0, 50))
        self.assertEqual(found["exchanges_open"], 3.0)
        self.assertEqual((found["ledger_accounts"], found["ledger_leases"], found["ledger_leased_bytes"]), (4, 2, 150))
