"""Streams by themselves: a poller turned by hand, a clock that is moved, loopback sockets, a ledger that notes."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.dns.resolver import ResolveError
from meshd.hosts.common import Common
from meshd.hosts.layer4 import Layer4
from meshd.hosts.ports import Own
from meshd.hosts.upstreams import Upstreams
from meshd.model import Account, Admission, Identity, Refusal, Usage
from meshd.passing.caps import Caps
from meshd.passing.plane import Plane
from meshd.seldom import Seldom
from meshd.selection import Selection
from meshd.sockets.line import Line
from meshd.sockets.pipes import Pipes
from meshd.sockets.poll import Poller
from meshd.sockets.relay import Relay
from meshd.sockets.wheel import TICK, Wheel
from meshd.topology import Limits, Timeouts
from meshd.values.exchanges import Exchange
from tests.passing.hand import CountingMeter, Far, Hand
from tests.support.live import settings

OWNER = 7


def admission(account_id: int, token_id: int) -> Admission:
    """Of an operator's account."""
    account = Account(account_id, "root", None, "root", "", True, "", "", "", 0, 0, 1, 0, "")
    identity = Identity(account, None, (), Usage(account_id, 0, 0, 0), None)
    return Admission(identity, "token", str(token_id), token_id, Selection(), "")


class NotingMeter(CountingMeter):
    """A ledger's meter, as far as it is used here."""

    shaped = False
    about: Any = None
    resume: Any = None

    def __init__(self, admission: Admission, stop: Callable[[Refusal], None], room: int) -> None:
        super().__init__(room)
        self.admission = admission
        self.stop = stop

    @property
    def room_up(self) -> int:
        return self.room

    room_down = room_up


class NotingLedger:
    """Opens meters, and keeps the lines of what has ended."""

    def __init__(self) -> None:
        self.meters: list[NotingMeter] = []
        self.lines: list[Exchange] = []
        self.refusal: Refusal | None = None
        self.room = 2**62

    def open(self, admission: Admission, stop: Callable[[Refusal], None]) -> NotingMeter | Refusal:
        if self.refusal is not None:
            return self.refusal
        self.meters.append(NotingMeter(admission, stop, self.room))
        return self.meters[-1]

    def close(self, meter: NotingMeter, exchange: Exchange) -> None:
        meter.about = None
        self.lines.append(exchange)

    def refused(self, exchange: Exchange, *, admitted: bool = True) -> None:
        self.lines.append(exchange)


class Names:
    """A resolver that knows these names, and answers an address with itself."""

    def __init__(self, known: Mapping[str, tuple[str, ...]]) -> None:
        self._known = known

    def known(self, host: str) -> tuple[str, ...] | None:
        return None

    async def resolve(self, host: str) -> Any:
        if host[:1].isdigit() or ":" in host:
            return SimpleNamespace(addresses=(host,))
        if host not in self._known:
            raise ResolveError("dns_error", "no such name")
        return SimpleNamespace(addresses=self._known[host])


def alive(*kinds: type) -> list[object]:
    """Objects of these kinds that nobody has let go, as no collection finds cycles here."""
    return [each for each in gc.get_objects() if isinstance(each, kinds)]


class Ground:
    """Of a test: what streams need, and Layer4 upon it."""

    timeouts = Timeouts()
    limits = Limits()
    names: Mapping[str, tuple[str, ...]] = {}
    loopback = True
    ceiling = 1000

    def lay(self, poller: Poller, clock: Any, again: Callable[[Callable[[], None]], None]) -> None:
        """clock: a reactor, or in its place what has the time; again: calls its argument in a later turn."""
        test: Any = self
        self.wheel = Wheel(clock)
        self.wheel.start()
        test.addCleanup(self.wheel.stop)
        pipes = Pipes(4)
        test.addCleanup(pipes.close)
        live = settings(limits=self.limits, timeouts=self.timeouts)
        self.ledger: Any = NotingLedger()
        self.plane = Plane(
            poller=poller,
            wheel=self.wheel,
            relay=Relay(poller, self.wheel, pipes, again, live),
            caps=Caps(live, self.ceiling),
            line=Line(clock, lambda key: True),
            ledger=self.ledger,
            live=live,
            now=lambda: 1_700_000_000.0,
            instance="t-",
            seldom=Seldom(clock.seconds),
        )
        resolver: Any = Names(self.names)
        self.contexts: dict[int, Any] = {}
        upstreams = Upstreams(poller, resolver, clock, lambda: self.loopback)
        self.common = Common(clock, self.plane, upstreams, self.admit, self.contexts.get)
        self.own = Own()
        self.layer = Layer4(self.common, lambda: self.own)
        test.addCleanup(self.layer.stop)
        self.refusal: Refusal | None = None

    async def admit(self, owner: int, token: int) -> Admission | Refusal:
        return self.refusal or admission(owner, token)


class GroundCase(Ground, SynchronousTestCase):
    """Turned by hand."""

    def setUp(self) -> None:
        self.hand = Hand(self)
        self.clock = Clock()
        self.lay(self.hand.poller, self.clock, self.hand.later.append)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.pump([TICK] * round(seconds / TICK))

    def upstream(self, family: int = socket.AF_INET) -> socket.socket:
        """A server by TCP, which does not wait."""
        listener = socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family)
        listener.setblocking(False)
        self.addCleanup(listener.close)
        return listener

    def come(self, port: int, host: str = "127.0.0.1") -> Far:
        """A client that has connected."""
        client = socket.create_connection((host, port))
        client.setblocking(False)
        self.addCleanup(client.close)
        return Far(client)

    def accepted(self, listener: socket.socket, *clients: Far) -> Far:
        """The upstream's side of the next connection."""
        found: list[socket.socket] = []

        def look() -> bool:
            for client in clients:
                client.step()
            try:
                found.append(listener.accept()[0])
            except BlockingIOError:
                return False
            return True

        self.hand.until(look)
        found[0].setblocking(False)
        self.addCleanup(found[0].close)
        return Far(found[0])

    def until(self, condition: Callable[[], Any], *ends: Far) -> None:
        self.hand.until(condition, lambda: [end.step() for end in ends])
