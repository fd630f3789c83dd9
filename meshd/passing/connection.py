"""A client's connection, as every edge has it: where it begins, what it reads, how an answer begins, and its end."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from twisted.logger import Logger

from meshd.model import Refusal
from meshd.passing.caps import GRACE
from meshd.passing.place import Place
from meshd.passing.record import Record
from meshd.passing.waiting import WaitingConnection
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.proxyprotocol import read_introduction
from meshd.sockets.secure import SecureWire
from meshd.sockets.task import Task
from meshd.sockets.tunnels import join
from meshd.sockets.wire import Wire
from meshd.usage.meter import Meter

log = Logger()


class Connection(WaitingConnection):
    """Serves one client until either side ends the connection.  Constructors of subclasses set what is declared, and no
    more than that: what a connection needs besides is made when it begins.
    """

    __slots__ = ("_answering", "proxy", "speech")

    _answering: bool
    """Whether an answer has begun, so that no other one can be given."""
    proxy: str
    """The name of the proxy that the client came to."""
    speech: object
    """What reads and writes for this connection, and may hold it: dropped at the end."""

    def begin(self) -> None:
        """Run the client's task.  Most clients are known before it waits for the first time; one that is not is counted
        as unknown then, and has its first timeout from then on.
        """
        plane, wire = self._plane, self.wire
        plane.connections.add(self)
        self.place = place = Place(plane.caps, self, wire.peer)
        self._missed = plane.wheel.missed
        wire.watcher = self
        self.task = task = Task(self._serve(), self._over)
        task.resume()
        if not place.known:
            place.wait()
        if not self.slot and self._phase == "grace" and not task.over:
            self.phase("grace", GRACE)

    async def _serve(self) -> None:
        """Serve the client, exchange by exchange."""
        raise NotImplementedError

    # What the client says, and is told

    @property
    def encrypted(self) -> bool:
        """Whether nobody on the way can read what the client says."""
        return self.wire.sealed is not None

    async def receive(self) -> bool:
        """Wait for more bytes; False where the client has left."""
        try:
            data = await self.wire.receive()
        except OSError:
            return False
        self.buffer = self.buffer + data if self.buffer else data
        return bool(data)

    def came_from(self, address: str) -> None:
        """Take the client's address from a PROXY header, in place of the peer's, and count the client there."""
        self.wire.peer = address
        self.place.move(address)
        self.phase("grace", GRACE)

    async def introduce(self) -> bool:
        """Read a PROXY header and wait for the bytes after it; False where the client has left.  Raises: BadHeader."""
        while (header := read_introduction(self.buffer) if self.buffer else None) is None:
            if not await self.receive():
                return False
        self.buffer = self.buffer[header.size :]
        if header.address:
            self.came_from(header.address)
        return bool(self.buffer) or await self.receive()

    async def take_off_tls(self, context: ssl.SSLContext) -> bool:
        """Shake hands with a client that has begun to, and have plain bytes from then on; False where it has left."""
        received, self.buffer = self.buffer, b""
        self.handshake(over=False)
        self.wire = wire = SecureWire(self.wire, context, self._plane.relay.securing)
        wire.watcher = self
        try:
            await wire.shake_hands(received)
        except OSError:
            return False
        self.handshake(over=True)
        return True

    def begin_answer(self, status: int, *, framed: bool = True) -> None:
        self._answering = True
        self.framed = framed
        if self.record is not None:
            self.record.status = status

    def end_interim(self) -> None:
        self._answering = False

    # Endings

    def _end(self, reason: str, keep: bool, detail: str = "") -> bool:
        """Close the record of the exchange, if one had begun, which writes the log line; gives keep back."""
        if self.record is not None:
            self.record.close(reason, detail)
        self.meter = None
        return keep

    def stop(self) -> None:
        """End the exchange now: a shutdown waits no longer."""
        self._stopped(Refusal("overloaded", "shutting down"))

    def _stopped(self, refusal: Refusal) -> None:
        """End the exchange with that refusal; may be called from within the task's own counting."""
        self.cut = refusal
        self.task.throw(Stopped(refusal))

    def cut_off(self, refusal: Refusal) -> None:
        """End the exchange with that refusal, which somebody else has found."""
        self._stopped(refusal)

    def _over(self, error: BaseException | None) -> None:
        """Release what the client held, since its task has ended; error: what ended the task, None for nothing."""
        plane = self._plane
        if error is not None and not isinstance(error, ClientGone | Stopped | OSError):
            plane.seldom.say(log.error, "connection ended by {error}", error=type(error).__name__)
        wire, whose = self.wire, self.whose  # which the place knows no longer, once it is left
        if isinstance(wire, SecureWire):
            wire.whose = whose
        self.place.leave()
        self.speech = None  # or speech and connection would keep each other alive, beside a tunnel too
        self.record = self.meter = None  # likewise, where an exchange was cut: a meter can stop its connection
        plane.wheel.disarm(self)
        plane.connections.discard(self)
        if self.idle:  # the kernel sends by itself what it has still of the last answer
            wire.close()
        else:
            self.part(whose)

    def _become_tunnel(
        self, record: Record, meter: Meter, origin: Wire, late: bytes, ended: Callable[[str], None] | None = None
    ) -> bool:
        """Give both sockets to a tunnel, which closes the record; this connection ends.

        late: as in `Tunnel`; ended: closes the record in place of the record's own `close`.
        """
        early, self.buffer = self.buffer, b""
        if self.cut is not None:
            raise Stopped(self.cut)
        client, self.record = self.wire, None
        join(self._plane.relay, client, origin, meter, early=early, late=late, ended=ended or record.close)
        return False
