"""Rules that change while an exchange's destination is being connected to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.departure import Departure
from meshd.http1.target import AuthorityForm
from meshd.proxy.barring import check_again
from meshd.selection import NONE
from meshd.sockets.ends import Stopped
from meshd.values.destinations import level
from meshd.values.rules import Rules
from meshd.values.terms import Terms, terms


def excepting(network: str) -> Terms:
    return terms((), (level("acl-account", Rules("except", (network,)).render()),))


class ChangedTests(SynchronousTestCase):
    def test_the_address_is_judged_by_the_rules_of_now(self) -> None:
        before = excepting("198.51.100.0/24")
        plane: Any = None
        departure = Departure(plane, "us", NONE, 7, 0, AuthorityForm("name.example", 443))
        departure.address = "192.0.2.7"
        choice: Any = SimpleNamespace(exit=SimpleNamespace(upstream=None))
        departure.choice = choice
        for now, refused in (
            (None, False),
            (before, False),
            (excepting("192.0.2.0/24"), True),
            (excepting("::/0"), False),
        ):
            meter: Any = SimpleNamespace(tally=SimpleNamespace(terms=now))
            for earlier in (before, None):
                if refused:
                    no = self.assertRaises(Stopped, check_again, departure, earlier, meter)
                    self.assertEqual(no.refusal.reason, "acl-account")
                else:
                    check_again(departure, earlier, meter)
