"""The one module that knows every other: a daemon is put together here; start, reload and stop are told in order."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from meshd.accounts.service import Accounts
from meshd.accounts.strays import strays
from meshd.auth.hostnames import HostnameWatch
from meshd.auth.passwords import PasswordHasher
from meshd.auth.service import AuthService
from meshd.config import Config, ConfigError, needs_restart
from meshd.dataplane import accept_tls, data_plane
from meshd.enforcement import Enforcement
from meshd.exitbook import ExitBook
from meshd.exitwatch import ExitWatch, Fresh, tell
from meshd.listening import Listener, ListenError, Listeners
from meshd.model import Change, Refusal
from meshd.proxy.exitendpoint import ExitClient
from meshd.proxy.probes import Probes
from meshd.resolver import Resolver
from meshd.store.feed import Feed
from meshd.store.interface import StoreError
from meshd.store.open import open_store
from meshd.store.statements import changes
from meshd.tls import CertificateError, ReloadableTLS
from meshd.topology import Limits, Topology
from meshd.usage.activity import Activity
from meshd.usage.exchanges import ExchangeLog
from meshd.usage.journal import Journal
from meshd.usage.ledger import Ledger
from meshd.web.app import build_site, tls_factory
from meshd.web.front import TLSFront
from meshd.web.requestlog import RequestLog

FEED_SECONDS = 0.5
"""Between two looks at the change feed: what the command line changes has to hold within a second."""

CALENDAR_SECONDS = 10.0
"""Between two looks at whether it is past midnight, when tokens expire."""

log = Logger()


class Daemon:
    """One process of meshd.  Everything it needs is built by its constructor; nothing is opened before `start`."""

    def __init__(self, reactor: Any, config: Config, reload: Callable[[], Config], now: Callable[[], float]) -> None:
        """reload: reads the settings anew.  StoreError."""
        self._reactor = reactor
        self._config = config
        self._reread = reload
        self.store = open_store(reactor, config.store_url)
        self.resolver = Resolver(
            reactor, servers=config.dns_servers, threads=32, timeout=lambda: self.topology.timeouts.dns
        )
        hostnames = HostnameWatch(self.resolver, self.store, reactor, allow_private=config.hostnames_allow_private)
        bounds = config.topology.limits
        hasher = PasswordHasher(reactor, workers=bounds.password_workers, queue=bounds.password_queue)
        self.auth = AuthService(self.store, reactor, now, self._limits, hasher, hostnames)
        self._journals = _folder(config.data_dir / "journal")
        self.exchanges = ExchangeLog(str(config.exchange_log), reactor, now=now)
        self._activity = Activity(self.store, reactor, now, self._limits)
        journal = Journal(self._journals, now=now)
        self.ledger = Ledger(self.store, journal, reactor, now, self._limits, self.exchanges, self._activity)
        self.accounts = Accounts(self.store, now, lambda account_id: self.auth.forget(Change(0, account_id)))
        node = f"{socket.gethostname()}:{config.data_dir}"  # which one process at a time may have
        self._exit_book = ExitBook(self.store, reactor, now, lambda: self.plane.pools, node)
        self.plane = data_plane(
            reactor,
            config.topology,
            now,
            auth=self.auth,
            ledger=self.ledger,
            resolver=self.resolver,
            own=lambda: self._listeners.own,
            note_exit=self._exit_book.note,
        )
        client = ExitClient(reactor, self.plane.poller, self.plane.dialler.unjudged())
        self._probes = Probes(reactor, self.plane, client.status)
        enforcement = Enforcement(self.auth, self.ledger, now)
        self._feed = Feed(self.store, reactor, enforcement.changed, FEED_SECONDS)
        self._calendar = LoopingCall(lambda: Deferred.fromCoroutine(enforcement.look_at_calendar()))
        self._calendar.clock = reactor
        self._requests = RequestLog(str(config.request_log), reactor, now)
        self.site = build_site(
            reactor,
            auth=self.auth,
            accounts=self.accounts,
            hasher=hasher,
            topology=lambda: self.topology,
            countries=self._countries,
            now=now,
            ready=self.ready,
            requests=self._requests,
            available=lambda: not self._feed.away,
        )
        self._tls: ReloadableTLS | None = None
        self._front: TLSFront | None = None
        self._listeners = Listeners(reactor, self.plane, lambda: self._front or self.site)
        self._exits = ExitWatch(reactor, lambda: Fresh(self._config, self.plane.pools), self._swap)

    @property
    def topology(self) -> Topology:
        """The one reference that a reload swaps."""
        return self.plane.topology

    async def start(self) -> None:
        """Open the store, bill what a dead process left, then let clients in.  StoreError, ListenError, OSError."""
        await self.store.start()
        self._requests.open()
        report = await self.ledger.start()
        if report.journals or report.waiting:
            log.info("billed what {journals} dead processes had counted: {up} up, {down} down", **_facts(report))
        self._activity.start()
        await self.auth.start()
        self._feed.start()
        self._calendar.start(CALENDAR_SECONDS, now=False)
        self.plane.poller.start()
        self.plane.wheel.start()
        self._start_tls()
        self.plane.pools.prepare()
        await self._exit_book.start()
        self._probes.start()
        self._exits.start()
        await self._tell_strays(self.topology)
        wanted = _wanted(self._config)
        await self._listeners.take(wanted, await self._listeners.opened(wanted))
        _quieten_collector()

    async def stop(self) -> None:
        """Accept no more, let exchanges end for a while, bring the counts home, close the store."""
        self.plane.draining = True
        await self._listeners.close()
        self._exits.stop()
        await self._probes.stop()
        await self._feed.stop()
        if self._calendar.running:
            self._calendar.stop()
        draining = [Deferred.fromCoroutine(self._drain()), Deferred.fromCoroutine(self._drain_api())]
        await DeferredList(draining, consumeErrors=True)
        self._requests.close()
        await self.accounts.stop()
        await self.ledger.stop()
        await self._activity.stop()
        await self.auth.stop()
        await self._exit_book.stop()
        self.plane.wheel.stop()
        self.plane.upstreams.clear()
        self.plane.relay.pipes.close()
        self.plane.poller.stop()
        await self.resolver.stop()
        await self.store.stop()

    async def reload(self) -> None:
        """Take the settings anew; a fault in them changes nothing and is logged.  No open tunnel notices."""
        self.exchanges.reopen()
        self._requests.reopen()
        await self._exits.lock.run(lambda: Deferred.fromCoroutine(self._reload()))

    async def _reload(self) -> None:
        try:
            fresh = await self._exits.built(self._reread)
            wanted = _wanted(fresh.config)
            opened = await self._listeners.opened(wanted)
            await self._renew_certificate(fresh.config, opened)
        except (ConfigError, ListenError, CertificateError, OSError) as error:
            log.error("settings were not reloaded: {error}", error=str(error))
            return
        for key in needs_restart(self._config, fresh.config):
            log.warn("{key} takes a restart to change", key=key)
        await self._tell_strays(fresh.config.topology)
        self._swap(fresh)
        await self._listeners.take(wanted, opened)
        tell(fresh.config)
        log.info("settings reloaded")

    async def _tell_strays(self, topology: Topology) -> None:
        """Who is for a proxy that these settings do not have; a store that is away is told by others."""
        try:
            for each in await self.store.run(strays, topology.proxies):
                log.warn(
                    "no proxy {proxy} in the settings, but {who} for it: meshd proxy move {proxy} NAME moves them",
                    proxy=each.proxy,
                    who=each.who,
                )
        except StoreError:
            return

    def _start_tls(self) -> None:
        """One certificate for all that listens.  CertificateError."""
        config = self._config
        if config.speaks_tls:
            self._tls = ReloadableTLS(config.certificate, config.key)
            if config.api_tls:
                self._front = tls_factory(self._reactor, self.site, self._tls)
            if config.proxy_tls:
                accept_tls(self._reactor, self.plane, self._tls)

    async def _renew_certificate(self, config: Config, opened: list[Listener]) -> None:
        """CertificateError, and then what was opened a moment ago is closed again."""
        try:
            if self._tls is not None:
                self._tls.reload(config.certificate, config.key)
        except CertificateError:
            for listener in opened:
                await listener.close()
            raise

    async def ready(self) -> Mapping[str, bool]:
        """For `/readyz`: by name, whether it is well."""
        try:
            await self.store.run(changes.newest)
            store = True
        except StoreError:
            store = False
        return {"store": store, "listeners": bool(self._listeners) and not self.plane.draining}

    def _limits(self) -> Limits:
        return self.topology.limits

    def _countries(self, proxy: str) -> Mapping[str, int]:
        pool = self.plane.pools.of(proxy)
        return pool.countries(self.plane.wheel.now) if pool is not None else {}

    def _swap(self, fresh: Fresh) -> None:
        """What begins from now on goes by these settings."""
        plane, topology = self.plane, fresh.config.topology
        if topology.proxies.keys() != plane.topology.proxies.keys():  # who may use a new name is not remembered yet
            self.auth.forget(Change(0, 0))
        self._config = fresh.config
        plane.topology, plane.pools = topology, fresh.pools
        plane.relay.idle = topology.timeouts.idle
        plane.relay.half_closed = topology.timeouts.half_closed
        plane.upstreams.clear()

    async def _drain(self) -> None:
        """Until nothing is open, or patience is over: then what is open ends."""
        plane = self.plane
        for connection in list(plane.connections):
            connection.drain()
        waited = 0.0
        while (plane.connections or self.ledger.open_of(0)) and waited < self.topology.timeouts.drain:
            await deferLater(self._reactor, 0.1)
            waited += 0.1
        for connection in list(plane.connections):
            connection.stop()
        for meter in self.ledger.open_of(0):
            meter.stop(Refusal("overloaded", "shutting down"))

    async def _drain_api(self) -> None:
        await self.site.drain(self.topology.timeouts.drain)


def _wanted(config: Config) -> list[tuple[str, str]]:
    """What to listen on: pairs of a proxy's name ("" for the API) and an endpoint, the API's last."""
    proxies = config.topology.proxies.values()
    return [
        *((proxy.name, endpoint) for proxy in proxies for endpoint in proxy.listen),
        *(("", e) for e in config.api_listen),
    ]


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _facts(report: Any) -> dict[str, int]:
    return {"journals": report.journals, "up": report.up, "down": report.down}


def _quieten_collector() -> None:
    """Full collections would go through every idle tunnel; what has been built so far never becomes garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
