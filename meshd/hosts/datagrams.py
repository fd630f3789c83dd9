"""Streams by datagram: each client's address and port has a socket of its own to the upstream while it is used.

What the upstream sends to that socket goes to that client alone, from the address that the client wrote to; whatever
else comes from anywhere is answered by nobody.  Datagrams may be lost, so what there is no room for is dropped: a queue
would only make it late.
"""

from __future__ import annotations

import socket
import struct

from twisted.logger import Logger

from meshd.hosts.common import GONE, Common
from meshd.hosts.flow import Flow, Key
from meshd.hosts.opening import IP_PKTINFO
from meshd.hosts.ports import Offer
from meshd.sockets.datagrams import AT_ONCE, LARGEST
from meshd.sockets.poll import IN

PART = 4
"""The part of all descriptors that flows may take: addresses that are made up must not keep out those who connect."""

_ANCILLARY = socket.CMSG_SPACE(20)
_FOUR = struct.Struct("i4s4s")
"""`struct in_pktinfo`: a device, the local address, and the address that the datagram was sent to."""

log = Logger()


class DatagramListener:
    """One socket of a place, and the flows that came in by it."""

    def __init__(self, common: Common, sock: socket.socket, offer: Offer) -> None:
        """sock: bound; the listener closes it.  offer: that of one service, as datagrams tell no name."""
        assert offer.alone is not None
        self.common = common
        self._service = offer.alone
        self._sock = sock
        self._flows: dict[Key, Flow] = {}
        self._unproven: dict[Flow, None] = {}
        """Those whose clients have not spoken again after an answer, the oldest first."""
        self._starts = 0.0
        """Flows that may begin now, refilled up to a second's worth."""
        self._refilled = float("-inf")
        self.buffer = memoryview(bytearray(LARGEST))
        """For one datagram, which is passed on before the next is read."""
        common.plane.poller.add(sock.fileno(), self, IN)

    def __len__(self) -> int:
        return len(self._flows)

    def change(self, offer: Offer) -> None:
        """Serve another service, or the same one with other settings, from the next datagram on.

        A flow has no end of its own, so one whose upstream is another now ends here, and the client's next datagram
        begins a new one.
        """
        assert offer.alone is not None
        before, self._service = self._service, offer.alone
        if (before.id, before.upstreams) != (self._service.id, self._service.upstreams):
            self._end_flows("" if before.id == self._service.id else GONE.reason)

    def close(self) -> None:
        """Close the socket, and with it all flows, which are answered by it."""
        self._end_flows("overloaded" if self.common.plane.draining else GONE.reason)
        self.common.plane.poller.unregister(self._sock.fileno())
        self._sock.close()

    def _end_flows(self, reason: str) -> None:
        for flow in list(self._flows.values()):
            flow.close(reason)

    def ready(self, fd: int, events: int) -> None:
        for _ in range(AT_ONCE):
            try:
                size, ancillary, _flags, address = self._sock.recvmsg_into([self.buffer], _ANCILLARY)
            except OSError:  # nothing more has come; or an earlier answer reached nobody
                return
            key = address, _answer_from(ancillary)
            flow = self._flows.get(key) or self._begin(key)
            if flow is not None:
                flow.came(self.buffer[:size])

    def answer(self, key: Key, data: memoryview) -> bool:
        """Send a client a datagram; whether the kernel took it."""
        address, control = key
        try:
            self._sock.sendmsg([data], [control] if control else [], 0, address)
        except OSError:
            return False
        return True

    def proven(self, flow: Flow) -> None:
        """Keep the flow when others need its place."""
        self._unproven.pop(flow, None)

    def left(self, flow: Flow) -> None:
        """Forget a flow that has ended."""
        self._unproven.pop(flow, None)
        if self._flows.pop(flow.key, None) is not None:
            self.common.flows -= 1

    def _begin(self, key: Key) -> Flow | None:
        """Begin a flow for a client; None where there are too many."""
        if not self._may_begin():
            self.common.plane.seldom.say(
                log.warn,
                "{service}: clients are left out, as too many new ones come or too many are open",
                service=self._service.label,
            )
            return None
        flow = Flow(self, self._service, key)
        self._flows[key] = flow
        self._unproven[flow] = None
        self.common.flows += 1
        flow.begin()
        return flow if not flow.over else None

    def _may_begin(self) -> bool:
        """Whether one more flow may begin; where there are too many, the oldest that is not proven makes room."""
        plane = self.common.plane
        if plane.draining or not self._takes_turn():
            return False
        limits = plane.live.limits
        full = bool(limits.tunnels_per_account) and len(self._flows) >= limits.tunnels_per_account
        full = full or self.common.flows >= plane.caps.ceiling // PART or not plane.has_room(1)
        if not full:
            return True
        oldest = next(iter(self._unproven), None)
        if oldest is None:
            return False
        oldest.close("overloaded")
        return True

    def _takes_turn(self) -> bool:
        """Take one start from what a second allows; each costs a socket and a line in the log."""
        rate = self.common.plane.live.limits.requests_per_second
        if not rate:
            return True
        monotonic = self.common.plane.wheel.seconds()
        self._starts = min(float(rate), self._starts + (monotonic - self._refilled) * rate)
        self._refilled = monotonic
        if self._starts < 1:
            return False
        self._starts -= 1
        return True


def _answer_from(ancillary: list[tuple[int, int, bytes]]) -> tuple[int, int, bytes] | None:
    """The control message that sends an answer from the address to which a datagram came; None where that is not told.

    By which device the answer leaves is the kernel's choice, or the socket's.
    """
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            return level, kind, data[:16] + bytes(4)
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            _device, local, _sent_to = _FOUR.unpack_from(data)
            return level, kind, _FOUR.pack(0, local, bytes(4))
    return None
