"""Which upstream takes a connection that is passed on untouched: the same policies and the same knowledge of upstreams
as for requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from meshd.hosts.policies import choose
from meshd.hosts.services import Service
from meshd.hosts.sites import Site, Sites
from meshd.hosts.vitals import Hold, Vital, usable
from meshd.values.published import ProxyHost, Upstream


class Balancing:
    """By the sites that are published now; a stream has one upstream, which nobody watches."""

    def __init__(self, sites: Sites, monotonic: Callable[[], float], chance: Random) -> None:
        self._sites = sites
        self._monotonic = monotonic
        self._chance = chance

    def choose(self, service: Service, address: str, tried: Sequence[Upstream]) -> Upstream | None:
        """The upstream for a client at this address, none of those that were tried; None where there is none left."""
        site = self._site(service)
        if site is None:
            return next((each for each in service.upstreams if each not in tried), None)
        host, known = site.host, site.place.vitals
        candidates = usable(known, self._monotonic(), [each for each in known if each.upstream in tried])
        if not candidates or not isinstance(host, ProxyHost):
            return None
        site.turn += 1  # the target of what is passed on is not known: by `uri_hash` an address stays with an upstream
        return choose(
            host.policy, candidates, turn=site.turn, address=address, uri=address.encode(), chance=self._chance
        ).upstream

    def failed(self, service: Service, upstream: Upstream) -> None:
        """Note that it could not be reached."""
        site, vital = self._site(service), self._vital(service, upstream)
        if site is not None and vital is not None and isinstance(site.host, ProxyHost):
            vital.failed(site.host.ejection, self._monotonic())

    def hold(self, service: Service, upstream: Upstream) -> Hold | None:
        """Count a connection to it, until `end`; None where nobody counts."""
        vital = self._vital(service, upstream)
        if vital is None:
            return None
        hold = Hold()
        hold.move(vital)
        return hold

    def _site(self, service: Service) -> Site | None:
        return self._sites.of(service.id) if service.kind == "proxy-hosts" else None

    def _vital(self, service: Service, upstream: Upstream) -> Vital | None:
        site = self._site(service)
        return next((each for each in site.place.vitals if each.upstream == upstream), None) if site else None
