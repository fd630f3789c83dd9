"""From a name to a connected socket: resolve once, judge every address, connect to those very addresses; or ask an
upstream proxy for the connection.

The address that was judged is the address that is dialled: a name that changes its answer in between changes nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from meshd.dns.resolver import Resolved, ResolveError, Resolver
from meshd.exits.agreeing import EXIT_FAILED, agreed
from meshd.exits.bars import Bar
from meshd.exits.destinations import ANYWHERE, INTERNET, NO_FAMILY, OUTSIDE, Judge, OwnListeners, literal, of_family
from meshd.exits.handshake import handshake
from meshd.exits.judged import Judged
from meshd.exits.own import is_mouth, is_own
from meshd.exits.private import private
from meshd.model import Refusal
from meshd.sockets.ends import Stopped
from meshd.sockets.line import Line
from meshd.sockets.poll import Poller
from meshd.sockets.race import TIMEOUT, DialError, Dialled, Race
from meshd.sockets.wire import Wire
from meshd.topology import DestinationRules, Exit, UpstreamProxy
from meshd.values.udp import Udp

ADDRESSES = 8
"""Addresses of one name that are tried at most."""

EVERYBODY = 2**62
"""Places in the line for look-ups, which needs no bound of its own: exchanges wait there, and those are bounded."""

TOO_MANY = Refusal("rate-requests", "too many names at once", retry_after=1)
OURS = frozenset({"dns-error", "dns-timeout", "overloaded"})
"""Causes that say nothing about an upstream proxy, as they precede any attempt to connect to it."""


Outcome = TypeVar("Outcome")


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
        self._asking: dict[int, Counter[str]] = {}
        """For each account the names that are being looked up, and for how many exchanges each."""
        self._line = Line(clock, self._may_ask)

    def dial(
        self, host: str, port: int, choice: Way, account_id: int = 0, *, tunnel: bool = True, bar: Bar | None = None
    ) -> Awaitable[Dialled]:
        """Connect to host, a name or an address without brackets, for an account.

        tunnel: False where an upstream HTTP proxy is to be asked for the resource itself, and not for a tunnel; bar:
        the account's own destination rules, where addresses have a say in them.
        Runs in a Task, and the caller bounds the time.
        Raises: DialError, Stopped.
        """
        addresses = self._resolver.known(host) if bar is None and choice.exit.upstream is None else None
        if addresses is not None:
            source = choice.source
            usable = self._judged_before.find(self._rules(), self._own(), (host, port, source), addresses)
            if usable is not None:
                return Race(self.poller, self.clock, usable, port, source, self.receive_buffer).winner()
        return self._dial(host, port, choice, account_id, tunnel=tunnel, bar=bar)

    async def _dial(
        self, host: str, port: int, choice: Way, account_id: int, *, tunnel: bool, bar: Bar | None
    ) -> Dialled:
        """As `dial`, of a destination that was not judged yet."""
        judge = self._judge_now()
        _raise(judge.name(host, port))
        upstream = choice.exit.upstream
        if upstream is not None:
            _raise(self._elsewhere(judge, upstream, host, port) or (bar.elsewhere() if bar is not None else None))
            return await self._through(choice.exit, upstream, host, port, account_id, tunnel=tunnel)
        addresses = await self._judged(judge, host, port, account_id, bar)
        usable = _usable(addresses, choice)
        self._judged_before.note(judge.rules, self._own(), (host, port, choice.source), addresses, usable)
        return await Race(self.poller, self.clock, usable, port, choice.source, self.receive_buffer).winner()

    async def addresses(
        self, host: str, port: int, choice: Way, account_id: int = 0, *, bar: Bar | None = None
    ) -> tuple[str, ...]:
        """The addresses of host to which datagrams may be sent, at least one, judged as for `dial`, and all by us.

        Behind an upstream proxy too: only a datagram that says it comes from there is the destination's.  Those of IPv4
        come first: nothing tells of a datagram that it leads nowhere, so what is most sure to work is used.
        Raises: DialError, Stopped.
        """
        judge, upstream = self._judge_now(), choice.exit.upstream
        _raise(judge.name(host, port))
        if upstream is not None:
            _raise(self._elsewhere(judge, upstream, host, port))
        addresses = await self._judged(judge, host, port, account_id, bar)
        _raise(self.own_mouth(addresses, port))
        return _usable(tuple(sorted(addresses, key=lambda address: ":" in address)), choice)

    def _judge_now(self) -> Judge:
        if self._judge.rules is not self._rules():
            self._judge = Judge(self._rules())
        return self._judge

    def _elsewhere(self, judge: Judge, upstream: UpstreamProxy, host: str, port: int) -> Refusal | None:
        """Why a host is refused behind an upstream proxy, besides its name and the account's rules."""
        refusal = judge.elsewhere(host, port) or self.own_listener(literal(host), port)
        return refusal or private(upstream, host, port)

    async def _judged(self, judge: Judge, host: str, port: int, account_id: int, bar: Bar | None) -> tuple[str, ...]:
        """Look a destination up and judge every address.  Raises: DialError, Stopped."""
        addresses = self._resolver.known(host)
        if addresses is None:
            addresses = await self._asked(host, account_id)
        _raise(judge.addresses(addresses, port) or self.own_listener(addresses, port))
        if bar is not None:
            _raise(bar.addresses(addresses))
        return addresses

    def unjudged(self) -> Dialler:
        """A dialler without destination rules, for URLs from the settings file (probes)."""
        return Dialler(self.poller, self._resolver, self.clock, lambda: ANYWHERE, OwnListeners, self._secure)

    async def _through(
        self, exit_: Exit, upstream: UpstreamProxy, host: str, port: int, account_id: int, *, tunnel: bool
    ) -> Dialled:
        """Connect by an upstream proxy.  Raises: DialError, which blames exit or destination, and Stopped."""
        dialled = await self.reach(upstream)
        dialled.source = exit_.address or exit_.name
        if exit_.kind == "https":
            dialled.fd = await self._secured(dialled.fd, upstream)
        if not tunnel and exit_.is_asked_itself:
            return dialled
        wire = Wire(self.poller, dialled.fd, dialled.address, registered=True)
        try:
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
                addresses = await self._addresses(self._resolver.look_up(upstream.host))
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
        self.poller.add(secured, _Nobody())
        return secured

    async def _asked(self, host: str, account_id: int) -> tuple[str, ...]:
        """Look up a destination; wait while its account has too many under way.  Raises: DialError, Stopped."""
        behind = self._line.ahead(account_id) is not None
        while (behind or not self._may_ask(account_id)) and self._would_ask(host, account_id):
            try:
                await self._line.turn(account_id, TOO_MANY, EVERYBODY)
            except Stopped as stop:
                raise DialError(TOO_MANY) if stop.refusal.reason == TIMEOUT else stop from None
            behind = False
        asking = self._asking.setdefault(account_id, Counter())
        asking[host] += 1
        # The look-up counts until it is answered, even where the exchange has ended meanwhile.
        return await self._addresses(self._resolver.look_up(host).addBoth(self._answered, host, account_id))

    def _may_ask(self, account_id: int) -> bool:
        """Whether one more name may be looked up for the account, or one silent name server could stop all look-ups."""
        return self._resolver.may_ask(len(self._asking.get(account_id, ())))

    def _would_ask(self, host: str, account_id: int) -> bool:
        """Whether a look-up of host would add one to those under way for the account."""
        return host not in self._asking.get(account_id, ()) and self._resolver.asks(host)

    def _answered(self, outcome: Outcome, host: str, account_id: int) -> Outcome:
        """Count one look-up less, whatever came of it."""
        asking = self._asking[account_id]
        asking[host] -= 1
        if not asking[host]:
            del asking[host]
        if not asking:
            del self._asking[account_id]
        self._line.freed(account_id)
        return outcome

    async def _addresses(self, looked_up: Deferred[Resolved]) -> tuple[str, ...]:
        try:
            return (await looked_up).addresses
        except ResolveError as error:
            raise DialError(Refusal("dns-timeout" if error.kind == "dns_timeout" else "dns-error")) from None

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


class _Nobody:
    """The owner of a registered descriptor until the caller has taken it over."""

    def ready(self, fd: int, events: int) -> None:
        """Do nothing: the next owner tries to read and write for itself."""


async def _no_tls(fd: int, upstream: UpstreamProxy) -> int | None:
    os.close(fd)
    return None
