"""CONNECT-UDP (RFC 9298): a client's datagrams in capsules on its connection, to one destination.

What the client sends waits, unread, while its account has to wait.  What comes for it is written as far as the kernel
has room, and is dropped where it has none: a client that does not read loses datagrams, as it would by UDP.
"""

from __future__ import annotations

from contextlib import suppress

from meshd.exits.departure import Departure
from meshd.http1.errors import BadMessage
from meshd.http2.restraint import Restraint
from meshd.masque.capsules import BadCapsule, CapsuleReader, datagram
from meshd.model import Refusal
from meshd.passing.parting import LINGER_SECONDS
from meshd.passing.record import Record
from meshd.proxy.barring import check_again
from meshd.proxy.client import Client
from meshd.proxy.plane import DataPlane
from meshd.proxy.request import ProxyRequest
from meshd.sockets.datagrams import DatagramFlow, Datagrams, Path
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.task import READING, WRITING, Again, Task, next_turn, parked
from meshd.usage.meter import Meter

A_DATAGRAM = 16 * 1024
"""The cost of a datagram, in bytes that take as long to move: after 64 of them others get their turn, answers too."""

A_CAPSULE = 4 * 1024
"""The cost of one that is dropped, likewise."""

PATIENCE = 10.0
"""Seconds for which a datagram waits for room at most: what does not fit by then is more than there ever is at once."""

EMPTY = "too many capsules that carry nothing"

TOO_MANY = Refusal("rate-tunnels", "as many flows of datagrams as there may be")


class _Over(Exception):
    """The flow has ended by itself."""


async def carry(
    client: Client, plane: DataPlane, request: ProxyRequest, departure: Departure, record: Record, meter: Meter
) -> bool:
    """Serve an exchange whose exit is chosen; False, as the connection serves no other.
    Raises: BadMessage, ClientGone, DialError, Stopped.
    """
    target, terms = request.target, meter.tally.terms
    path = await departure.path(target.host, target.port, client.phase)
    try:
        check_again(departure, terms, meter)
        _look_for_room(plane.datagrams, meter)
        choice = departure.choice
        record.exit = label = choice.label(departure.selection, path.source)
        client.begin_answer(101, framed=False)
        assert client.speech is not None
        await client.deliver(client.speech.established(label, choice, path.source, record.id))
        _look_for_room(plane.datagrams, meter)  # again: while this client took the answer others may have begun
        capsuled = Capsuled(client, plane.datagrams, path, meter, plane.relay.again)
    except BaseException:
        path.close()
        raise
    await capsuled.run()
    record.close("")
    client.meter = None  # what still comes goes nowhere, and is not paid
    await client.let_it_read()
    return False


def _look_for_room(datagrams: Datagrams, meter: Meter) -> None:
    """Look whether there may be one more flow.  Raises: Stopped."""
    if not datagrams.may_open(meter.admission.account.id):
        raise Stopped(TOO_MANY)


