"""Which exits will not do for an exchange any more; how they are tried is told under tests/live."""

from __future__ import annotations

from ipaddress import IPv6Network

from twisted.trial.unittest import SynchronousTestCase

from meshd.proxy.departure import Unfit, family
from meshd.proxy.outlets import Outlet
from meshd.topology import Exit, UpstreamProxy

FAMILIES = {
    Exit("direct", "direct"): 0,
    Exit("four", "local", "192.0.2.1"): 4,
    Exit("six", "local", "2001:db8::1"): 6,
    Exit("net", "local", prefix=IPv6Network("2001:db8:1::/64")): 6,
    Exit("theirs", "http", "192.0.2.7", upstream=UpstreamProxy("gw.example", 8080)): 0,
}


class UnfitTests(SynchronousTestCase):
    def test_families(self) -> None:
        """Of the addresses that connections leave by; an upstream proxy's are its own business."""
        for exit_, expected in FAMILIES.items():
            self.assertEqual(family(exit_), expected, exit_.name)

    def test_what_will_not_do(self) -> None:
        """What was tried, and all of a family once it is known to reach nothing."""
        outlets = [Outlet(exit_) for exit_ in FAMILIES]
        for lacking, expected in ((0, {"six"}), (4, {"four", "six"}), (6, {"six", "net"})):
            unfit = Unfit()
            unfit.tried.append(outlets[2])
            unfit.family = lacking
            self.assertEqual({outlet.exit.name for outlet in outlets if outlet in unfit}, expected)
