"""The one module that knows every other: a daemon is put together here; start, reload and stop are told in order."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.logger import Logger

from meshd.accounts.service import Accounts
from meshd.auth.hostnames import HostnameWatch
from meshd.auth.passwords import PasswordHasher
from meshd.auth.proven import Proven
from meshd.auth.service import AuthService
from meshd.config import Config, rows
from meshd.daemon import collector
from meshd.daemon.aside import Aside
from meshd.daemon.calendar import Calendar
from meshd.daemon.datafolder import made
from meshd.daemon.dataplane import ceiling, data_plane
from meshd.daemon.doors import Behind
from meshd.daemon.draining import drain
from meshd.daemon.enforcement import Enforcement
from meshd.daemon.exitwatch import ExitWatch, Fresh
from meshd.daemon.fronts import Fronts
from meshd.daemon.hosting import Hosted
from meshd.daemon.inherited import Inherited
from meshd.daemon.listening import Listeners
from meshd.daemon.presence import Presence
from meshd.daemon.reloading import Reloads
from meshd.daemon.runfile import Verdict
from meshd.daemon.vault import Vault
from meshd.daemon.volatile import mounts, volatile_file
from meshd.daemon.whereabouts import Whereabouts
from meshd.dns.resolver import Resolver
from meshd.exits.book import ExitBook
from meshd.exits.client import ExitClient
from meshd.exits.probes import Probes
from meshd.exits.trial import Trials
from meshd.mail.post import Post
from meshd.model import Change
from meshd.sockets.poll import Poller
from meshd.store.feed import Feed
from meshd.store.interface import StoreError
from meshd.store.open import open_store
from meshd.store.statements import changes
from meshd.tls.server import ReloadableTLS
from meshd.topology import Live, included_bytes
from meshd.usage.chronicle import Chronicle
from meshd.usage.exchangelog import ExchangeLog
from meshd.usage.journal import Journal
from meshd.usage.ledger import Ledger
from meshd.values.samples import Sample
from meshd.web.server.requestlog import RequestLog
from meshd.web.services import Services

FEED_SECONDS = 0.5
"""Between two looks at the change feed: what the command line changes has to hold within a second."""

log = Logger()


class Daemon:
    """One process of meshd.

    Everything it needs is built by its constructor, which opens what needs neither a client nor the store, such as the
    epoll and the journal; `start` opens the rest.
    """

    def __init__(
        self,
        reactor: Any,
        config: Config,
        reload: Callable[[], Config],
        now: Callable[[], float],
        handed_over: Inherited,
    ) -> None:
        """reload: reads the settings anew; handed_over: sockets of the service manager's.  StoreError, OSError."""
        self._reactor = reactor
        self._config = config
        self._reread = reload
        self._now = now
        self._live = Live(config.topology)
        self.store = open_store(reactor, config.store_url)
        self._build_services()
        self._build_plane()
        self._requests = RequestLog(str(config.request_log), reactor, now)
        self._fronts = self._served()
        self._begun: Deferred[None] = succeed(None)
        self._tls: ReloadableTLS | None = None
        behind = Behind(reactor, self.plane, self._fronts.of, self._hosted)
        self._listeners = Listeners(behind, handed_over)
        self._exits = ExitWatch(reactor, lambda: Fresh(self._config, self.plane.pools), self._swap)
        self._reloads = Reloads(
            reactor, config, self.plane, self.ledger, self.store, self._feed, self._exits, self._listeners, self._swap
        )

    def _build_services(self) -> None:
        """Who is asking, what was used, what may be changed; and what brings changes of the store to them."""
        reactor, config, now, live = self._reactor, self._config, self._now, self._live
        self._poller = Poller(reactor)
        self.resolver = Resolver(
            reactor, config.dns_servers, self._poller, timeout=lambda: live.timeouts.dns, size=config.dns_names
        )
        hostnames = HostnameWatch(self.resolver, self.store, reactor, allow_private=config.hostnames_allow_private)
        proven = Proven(volatile_file(config.data_dir, "proven", os.environ, mounts()), reactor, now)
        bounds = {"workers": live.limits.password_workers, "queue": live.limits.password_queue}
        self._hasher = PasswordHasher(reactor, proven, **bounds)
        self.auth = AuthService(self.store, reactor, now, live, self._hasher, hostnames)
        journal = Journal(made(config.data_dir / "journal"), now=now)
        self.exchanges = ExchangeLog(str(config.exchange_log), reactor, now=now)
        self._node = f"{socket.gethostname()}:{config.data_dir}"  # which one process at a time may have
        self._presence = Presence(self.store, reactor, now, self._node, lambda: self._config.listeners)
        self._chronicle = Chronicle(self.store, reactor, now, live, self._node)
        self.ledger = Ledger(self.store, journal, reactor, now, live, self.exchanges, self._chronicle)
        self._post = Post(reactor, lambda: self._config.mail, now, os.urandom)
        self.accounts = Accounts(self.store, now, lambda account_id: self.auth.forget(Change(0, account_id)))
        self._enforcement = enforcement = Enforcement(self.auth, self.ledger, self.store, now, lambda: self._hosted)
        self._feed = Feed(self.store, reactor, enforcement.changed, FEED_SECONDS)
        self._calendar = Calendar(reactor, self.accounts, live, enforcement.look_at_calendar)
        self._aside = Aside(reactor)

    def _build_plane(self) -> None:
        """The way of the bytes, and what is known of the exits."""
        reactor = self._reactor
        self._exit_book = ExitBook(self.store, reactor, self._now, lambda: self.plane.pools, self._node)
        self.plane = data_plane(
            reactor,
            self._live,
            self._now,
            auth=self.auth,
            ledger=self.ledger,
            resolver=self.resolver,
            poller=self._poller,
            own=lambda: self._listeners.own,
            note_exit=self._exit_book.note,
        )
        parts = self.plane, self.accounts, self.store, self._hasher, self.resolver, self._config
        self._hosted = Hosted(reactor, *parts, lambda: self._listeners.own)
        unjudged = ExitClient(reactor, self.plane.poller, self.plane.dialler.unjudged())
        self._probes = Probes(reactor, self.plane, unjudged.status)
        client = ExitClient(reactor, self.plane.poller, self.plane.dialler)
        self._trials = Trials(reactor, client, lambda: self._live.timeouts.connect)

    def _served(self) -> Fronts:
        whereabouts = Whereabouts(self.plane, self._live)
        services = Services(
            auth=self.auth,
            accounts=self.accounts,
            hash=self._hasher.hash,
            live=self._live,
            countries=whereabouts.countries,
            clock=self._now,
            ready=self.ready,
            post=self._post.post,
            available=lambda: not self._feed.away,
            settings=lambda: rows(self._config),
            aside=self._aside.done,
            try_exit=self._trials.connect,
            places=whereabouts.places,
            seals=Vault(self._config.secrets).seals,
            published=self._hosted.follow,
            unserved=self._hosted.unserved,
        )
        return Fronts(self._reactor, services, self._requests, Vault(self._config.host_secrets).seals)

    async def start(self) -> None:
        """Open the store, bill what a dead process left, then let clients in.  StoreError, ListenError, OSError.

        Where `stop` is called meanwhile it ends without letting anybody in.
        """
        self._begun = Deferred.fromCoroutine(self._start())
        await self._begun

    async def _start(self) -> None:
        await self.store.start()
        self._requests.open()
        report = await self.ledger.start()
        if self.plane.draining:
            return
        if report.journals or report.waiting:
            text = "billed what {journals} dead processes had counted: {up} up, {down} down"
            log.info(text, journals=report.journals, up=report.up, down=report.down)
        self._chronicle.start(self.ledger.open_of)
        await self.auth.start()
        self._feed.start()
        self._calendar.start()
        self.plane.poller.start()
        self.plane.wheel.start()
        self._start_tls()
        self.plane.pools.prepare()
        await self._exit_book.start()
        self._probes.start()
        self._exits.start()
        await self._hosted.start()
        plan = await self._listeners.prepare(self._config.listeners)
        if self.plane.draining:
            await self._listeners.drop(plan)
        else:
            self._listeners.take(plan)
            self._hosted.opened()
            self._reloads.begin()
            self._presence.start()
            collector.quieten()

    async def stop(self) -> None:
        """Accept no more, let exchanges end for a while, bring the counts home, close the store."""
        self.plane.draining = True
        await self._start_over()
        await self._listeners.close()
        await self._hosted.stop()
        self._reloads.stop()
        self._exits.stop()
        await self._probes.stop()
        await self._feed.stop()
        self._calendar.stop()
        patience, planes = self._live.timeouts.drain, (self.plane, self._hosted.plane)
        drained = drain(self._reactor, planes, self.ledger, patience), self._fronts.drain(patience)
        await DeferredList(map(Deferred.fromCoroutine, drained), consumeErrors=True)
        self._requests.close()
        self._aside.stop()
        await self.accounts.stop()
        await self._post.stop()
        await self.ledger.stop()
        await self._chronicle.stop()
        await self.auth.stop()
        await self._exit_book.stop()
        self.plane.wheel.stop()
        self.plane.origins.clear()
        self._hosted.plane.origins.clear()
        self.plane.relay.pipes.close()
        await self.resolver.stop()
        self.plane.poller.stop()
        await self._presence.stop()
        await self.store.stop()

    async def reload(self) -> Verdict:
        """Take the settings anew, or say why not."""
        if not self._begun.called:
            await self._begun
        if self.plane.draining:
            return Verdict(False, ("meshd is being stopped",))
        self.exchanges.reopen()
        self._requests.reopen()
        return await self._reloads.take(self._reread, self._tls)

    async def _start_over(self) -> None:
        """Let a start that is under way come to its end; one that hangs is given up after the time for draining."""
        if not self._begun.called:
            late = self._reactor.callLater(self._live.timeouts.drain, self._begun.cancel)
            await self._begun
            if late.active():
                late.cancel()

    def _start_tls(self) -> None:
        """One certificate for all that listens.  CertificateError."""
        config = self._config
        if config.speaks_tls:
            self._tls = ReloadableTLS(config.certificate, config.key)
            self._fronts.accept_tls(self._tls, api=config.api_tls)
            if config.proxy_tls:
                self.plane.tls = self._tls.context

    def samples(self) -> Iterator[Sample]:
        """The numbers of all services at this moment."""
        own = self.plane, self._hosted, self.auth, self.ledger, self._chronicle, self.resolver, self._feed, self._fronts
        for part in (*own, self.exchanges, self._requests):
            yield from part.samples()

    async def ready(self) -> Mapping[str, bool]:
        """For `/readyz`: by name, whether it is well."""
        try:
            await self.store.run(changes.newest)
            store = True
        except StoreError:
            store = False
        return {"store": store, "listeners": bool(self._listeners) and not self.plane.draining}

    def _swap(self, fresh: Fresh) -> None:
        """What begins from now on goes by these settings."""
        plane, live, topology = self.plane, self._live, fresh.config.topology
        before = live.topology.plans
        if topology.proxies.keys() != live.topology.proxies.keys():  # who may use a new name is not remembered yet
            self.auth.forget(Change(0, 0))
        others = included_bytes(topology.plans) != included_bytes(live.topology.plans)
        self._config = fresh.config
        live.swap(topology)
        if others:
            self.ledger.judge_all()
        plane.pools = fresh.pools
        plane.caps.ceiling = ceiling(topology.limits)
        plane.origins.clear()
        self._hosted.swapped()
        self._enforcement.replanned(before, topology.plans)
