"""What the connections of one process share, whichever edge they came in by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from meshd.passing.caps import Caps
from meshd.seldom import Seldom
from meshd.sockets.line import Line
from meshd.sockets.poll import Poller
from meshd.sockets.relay import Relay
from meshd.sockets.wheel import Wheel
from meshd.topology import Live
from meshd.usage.ledger import Ledger


class Served(Protocol):
    """A client's connection, as a shutdown or a removed proxy ends it."""

    proxy: str
    """The name of the proxy that the client came to."""

    def farewell(self) -> bool:
        """Ask the client to ask for no more here; whether its protocol can say that, and the connection then ends."""

    def drain(self) -> None:
        """End the connection as soon as no exchange is under way."""

    def stop(self) -> None:
        """End the connection now."""


@dataclass(slots=True, eq=False, kw_only=True)
class Plane:
    poller: Poller
    wheel: Wheel
    relay: Relay
    caps: Caps
    line: Line
    ledger: Ledger
    live: Live
    now: Callable[[], float]
    """Seconds since the epoch."""
    instance: str
    """The prefix of this process's request ids."""
    seldom: Seldom
    """Writes log lines that clients can cause, at a bounded rate."""
    connections: set[Served] = field(default_factory=set)
    """The clients being served; one whose tunnel stands leaves this set, and is found by its meter in the ledger."""
    draining: bool = False
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def request_id(self) -> str:
        """A new request id, unique over processes and restarts."""
        return f"{self.instance}{next(self._numbers):x}"

    def has_room(self, more: int) -> bool:
        """Whether there is room for so many more descriptors, for which what is idle gives way."""
        over = len(self.poller) + more - self.caps.ceiling
        return over <= 0 or self.caps.spare(over) >= over
