"""All that is passed on as bytes: streams, port forwards, and hosts whose TLS is passed on.

A change touches no open connection, except that what is switched off or deleted ends: a stream is one connection for
hours, and whoever switches one off wants it to be off.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence

from meshd.config.endpoints import TCP, parsed
from meshd.hosts.arriving import StreamListener
from meshd.hosts.common import Common
from meshd.hosts.datagrams import DatagramListener
from meshd.hosts.listening import Listener, Ports
from meshd.hosts.opening import Opened, open_place
from meshd.hosts.ports import Offer, Own, Place, Plan, plan_of
from meshd.hosts.services import service_of
from meshd.hosts.sni import Passages
from meshd.hosts.streams import StreamConnection
from meshd.sockets.wire import Wire
from meshd.values.hosting import Hosting
from meshd.values.published import Published, Resource
from meshd.values.samples import Sample


def own_of(hosting: Hosting, taken: frozenset[int], mouths: Sequence[tuple[int, int]] = ()) -> Own:
    """The ports that meshd has for itself.  taken: TCP ports of all its listeners that are open; mouths: UDP ports."""
    shared = _ports_of(hosting.https)
    return Own(taken | shared | _ports_of((*hosting.http, *hosting.listen)), shared, tuple(mouths))


def _ports_of(endpoints: Iterable[str]) -> frozenset[int]:
    places = (parsed(text).place for text in endpoints)
    return frozenset(place.port for place in places if isinstance(place, TCP))


class Layer4:
    """Serves what is published as bytes, as it is now."""

    def __init__(self, common: Common, own: Callable[[], Own], open_: Callable[[Place], Opened] = open_place) -> None:
        """own: the ports that meshd has for itself now; open_: opens a place, or takes what an earlier process had."""
        self._common = common
        self._own = own
        self._published = Published()
        self._plan = Plan()
        self._passages = Passages(self._published, ())
        self._ports = Ports(common.reactor, self._listener, open_)

    def apply(self, published: Published) -> None:
        """Serve what is published now, and end what is no more; a process that is about to end begins nothing."""
        resources: tuple[Resource, ...] = (*published.streams, *published.forwards, *published.hosts)
        self._common.roll.end_all_but({each.id for each in resources})
        if self._common.plane.draining:
            return
        own = self._own()
        self._published = published
        self._passages = Passages(published, own.shared)
        self._plan = plan_of(published, own)
        self._ports.apply(self._plan)

    def beside(self, name: str, wire: Wire, received: bytes) -> bool:
        """Whether a client of the hosts' listener for TLS, which asks for this name, is taken over.

        Of one that is, the wire is released, and its owner may forget it.
        received: all that was read of the client, from its ClientHello on.
        """
        resource = self._passages.passed_on(name)
        if resource is None:
            return False
        taken = Wire(self._common.plane.poller, wire.release(), wire.peer, registered=True)
        taken.inherit(wire)
        StreamConnection(self._common, taken, service_of(resource), received=received).begin()
        return True

    def states(self) -> Mapping[int, str]:
        """By resource, why it is not served, or not all of it; one that is served as it is told has no entry."""
        found = dict(self._plan.refused)
        for more in (self._ports.problems(), self._without_certificate()):
            for id_, text in more.items():
                found[id_] = f"{found[id_]}; {text}" if id_ in found else text
        return found

    def sockets(self) -> list[tuple[Place, socket.socket]]:
        """Those that streams and port forwards are served at."""
        return self._ports.sockets()

    def stop(self) -> None:
        """Take no more clients; connections go on, and datagrams do not."""
        self._ports.close()

    def samples(self) -> Iterable[Sample]:
        """How many connections and clients by datagram are served."""
        yield "hosts_stream_exchanges", (), float(len(self._common.roll))
        yield "hosts_stream_flows", (), float(self._common.flows)

    def _without_certificate(self) -> dict[int, str]:
        return {
            each.id: f"certificate {each.certificate} is missing, switched off or cannot be used"
            for each in self._published.streams
            if each.certificate and self._common.contexts(each.certificate) is None
        }

    def _listener(self, place: Place, sock: socket.socket, offer: Offer) -> Listener:
        if place.transport == "tcp":
            return StreamListener(self._common, sock, offer)
        return DatagramListener(self._common, sock, offer)
