"""From a name to a connected socket: resolve once, judge every address, connect to those very addresses; or have an
upstream proxy do it.

The address that was judged is the address that is dialled: a name that changes its answer in between changes nothing.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from meshd.dns.resolver import ResolveError, Resolver
from meshd.exits.destinations import ANYWHERE, NO_FAMILY, OUTSIDE, Judge, OwnListeners, literal, of_family, unwrap
from meshd.exits.handshake import Handshake, Refused, handshake
from meshd.model import Refusal
from meshd.sockets.ends import Stopped
from meshd.sockets.line import Line
from meshd.sockets.poll import Poller
from meshd.sockets.race import TIMEOUT, Blame, DialError, Dialled, Race
from meshd.sockets.wire import Wire
from meshd.topology import DestinationRules, Exit, UpstreamProxy

ADDRESSES = 8
"""The most addresses of one name that are tried."""

LOOKUPS = 16
"""Different names that are asked for at once for one account, whose others wait for their turn: a silent name server of
its own must not stop everybody's.
"""

EXIT_FAILED = Refusal("exit-failed")
EVERYBODY = 2**62
"""Places in that line: whoever waits there is an exchange under way, and bounded as such."""

TOO_MANY = Refusal("rate-requests", "too many names at once", retry_after=1)
OURS = frozenset({"dns-error", "dns-timeout", "overloaded"})
"""Causes that say nothing of an upstream proxy: it was not even tried."""


class Way(Protocol):
    """By which exit, and which address of it."""

    @property
    def exit(self) -> Exit: ...

    @property
    def source(self) -> str: ...


Secure = Callable[[int, UpstreamProxy], Awaitable[int | None]]
"""Takes a connected descriptor and gives back one that speaks TLS to its peer; None where that fails."""


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
    ) -> None:
        """receive_buffer: SO_RCVBUF of what is opened; 0 where the kernel decides."""
        self._poller = poller
        self._resolver = resolver
        self._clock = clock
        self._rules = rules
        self._judge = Judge(DestinationRules())
        self._own = own
        self._secure = secure or _no_tls
        self.receive_buffer = receive_buffer
        self._asking: dict[int, Counter[str]] = {}
        """Names that are asked for each account, and by how many exchanges each."""
        self._line = Line(clock, self._may_ask)

    async def dial(self, host: str, port: int, choice: Way, account_id: int = 0, *, tunnel: bool = True) -> Dialled:
        """Connect to host, a name or an address without brackets, for an account.

        tunnel: False where an upstream HTTP proxy is to be asked for the resource itself, and not for a tunnel.
        Runs in a Task.  DialError; the caller bounds the time.
        """
        judge = self._judge
        if judge.rules is not self._rules():
            self._judge = judge = Judge(self._rules())
        refusal = judge.name(host, port)
        if refusal is not None:
            raise DialError(refusal)
        upstream = choice.exit.upstream
        if upstream is not None:
            refusal = judge.elsewhere(host, port) or self._own_listener(literal(host), port)
            if refusal is not None:
                raise DialError(refusal)
            return await self._through(choice.exit, upstream, host, port, account_id, tunnel=tunnel)
        addresses = self._resolver.known(host)
        if addresses is None:
            addresses = await self._asked(host, account_id)
        refusal = judge.addresses(addresses, port) or self._own_listener(addresses, port)
        if refusal is not None:
            raise DialError(refusal)
        usable = of_family(addresses, choice.source)[:ADDRESSES]
        if not usable:
            raise DialError(NO_FAMILY, "family")
        return await Race(self._poller, self._clock, usable, port, choice.source, self.receive_buffer).winner()

    def unjudged(self) -> Dialler:
        """One like this for destinations that the operator has named, which no rule is meant for."""
        return Dialler(self._poller, self._resolver, self._clock, lambda: ANYWHERE, OwnListeners, self._secure)

    async def _through(
        self, exit_: Exit, upstream: UpstreamProxy, host: str, port: int, account_id: int, *, tunnel: bool
    ) -> Dialled:
        """DialError, with the blame where it belongs."""
        try:
            dialled = await self._reach(upstream)
        except DialError as error:
            raise DialError(EXIT_FAILED, "either" if error.cause in OURS else "exit", error.cause) from None
        dialled.source = exit_.address or exit_.name
        if exit_.kind == "https":
            dialled.fd = await self._secured(dialled.fd, upstream)
        if not tunnel and exit_.kind != "socks5":
            return dialled
        wire = Wire(self._poller, dialled.fd, dialled.address, registered=True)
        try:
            dialled.early = await _agreed(wire, handshake(exit_, host, port))
        except BaseException:
            wire.close()
            raise
        dialled.readable = True
        wire.release()
        return dialled

    async def _reach(self, upstream: UpstreamProxy) -> Dialled:
        """The operator's own choice of a proxy, which may be anywhere, and whose name is no customer's."""
        addresses = self._resolver.known(upstream.host)
        if addresses is None:
            try:
                addresses = await Deferred.fromCoroutine(self._resolve(upstream.host))
            except Stopped as stop:
                stop.blameless = True
                raise
        usable = addresses[:ADDRESSES]
        return await Race(self._poller, self._clock, usable, upstream.port, "", self.receive_buffer).winner()

    async def _secured(self, fd: int, upstream: UpstreamProxy) -> int:
        """A descriptor in the place of this one, whose bytes go to the upstream proxy through TLS."""
        self._poller.unregister(fd)
        secured = await self._secure(fd, upstream)
        if secured is None:
            raise DialError(EXIT_FAILED, "exit")
        self._poller.add(secured, _Nobody())
        return secured

    async def _asked(self, host: str, account_id: int) -> tuple[str, ...]:
        """The addresses of a customer's destination, which are not known yet.  DialError, Stopped."""
        behind = self._line.ahead(account_id) is not None
        while (behind or not self._may_ask(account_id)) and self._would_ask(host, account_id):
            try:
                await self._line.turn(account_id, TOO_MANY, EVERYBODY)
            except Stopped as stop:
                raise DialError(TOO_MANY) if stop.refusal.reason == TIMEOUT else stop from None
            behind = False
        return await Deferred.fromCoroutine(self._counted(host, account_id))

    def _may_ask(self, account_id: int) -> bool:
        return len(self._asking.get(account_id, ())) < LOOKUPS

    def _would_ask(self, host: str, account_id: int) -> bool:
        """Whether it is one name more that is asked for."""
        return host not in self._asking.get(account_id, ()) and self._resolver.asks(host)

    async def _counted(self, host: str, account_id: int) -> tuple[str, ...]:
        """Counted until it is answered, even where whoever wanted it has left."""
        asking = self._asking.setdefault(account_id, Counter())
        asking[host] += 1
        try:
            return await self._resolve(host)
        finally:
            asking[host] -= 1
            if not asking[host]:
                del asking[host]
            if not asking:
                del self._asking[account_id]
            self._line.freed(account_id)

    async def _resolve(self, host: str) -> tuple[str, ...]:
        try:
            return (await self._resolver.resolve(host)).addresses
        except ResolveError as error:
            raise DialError(Refusal("dns-timeout" if error.kind == "dns_timeout" else "dns-error")) from None

    def _own_listener(self, addresses: tuple[str, ...], port: int) -> Refusal | None:
        return Refusal(OUTSIDE) if is_own(self._own(), addresses, port) else None


