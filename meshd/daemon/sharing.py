"""Listeners at which workers accept: for each worker a socket of its own, among which the kernel shares out clients.

One socket for all of them would give one worker nearly every client.  The daemon opens the sockets once and keeps them:
who waits to be accepted waits on while a worker is replaced.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from twisted.internet.defer import Deferred, succeed

from meshd.config.endpoints import TCP, Endpoint, Place
from meshd.daemon.doors import APIS, SERVED, Address, Wish
from meshd.daemon.inherited import Inherited as HandedOver
from meshd.daemon.keeping import name_of
from meshd.daemon.opening import ListeningSocket, bind, cannot_listen


def shareable(wish: Wish) -> bool:
    """Whether workers may accept there: each has a socket of its own at a TCP port of a proxy, and nowhere else."""
    return can_be_shared(wish.place) and wish.proxy not in APIS and wish.proxy not in SERVED


def can_be_shared(place: Place | int) -> bool:
    """Whether several sockets can be open at such a place."""
    return isinstance(place, TCP)


class SharedSocket(ListeningSocket):
    """One of several sockets at one address."""

    def listen(self, backlog: int) -> None:
        """Listen, and go on sharing the address: the kernel asks at each connection.  Raises: OSError."""
        self.sock.listen(backlog)


class SharedDoor:
    """A door whose sockets workers have; this process accepts nobody there."""

    def __init__(self, wish: Wish, sockets: Sequence[SharedSocket]) -> None:
        self.wish = wish
        self.sockets = tuple(sockets)
        """As many for each worker as for any other: the first one's, the second's and so on, and over again."""

    def serve(self, wish: Wish) -> None:
        if wish.endpoint.backlog != self.wish.endpoint.backlog:
            for each in self.sockets:
                each.listen(wish.endpoint.backlog)
        self.wish = wish

    def address(self) -> Address:
        name = self.sockets[0].sock.getsockname()
        return name[0], name[1]

    def close(self) -> Deferred[None]:
        for each in self.sockets:
            each.close()
        return succeed(None)


def open_shared(endpoint: Endpoint, count: int, handed_over: HandedOver, *, beside: bool) -> list[SharedSocket]:
    """Open so many sockets at the endpoint's place, which do not listen yet.  beside: as `open_sockets` has it.

    Of an earlier process all are taken, since clients may wait in each: then there may be several for each worker, of
    each the same number.  Without one the first is bound alone, so that a port that anybody else has is found, whether
    or not they would share it.
    Raises: ListenError.
    """
    place = endpoint.place
    assert isinstance(place, TCP)
    made: list[SharedSocket] = []
    try:
        made += map(SharedSocket, handed_over.waiting(name_of(place)) or [bind(place, beside)])
        for each in made:
            each.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        same = TCP(made[0].sock.getsockname()[1], place.interface)
        made += (SharedSocket(bind(same, True)) for _ in range(-len(made) % count))
    except OSError as error:
        for each in made:
            each.close()
        raise cannot_listen(endpoint.text, error) from error
    return made
