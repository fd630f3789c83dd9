"""Where the exits are that work, as the web asks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshd.exits.census import Census, Counted, Family
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pools
from meshd.proxy.plane import DataPlane
from meshd.topology import Live


class Whereabouts:
    """Counts the exits of the pools that the plane has now."""

    def __init__(self, plane: DataPlane, live: Live) -> None:
        self._plane = plane
        self._live = live
        self._pools: Pools | None = None
        self._outlets: Sequence[Outlet] = ()
        self._census = Census(self._of_gateway, lambda: plane.wheel.monotonic)

    def countries(self, proxy: str) -> Mapping[str, int]:
        """How many exits of a proxy are up, by country."""
        pool = self._plane.pools.of(proxy)
        return pool.countries(self._plane.wheel.monotonic) if pool is not None else {}

    def places(self, family: Family) -> Counted:
        """The places of a family at which exits of the gateway are up."""
        return self._census.count(family)

    def _of_gateway(self) -> Sequence[Outlet]:
        pools, gateway = self._plane.pools, self._live.topology.gateway
        if pools is not self._pools:  # a reload has made others
            found = (pools.outlets.get(each.name) for each in gateway.exits) if gateway else ()
            self._pools, self._outlets = pools, [each for each in found if each is not None]
        return self._outlets
