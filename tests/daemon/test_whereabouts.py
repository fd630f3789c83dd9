"""Where exits work, by the pools and the settings that the daemon has at the moment."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.whereabouts import Whereabouts
from meshd.exits.pools import Pools
from meshd.topology import PLANS, Exit, ExitRule, Live, ProxyHost, Topology
from meshd.values.v1 import GATEWAY, V1

US, DE = (Exit(code.lower(), "direct", country=code) for code in ("US", "DE"))


def topology(*exits: Exit) -> Topology:
    """With a proxy for all exits, and the gateway for these."""
    hosts = {name: ProxyHost(name, (), name, ExitRule(), some) for name, some in (("open", (US, DE)), (GATEWAY, exits))}
    return Topology(proxies=hosts, exits=(US, DE), plans=PLANS, v1=V1())


class WhereaboutsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.live = Live(topology(US))
        self.plane: Any = SimpleNamespace(pools=Pools(self.live.topology), wheel=SimpleNamespace(monotonic=1.0))
        self.whereabouts = Whereabouts(self.plane, self.live)

    def reload(self, settings: Topology) -> None:
        self.live.swap(settings)
        self.plane.pools = Pools(settings, self.plane.pools)

    def test_of_the_gateway_alone(self) -> None:
        """Of those exits that serve it now: a reload is seen at once."""
        self.assertEqual(list(self.whereabouts.places("countries")), ["US"])
        self.reload(topology(DE))
        self.assertEqual(list(self.whereabouts.places("countries")), ["DE"])
        self.reload(replace(topology(DE), v1=None))
        self.assertEqual(list(self.whereabouts.places("countries")), [])

    def test_countries_of_any_proxy(self) -> None:
        self.assertEqual(self.whereabouts.countries("open"), {"US": 1, "DE": 1})
        self.plane.pools.drain({"us"})
        self.assertEqual(self.whereabouts.countries("open"), {"DE": 1})
        self.assertEqual(self.whereabouts.countries("absent"), {})
