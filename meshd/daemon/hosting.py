"""What is published, as this process serves it: the plane of hosts, streams beside it, and what brings changes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from meshd.accounts.published import billing
from meshd.accounts.service import Accounts
from meshd.auth.passwords import PasswordHasher
from meshd.auth.policy import INVALID, UNAVAILABLE, inactive
from meshd.config import Config
from meshd.daemon.certificates import Certificates
from meshd.daemon.hostplane import host_plane
from meshd.daemon.inherited import Inherited
from meshd.daemon.keeping import Kept, hosted_name
from meshd.daemon.vault import Vault
from meshd.dns.resolver import Resolver
from meshd.exits.destinations import OUTSIDE, OwnListeners
from meshd.exits.own import is_local
from meshd.hosts.accepting import Make, connections, host_acceptor
from meshd.hosts.balancing import Balancing
from meshd.hosts.book import HostBook
from meshd.hosts.certificates import Contexts
from meshd.hosts.common import Common
from meshd.hosts.layer4 import Layer4, own_of
from meshd.hosts.opening import Opened, open_place, taken
from meshd.hosts.payers import Payers
from meshd.hosts.ports import Own, Place
from meshd.hosts.probing import Prober
from meshd.hosts.reading import Reader
from meshd.hosts.upstreams import Upstreams
from meshd.model import Admission, Change, Refusal
from meshd.passing.accepting import Acceptor
from meshd.proxy.plane import DataPlane
from meshd.sockets.race import DialError, Dialled
from meshd.store.interface import Store, StoreError
from meshd.values.hosting import HTTPS
from meshd.values.published import HOSTS, Published, Upstream
from meshd.values.samples import Sample

log = Logger()


class Hosted:
    """Built whether or not the settings have `[hosts]`; without that section it serves nothing and asks nobody."""

    ports_changed: Callable[[], None] = staticmethod(lambda: None)
    """Called when ports of streams may have been opened or closed."""
    _serves = False
    """Whether this process lets clients in.  No port is opened before: one of them might be that of a listener of its
    own, or be served still by the process before this one.
    """

    def __init__(
        self,
        reactor: Any,
        proxy: DataPlane,
        accounts: Accounts,
        store: Store,
        hasher: PasswordHasher,
        resolver: Resolver,
        config: Config,
        own: Callable[[], OwnListeners],
        node: str,
        handed_over: Inherited,
    ) -> None:
        """proxy: the plane whose machinery is shared; own: what this daemon listens at; node: its name in the store."""
        self._reactor, self._proxy, self._store = reactor, proxy, store
        self._handed_over = handed_over
        self._ports: set[int] = set()
        self._begun = False
        live, seals = proxy.live, Vault(config.host_secrets).seals
        self.book = HostBook(Reader(store).newer)
        self._contexts = contexts = Contexts(seals, proxy.now, proxy.seldom)
        buffer = proxy.dialler.receive_buffer
        self._upstreams = upstreams = Upstreams(proxy.poller, resolver, reactor, self._loopback, buffer)
        self.plane = host_plane(
            reactor,
            proxy,
            book=self.book,
            hasher=hasher,
            dialler=self,
            payers=Payers(self._admit, reactor.seconds, proxy.now, lambda: live.limits.credential_cache),
            certificates=contexts,
            beside=self._beside,
        )
        self._prober = Prober(self.plane, reactor)
        balance = Balancing(self.plane.sites, reactor.seconds, self.plane.chance)
        common = Common(reactor, self.plane, upstreams, self._paid_by, contexts.of, balance)
        self._own = own
        self._streams = Layer4(common, lambda: self._reserved(own()), self._open)
        self._certificates = Certificates(reactor, accounts, live, seals, self.refresh, node)
        self.book.on_change(self._changed)

    def _reserved(self, own: OwnListeners) -> Own:
        return own_of(self.plane.hosting, own.ports, self.plane.live.topology.udp.reserved)

    # The daemon's life

    async def start(self) -> None:
        """Read what is published, where the settings want it served.  Raises: StoreError."""
        if self.plane.live.topology.hosts is not None and not self._begun:
            self._begun = True
            await self.book.refresh()
            self._prober.start()
            self._certificates.start()

    def opened(self) -> None:
        """Serve streams from now on, since the listeners of this daemon are open and known."""
        self._serves = True
        self._serve()

    def _serve(self) -> None:
        """Serve streams as they are published; none where nothing is to be served."""
        if self._begun and self._serves:
            wanted = self.plane.live.topology.hosts is not None
            self._streams.apply(self.book.published if wanted else Published())
            self.ports_changed()

    def swapped(self) -> None:
        """Go by settings that were reloaded."""
        self.plane.caps.ceiling = self._proxy.caps.ceiling
        self.plane.origins.clear()
        self.plane.serve()
        self._reactor.callLater(0, self._serve)  # once the listeners are where they are wanted now
        if self.plane.live.topology.hosts is not None and not self._begun:
            Deferred.fromCoroutine(self.start()).addErrback(self._away)

    def kept(self) -> list[Kept]:
        """The sockets of streams and port forwards, by the names under which another process finds them."""
        return [(hosted_name(place), each) for place, each in self._streams.sockets()]

    def leave(self) -> None:
        """Take no more clients by ports of streams, where another process does."""
        self._streams.stop()
        self.plane.draining = True

    def _open(self, place: Place) -> Opened:
        """Open a port, or take what an earlier process had there.  Raises: OSError."""
        sockets = self._handed_over.waiting(hosted_name(place))
        return taken(place, sockets) if sockets else open_place(place)

    async def stop(self) -> None:
        """Begin nothing new; what is open is drained by the daemon."""
        self.plane.draining = True
        if self._begun:
            self._prober.stop()
            self._streams.stop()
            await self._certificates.stop()

    def acceptor(self, kind: str, listener: socket.socket, *, introduced: bool) -> Acceptor:
        """Who accepts clients of a listener of `[hosts]`.

        kind: `hosting.HTTP` or `hosting.HTTPS`; introduced: whether its clients send a PROXY header.
        """
        name: Any = listener.getsockname()
        port = name[1] if isinstance(name, tuple) else 0
        self._ports.add(port)
        made, buffer = self.connection(kind, introduced=introduced), self._proxy.dialler.receive_buffer
        return host_acceptor(self.plane, self._reactor, listener, made, buffer)

    def connection(self, kind: str, *, introduced: bool) -> Make:
        """Makes the connections of such a listener."""
        return connections(secure=kind == HTTPS, introduced=introduced)

    # Changes

    async def refresh(self) -> None:
        """Serve what is published as the store has it now.  Raises: StoreError."""
        if self._begun:
            await self.book.refresh()

    async def follow(self) -> None:
        """Serve what a request has changed, at once if the store answers."""
        if self._begun:
            await self.book.follow()

    def unserved(self) -> Mapping[int, str]:
        """By the id of a stream or a port forward: why it is not served here, or not all of it."""
        return self._streams.states()

    def own_ports(self) -> frozenset[int]:
        """TCP ports of the daemon's own listeners, whatever for."""
        return self._own().ports

    async def changed(self, change: Change) -> None:
        """Follow the change feed.  Raises: StoreError."""
        if change.account_id == HOSTS:
            await self.refresh()
        else:
            self.plane.payers.forget(change)

    def samples(self) -> Iterable[Sample]:
        """How much of its bounds the plane uses."""
        return (*self.plane.samples(), *self._streams.samples()) if self._begun else ()

    def _changed(self, before: Published, after: Published) -> None:
        if before.certificates != after.certificates:
            self._contexts.take(after.certificates)
            self._certificates.hasten()
        self._serve()

    def _away(self, failure: Any) -> None:
        log.warn("what is published cannot be read: {error}", error=failure.getErrorMessage())
        self._begun = False

    # What the planes ask for

    async def dial(self, upstream: Upstream) -> Dialled:
        """Connect to an upstream, but not to the hosts' own listeners, which would ask themselves for ever.
        Raises: DialError, Stopped.
        """
        if upstream.port in self._ports:
            addresses = await self._upstreams.addresses(upstream)
            if any(map(is_local, addresses)):
                raise DialError(Refusal(OUTSIDE, "it leads to itself"))
        return await self._upstreams.dial(upstream)

    async def _admit(self, owner: int, token: int) -> Admission | Refusal:
        """Whether the account that owns something published may pay for it now."""
        plane = self.plane
        try:
            identities = await self._store.run(billing.holders, (owner,), int(plane.now()))
        except StoreError:
            return UNAVAILABLE
        identity = identities.get(owner)
        if identity is None:
            return INVALID
        try:
            return inactive(identity) or billing.admission(identity, token, plane.live.topology.plans)
        except ValueError:  # rules that another version of meshd wrote: nobody knows what they forbid
            return UNAVAILABLE

    async def _paid_by(self, owner: int, token: int) -> Admission | Refusal:
        payers = self.plane.payers
        known = payers.recall(owner, token)
        return known if known is not None else await Deferred.fromCoroutine(payers.admit(owner, token))

    def _loopback(self) -> bool:
        return self.plane.hosting.loopback

    def _beside(self, name: str, wire: Any, received: bytes) -> bool:
        return self._streams.beside(name, wire, received)
