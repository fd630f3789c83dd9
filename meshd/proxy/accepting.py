"""Whom a proxy's listener leads to: the connection of a client, or of one whom a balancer introduces."""

from __future__ import annotations

import socket

from twisted.internet.interfaces import IReactorTime

from meshd.model import Refusal
from meshd.passing.accepting import Acceptor
from meshd.proxy import replies
from meshd.proxy.connection import ClientConnection
from meshd.proxy.plane import DataPlane

FULL = Refusal("overloaded", retry_after=1)


class IntroducedConnection(ClientConnection):
    """Of a client behind a balancer, which says whose connection it passes on."""

    __slots__ = ()

    introduced = True


def connections(*, introduced: bool) -> type[ClientConnection]:
    """The connections of a listener; introduced: its clients send a PROXY header."""
    return IntroducedConnection if introduced else ClientConnection


def proxy_acceptor(
    plane: DataPlane, clock: IReactorTime, listener: socket.socket, proxy: str, *, introduced: bool = False
) -> Acceptor:
    """Accept clients of one named proxy.

    listener: a socket that listens already; the caller closes it.  introduced: clients send a PROXY header.
    """

    def full() -> bytes:
        return replies.refusal(FULL, plane.request_id(), keep=False)

    return Acceptor(
        plane, clock, listener, proxy, connections(introduced=introduced), full, plane.dialler.receive_buffer
    )
