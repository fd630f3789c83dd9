"""How exchanges ended, as metrics count them."""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from meshd.topology import Live
from meshd.usage import ends
from meshd.usage.ends import Ends
from meshd.usage.outcomes import KINDS, OTHER
from meshd.values.exchanges import Exchange
from meshd.values.metrics import Metrics
from tests.support.live import settings


def exchange(proxy: str = "us", reason: str = "", **more: Any) -> Exchange:
    given = {"account_id": 7, "username": "Alice", "up": 10, "down": 20} | more
    plain = Exchange("r", 1.0, 1.0, 0, "", 0, proxy, "192.0.2.1", "GET", "h", 80, "", 200, reason, 0, 0)
    return plain._replace(**given)


def live(*proxies: str, accounts: tuple[str, ...] = ()) -> Live:
    found = settings(metrics=Metrics(accounts=accounts))
    object.__setattr__(found.topology, "proxies", dict.fromkeys(proxies))
    return found


class EndTests(SynchronousTestCase):
    def told(self, counted: Ends) -> dict[str, float]:
        """What is not 0."""
        found = {
            f"{name} {' '.join(value for _, value in labels)}": number for name, labels, number in counted.samples()
        }
        return {name: number for name, number in found.items() if number}

    def test_by_proxy_and_outcome_and_by_reason(self) -> None:
        counted = Ends(live("us", "de"))
        counted.add([exchange(), exchange(), exchange("de", "quota-total"), exchange(reason="idle-timeout")])
        counted.add((exchange("de", "what is to come"),))
        self.assertEqual(
            self.told(counted),
            {
                "exchanges_total us served": 3.0,
                "exchanges_total de limits": 1.0,
                "exchanges_total de other": 1.0,
                "refusals_total quota-total": 1.0,
                "refusals_total what is to come": 1.0,
            },
        )

    def test_what_has_not_happened_is_told_as_0(self) -> None:
        """Or its first time would be no increase."""
        found = list(Ends(live("us")).samples())
        self.assertEqual(len([1 for name, _, _ in found if name == "exchanges_total"]), 2 * len(KINDS))
        self.assertIn(("refusals_total", (("reason", "auth-invalid"),), 0.0), found)

    def test_customers_make_no_labels(self) -> None:
        """Streams are named by their number, hosts are one proxy that no settings have."""
        counted = Ends(live("us"))
        with mock.patch.object(ends, "MOST", 3):
            for number in range(50):
                counted.add([exchange(f"stream {number}")])
        self.assertEqual(self.told(counted), {"exchanges_total other served": 50.0})
        self.assertLessEqual(len(counted._counts), 4)

    def test_a_proxy_that_is_gone_keeps_its_count(self) -> None:
        """No counter goes down."""
        settings_ = live("us", "de")
        counted = Ends(settings_)
        counted.add([exchange("de")])
        before = self.told(counted)
        object.__setattr__(settings_.topology, "proxies", {"us": None})
        self.assertEqual(self.told(counted), before)

    def test_only_listed_accounts_are_told_apart(self) -> None:
        """Whatever the case of their names; also before they did anything; and not what strangers tried in it."""
        counted = Ends(live("us", accounts=("alice", "bob")))
        counted.add([exchange(), exchange(username="carol"), exchange(account_id=0, reason="auth-invalid")])
        found = {name: number for name, number in self.told(counted).items() if name.startswith("account")}
        self.assertEqual(
            found,
            {
                "account_exchanges_total alice": 1.0,
                "account_bytes_total alice up": 10.0,
                "account_bytes_total alice down": 20.0,
            },
        )
        self.assertIn(("account_exchanges_total", (("account", "bob"),), 0.0), list(counted.samples()))
        self.assertEqual(OTHER, "other")
