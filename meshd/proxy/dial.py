"""From a name to a connected socket: resolve once, judge every address, connect to those very addresses.

Addresses are tried as RFC 8305 says: one after another, the next as soon as one has failed or is slow, the first to
answer wins.  The address that was judged is the address that is dialled, so a name that changes its answer in between
changes nothing.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from meshd.model import Refusal
from meshd.proxy.destination import OUTSIDE, Judge, OwnListeners, unwrap
from meshd.proxy.poll import GONE, OUT, Poller
from meshd.proxy.task import READING, Task, parked
from meshd.resolver import ResolveError, Resolver
from meshd.topology import DestinationRules, Exit

ATTEMPT_DELAY = 0.25
"""Seconds before the next address is tried beside a slow one (RFC 8305, section 8)."""

ADDRESSES = 8
"""The most addresses of one name that are tried."""

PREPARED = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
)
"""A probe a minute keeps the middleboxes on the way awake; an origin that vanished is the idle timeout's business."""

LOOKUPS = 16
"""Names that one account may wait for at once: a silent name server of its own must not stop everybody's."""

BIND_ADDRESS_NO_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT: connect chooses the port, so that an address serves 28,000 connections to each origin."""

_NOT_REACHED = {
    errno.ECONNREFUSED: "connection-refused",
    errno.ECONNRESET: "connection-reset",
    errno.ETIMEDOUT: "connection-timeout",
    errno.EADDRNOTAVAIL: "no-exit",
    errno.EMFILE: "overloaded",
    errno.ENFILE: "overloaded",
}


class DialError(Exception):
    """Could not, with the reason for the client."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


@dataclass(slots=True)
class Dialled:
    """A connected, registered, non-blocking socket."""

    fd: int
    address: str
    """The address dialled."""
    source: str
    """The address it leaves by."""
    readable: bool
    """Whether the origin may have spoken already."""


class Dialler:
    """Opens connections for one topology."""

    def __init__(
        self,
        poller: Poller,
        resolver: Resolver,
        clock: IReactorTime,
        rules: Callable[[], DestinationRules],
        own: Callable[[], OwnListeners],
    ) -> None:
        self._poller = poller
        self._resolver = resolver
        self._clock = clock
        self._rules = rules
        self._judge = Judge(DestinationRules())
        self._own = own
        self._asking: dict[int, int] = {}
        """Names that each account waits for."""

    async def dial(self, host: str, port: int, exit_: Exit, account_id: int = 0) -> Dialled:
        """Connect to host, a name or an address without brackets, for an account.

        DialError; the caller bounds the time.
        """
        judge = self._judge
        if judge.rules is not self._rules():
            self._judge = judge = Judge(self._rules())
        refusal = judge.name(host, port)
        if refusal is not None:
            raise DialError(refusal)
        addresses = self._resolver.known(host)
        if addresses is None:
            addresses = await Deferred.fromCoroutine(self._resolve(host, account_id))
        refusal = judge.addresses(addresses, port) or self._own_listener(addresses, port)
        if refusal is not None:
            raise DialError(refusal)
        usable = _of_family(addresses, exit_)[:ADDRESSES]
        if not usable:
            raise DialError(Refusal("unreachable", "no address of the exit's family"))
        return await Race(self._poller, self._clock, usable, port, exit_.address).winner()

    async def _resolve(self, host: str, account_id: int) -> tuple[str, ...]:
        asking = self._asking.get(account_id, 0)
        if asking >= LOOKUPS:
            raise DialError(Refusal("rate-requests", "too many names at once", retry_after=1))
        self._asking[account_id] = asking + 1
        try:
            return (await self._resolver.resolve(host)).addresses
        except ResolveError as error:
            raise DialError(Refusal("dns-timeout" if error.kind == "dns_timeout" else "dns-error")) from None
        finally:
            self._asking[account_id] -= 1
            if not self._asking[account_id]:
                del self._asking[account_id]

    def _own_listener(self, addresses: tuple[str, ...], port: int) -> Refusal | None:
        own = self._own()
        if port not in own.ports:
            return None
        if any(address in own.addresses or is_local(address) for address in addresses):
            return Refusal(OUTSIDE)
        return None


