"""A plane of published hosts driven by hand: real sockets on loopback, and nobody who is asked for anything."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet.task import Clock

from meshd.auth.guesses import Guess
from meshd.auth.passwords import Busy, Compared
from meshd.hosts.book import HostBook
from meshd.hosts.connection import HostConnection
from meshd.hosts.payers import Payers
from meshd.hosts.plane import HostPlane
from meshd.hosts.signin import SignIns
from meshd.hosts.sites import Sites
from meshd.model import Account, Admission, Identity, Refusal, Usage
from meshd.passing.caps import Caps
from meshd.passing.kept import KeptOrigins
from meshd.seldom import Seldom
from meshd.selection import NONE
from meshd.sockets.line import Line
from meshd.sockets.pipes import Pipes
from meshd.sockets.race import DialError, Dialled, Race
from meshd.sockets.relay import Relay
from meshd.sockets.wheel import Wheel
from meshd.sockets.wire import Wire
from meshd.topology import Limits, Timeouts
from meshd.values.exchanges import Exchange
from meshd.values.hosting import Hosting
from meshd.values.published import Host, Published, Upstream
from tests.passing.hand import CountingMeter, Far, Hand, tcp_pair
from tests.support.forgetful import Forgetful
from tests.support.live import settings

OWNER = Account(7, "owner", None, "root", "100", True, "", "", "", 0, 0, 1, 0, "")


def admission(token: int) -> Admission:
    """Of the owner, for one host."""
    identity = Identity(OWNER, None, (), Usage(OWNER.id, 0, 0, 0), None)
    return Admission(identity, "token", str(token), token, NONE, "")


class Ledger:
    """In the place of the ledger: remembers the lines, and refuses where it is told to."""

    def __init__(self) -> None:
        self.lines: list[Exchange] = []
        self.refused_lines: list[Exchange] = []
        self.over: Refusal | None = None
        self.open_now: list[Any] = []

    def under_way(self, found: Admission) -> int:
        return sum(each.admission.token_id == found.token_id for each in self.open_now)

    def open(self, found: Admission, stop: Callable[[Refusal], None]) -> Any:
        if self.over is not None:
            return self.over
        meter: Any = HostMeter(found, stop)
        self.open_now.append(meter)
        return meter

    def close(self, meter: Any, exchange: Exchange) -> None:
        if meter in self.open_now:
            self.open_now.remove(meter)
            self.lines.append(exchange)

    def refused(self, exchange: Exchange, *, admitted: bool = True) -> None:
        self.refused_lines.append(exchange)


class HostMeter(CountingMeter):
    shaped = False

    def __init__(self, found: Admission, stop: Callable[[Refusal], None]) -> None:
        super().__init__()
        self.admission = found
        self.stop = stop
        self.resume = None
        self.about: Any = None

    @property
    def room_up(self) -> int:
        return self.room

    room_down = room_up

    def paid(self, n: int) -> bool:
        self.sent_up(n)
        return True


class Dials:
    """Connects to upstreams by address; `dead` ones are refused."""

    def __init__(self, hand: Hand, clock: Clock) -> None:
        self._hand = hand
        self._clock = clock
        self.dead: set[Upstream] = set()
        self.dialled: list[Upstream] = []

    async def dial(self, upstream: Upstream) -> Dialled:
        self.dialled.append(upstream)
        if upstream in self.dead:
            raise DialError(Refusal("connection-refused"))
        return await Race(self._hand.poller, self._clock, (upstream.host,), upstream.port, "").winner()


class Passwords(Forgetful):
    """In the place of the slow hash: an encoded hash is the password behind "hash:"."""

    def __init__(self) -> None:
        self.asked = 0
        self.busy = False

    async def hash(self, password: str) -> str:
        return f"hash:{password}"

    async def verify(self, encoded: str, password: str, guess: Guess) -> Compared:
        if self.busy:
            raise Busy
        self.asked += 1
        return Compared(encoded == f"hash:{password}", b"")


class World:
    """The plane, its clients, and what it has told the ledger."""

    def __init__(self, test: Any, *hosts: Host, hosting: Hosting | None = None, **published: Any) -> None:
        self._test = test
        self.hand = Hand(test)
        self.clock = Clock()
        self.ledger = Ledger()
        self.dials = Dials(self.hand, self.clock)
        self.passwords = Passwords()
        self.admitted = 0
        self.no: Refusal | None = None
        self.live = settings(
            Limits(), Timeouts(), hosts=hosting or Hosting(http=("tcp:80",), https=("tcp:443",), loopback=True)
        )
        poller, wheel = self.hand.poller, Wheel(self.clock)

        async def newer(known: Published) -> Published:
            return known

        self.book = HostBook(newer)
        self.book.take(Published(hosts=hosts, **published))
        pipes = Pipes(4)
        test.addCleanup(pipes.close)
        self.plane = HostPlane(
            poller=poller,
            wheel=wheel,
            relay=Relay(poller, wheel, pipes, self.hand.later.append, self.live),
            caps=Caps(self.live, 10_000),
            line=Line(self.clock, lambda key: True),
            ledger=self.ledger,  # type: ignore[arg-type]
            live=self.live,
            now=self.clock.seconds,
            instance="i-",
            seldom=Seldom(self.clock.seconds),
            book=self.book,
            sites=Sites(),
            dialler=self.dials,
            origins=KeptOrigins(poller, wheel, lambda: 1000),
            payers=Payers(self._admit, self.clock.seconds, self.clock.seconds, lambda: 300),
            signins=SignIns(self.passwords, self.clock.seconds),
            certificates=None,  # type: ignore[arg-type]
            secure=None,  # type: ignore[arg-type]
            beside=lambda name, wire, received: False,
            chance=random.Random(1),
        )
        test.addCleanup(self.plane.origins.clear)

    async def _admit(self, owner: int, token: int) -> Admission | Refusal:
        self.admitted += 1
        return self.no or admission(token)

    def publish(self, *hosts: Host, **others: Any) -> None:
        """Have these hosts from now on, and the rest as it was."""
        self.book.take(replace(self.book.published, hosts=hosts, **others))

    def client(self, peer: str = "127.0.0.1", kind: type[HostConnection] = HostConnection) -> Client:
        """A client that has just connected."""
        near, far = tcp_pair(self._test)
        connection = kind(self.plane, "hosts:http", Wire(self.hand.poller, near.detach(), peer))
        connection.begin()
        client = Client(self, far, connection)
        self._test.addCleanup(client.close)
        return client


class Client:
    """Asks, and reads what comes."""

    def __init__(self, world: World, sock: socket.socket, connection: HostConnection) -> None:
        self.far = Far(sock)
        self.connection = connection
        self._world = world

    def close(self) -> None:
        self.far.sock.close()
        self._world.hand.settle()
        self.connection.stop()

    def send(self, data: bytes) -> None:
        self.far.unsent += data

    def ask(self, data: bytes) -> tuple[bytes, bytes]:
        """Head and body of the answer to a request whose answer has a length, or ends with the connection."""
        self.send(data)
        return self.answer(with_body=not data.startswith(b"HEAD "))

    def answer(self, *, with_body: bool = True) -> tuple[bytes, bytes]:
        self._until(lambda: b"\r\n\r\n" in self.far.got or self.far.ended)
        head, _, rest = bytes(self.far.got).partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        sizes = [int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")]
        if not with_body or head[9:12] in {b"101", b"204", b"304"}:
            size = 0
        elif sizes:
            size = sizes[0]
            self._until(lambda: len(self.far.got) >= len(head) + 4 + size or self.far.ended)
        else:
            self._until(lambda: self.far.ended)
            size = len(self.far.got) - len(head) - 4
        rest = bytes(self.far.got[len(head) + 4 :])
        self.far.got[:] = rest[size:]
        return head, rest[:size]

    def ended(self) -> bool:
        """Wait until the connection has ended."""
        self._until(lambda: self.far.ended)
        return True

    def _until(self, condition: Callable[[], bool]) -> None:
        def step() -> None:
            self.far.step()
            self._world.clock.advance(0.0001)  # for waits of milliseconds

        self._world.hand.until(condition, step)
