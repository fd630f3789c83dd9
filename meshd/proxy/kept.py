"""Connections to origins that are kept for the next request: never shared between accounts, exits or sessions."""

from __future__ import annotations

from meshd.proxy.response import ProxyResponse
from meshd.sockets.poll import Poller
from meshd.sockets.race import Dialled
from meshd.sockets.wheel import Wheel
from meshd.sockets.wire import Watcher, Wire

KEPT = 1024
"""Idle connections in all; each costs a descriptor here and at its origin."""

KEPT_EACH = 128
"""Idle connections of one account to one origin: as many as a busy crawler has under way at once."""

Key = tuple[int, str, str, str, str, int]
"""Account id, session, exit name, source address, host, port."""


class Upstream(Watcher):
    """A connection to an origin."""

    __slots__ = ("_pool", "deadline", "generation", "idle", "key", "slot", "source", "told", "used", "wire")

    def __init__(self, pool: UpstreamPool, generation: int, key: Key, wire: Wire, source: str) -> None:
        self._pool = pool
        self.generation = generation
        self.key = key
        self.wire = wire
        self.source = source
        """The address it leaves by."""
        self.used = False
        """Whether it has served a request before: then it may have died unnoticed."""
        self.told: ProxyResponse | None = None
        """The last response's head and what was understood of it, for an origin that repeats itself."""
        self.idle = False
        """Whether it waits for a request."""
        self.deadline = 0.0
        """Until when it may be idle; in use it has none, and what is left of an earlier one means nothing."""
        self.slot = 0

    def stirred(self, wire: Wire) -> None:
        """Nobody has asked it anything: whatever it says makes it useless."""
        self._pool.drop(self)

    def expired(self) -> None:
        if self.idle:
            self._pool.drop(self)

    def close(self) -> None:
        """It is of no further use."""
        self._pool.forget(self)
        self.wire.close()


class UpstreamPool:
    """Idle connections by what may use them, the youngest first."""

    def __init__(self, poller: Poller, wheel: Wheel) -> None:
        self._poller = poller
        self._wheel = wheel
        self._idle: dict[Key, list[Upstream]] = {}
        self._count = 0
        self._generation = 0
        """How often the rules may have changed: what was opened under earlier ones is not kept."""

    def take(self, key: Key) -> Upstream | None:
        idle = self._idle.get(key)
        if not idle:
            return None
        upstream = idle.pop()
        self._left(upstream, idle)
        return upstream

    def new(self, key: Key, dialled: Dialled) -> Upstream:
        wire = Wire(self._poller, dialled.fd, dialled.address, registered=True)
        return Upstream(self, self._generation, key, wire, dialled.source)

    def keep(self, upstream: Upstream, seconds: float) -> None:
        """Take back a connection whose exchange is complete; one too many is closed."""
        idle = self._idle.setdefault(upstream.key, [])
        wire = upstream.wire
        # Something to read now would be read as the next request's answer.
        useless = wire.ending or wire.readable or upstream.generation != self._generation
        if useless or self._count >= KEPT or len(idle) >= KEPT_EACH:
            if not idle:
                del self._idle[upstream.key]
            upstream.close()
            return
        upstream.used = upstream.idle = True
        idle.append(upstream)
        self._count += 1
        upstream.wire.watcher = upstream
        self._wheel.arm(upstream, seconds)

    def drop(self, upstream: Upstream) -> None:
        """Close an idle connection."""
        idle = self._idle[upstream.key]
        idle.remove(upstream)
        self._left(upstream, idle)
        upstream.close()

    def forget(self, upstream: Upstream) -> None:
        """One that is being closed."""
        self._wheel.disarm(upstream)

    def clear(self) -> None:
        """Close all that are idle, and those in use when they are given back: the rules may have changed."""
        self._generation += 1
        for idle in list(self._idle.values()):
            for upstream in list(idle):
                self.drop(upstream)

    def _left(self, upstream: Upstream, idle: list[Upstream]) -> None:
        self._count -= 1
        upstream.idle = False
        upstream.wire.watcher = None
        if not idle:
            del self._idle[upstream.key]
