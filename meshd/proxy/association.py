"""The datagrams of a SOCKS5 client (RFC 1928, 7): one exchange, with as many destinations as the client sends to.

It lasts as long as the client's connection.  Each destination has a flow of its own; the exit, the meter and the line
in the log they have in common.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from twisted.logger import Logger

from meshd.exits.bars import Bar
from meshd.exits.datagrams import DatagramCarrier
from meshd.exits.departure import Departure
from meshd.model import Refusal
from meshd.passing.record import Record
from meshd.proxy.mouth import Mouth
from meshd.proxy.plane import DataPlane
from meshd.proxy.remote import OVER, Remote
from meshd.sockets.datagrams import AT_ONCE, DatagramFlow
from meshd.sockets.poll import IN
from meshd.sockets.race import DialError
from meshd.socks5 import datagram_head, head_size, read_datagram
from meshd.usage.meter import Meter
from meshd.values.destinations import Level
from meshd.values.terms import Terms

log = Logger()


class Host(Protocol):
    """The client's connection."""

    def alive(self) -> None:
        """Start the time anew that the association may be silent."""


class Association:
    """Owns the client's socket for datagrams, the carrier and all flows."""

    def __init__(
        self,
        plane: DataPlane,
        host: Host,
        mouth: Mouth,
        carrier: DatagramCarrier,
        departure: Departure,
        record: Record,
        meter: Meter,
        told: tuple[str, int],
    ) -> None:
        """host: hears of every datagram that goes; told: address and port that the client is to send to."""
        self._plane = plane
        self._alive: Callable[[], None] = host.alive
        self._mouth = mouth
        self._carrier = carrier
        self.departure = departure
        self._record = record
        self.meter = meter
        self._ways: dict[bytes, Remote] = {}
        """By the head of a client's datagram: a place that is asked for in two ways has two of them."""
        self.waiting = 0
        """Bytes of datagrams that wait."""
        self.told = told
        self._paused = self._closed = self._served = self._listening = self._has_turn = False
        self._row: deque[Remote] = deque()
        """Destinations that may be heard again, each in a turn of its own."""
        self._refused = ""
        meter.way = self

    def listen(self) -> None:
        """Begin to hear the client."""
        self._plane.poller.add(self._mouth.fd, self, IN)
        self._listening = True
        self.meter.resume = self.resume

    @property
    def reason(self) -> str:
        """The log's reason where the client has ended it: why nothing went, or "" where something did."""
        return "" if self._served else self._refused

    # From the client

    def ready(self, fd: int, events: int) -> None:
        """Pass on what the client has sent, as long as there is room."""
        buffer, mouth = self._plane.datagrams.buffer, self._mouth
        for _ in range(AT_ONCE):
            if self._closed or not self._listens():
                return
            try:
                size = mouth.read(buffer)
            except BlockingIOError:
                return
            except OSError:
                continue  # an answer has reached nobody
            if size:
                self._take(buffer[:size])

    def _listens(self) -> bool:
        """Whether there is room for a datagram; where not, what comes waits in the kernel."""
        if self.meter.room_up > 0:
            return not self._closed
        if not self._paused and not self._closed:
            self._paused = True
            self._plane.poller.pause(self._mouth.fd)
        return False

    def resume(self) -> None:
        """Go on in both directions, since the meter has room again: with what comes from one destination, and with the
        others in later turns, since each of them may have as much to be read as a turn is for.
        """
        self._row = deque(way for way in self._ways.values() if way.paused)
        self._go_on()
        if self._paused and not self._closed:
            self._paused = False
            self._plane.poller.resume(self._mouth.fd)
            self.ready(self._mouth.fd, IN)

    def _go_on(self) -> None:
        """Hear the next one of the destinations that wait, which then is the last of all."""
        while self._row:
            way = self._row.popleft()
            if way.paused:
                self._ways[way.head] = self._ways.pop(way.head)
                way.resume()
                break
        if self._row and not self._has_turn:
            self._has_turn = True
            self._plane.relay.again(self._turn)

    def _turn(self) -> None:
        self._has_turn = False
        self._go_on()

    def _take(self, data: memoryview) -> None:
        head = bytes(data[: head_size(data)])
        way = self._ways.get(head) or self._begin(data, head)
        if way is not None:
            way.came(data[len(head) :])

    def _begin(self, data: memoryview, head: bytes) -> Remote | None:
        """Begin to send to a new destination; None where the datagram is to be dropped."""
        read = read_datagram(data)
        if read is None or not self._may_begin():
            return None
        target = read.target
        self._record.note_first(target.host, target.port)
        way = self._ways[head] = Remote(self, head, target.host, target.port)
        way.begin()
        return way if not way.over else None

    def _may_begin(self) -> bool:
        """Whether there may be one more destination: within the rates, and in the place of the one that is silent."""
        udp = self._plane.live.topology.udp
        if not udp.on or not self._within_rates():
            return False
        if not self._has_room():
            return self._give_up(way for way in self._ways.values() if way.address)  # others hold nothing yet
        return len(self._ways) < udp.destinations or self._give_up(self._ways.values())

    def _within_rates(self) -> bool:
        """Take one request of the account's; False where it has had as many as it may."""
        plane, account_id, terms = self._plane, self.meter.admission.account.id, self.meter.tally.terms
        if terms is None:
            return plane.caps.start(account_id, 0, plane.wheel.seconds(), tunnel=False) is None
        return plane.shares.begin_part(terms, account_id, plane.wheel.seconds()) is None

    def _has_room(self) -> bool:
        """Whether there may be one more flow, and is a descriptor for it."""
        return self._plane.datagrams.may_open(self.meter.admission.account.id) and self._plane.has_room(1)

    def _give_up(self, ways: Iterable[Remote]) -> bool:
        """Send no longer to that one which was silent longest; False where there is none."""
        oldest = min(ways, key=lambda each: each.last, default=None)
        if oldest is not None:
            oldest.close("")
        return oldest is not None

    # Destinations

    async def open(self, way: Remote) -> DatagramFlow:
        """A flow to a destination; runs in a Task.  Raises: DialError, Stopped."""
        terms, bar = self.meter.tally.terms, None
        if terms is not None and terms.levels:
            bar = Bar(terms, way.host, way.port, self._observed)
            refusal = bar.name()
            if refusal is not None:
                raise DialError(refusal)
        account_id = self.meter.admission.account.id
        path = await self._carrier.open(way.host, way.port, account_id, bar if terms and terms.by_address else None)
        changed = self.meter.tally.terms  # the rules may have, while the name was looked up
        refusal = _barred(changed, way, path.address) if changed is not None and changed is not terms else None
        if refusal is None and not self._has_room():  # others that were looked for meanwhile have taken it
            refusal = OVER
        if refusal is not None:
            path.close()
            raise DialError(refusal)
        way.answer = datagram_head(path.address, way.port)
        self._record.note_sent(way.host, way.port, path.address)
        if not self._served:
            self._served = True
            self._record.exit = self.departure.choice.label(self.departure.selection, path.source)
        return DatagramFlow(
            self._plane.datagrams, path, self.meter, account_id=account_id, deliver=way.deliver, ended=way.close
        )

    def deliver(self, head: bytes, data: memoryview) -> bool:
        """Send the client a datagram; whether it went."""
        if self._closed or not self._mouth.send(head, data):
            return False
        self._alive()
        return True

    def sent(self) -> None:
        """Note that a datagram of the client's has gone."""
        self._alive()

    def refused(self, reason: str) -> None:
        """Note why a destination is not sent to."""
        self._refused = self._refused or reason

    def failed(self, error: BaseException) -> None:
        self._plane.seldom.say(log.error, "a flow of datagrams failed: {error}", error=type(error).__name__)

    def left(self, way: Remote) -> None:
        """Forget a destination that is sent to no longer."""
        if self._ways.get(way.head) is way:
            del self._ways[way.head]

    def arm(self, way: Remote) -> None:
        """Bound the time for finding a destination."""
        self._plane.wheel.arm(way, self._plane.live.timeouts.connect)

    def disarm(self, way: Remote) -> None:
        self._plane.wheel.disarm(way)

    def seconds(self) -> float:
        return self._plane.wheel.monotonic

    def _observed(self, level: Level) -> None:
        self._record.note_outcome("acl-observed")
        self._plane.observed[level.reason] += 1

    def barred(self, terms: Terms) -> Refusal | None:
        """Why terms that have changed no longer let the exchange go where it goes; None where they do."""
        refusals = (_barred(terms, way, way.address) for way in self._ways.values())
        return next((refusal for refusal in refusals if refusal is not None), None)

    def close(self) -> None:
        """Close all; calling it again changes nothing."""
        if self._closed:
            return
        self._closed = True
        self._row.clear()
        for way in list(self._ways.values()):
            way.close("")
        self._carrier.close()
        if self._listening:
            self._plane.poller.remove(self._mouth.fd)
        self._mouth.sock.close()
        self.meter.resume = self.meter.way = None  # or meter and association would keep each other alive


def _barred(terms: Terms, way: Remote, address: str) -> Refusal | None:
    """Why these terms refuse a destination; None where they do not.  address: "" while it is not known."""
    bar = Bar(terms, way.host, way.port, lambda level: None)
    return bar.name() or (bar.addresses((address,)) if address else None)
