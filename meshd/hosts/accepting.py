"""Whom a listener of published hosts leads to: a connection with or without TLS, perhaps behind a balancer."""

from __future__ import annotations

import socket
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from meshd.hosts import answers
from meshd.hosts.connection import HostConnection
from meshd.hosts.plane import NAME, HostPlane
from meshd.passing.accepting import Acceptor
from meshd.sockets.wire import Wire

Make = Callable[[HostPlane, str, Wire], HostConnection]
"""Makes a connection of plane, proxy and a client's wire."""


class SecureHostConnection(HostConnection):
    """Of a client that speaks TLS."""

    __slots__ = ()

    _secure = True


class IntroducedHostConnection(HostConnection):
    """Of a client behind a balancer, which says whose connection it passes on."""

    __slots__ = ()

    introduced = True


class IntroducedSecureHostConnection(SecureHostConnection):
    __slots__ = ()

    introduced = True


def connections(*, secure: bool, introduced: bool) -> Make:
    """Makes the connections of a listener.  secure: its clients speak TLS; introduced: they send a PROXY header."""
    if secure:
        return IntroducedSecureHostConnection if introduced else SecureHostConnection
    return IntroducedHostConnection if introduced else HostConnection


def host_acceptor(
    plane: HostPlane, clock: IReactorTime, listener: socket.socket, made: Make, receive_buffer: int
) -> Acceptor:
    """Accept clients.

    listener: a socket that listens already; the caller closes it.  receive_buffer: SO_RCVBUF of clients' sockets, 0
    where the kernel decides.
    """

    def full() -> bytes:
        return answers.refusal("overloaded", {}, retry_after=1, keep=False)

    return Acceptor(plane, clock, listener, NAME, made, full, receive_buffer)
