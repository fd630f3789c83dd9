"""Datagrams of one exchange, to one destination and back: counted, bounded and freed as a tunnel's bytes are.

A datagram goes whole or not at all, and may be lost, so nothing is queued here: what there is no room for is dropped.
An account that has to wait for room altogether has its datagrams wait in the kernel's buffer, which drops what is too
much.  No datagram goes that is not paid: one that is larger than what a limit leaves ends the exchange.
"""

from __future__ import annotations

import errno
import socket
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from meshd.sockets.metering import NOT_NOW, DatagramMeter
from meshd.sockets.race import BIND_ADDRESS_NO_PORT, IPV6_FREEBIND
from meshd.sockets.wheel import Wheel
from meshd.topology import Live

LARGEST = 65_535
"""Bytes of the largest datagram, and some more."""

AT_ONCE = 64
"""Datagrams that are read at one wake-up, so that others get their turn: about a millisecond."""

WAITING = 16
"""Datagrams of a client that may wait while it is looked for where they go: QUIC sends some ten before an answer."""

BUSY = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors that say that this machine, or this process, has too much."""

_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH})


class Receiver(Protocol):
    """Who hears what comes by a path."""

    @property
    def listens(self) -> bool:
        """Whether there is room for a datagram; where not, `Path.pause` was called."""

    def came(self, data: memoryview, /) -> None:
        """Take a datagram that the destination has sent; the memory is used again after this call."""

    def failed(self, error: OSError, /) -> None:
        """Hear that a datagram was lost, or that nobody is there."""

    def closed(self, reason: str, /) -> None:
        """Hear that the path leads nowhere any more."""


class Path(Protocol):
    """The way of datagrams to one destination, and from there alone."""

    address: str
    """The destination's address."""
    source: str
    """The local address that they leave by; of an exit with an upstream proxy the exit's address, or its name."""

    def begin(self, receiver: Receiver, buffer: memoryview, /) -> None:
        """Hear what comes from now on, or at once that it leads nowhere any more.
        buffer: for one datagram, which others use as well.  Raises: OSError.
        """

    def send(self, data: bytes | memoryview, /) -> None:
        """Send one datagram.  Raises: OSError."""

    def pause(self) -> None:
        """Leave in the kernel what comes, until `resume`."""

    def resume(self) -> None: ...

    def close(self) -> None:
        """Close it; calling it again changes nothing."""


class Datagrams:
    """What all flows of one process share."""

    __slots__ = ("_accounts", "_flows", "_most", "buffer", "live", "wheel")

    def __init__(self, wheel: Wheel, live: Live, most: Callable[[], int]) -> None:
        """most: flows that there may be in this process."""
        self.wheel, self.live = wheel, live
        self.buffer = memoryview(bytearray(LARGEST))
        """For one datagram, which is passed on before the next is read."""
        self._most = most
        self._flows = 0
        self._accounts: Counter[int] = Counter()

    def __len__(self) -> int:
        return self._flows

    def may_open(self, account_id: int) -> bool:
        """Whether the account may have one more flow here."""
        own = self.live.limits.tunnels_per_account
        return self._flows < self._most() and (not own or self._accounts[account_id] < own)

    def opened(self, account_id: int) -> None:
        self._flows += 1
        self._accounts[account_id] += 1

    def closed(self, account_id: int) -> None:
        self._flows -= 1
        self._accounts[account_id] -= 1
        if not self._accounts[account_id]:
            del self._accounts[account_id]


