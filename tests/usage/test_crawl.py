"""Accounts at a byte limit that are slowed down: 8 kbit/s here, 1000 bytes a second."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from meshd.running.ticks import TICK
from meshd.usage.crawl import QUANTUM
from meshd.usage.meter import Meter
from tests.usage.support import Desk, account
from tests.usage.test_ledger import LedgerCase

MONTH = 31 * 86_400


class CrawlCase(LedgerCase):
    def pulling(self, desk: Desk, account_id: int, took: list[int], *, up: bool = False) -> Meter:
        """An exchange that moves all that it may, as soon as it may."""
        meter = desk.meter(account_id)
        number = len(took)
        took.append(0)

        def pull() -> None:
            while room := meter.room:
                n = min(room, 65_536)
                took[number] += n
                (meter.sent_up if up else meter.sent_down)(n)

        meter.resume = pull
        pull()
        return meter

    def after(self, desk: Desk, seconds: float) -> None:
        desk.clock.pump([TICK] * round(seconds / TICK))

    def near(self, found: int, expected: int, by: int) -> None:
        self.assertLessEqual(abs(found - expected), by, (found, expected))

    def slow(self, *accounts: Any, **options: Any) -> Desk:
        return self.desk(*accounts, **{"on_limit": "slow", "slow_kbit": 8, **options})


class RateTests(CrawlCase):
    def test_past_its_limit_an_account_goes_on_slowly(self) -> None:
        """To the byte at full speed, then so much a second, both directions together; nobody is stopped."""
        desk, took = self.slow(account(1, total=50_000)), list[int]()
        self.pulling(desk, 1, took)
        self.assertEqual(took, [50_000])
        self.pulling(desk, 1, took, up=True)
        self.after(desk, 60)
        self.near(sum(took), 50_000 + 60_000, 2 * QUANTUM)
        self.assertEqual(desk.stopped, {})

    def test_it_is_billed_on(self) -> None:
        """Every byte, and a new exchange may begin."""
        desk, took = self.slow(account(1, total=50_000)), list[int]()
        desk.close(self.pulling(desk, 1, took))
        self.after(desk, 2)
        second = self.pulling(desk, 1, took)
        self.after(desk, 2)
        desk.close(second)
        desk.flush()
        self.assertEqual(desk.store.totals[1][0], sum(took))
        self.assertGreater(took[1], 0)

    def test_its_exchanges_take_turns(self) -> None:
        """However many there are, and whenever they came."""
        desk, took = self.slow(account(1, total=1000)), list[int]()
        for _ in range(5):
            self.pulling(desk, 1, took)
        self.after(desk, 5 * QUANTUM * 4 / 1000)
        self.assertLessEqual(max(took[1:]) - min(took[1:]), QUANTUM)

    def test_a_family_at_its_parents_limit_shares_the_rate(self) -> None:
        """A sub-account whose own limit is far away too."""
        desk, took = self.slow(account(1, total=1000), account(2, parent=1, total=10**9)), list[int]()
        self.pulling(desk, 2, took)
        self.pulling(desk, 1, took)
        self.after(desk, 60)
        self.near(sum(took), 61_000, 2 * QUANTUM)
        self.assertGreater(min(took), 20_000)

    def test_nothing_is_saved_up(self) -> None:
        """An hour's silence is worth a packet."""
        desk, took = self.slow(account(1, total=1000)), list[int]()
        desk.close(self.pulling(desk, 1, took))
        desk.clock.pump([1] * 100)
        self.pulling(desk, 1, took)
        self.assertLessEqual(took[1], QUANTUM)

    def test_no_timer_runs_while_nobody_waits(self) -> None:
        """Only the ledger's round."""
        desk = self.slow(account(1, total=1000))
        meter = desk.meter(1)
        meter.sent_down(1000)
        desk.clock.pump([1] * 3)
        self.assertEqual(len(desk.clock.getDelayedCalls()), 1)


class EndTests(CrawlCase):
    def test_a_raised_limit_is_used_at_once(self) -> None:
        """Whoever waits goes on at full speed."""
        desk, took = self.slow(account(1, total=1000)), list[int]()
        self.pulling(desk, 1, took)
        self.after(desk, 5)
        desk.store.accounts[1] = replace(desk.store.accounts[1], total_limit=100_000)
        desk.changed(1)
        self.after(desk, 0.1)
        self.near(sum(took), 100_000, QUANTUM)

    def test_a_new_period_ends_it(self) -> None:
        """As soon as one byte may be moved."""
        desk, took = self.slow(account(1, monthly=1000)), list[int]()
        self.pulling(desk, 1, took)
        desk.wall += MONTH
        self.after(desk, 5)
        self.assertGreater(sum(took), 1900)

    def test_where_the_store_is_away_it_goes_on(self) -> None:
        """At the same rate."""
        desk, took = self.slow(account(1, total=1000)), list[int]()
        self.pulling(desk, 1, took)
        desk.store.away = True
        self.after(desk, 30)
        self.near(sum(took), 31_000, 2 * QUANTUM)


class WhoseTests(CrawlCase):
    def test_an_accounts_word_goes_over_the_settings(self) -> None:
        """Either way; and its parent's limit goes by its parent's word."""
        cut, slow = "on_limit=cut", "on_limit=slow"
        account_ = partial(account, total=1000)
        for setting, accounts, stopped in (
            ("slow", [replace(account_(1), bounds=cut)], True),
            ("cut", [replace(account_(1), bounds=slow)], False),
            ("cut", [replace(account(1), bounds=slow), replace(account_(2, parent=1))], False),
            ("cut", [replace(account_(1), bounds=cut), replace(account(2, parent=1), bounds=slow)], True),
            ("slow", [account(1), replace(account_(2, parent=1), bounds=cut)], True),
        ):
            desk, took = self.slow(*accounts, on_limit=setting), list[int]()
            self.pulling(desk, len(accounts), took)
            self.after(desk, 1)
            self.assertIs(bool(desk.stopped), stopped, (setting, accounts))
