"""Where clients of the APIs are served: of the one of accounts, and of the one that manages what is published.

Whether the second speaks TLS is asked for each connection, as a reload may change it; before there is a certificate
nobody is let in who should come by TLS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol

from meshd.auth.sealing import Seals
from meshd.daemon.core import Core
from meshd.daemon.resources import Resources
from meshd.tls.server import ReloadableTLS
from meshd.topology import Live
from meshd.values import hosting
from meshd.values.samples import Sample
from meshd.web.app import build_hosts_site, build_site
from meshd.web.server.front import TLSFront
from meshd.web.server.requestlog import RequestLog
from meshd.web.server.site import ApiSite
from meshd.web.services import Services


class Fronts:
    """The sites of both, and what stands before them where they speak TLS."""

    def __init__(self, reactor: Any, services: Services, requests: RequestLog, host_seals: Callable[[], Seals]) -> None:
        """host_seals: what keys of certificates are sealed with, in place of what passwords are."""
        self._reactor = reactor
        self.site = build_site(reactor, services, requests)
        self._hosts = build_hosts_site(reactor, replace(services, seals=host_seals), requests)
        self._either = _Either(services.live, self._hosts)
        self._front: TLSFront | None = None

    def of(self, kind: str) -> IProtocolFactory:
        """Where clients are served that come to a listener of that kind."""
        return self._either if kind == hosting.API else self._front or self.site

    def accept_tls(self, tls: ReloadableTLS, core: Core, *, api: bool) -> None:
        """From now on clients may come by TLS.

        api: whether those of the accounts' API must: they may ask for more than HTTP/1.1 then, as plain ones may not.
        """
        self._either.front = TLSFront(self._reactor, self._hosts, tls)
        if api:
            self.site.upgrades = upgrades = Resources(self._reactor, core, self.site)
            self._front = TLSFront(self._reactor, self.site, tls, upgrades.preferred)

    def samples(self) -> Iterator[Sample]:
        """Of both."""
        yield from self.site.samples()
        yield from self._hosts.samples()

    async def drain(self, seconds: float, carried: Deferred[None]) -> None:
        """Let requests be answered for so many seconds, then cut the rest; carried: as the site has it."""
        draining = self.site.drain(seconds, carried), self._hosts.drain(seconds)
        await DeferredList(map(Deferred.fromCoroutine, draining), consumeErrors=True)


class _Either(Factory):
    """Passes each client on to where it is served by TLS or without, as the settings are at that moment."""

    noisy = False
    front: TLSFront | None = None

    def __init__(self, live: Live, site: ApiSite) -> None:
        self._live = live
        self._site = site

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        hosts = self._live.topology.hosts
        if hosts is not None and hosts.tls:
            return None if self.front is None else self.front.buildProtocol(addr)
        made: Protocol | None = self._site.buildProtocol(addr)
        return made
