"""Connections to an API that a load balancer passes on: each begins with a PROXY header, and the rest is served as the
connection of the client that the header names.

The header is read as at the proxies, and not by Twisted's reader: that takes no `PROXY UNKNOWN` without addresses, by
which balancers ask whether a server is well (HAProxy's proxy-protocol.txt, 2.1), and none that begins with few bytes.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

from meshd.sockets.proxyprotocol import BadHeader, read_introduction
from meshd.values.addresses import peer_host


class Introduced(ProtocolWrapper):
    """One such connection; ended where it begins with anything else.  Its protocol bounds how long the header takes."""

    named = ""
    """The client's address; "" where the balancer names none, or itself."""
    _head: bytes | None = b""
    """What has come of the header; None once it is read."""
    _told: IAddress | None = None

    def dataReceived(self, data: bytes) -> None:
        if self._head is None:
            self.wrappedProtocol.dataReceived(data)
            return
        self._head += data
        try:
            header = read_introduction(self._head)
        except BadHeader:
            self.transport.abortConnection()  # type: ignore[union-attr]
            return
        if header is None:
            return
        rest, self._head = self._head[header.size :], None
        self._name(header.address)
        if rest:
            self.wrappedProtocol.dataReceived(rest)

    def getPeer(self) -> IAddress:
        """The client's address, with no port; the balancer's until the header names another."""
        return super().getPeer() if self._told is None else self._told

    def _name(self, address: str) -> None:
        if address and address != peer_host(super().getPeer()):
            self.named = address
            self._told = (IPv6Address if ":" in address else IPv4Address)("TCP", address, 0)


class IntroducedFactory(WrappingFactory):
    """Serves by the factory that it is made with whoever a balancer passes on."""

    noisy = False
    protocol: Any = Introduced
