"""The document's sentences about limits, played through on the ledger; the proxy makes 509 of its refusals."""

from __future__ import annotations

from calendar import timegm
from dataclasses import replace

from meshd.model import GB, Refusal
from meshd.proxy.replies import REASONS
from meshd.usage.meter import Meter
from tests.usage.support import Desk, account
from tests.usage.test_ledger import LedgerCase as _LedgerCase
from tests.web.api.sentences import says


def moment(month: int, day: int, hour: int = 0, second: int = 0) -> float:
    """Of 2025, UTC."""
    return float(timegm((2025, month, day, hour, 0, second)))


class MonthlyLimit(_LedgerCase):
    def limited(self, **limits: int) -> Desk:
        """A parent whose period starts on the 10th, and its sub-account, on the 20th of May."""
        desk = self.desk(account(1, day=10), account(2, parent=1, **limits))
        self.go(desk, moment(5, 20))
        return desk

    def go(self, desk: Desk, wall: float) -> None:
        """To that moment, with a new batch: bytes are of the period in which their batch began."""
        desk.wall = wall
        desk.flush()

    def status(self, desk: Desk, account_id: int = 2) -> int:
        """Of a request now."""
        found = desk.open(account_id)
        if isinstance(found, Meter):
            desk.close(found)
            return 200
        assert isinstance(found, Refusal)
        return REASONS[found.reason].status

    def pull(self, desk: Desk, size: int) -> None:
        meter = desk.meter(2)
        meter.sent_down(size)
        desk.close(meter)
        desk.flush()

    def edit(self, desk: Desk, account_id: int, **limits: int) -> None:
        """As a form of the API changes it, with the change that it announces."""
        desk.store.accounts[account_id] = replace(desk.store.accounts[account_id], **limits)
        desk.changed(account_id)

    @says(
        "Bandwidth Limits",
        "For example, if your billing period starts on the 10th of each month, and you set a monthly_bandwidth_limit "
        "on a sub-account, then that account reaches its limit before the next 10th of the month, all requests will "
        "get a 509 response until the 10th (or you increase their limit).",
    )
    def test_509_until_the_10th(self) -> None:
        """To the second, and to the byte."""
        desk = self.limited(monthly=GB)
        self.pull(desk, GB - 1)
        self.assertEqual(self.status(desk), 200)
        self.pull(desk, 1)
        for at in (moment(5, 20), moment(5, 31), moment(6, 1), moment(6, 9, 23) + 3599):
            self.go(desk, at)
            self.assertEqual(self.status(desk), 509)
        self.go(desk, moment(6, 10))
        self.assertEqual(self.status(desk), 200)

    @says(
        "Bandwidth Limits",
        "For example, if your billing period starts on the 10th of each month, and you set a monthly_bandwidth_limit "
        "on a sub-account, then that account reaches its limit before the next 10th of the month, all requests will "
        "get a 509 response until the 10th (or you increase their limit).",
    )
    def test_509_until_the_limit_is_increased(self) -> None:
        """At once, and up to the new one."""
        desk = self.limited(monthly=GB)
        self.pull(desk, GB)
        self.assertEqual(self.status(desk), 509)
        self.edit(desk, 2, monthly_limit=2 * GB)
        self.assertEqual(self.status(desk), 200)
        self.pull(desk, GB)
        self.assertEqual(self.status(desk), 509)

    @says(
        "Bandwidth Limits",
        "The total_bandwidth_limit does not reset, and must be changed by your manual action.",
        "The total_bandwidth_limit applies to all bandwidth used over all time, while the monthly_bandwidth_limit "
        "only applies to bandwidth used within your subscription's billing period.",
    )
    def test_a_total_limit_does_not_reset(self) -> None:
        """Used half in one period and half in the next, it stays reached; the monthly one is never."""
        desk = self.limited(total=GB, monthly=GB)
        self.pull(desk, GB // 2)
        self.go(desk, moment(6, 10))
        self.pull(desk, GB // 2)
        for at in (moment(6, 10), moment(7, 10), moment(12, 31)):
            self.go(desk, at)
            self.assertEqual(self.status(desk), 509)
        self.edit(desk, 2, total_limit=2 * GB)
        self.assertEqual(self.status(desk), 200)

    @says(
        "Bandwidth Limits",
        "All sub-account bandwidth usage counts towards your parent account bandwidth usage, so if you set any "
        "bandwidth limits on your parent account, and they are reached, then all sub-accounts will get 509 response "
        "codes from the proxy servers until your parent bandwidth limits are reset or updated.",
    )
    def test_a_parents_limit_is_everybodys(self) -> None:
        """Its other sub-account, which used nothing, and itself, until the 10th or until it is raised."""
        desk = self.desk(account(1, day=10, monthly=GB), account(2, parent=1), account(3, parent=1))
        self.go(desk, moment(5, 20))
        self.pull(desk, GB)
        self.assertEqual([self.status(desk, id_) for id_ in (1, 2, 3)], [509] * 3)
        self.edit(desk, 1, monthly_limit=2 * GB)
        self.assertEqual([self.status(desk, id_) for id_ in (1, 2, 3)], [200] * 3)
        self.pull(desk, GB)
        self.assertEqual([self.status(desk, id_) for id_ in (1, 2, 3)], [509] * 3)
        self.go(desk, moment(6, 10))
        self.assertEqual([self.status(desk, id_) for id_ in (1, 2, 3)], [200] * 3)
