"""What every process of a daemon has, a worker too: who is asking, what was used, the way of the bytes, the exits."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from twisted.logger import Logger

from meshd.accounts.service import Accounts
from meshd.auth.hostnames import HostnameWatch
from meshd.auth.passwords import PasswordHasher
from meshd.auth.proven import Proven
from meshd.auth.service import AuthService
from meshd.config import Config
from meshd.daemon.calendar import Calendar
from meshd.daemon.datafolder import made
from meshd.daemon.dataplane import ceiling, data_plane
from meshd.daemon.enforcement import Enforcement, Follower
from meshd.daemon.exitwatch import ExitWatch, Fresh
from meshd.daemon.volatile import mounts, volatile_file
from meshd.dns.resolver import Resolver
from meshd.exits.book import ExitBook
from meshd.exits.client import ExitClient
from meshd.exits.destinations import OwnListeners
from meshd.exits.latencybook import LatencyBook
from meshd.exits.probes import Probes
from meshd.fast import built
from meshd.fast.places import Fast
from meshd.metrics.lag import Lag
from meshd.metrics.process import ProcessFigures
from meshd.model import Change
from meshd.sockets.poll import Poller
from meshd.store.feed import Feed
from meshd.store.open import open_store
from meshd.store.switch import Switch
from meshd.store.timed import TimedStore
from meshd.tls.contexts import HTTP_1, HTTP_2
from meshd.tls.server import ReloadableTLS
from meshd.topology import Live, included_bytes
from meshd.usage.chronicle import Chronicle
from meshd.usage.exchangelog import ExchangeLog
from meshd.usage.journal import Journal
from meshd.usage.ledger import Ledger
from meshd.values.samples import Sample

FEED_SECONDS = 0.5
"""Between two looks at the change feed: what the command line changes has to hold within a second."""

log = Logger()


class Beside(Follower, Protocol):
    """What a process serves beside the proxies."""

    def swapped(self) -> None:
        """Go by settings that were reloaded."""


class Among(NamedTuple):
    """Which one it is of the processes that work in a data folder."""

    part: str = ""
    """Tells a daemon with its workers apart in the store from the one before or after it."""
    known: bytes = b""
    """What another process knows of passwords: a worker's daemon, or the process before this one."""
    worker: int = 0
    """The number of a worker, from 1."""
    workers: int = 0
    """For a worker, how many there are."""


