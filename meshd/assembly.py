"""The one module that knows every other: a daemon is put together here; start, reload and stop are told in order."""

from __future__ import annotations

import gc
import random
import resource
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from meshd.accounts.service import Accounts
from meshd.auth.hostnames import HostnameWatch
from meshd.auth.passwords import PasswordHasher
from meshd.auth.service import AuthService
from meshd.config import Config, ConfigError, needs_restart
from meshd.enforcement import Enforcement
from meshd.listening import Listener, ListenError, own_listeners
from meshd.model import Change, Refusal
from meshd.proxy.caps import Caps
from meshd.proxy.destination import OwnListeners
from meshd.proxy.dial import Dialler
from meshd.proxy.factory import descriptor_ceiling
from meshd.proxy.outlets import Outlet
from meshd.proxy.pipes import Pipes
from meshd.proxy.plane import DataPlane
from meshd.proxy.poll import Poller
from meshd.proxy.pool import Pools
from meshd.proxy.relay import Relay
from meshd.proxy.upstream import UpstreamPool
from meshd.proxy.wheel import Wheel
from meshd.resolver import Resolver
from meshd.store.feed import Feed
from meshd.store.interface import StoreError
from meshd.store.open import open_store
from meshd.store.statements import changes
from meshd.topology import Limits, Topology
from meshd.usage.activity import Activity
from meshd.usage.exchanges import ExchangeLog
from meshd.usage.journal import Journal
from meshd.usage.ledger import Ledger
from meshd.web.app import build_site, tls_factory
from meshd.web.front import TLSFront
from meshd.web.tls import CertificateError

FEED_SECONDS = 0.5
"""Between two looks at the change feed: what the command line changes has to hold within a second."""

CALENDAR_SECONDS = 10.0
"""Between two looks at whether it is past midnight, when tokens expire."""

PIPES = 64
"""Kernel pipes for busy tunnels: 64 MiB of the user's `pipe-user-pages-soft`."""

log = Logger()


