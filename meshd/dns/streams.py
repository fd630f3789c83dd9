"""A question by TCP, for an answer that was too long for a datagram: a connection of its own, closed after it."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory
from twisted.protocols.basic import Int16StringReceiver

from meshd.dns.messages import Reply, query, question, reply
from meshd.dns.ports import Server


class Stream(Int16StringReceiver):
    """One question and its answer (RFC 1035, section 4.2.2)."""

    def __init__(self, name: bytes, kind: int) -> None:
        self._id = os.urandom(2)
        self._section = question(name, kind)
        self.answer: Deferred[Reply] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.sendString(query(int.from_bytes(self._id, "big"), self._section))

    def stringReceived(self, string: bytes) -> None:
        found = reply(string, self._section) if string[:2] == self._id else None
        if found is not None and not self.answer.called:
            self.answer.callback(found)

    def connectionLost(self, reason: Any = None) -> None:
        if not self.answer.called:
            self.answer.errback(ConnectionError("the name server ended the connection"))
        self.lost.callback(None)


async def by_stream(reactor: Any, server: Server, name: bytes, kind: int, limit: float) -> Reply:
    """Ask one server one question.  Whoever calls bounds the time; limit is that for connecting.
    Raises: OSError, ConnectError, CancelledError.
    """
    factory = Factory.forProtocol(lambda: Stream(name, kind))
    factory.noisy = False
    stream: Any = await HostnameEndpoint(reactor, *server, timeout=limit).connect(factory)
    try:
        found: Reply = await stream.answer
        return found
    finally:
        stream.transport.abortConnection()
        await stream.lost