class Core:
    """Built by the constructor, which opens what needs neither a client nor the store; `start` opens the rest.

    Whoever owns it has the listeners, and whatever else the process serves.
    """

    def __init__(
        self,
        reactor: Any,
        config: Config,
        now: Callable[[], float],
        among: Among,
        *,
        own: Callable[[], OwnListeners],
        beside: Callable[[], Beside],
    ) -> None:
        """own: the daemon's own listeners.

        beside: gives what else the process serves, once all is built.
        Raises: StoreError, OSError.
        """
        self.reactor = reactor
        self.config = config
        self.now = now
        self.live = Live(config.topology)
        self.switch = Switch(open_store(reactor, config.store_url))
        self.store = TimedStore(self.switch, reactor.seconds)
        number = f"#{among.worker}" if among.worker else ""
        self.node = f"{socket.gethostname()}:{config.data_dir}{among.part}{number}"  # one process's at a time
        self.tls: ReloadableTLS | None = None
        self.part = among.part
        self._beside = beside
        self._build_services(among)
        self._begin_native(alone=not among.worker)
        self._build_plane(own)
        self._lag = Lag(reactor)
        self._process = ProcessFigures(str(among.worker or "daemon"))
        self.exit_watch = ExitWatch(reactor, lambda: Fresh(self.config, self.plane.pools), self.swap)

    def _build_services(self, among: Among) -> None:
        """Who is asking, what was used, what may be changed; and what brings changes of the store to them."""
        reactor, config, now, live = self.reactor, self.config, self.now, self.live
        self._poller = Poller(reactor)
        self.resolver = Resolver(
            reactor, config.dns_servers, self._poller, timeout=lambda: live.timeouts.dns, size=config.dns_names
        )
        hostnames = HostnameWatch(self.resolver, self.store, reactor, allow_private=config.hostnames_allow_private)
        kept = None if among.worker else volatile_file(config.data_dir, "proven", os.environ, mounts())
        self.proven = Proven(kept, reactor, now, known=among.known)
        bounds = {"workers": live.limits.password_workers, "queue": live.limits.password_queue}
        self.hasher = PasswordHasher(reactor, self.proven, **bounds)
        self.auth = AuthService(self.store, reactor, now, live, self.hasher, hostnames)
        journal = Journal(made(config.data_dir / "journal"), now=now)
        self.exchanges = ExchangeLog(str(config.exchange_log), reactor, now=now)
        self.chronicle = Chronicle(self.store, reactor, now, live, self.node)
        parts = self.store, journal, reactor, now, live, self.exchanges, self.chronicle
        self.ledger = Ledger(*parts, processes=among.workers or config.workers)
        self.accounts = Accounts(self.store, now, lambda account_id: self.auth.forget(Change(0, account_id)))
        self.enforcement = Enforcement(self.auth, self.ledger, self.store, now, self._beside)
        self.feed = Feed(self.store, reactor, self.enforcement.changed, FEED_SECONDS)
        self._calendar = Calendar(reactor, self.accounts, live, self.enforcement.look_at_calendar)

    def _begin_native(self, *, alone: bool) -> None:
        """Have C in its places.  alone: whether no other process of this daemon tells of one that is left out."""
        found = built()
        if found.stale and alone:
            log.warn("the native part was built of other sources, and is left out: build it again")
        Fast(found.module).begin()

    def _build_plane(self, own: Callable[[], OwnListeners]) -> None:
        """The way of the bytes, and what is known of the exits."""
        reactor = self.reactor
        self._exit_book = ExitBook(self.store, reactor, self.now, lambda: self.plane.pools, self.node)
        self.plane = data_plane(
            reactor,
            self.live,
            self.now,
            auth=self.auth,
            ledger=self.ledger,
            resolver=self.resolver,
            poller=self._poller,
            own=own,
            note_exit=self._exit_book.note,
        )
        unjudged = ExitClient(reactor, self.plane.poller, self.plane.dialler.unjudged())
        self._probes = Probes(reactor, self.plane, unjudged.status)
        self._latencies = LatencyBook(self.store, reactor, self.now, lambda: self.plane.pools, self.node)

    async def start(self) -> None:
        """Open the store, bill what a dead process left, follow what changes.  StoreError, CertificateError, OSError.

        Where a stop has begun meanwhile, it ends early.
        """
        await self.store.start()
        report = await self.ledger.start()
        if self.plane.draining:
            return
        if report.journals or report.waiting:
            text = "billed what {journals} dead processes had counted: {up} up, {down} down"
            log.info(text, journals=report.journals, up=report.up, down=report.down)
        self.chronicle.start(self.ledger.open_of)
        await self.auth.start()
        self.feed.start()
        self._calendar.start()
        self.plane.poller.start()
        self.plane.wheel.start()
        self._start_tls()
        self.plane.pools.prepare()
        await self._exit_book.start()
        self._probes.start()
        self._latencies.start()
        self.exit_watch.start()
        self._lag.start()

    def samples(self) -> Iterator[Sample]:
        """The numbers of all that is here, at this moment."""
        services = self.auth, self.hasher, self.ledger, self.chronicle, self.exchanges, self.feed, self.store
        for part in (self._process, self._lag, self.plane, self._exit_book, self.resolver, *services):
            yield from part.samples()

    def _start_tls(self) -> None:
        """One certificate for all that listens.  CertificateError."""
        config = self.config
        if config.speaks_tls:
            protocols = (HTTP_2, HTTP_1) if config.proxy_http2 else (HTTP_1,)
            self.tls = ReloadableTLS(config.certificate, config.key, protocols=protocols)
            if config.proxy_tls:
                self.plane.tls = self.tls.context

    async def settle(self) -> None:
        """Begin nothing more by itself, as what is open is about to be drained, which may last for hours: changes are
        followed meanwhile, and end it as ever.
        """
        self._lag.stop()
        self.exit_watch.stop()
        await self._probes.stop()

    async def close(self) -> None:
        """Bring the counts home, and close everything in order; nothing is open any more."""
        await self.feed.stop()
        await self._calendar.stop()
        await self.accounts.stop()
        await self.ledger.stop()
        await self.chronicle.stop()
        await self.auth.stop()
        await self._exit_book.stop()
        await self._latencies.stop()
        self.plane.wheel.stop()
        self.plane.origins.clear()
        self.plane.relay.pipes.close()
        await self.resolver.stop()
        self.plane.poller.stop()
        await self.store.stop()

    def swap(self, fresh: Fresh) -> None:
        """What begins from now on goes by these settings."""
        plane, live, topology = self.plane, self.live, fresh.config.topology
        before = live.topology.plans
        if topology.proxies.keys() != live.topology.proxies.keys():  # who may use a new name is not remembered yet
            self.auth.forget(Change(0, 0))
        others = included_bytes(topology.plans) != included_bytes(live.topology.plans)
        self.config = fresh.config
        live.swap(topology)
        if others:
            self.ledger.judge()
        plane.pools = fresh.pools
        plane.caps.ceiling = ceiling(topology.limits)
        plane.origins.clear()
        self._beside().swapped()
        self.enforcement.replanned(before, topology.plans)