class Daemon:
    """One process of meshd.  Everything it needs is built by its constructor; nothing is opened before `start`."""

    def __init__(self, reactor: Any, config: Config, reload: Callable[[], Config], now: Callable[[], float]) -> None:
        """reload: reads the settings anew.  StoreError."""
        self._reactor = reactor
        self._config = config
        self._reread = reload
        self._now = now
        self._own = OwnListeners()
        self._listeners: list[Listener] = []
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
        activity = Activity(self.store, reactor, now, self._limits)
        journal = Journal(self._journals, now=now)
        self.ledger = Ledger(self.store, journal, reactor, now, self._limits, self.exchanges, activity)
        self.accounts = Accounts(self.store, now, lambda account_id: self.auth.forget(Change(0, account_id)))
        self.plane = self._data_plane(config.topology)
        enforcement = Enforcement(self.auth, self.ledger, now)
        self._feed = Feed(self.store, reactor, enforcement.changed, FEED_SECONDS)
        self._calendar = LoopingCall(lambda: Deferred.fromCoroutine(enforcement.look_at_calendar()))
        self._calendar.clock = reactor
        self.site = build_site(
            reactor,
            auth=self.auth,
            accounts=self.accounts,
            hasher=hasher,
            topology=lambda: self.topology,
            now=now,
            ready=self.ready,
        )
        self._front: TLSFront | None = None

    @property
    def topology(self) -> Topology:
        """The one reference that a reload swaps."""
        return self.plane.topology

    async def start(self) -> None:
        """Open the store, bill what a dead process left, then let clients in.  StoreError, ListenError, OSError."""
        await self.store.start()
        report = await self.ledger.start()
        if report.journals or report.waiting:
            log.info("billed what {journals} dead processes had counted: {up} up, {down} down", **_facts(report))
        await self.auth.start()
        self._feed.start()
        self._calendar.start(CALENDAR_SECONDS, now=False)
        self.plane.poller.start()
        self.plane.wheel.start()
        if self._config.api_tls:
            self._front = tls_factory(self._reactor, self.site, self._config.certificate, self._config.key)
        self._listeners = await self._open(_wanted(self._config))
        self._note_listeners()
        _quieten_collector()

    async def stop(self) -> None:
        """Accept no more, let exchanges end for a while, bring the counts home, close the store."""
        self.plane.draining = True
        await DeferredList([Deferred.fromCoroutine(listener.close()) for listener in self._listeners])
        await self._feed.stop()
        if self._calendar.running:
            self._calendar.stop()
        draining = [Deferred.fromCoroutine(self._drain()), Deferred.fromCoroutine(self._drain_api())]
        await DeferredList(draining, consumeErrors=True)
        await self.accounts.stop()
        await self.ledger.stop()
        await self.auth.stop()
        self.plane.wheel.stop()
        self.plane.upstreams.clear()
        self.plane.relay.pipes.close()
        self.plane.poller.stop()
        await self.resolver.stop()
        await self.store.stop()

    async def reload(self) -> None:
        """Take the settings anew; a fault in them changes nothing and is logged.  No open tunnel notices."""
        self.exchanges.reopen()
        try:
            config = self._reread()
            known = {(listener.proxy, listener.endpoint) for listener in self._listeners}
            opened = await self._open([each for each in _wanted(config) if each not in known])
            await self._renew_certificate(config, opened)
        except (ConfigError, ListenError, CertificateError, OSError) as error:
            log.error("settings were not reloaded: {error}", error=str(error))
            return
        for key in needs_restart(self._config, config):
            log.warn("{key} takes a restart to change", key=key)
        await self._swap(config, opened)
        log.info("settings reloaded")

    async def _renew_certificate(self, config: Config, opened: list[Listener]) -> None:
        """CertificateError, and then what was opened a moment ago is closed again."""
        try:
            if self._front is not None:
                self._front.reload(config.certificate, config.key)
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

    def _data_plane(self, topology: Topology) -> DataPlane:
        poller = Poller(self._reactor)
        wheel = Wheel(self._reactor)
        timeouts = topology.timeouts
        pipes = Pipes(min(PIPES, _descriptors() // 16))
        relay = Relay(poller, wheel, pipes, self._later, timeouts.idle, timeouts.half_closed)
        dialler = Dialler(poller, self.resolver, self._reactor, lambda: self.topology.destinations, lambda: self._own)
        limits = topology.limits
        ceiling = limits.connections * 2 or descriptor_ceiling(_descriptors(), limits.descriptor_reserve)
        return DataPlane(
            poller=poller,
            wheel=wheel,
            relay=relay,
            dialler=dialler,
            upstreams=UpstreamPool(poller, wheel),
            caps=Caps(self._limits, ceiling),
            auth=self.auth,
            ledger=self.ledger,
            topology=topology,
            now=self._now,
            chance=random.Random(secrets.randbits(128)),  # noqa: S311 (no secret)
            pools=Pools(topology),
            note_exit=_note_exit,
            instance=f"{secrets.token_hex(4)}-",
        )

    def _later(self, call: Callable[[], None]) -> None:
        self._reactor.callLater(0, call)

    async def _open(self, wanted: list[tuple[str, str]]) -> list[Listener]:
        """Listeners for pairs of a proxy's name ("" for the API) and an endpoint; all or none.  ListenError."""
        opened: list[Listener] = []
        try:
            for proxy, endpoint in wanted:
                if proxy:
                    opened.append(await Listener.of_proxy(self._reactor, self.plane, proxy, endpoint))
                else:
                    opened.append(await Listener.of_api(self._reactor, self._front or self.site, endpoint))
        except ListenError:
            for listener in opened:
                await listener.close()
            raise
        return opened

    def _note_listeners(self) -> None:
        """The API's last: who waits for its line waits for all."""
        self._own = own_listeners(listener.port for listener in self._listeners)
        for listener in self._listeners:
            log.info("{listener} listens", listener=str(listener))

    async def _swap(self, config: Config, opened: list[Listener]) -> None:
        self._config = config
        self.plane.topology = topology = config.topology
        self.plane.pools = Pools(topology, self.plane.pools)
        self.plane.relay.idle = topology.timeouts.idle
        self.plane.relay.half_closed = topology.timeouts.half_closed
        self.plane.upstreams.clear()
        wanted = _wanted(config)
        gone = [each for each in self._listeners if (each.proxy, each.endpoint) not in wanted]
        self._listeners = [each for each in self._listeners if each not in gone] + opened
        for listener in gone:
            await listener.close()
        self._note_listeners()

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


def _descriptors() -> int:
    """The soft limit of this process, raised to the hard one first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _facts(report: Any) -> dict[str, int]:
    return {"journals": report.journals, "up": report.up, "down": report.down}


def _note_exit(outlet: Outlet) -> None:
    """Once when an exit begins to rest and once when it is back."""
    if outlet.resting:
        log.warn("exit {exit} has failed and rests", exit=outlet.exit.name)
    else:
        log.info("exit {exit} works again", exit=outlet.exit.name)


def _quieten_collector() -> None:
    """Full collections would go through every idle tunnel; what has been built so far never becomes garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