async def _agreed(wire: Wire, talk: Handshake) -> bytes:
    """Carry out a handshake; what came after it.  DialError, Stopped.

    An upstream proxy is to blame until it has let us in; then whoever is slow may be the destination.
    """
    try:
        await wire.send(talk.begin())
        while not talk.done:
            data = await wire.receive()
            if not data:
                raise DialError(EXIT_FAILED, "either" if talk.asked else "exit")
            said = talk.feed(data)
            if said:
                await wire.send(said)
    except OSError:
        raise DialError(EXIT_FAILED, "either" if talk.asked else "exit") from None
    except Stopped as stop:
        stop.blameless = talk.asked
        raise
    except Refused as no:
        blame: Blame = "exit" if no.own_fault else "destination" if no.reason == "connection-refused" else "either"
        raise DialError(Refusal(no.reason), blame, answered=not no.own_fault) from None
    return talk.rest


class _Nobody:
    """Owns a descriptor for the moment until somebody does."""

    def ready(self, fd: int, events: int) -> None:
        """Whoever comes will try."""


async def _no_tls(fd: int, upstream: UpstreamProxy) -> int | None:
    os.close(fd)
    return None


def is_own(own: OwnListeners, addresses: tuple[str, ...], port: int) -> bool:
    """Whether one of them would lead back to a listener of ours."""
    return port in own.ports and any(address in own.addresses or is_local(address) for address in addresses)


def is_local(address: str) -> bool:
    """Whether packets to address stay on this host: then the kernel would answer them from that very address.

    But for 127.0.0.0/8, which it answers from 127.0.0.1.
    """
    target = unwrap(ip_address(address))
    if target.is_loopback or target.is_unspecified:
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return str(probe.getsockname()[0]) == address
    except OSError:
        return False