class Race:
    """Attempts at the addresses of one name; the first that connects wins."""

    __slots__ = (
        "_addresses",
        "_clock",
        "_error",
        "_open",
        "_poller",
        "_port",
        "_source",
        "_timer",
        "_won",
        "reader",
        "writer",
    )

    def __init__(self, poller: Poller, clock: IReactorTime, addresses: tuple[str, ...], port: int, source: str) -> None:
        self._poller = poller
        self._clock = clock
        self._addresses = list(reversed(addresses))
        self._port = port
        self._source = source
        self._open: dict[int, tuple[socket.socket, str]] = {}
        self._won: Dialled | None = None
        self._error = errno.EHOSTUNREACH
        self._timer: Any = None
        self.reader: Task | None = None
        self.writer: Task | None = None

    async def winner(self) -> Dialled:
        """DialError with the last failure when all have failed."""
        try:
            self._next()
            while self._won is None and (self._open or self._addresses):
                await parked(self, READING)
        finally:
            self._abandon()
        if self._won is None:
            raise DialError(Refusal(_NOT_REACHED.get(self._error, "unreachable")))
        return self._won

    def ready(self, fd: int, events: int) -> None:
        """An attempt has an outcome."""
        attempt, address = self._open[fd]
        if events & GONE:
            error = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:  # a socket that has not begun to connect says that it is gone too
                self._failed(fd, error)
                self._next()
        elif events & OUT:
            self._connected(fd, attempt, address, bool(events & ~OUT))
        self._tell()

    def _tell(self) -> None:
        """Wake the dialler where the race is over."""
        if self.reader is not None and (self._won is not None or not (self._open or self._addresses)):
            task, self.reader = self.reader, None
            task.resume()

    def _next(self) -> None:
        """Begin attempts until one is under way, and have the next one begin later."""
        while self._addresses and self._won is None:
            if self._begin(self._addresses.pop()):
                break
        if self._addresses and self._won is None and self._open:
            self._stop_timer()
            self._timer = self._clock.callLater(ATTEMPT_DELAY, self._slow)

    def _slow(self) -> None:
        self._timer = None
        self._next()
        self._tell()

    def _begin(self, address: str) -> bool:
        """Whether the attempt is under way, or has won already."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            attempt = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            self._error = error.errno or errno.EHOSTUNREACH
            return False
        try:
            self._prepare(attempt)
            outcome = attempt.connect_ex((address, self._port))
        except OSError as error:
            outcome = error.errno or errno.EHOSTUNREACH
        if outcome not in {0, errno.EINPROGRESS}:
            attempt.close()
            self._error = outcome
            return False
        fd = attempt.fileno()
        self._open[fd] = attempt, address
        self._poller.add(fd, self)
        if outcome == 0:
            self._connected(fd, attempt, address, True)
        return True

    def _prepare(self, attempt: socket.socket) -> None:
        for level, option, value in PREPARED:
            attempt.setsockopt(level, option, value)
        if self._source:
            attempt.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
            attempt.bind((self._source, 0))

    def _connected(self, fd: int, attempt: socket.socket, address: str, readable: bool) -> None:
        del self._open[fd]
        self._won = Dialled(fd, address, self._source or attempt.getsockname()[0], readable)
        attempt.detach()

    def _failed(self, fd: int, error: int) -> None:
        attempt, _ = self._open.pop(fd)
        self._poller.remove(fd)
        attempt.close()
        self._error = error

    def _abandon(self) -> None:
        self._stop_timer()
        for fd, (attempt, _) in self._open.items():
            self._poller.remove(fd)
            attempt.close()
        self._open.clear()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


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


def _of_family(addresses: tuple[str, ...], exit_: Exit) -> tuple[str, ...]:
    if not exit_.address:
        return addresses
    six = ":" in exit_.address
    return tuple(address for address in addresses if (":" in address) == six)
