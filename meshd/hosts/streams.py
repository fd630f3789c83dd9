"""Streams by connection: a client's bytes to an upstream and back, with TLS taken off where a certificate is given.

    accept → the name that TLS asks for, where names matter → who pays → TLS → dial → tunnel, which owns both sockets

A client that nobody takes is reset, so that it does not take the close for an answer.
"""

from __future__ import annotations

import ssl

from twisted.logger import Logger

from meshd.hosts.callers import Presence
from meshd.hosts.common import Asked, Common
from meshd.hosts.plane import CROWDED
from meshd.hosts.services import Service
from meshd.hosts.sni import Names
from meshd.model import Refusal
from meshd.passing.caps import GRACE
from meshd.passing.place import Place
from meshd.passing.record import Record
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.race import TIMEOUT, DialError, Dialled
from meshd.sockets.secure import SecureWire
from meshd.sockets.task import Task
from meshd.sockets.tunnels import join
from meshd.sockets.wire import Watcher, Wire
from meshd.tls.clienthello import NotTLS, read_client_hello
from meshd.values.published import Upstream

UNNAMED = "stream-hosts"
"""What the log calls a client whose name nobody takes."""

log = Logger()


class StreamConnection(Watcher):
    """One client, until its bytes are a tunnel's or it is turned away."""

    __slots__ = (
        "_buffer",
        "_common",
        "_method",
        "_named",
        "_phase",
        "_presence",
        "_record",
        "_service",
        "deadline",
        "place",
        "proxy",
        "slot",
        "task",
        "wire",
    )

    idle = False
    """As `caps` asks: a client is never between two requests here."""

    def __init__(
        self,
        common: Common,
        wire: Wire,
        service: Service | None,
        named: Names[Service] | None = None,
        received: bytes = b"",
    ) -> None:
        """service: who takes the client; None where `named` says so by the name that the client asks for.

        received: bytes that were read of the client already.
        """
        self._common = common
        self.wire = wire
        self._service = service
        self._named = named
        self._buffer = received
        self._method = b"TCP"
        self.proxy = service.label if service is not None else UNNAMED
        """Where the client came to, which is no proxy."""
        self._record = Record(common.plane, self.proxy, wire.peer)
        self._presence: Presence | None = Presence(common.callers)
        """Where the client is counted; None where its tunnel has that."""
        self._phase = ""
        self.deadline = 0.0
        self.slot = 0
        self.task = Task(self._serve(), self._over)

    def begin(self) -> None:
        plane = self._common.plane
        plane.connections.add(self)
        self.place = Place(plane.caps, self, self.wire.peer)
        self.place.wait()
        self.wire.watcher = self
        self._bound("grace", GRACE)
        self.task.resume()

    # The path

    async def _serve(self) -> None:
        try:
            hosting = self._common.plane.live.topology.hosts
            if self._presence and not self._presence.at(self.wire.peer, hosting.trusted if hosting else ()):
                raise Stopped(CROWDED)
            service = self._service = self._service or await self._by_name()
            await self._pass(service)
        except ClientGone:
            self._turn_away("client-gone")
        except (DialError, Stopped) as no:
            self._turn_away(no.refusal.reason)
        except Exception:
            self._common.plane.seldom.failure(log, "a connection to {proxy} failed", proxy=self.proxy)
            self._turn_away("internal")

    async def _by_name(self) -> Service:
        """Who takes a client that asks for this name.  Raises: ClientGone, Stopped."""
        while (hello := read_client_hello(self._buffer)) is None:
            await self._receive()
        self._record.note_request(Asked(b"TLS", Upstream("" if isinstance(hello, NotTLS) else hello.name, 0)))
        if isinstance(hello, NotTLS):
            raise Stopped(Refusal("bad-request", hello.rule))
        assert self._named is not None
        service = self._named.find(hello.name)
        if service is None:
            raise Stopped(Refusal("bad-request", "no stream has this name"))
        self.proxy = service.label
        self._record = Record(self._common.plane, self.proxy, self.wire.peer)
        return service

    async def _receive(self) -> None:
        """Wait for more of the client's bytes.  Raises: ClientGone."""
        try:
            data = await self.wire.receive()
        except OSError:
            raise ClientGone from None
        if not data:
            raise ClientGone
        self._buffer += data

    async def _pass(self, service: Service) -> None:
        """Meter the client, take TLS off it, dial; a tunnel gets both sockets.  DialError, Stopped, ClientGone."""
        common, record = self._common, self._record
        self._method = b"TLS" if service.certificate or self._buffer else b"TCP"
        record.note_request(Asked(self._method, service.upstreams[0]))
        context = common.contexts(service.certificate) if service.certificate else None
        if service.certificate and context is None:
            raise Stopped(Refusal("internal", "its certificate cannot be served"))
        meter = await common.meter(service, record, self._stopped)
        if isinstance(meter, Refusal):
            raise Stopped(meter)
        if context is not None:
            await self._unwrap(context)
        self.place.leave()
        dialled = await self._dial(service)
        record.exit, record.status = dialled.address, 200
        self._become_tunnel(service, record, dialled)

    async def _unwrap(self, context: ssl.SSLContext) -> None:
        """Take TLS off the client; it is plain bytes that come from then on.  Raises: Stopped, ClientGone."""
        if not self._buffer:
            await self._receive()
        received, self._buffer = self._buffer, b""
        self.wire = wire = SecureWire(self.wire, context, self._common.plane.relay.securing)
        wire.watcher = self
        try:
            await wire.shake_hands(received)
        except OSError:
            raise ClientGone from None

    async def _dial(self, service: Service) -> Dialled:
        """Connect to the first upstream that can be reached.  Raises: DialError of the last one, Stopped."""
        common, tried = self._common, list[Upstream]()
        why = Refusal("unreachable")
        while (upstream := common.balance.choose(service, self.wire.peer, tried)) is not None:
            self._record.note_request(Asked(self._method, upstream))
            self._bound(TIMEOUT, common.plane.live.timeouts.connect)
            try:
                dialled = await common.upstreams.dial(upstream, service.port)
            except DialError as error:
                why = error.refusal
            except Stopped as stop:
                if stop.refusal.reason != TIMEOUT:
                    raise
                why = stop.refusal
            else:
                self._record.departure = common.balance.hold(service, upstream)
                return dialled
            common.balance.failed(service, upstream)
            tried.append(upstream)
        raise DialError(why)

    def _become_tunnel(self, service: Service, record: Record, dialled: Dialled) -> None:
        """Give both sockets to a tunnel, which closes the record."""
        common, meter = self._common, record.meter
        assert meter is not None
        early, self._buffer = self._buffer, b""
        presence, self._presence = self._presence, None

        def ended(reason: str) -> None:
            if presence is not None:
                presence.leave()
            common.close(service, record, reason)

        origin = Wire(self.wire.poller, dialled.fd, dialled.address, registered=True)
        origin.readable = dialled.readable
        join(
            common.plane.relay,
            self.wire,
            origin,
            meter,
            early=early,
            late=dialled.early,
            ended=ended,
        )

    def _turn_away(self, reason: str) -> None:
        """Reset the client, and write its line, unless it has said nothing."""
        self.wire.reset()
        if self._service is not None:
            self._common.close(self._service, self._record, reason)
        elif self._buffer:
            self._record.close(reason)

    # Called by the wheel, by the wire, and by whoever ends clients

    def _bound(self, phase: str, seconds: float) -> None:
        """Bound what follows by so many seconds; phase: the reason of the end that comes then."""
        self._phase = phase
        self._common.plane.wheel.arm(self, seconds)

    def expired(self) -> None:
        if self._phase == "grace" and self.place.linger():
            self._bound("head-timeout", max(self._common.plane.live.timeouts.head - GRACE, 0.1))
            return
        self.task.throw(Stopped(Refusal("head-timeout" if self._phase == "grace" else self._phase)))

    def stirred(self, wire: Wire) -> None:
        """End the connection if the client has left; what it sends meanwhile is read by the tunnel."""
        if wire.gone:
            self.task.throw(ClientGone())

    def evict(self) -> None:
        """End a client that nobody has taken yet, because others need its place."""
        self.task.throw(ClientGone())

    def farewell(self) -> bool:
        """Say nothing: what is passed on has no word of ours."""
        return False

    def drain(self) -> None:
        """End a client that nobody has taken yet."""
        if self._service is None:
            self.task.throw(ClientGone())

    def stop(self) -> None:
        self._stopped(Refusal("overloaded", "shutting down"))

    def _stopped(self, refusal: Refusal) -> None:
        self.task.throw(Stopped(refusal))

    def _over(self, error: BaseException | None) -> None:
        """Give back what the client held, since its task has ended."""
        plane = self._common.plane
        if error is not None:
            plane.seldom.say(log.error, "connection ended by {error}", error=type(error).__name__)
        if not self.place.known:
            self.place.leave()
        if self._presence is not None:
            self._presence.leave()
        plane.wheel.disarm(self)
        plane.connections.discard(self)
        self.wire.close()