class DatagramFlow:
    """Owns a path until nothing was sent by it for `timeouts.udp_idle`, or somebody ends it."""

    __slots__ = ("_account_id", "_deliver", "_ended", "_meter", "_path", "_paused", "_shared", "deadline", "slot")

    def __init__(
        self,
        shared: Datagrams,
        path: Path,
        meter: DatagramMeter,
        *,
        account_id: int,
        deliver: Callable[[memoryview], bool],
        ended: Callable[[str], None],
    ) -> None:
        """Take over a path that nobody hears yet; `Datagrams.may_open` was asked.  Raises: OSError; it is closed then.

        The meter may count other flows of the same exchange too; its `stop` ends the exchange, its `resume` calls this
        flow's.  deliver: passes a datagram of the destination's on to the client; whether it went.  ended: called once,
        with "" where the flow was no longer used, else with the reason.
        """
        self._shared = shared
        self._path = path
        self._meter = meter
        self._account_id = account_id
        self._deliver = deliver
        self._ended: Callable[[str], None] | None = ended
        self._paused = False
        self.deadline = 0.0
        self.slot = 0
        shared.opened(account_id)
        shared.wheel.arm(self, shared.live.timeouts.udp_idle)
        try:
            path.begin(self, shared.buffer)
        except BaseException:
            self._ended = None  # whoever asks hears of it
            self._let_go()
            raise

    @property
    def path(self) -> Path:
        return self._path

    @property
    def paused(self) -> bool:
        """Whether what the destination sends waits for `resume`."""
        return self._paused

    def send(self, data: bytes | memoryview) -> bool:
        """Pass a datagram of the client's on, and count it; whether it went.  It may end the flow."""
        if self._ended is None or not self._pays(len(data), upward=True):
            return False
        try:
            self._path.send(data)
        except OSError as error:
            self.failed(error)
            return False
        self._alive()
        if self._meter.shaped:
            self._meter.weigh(len(data), upward=True)
        self._meter.sent_up(len(data))
        return True

    def waits(self, size: int) -> bool:
        """Whether a datagram of so many bytes of the client's has to wait; the meter's `resume` is called then."""
        on_limit = self._shared.live.limits.on_limit
        if self._ended is None or self._meter.against(size, upward=True, on_limit=on_limit) is not NOT_NOW:
            return False
        self._meter.await_up(size)
        return True

    @property
    def listens(self) -> bool:
        """Whether there is room for a datagram of the destination's; where not, the path waits for `resume`."""
        if self._ended is None:
            return False
        if self._meter.room_down > 0:
            return True
        if not self._paused:
            self._paused = True
            self._path.pause()
        return False

    def came(self, data: memoryview) -> None:
        if self._ended is None or not self._pays(len(data), upward=False) or not self._deliver(data):
            return
        self._alive()
        if self._meter.shaped:
            self._meter.weigh(len(data), upward=False)
        self._meter.sent_down(len(data))

    def resume(self) -> None:
        """Go on, since the meter has room again."""
        if self._paused and self._ended is not None:
            self._paused = False
            self._path.resume()

    def failed(self, error: OSError) -> None:
        """End the flow where nobody is there; else a datagram was lost."""
        reason = ending(error)
        if reason:
            self.close(reason)

    def closed(self, reason: str) -> None:
        self.close(reason)

    def expired(self) -> None:
        """End the flow: that it is used no longer is a good end."""
        self.close("")

    def close(self, reason: str) -> None:
        """End the flow; calling it again, or from within `sent_up` and `sent_down`, does no harm."""
        ended, self._ended = self._ended, None
        if ended is None:
            return
        self._let_go()
        ended(reason)

    def _let_go(self) -> None:
        self._shared.wheel.disarm(self)
        self._shared.closed(self._account_id)
        self._path.close()

    def _pays(self, size: int, *, upward: bool) -> bool:
        """Whether a datagram of so many bytes may go; one that is more than a limit leaves ends the exchange."""
        refusal = self._meter.against(size, upward=upward, on_limit=self._shared.live.limits.on_limit)
        if refusal is not None and refusal is not NOT_NOW:
            self._meter.stop(refusal)
        return refusal is None

    def _alive(self) -> None:
        self.deadline = self._shared.wheel.monotonic + self._shared.live.timeouts.udp_idle


def ending(error: OSError) -> str:
    """The reason for which an error of a connected socket for datagrams is the end; "" where it is none."""
    if error.errno == errno.ECONNREFUSED:
        return "connection-refused"
    return "unreachable" if error.errno in _UNREACHABLE else ""


def connected(address: str, port: int, source: str = "") -> socket.socket:
    """A socket for datagrams that sends to the address alone, and hears it alone.  Raises: OSError.

    source: the local address, of the same family; "" where the kernel chooses it.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if source:
            sock.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
            if ":" in source:
                sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
            sock.bind((source, 0))
        sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return sock
