"""From a name to a connected socket: resolve once, judge every address, connect to those very addresses; or ask an
upstream proxy for the connection.

The address that was judged is the address that is dialled: a name that changes its answer in between changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from meshd.dns.resolver import Resolver
from meshd.exits.agreeing import EXIT_FAILED, agreed
from meshd.exits.bars import BY_NOTHING, Bar, Barred, BarredBy
from meshd.exits.destinations import ANYWHERE, INTERNET, NO_FAMILY, OUTSIDE, Judge, OwnListeners, literal, of_family
from meshd.exits.handshake import handshake
from meshd.exits.judged import Judged, place_of
from meshd.exits.lookups import LookUps
from meshd.exits.own import is_mouth, is_own
from meshd.exits.private import private
from meshd.model import Refusal
from meshd.sockets.ends import Stopped
from meshd.sockets.poll import Poller
from meshd.sockets.race import DialError, Dialled, Race
from meshd.sockets.wire import Wire
from meshd.topology import DestinationRules, Exit, UpstreamProxy
from meshd.values.udp import Udp

ADDRESSES = 8
"""Addresses of one name that are tried at most."""

FULL = Refusal("overloaded")
OURS = frozenset({"dns-error", "dns-timeout", "overloaded"})
"""Causes that say nothing about an upstream proxy, as they precede any attempt to connect to it."""


class Way(Protocol):
    """An exit, and the local address to connect from ("" where the kernel chooses)."""

    @property
    def exit(self) -> Exit: ...

    @property
    def source(self) -> str: ...


Secure = Callable[[int, UpstreamProxy], Awaitable[int | None]]
"""Takes over a connected descriptor and gives one whose bytes reach the peer through TLS; None where that fails."""


class Dialler:
    """Opens connections for one topology."""

    def __init__(
        self,
        poller: Poller,
        resolver: Resolver,
        clock: IReactorTime,
        rules: Callable[[], DestinationRules],
        own: Callable[[], OwnListeners],
        secure: Secure | None = None,
        receive_buffer: int = 0,
        udp: Callable[[], Udp] = Udp,
    ) -> None:
        """receive_buffer: SO_RCVBUF of each new socket; 0 where the kernel decides.  udp: where clients of this daemon
        send datagrams to, which are led to no such place.
        """
        self.poller = poller
        self._resolver = resolver
        self.clock = clock
        self._rules = rules
        self._judge = Judge(DestinationRules())
        self._strangers = Judge(INTERNET)
        self._own = own
        self._judged_before = Judged()
        self._udp = udp
        self._secure = secure or _no_tls
        self.receive_buffer = receive_buffer
        self._lookups = LookUps(resolver, clock)

    def dial(
        self,
        host: str,
        port: int,
        choice: Way,
        account_id: int = 0,
        *,
        tunnel: bool = True,
        barred: Barred = BY_NOTHING,
    ) -> Awaitable[Dialled]:
        """Connect to host, a name or an address without brackets, for an account.

        tunnel: False where an upstream HTTP proxy is to be asked for the resource itself, and not for a tunnel; barred:
        by the account's own destination rules.  What has changed of any rules until it connects is heeded.
        Runs in a Task, and the caller bounds the time.
        Raises: DialError, Stopped.
        """
        addresses = self._resolver.known(host) if barred.bar is None and choice.exit.upstream is None else None
        if addresses is not None:
            source = choice.source
            usable = self._judged_before.find(self._rules(), self._own(), place_of(host, port, source), addresses)
            if usable is not None:
                return Race(self.poller, self.clock, usable, port, source, self.receive_buffer).winner()
        return self._dial(host, port, choice, account_id, tunnel=tunnel, barred=barred)

    async def _dial(
        self, host: str, port: int, choice: Way, account_id: int, *, tunnel: bool, barred: Barred
    ) -> Dialled:
        """As `dial`, of a destination that was not judged yet."""
        upstream = choice.exit.upstream
        if upstream is not None:
            return await self._through(choice.exit, upstream, host, port, barred, tunnel=tunnel)
        addresses = await self._judged(host, port, account_id, barred)
        usable = _usable(addresses, choice)
        source = choice.source
        self._judged_before.note(self._judge.rules, self._own(), place_of(host, port, source), addresses, usable)
        return await Race(self.poller, self.clock, usable, port, source, self.receive_buffer).winner()

    async def addresses(
        self, host: str, port: int, choice: Way, account_id: int = 0, *, bar: Bar | None = None
    ) -> tuple[str, ...]:
        """The addresses of host to which datagrams may be sent, at least one, judged as for `dial`, and all by us.

        Behind an upstream proxy too: only a datagram that says it comes from there is the destination's.  Those of IPv4
        come first: nothing tells of a datagram that it leads nowhere, so what is most sure to work is used.
        Raises: DialError, Stopped.
        """
        upstream = choice.exit.upstream
        if upstream is not None:
            _raise(self._elsewhere(upstream, host, port))
        addresses = await self._judged(host, port, account_id, BarredBy(bar))
        _raise(self.own_mouth(addresses, port))
        return _usable(tuple(sorted(addresses, key=lambda address: ":" in address)), choice)

    def _judge_now(self) -> Judge:
        if self._judge.rules is not self._rules():
            self._judge = Judge(self._rules())
        return self._judge

    def _elsewhere(self, upstream: UpstreamProxy, host: str, port: int, barred: Barred = BY_NOTHING) -> Refusal | None:
        """Why a host is refused now behind an upstream proxy, which will look it up."""
        judge, bar = self._judge_now(), barred.bar
        refusal = judge.name(host, port) or judge.elsewhere(host, port) or self.own_listener(literal(host), port)
        return refusal or private(upstream, host, port) or (bar.elsewhere() if bar is not None else None)

    async def _judged(self, host: str, port: int, account_id: int, barred: Barred) -> tuple[str, ...]:
        """Look a destination up and judge every address, by what holds then.  Raises: DialError, Stopped."""
        judge = self._judge_now()
        _raise(judge.name(host, port))
        addresses = self._resolver.known(host)
        if addresses is None:
            addresses = await self._lookups.addresses(host, account_id)
            if judge is not (judge := self._judge_now()):
                _raise(judge.name(host, port))
        _raise(judge.addresses(addresses, port) or self.own_listener(addresses, port))
        if (bar := barred.bar) is not None:
            _raise(bar.addresses(addresses))
        return addresses

    def unjudged(self) -> Dialler:
        """A dialler without destination rules, for URLs from the settings file (probes)."""
        return Dialler(self.poller, self._resolver, self.clock, lambda: ANYWHERE, OwnListeners, self._secure)

    async def _through(
        self, exit_: Exit, upstream: UpstreamProxy, host: str, port: int, barred: Barred, *, tunnel: bool
    ) -> Dialled:
        """Connect by an upstream proxy.  Raises: DialError, which blames exit or destination, and Stopped."""
        before = self._judge_now(), barred.bar
        _raise(self._elsewhere(upstream, host, port, barred))
        dialled = await self.reach(upstream)
        dialled.source = exit_.address or exit_.name
        if exit_.kind == "https":
            dialled.fd = await self._secured(dialled.fd, upstream)
        wire = Wire(self.poller, dialled.fd, dialled.address, registered=True)
        try:
            if (self._judge_now(), barred.bar) != before:  # meanwhile
                _raise(self._elsewhere(upstream, host, port, barred))
            if not tunnel and exit_.is_asked_itself:
                wire.release()
                return dialled
            dialled.early = await agreed(wire, handshake(exit_, host, port))
        except BaseException:
            wire.close()
            raise
        dialled.readable = True
        wire.release()
        return dialled

    async def reach(self, upstream: UpstreamProxy) -> Dialled:
        """Connect to an upstream proxy; no rule for destinations applies unless a stranger names it.

        Raises: DialError, which says that the exit has failed and never blames the destination, and Stopped.
        """
        try:
            return await self._reached(upstream)
        except DialError as error:
            raise exit_failed(error) from None

    async def _reached(self, upstream: UpstreamProxy) -> Dialled:
        """Connect to an upstream proxy as to anybody.  Raises: DialError, Stopped."""
        addresses = self._resolver.known(upstream.host)
        if addresses is None:
            try:
                addresses = await self._lookups.of_nobody(upstream.host)
            except Stopped as stop:
                stop.blameless = True
                raise
        if upstream.strange:
            port = upstream.port
            refusal = self._strangers.addresses(addresses, port) or self.own_listener(addresses, port)
            if refusal is not None:
                raise DialError(refusal)
        usable = addresses[:ADDRESSES]
        return await Race(self.poller, self.clock, usable, upstream.port, "", self.receive_buffer).winner()

    async def _secured(self, fd: int, upstream: UpstreamProxy) -> int:
        """Give a descriptor in the place of fd, whose bytes reach the upstream proxy by TLS.  Raises: DialError."""
        self.poller.unregister(fd)
        secured = await self._secure(fd, upstream)
        if secured is None:
            raise DialError(EXIT_FAILED, "exit", "exit-tls")
        try:
            self.poller.hold(secured)
        except OSError:  # epoll takes no more
            raise exit_failed(DialError(FULL)) from None
        return secured

    def own_listener(self, addresses: tuple[str, ...], port: int) -> Refusal | None:
        """Why a place is refused that leads back to this daemon; None where it does not."""
        return Refusal(OUTSIDE) if is_own(self._own(), addresses, port) else None

    def own_mouth(self, addresses: tuple[str, ...], port: int) -> Refusal | None:
        """The same of a place for datagrams."""
        return Refusal(OUTSIDE) if is_mouth(self._udp(), addresses, port) else None


def _usable(addresses: tuple[str, ...], choice: Way) -> tuple[str, ...]:
    """The addresses that are tried, all of them reached by the way.  Raises: DialError where there are none."""
    usable = of_family(addresses, choice.source)[:ADDRESSES]
    if not usable:
        raise DialError(NO_FAMILY, "family")
    return usable


def exit_failed(error: DialError) -> DialError:
    """The error of an exchange whose exit could not be reached for this one; the cause stays for the operator."""
    return DialError(EXIT_FAILED, "either" if error.cause in OURS else "exit", error.cause)


def _raise(refusal: Refusal | None) -> None:
    """Raise DialError where there is a refusal."""
    if refusal is not None:
        raise DialError(refusal)


async def _no_tls(fd: int, upstream: UpstreamProxy) -> int | None:
    os.close(fd)
    return None