class Capsuled:
    """A flow of datagrams between a path and the connection of a client."""

    __slots__ = ("_again", "_client", "_flow", "_meter", "_over", "_reader", "_rest", "_restraint", "_wheel", "_writer")

    def __init__(self, client: Client, datagrams: Datagrams, path: Path, meter: Meter, again: Again) -> None:
        """Take over a path; client: has been answered."""
        self._again = again
        self._client = client
        self._meter = meter
        self._reader = CapsuleReader()
        self._wheel = datagrams.wheel
        self._restraint = Restraint(self._wheel.monotonic)
        """How many capsules may be dropped."""
        self._over: str | None = None
        """Why the flow has ended; None while it goes on."""
        self._rest = b""
        """Of a capsule that the kernel has taken a part of: what is still to be written; at most one capsule."""
        self._writer: Task | None = None
        account_id = meter.admission.account.id
        self._flow = DatagramFlow(
            datagrams, path, meter, account_id=account_id, deliver=self._deliver, ended=self._ended
        )
        meter.resume = self._resume

    async def run(self) -> None:
        """Pass datagrams both ways until the client ends, or nobody uses the flow.
        Raises: BadMessage, ClientGone, Stopped where it ended otherwise.
        """
        client = self._client
        client.untimed()  # the flow has a time of its own
        try:
            while self._over is None and (data := await self._read()):
                await self._pass_up(data)
        except _Over:
            pass
        except BadCapsule as bad:
            raise BadMessage(400, str(bad)) from None
        finally:
            reason = self._over
            self._meter.resume = None
            self._flow.close("")
            del self._flow  # or it and this would keep each other alive until the garbage collector runs
            await self._finish()
        if reason is None and not self._reader.whole:
            raise ClientGone
        if reason:
            raise Stopped(Refusal(reason))

    async def _read(self) -> bytes:
        """What the client sends, once its account has room; b"" where it has ended.  Raises: ClientGone, Stopped."""
        client = self._client
        await self._turn()
        data, client.buffer = client.buffer, b""
        if data:
            return data
        try:
            return await client.wire.receive()
        except OSError:
            raise ClientGone from None

    async def _pass_up(self, data: bytes) -> None:
        """Send the datagrams that these bytes complete.  Raises: BadCapsule, Stopped."""
        reader, work = self._reader, len(data)
        payloads = reader.feed(data)
        while True:
            dropped = reader.dropped
            if dropped and not self._restraint.allows(self._wheel.monotonic, dropped):
                raise BadCapsule(EMPTY)
            for payload in payloads:
                if self._over is not None:  # by the one before
                    return
                await self._fits(len(payload))
                self._flow.send(payload)
                await self._client.worked(A_DATAGRAM)
            await self._client.worked(work + A_CAPSULE * dropped)
            if not reader.more or self._over is not None:
                return
            work, payloads = 0, reader.feed(b"")

    async def _fits(self, size: int) -> None:
        """Wait until a datagram of so many bytes may go, or does not for PATIENCE.  Raises: Stopped."""
        until = self._wheel.monotonic + PATIENCE
        while await self._turn() < size and self._flow.waits(size):
            await next_turn(self._again)  # what is left may be the rest of a turn
            if self._wheel.monotonic >= until or not self._flow.waits(size):
                return
            await parked(self._client, READING)

    async def _turn(self) -> int:
        """Wait until the account may move bytes; how many.  Raises: Stopped."""
        client = self._client
        while True:
            if client.cut is not None:  # which nobody could tell while this task was running
                raise Stopped(client.cut)
            room = self._meter.room_up
            if room:
                return room
            await parked(client, READING)

    def _deliver(self, data: memoryview) -> bool:
        """Write a datagram to the client; whether the kernel took it."""
        if self._rest:
            return False
        capsule = datagram(data)
        try:
            sent = self._client.wire.try_send(capsule)
        except OSError:
            return False  # whoever reads learns of it
        if 0 < sent < len(capsule):
            self._rest = capsule[sent:]
            self._writer = Task(self._write(), self._written)
            self._writer.resume()
        return sent > 0

    async def _write(self) -> None:
        await self._client.wire.send(self._rest)

    def _written(self, error: BaseException | None) -> None:
        """Hear that the rest of a capsule is written, or never will be."""
        self._rest = b""
        self._client.wake()

    async def _finish(self) -> None:
        """Wait until the capsule that was begun is written, which is counted already, for LINGER_SECONDS at most."""
        writer = self._writer
        if writer is None or writer.over:
            return
        try:
            with suppress(Stopped, ClientGone):
                self._client.phase("delivering", LINGER_SECONDS)
                await parked(self._client, WRITING)
        finally:
            writer.throw(ClientGone())

    def _resume(self) -> None:
        """Go on in both directions, since the meter has room again."""
        self._flow.resume()
        self._client.wake()

    def _ended(self, reason: str) -> None:
        self._over = reason
        self._client.task.throw(_Over())  # unless it is running: then it looks at the reason
