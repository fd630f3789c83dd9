"""Connections to origins that are kept for a next request: never shared between accounts, exits or sessions."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from meshd.passing.response import Response
from meshd.sockets.poll import Poller
from meshd.sockets.race import Dialled
from meshd.sockets.wheel import Wheel
from meshd.sockets.wire import Watcher, Wire

KEPT = 1024
"""Idle connections in all; each costs a descriptor here and at the origin.  For one more, that which has been idle
longest is closed: whoever was here before is not to keep out those who are busy now.
"""

KEPT_EACH = 128
"""Idle connections of one account to one origin: as many as a busy crawler has under way at once."""

KEPT_OF_SESSIONS = KEPT // 4
"""Idle connections of all sessions together: a client with a session for each request comes back to none of its own,
and is to leave room for others' that are of use.  For one more, theirs that has been idle longest is closed.
"""

ONE_OF = 16
"""Of so many connections that have served one request, one is kept where there is no room: to close the oldest for each
of them costs a tenth of a request, and whoever goes on has one that is kept after a few requests.
"""

FRESH = 0.01
"""Seconds that a request which cannot be sent again waits for the end of a connection that has served but one: origins
that keep none, and do not say so, end theirs right behind the answer.
"""

THROUGH_TLS = 0.001
"""Seconds in which an end that the kernel has is read through TLS."""

Key = tuple[int, str, str, str, str, int]
"""Who may use a connection: account id, session, exit name, source address, host, port."""


R = TypeVar("R", bound=Response)


class Origin(Watcher, Generic[R]):
    """A connection to an origin, or to the upstream proxy that is asked in the origin's place."""

    __slots__ = ("_pool", "deadline", "generation", "idle", "key", "proven", "slot", "source", "told", "used", "wire")

    def __init__(self, pool: KeptOrigins[R], generation: int, key: Key, wire: Wire, source: str) -> None:
        self._pool = pool
        self.generation = generation
        self.key = key
        self.wire = wire
        self.source = source
        """The local address, or the exit's address or name where there is an upstream proxy."""
        self.used = False
        """Whether the connection has served a request before: then the origin may have closed it meanwhile."""
        self.proven = False
        """Whether the connection has served two requests, and so is one that its origin keeps."""
        self.told: R | None = None
        """The last response, for an origin that sends the very same head again."""
        self.idle = False
        """Whether the connection waits for a request."""
        self.deadline = 0.0
        """When an idle connection is closed, on the wheel's clock; without meaning while the connection is in use."""
        self.slot = 0

    def stirred(self, wire: Wire) -> None:
        """Close the idle connection: bytes that come unasked, or an end, make it useless."""
        self._pool.drop(self)

    def expired(self) -> None:
        if self.idle:
            self._pool.drop(self)

    def close(self) -> None:
        """Close the connection, which must not be idle in the pool."""
        self._pool.forget(self)
        self.wire.close()


class KeptOrigins(Generic[R]):
    """The idle connections by key; the one that was used last is taken first."""

    def __init__(self, poller: Poller, wheel: Wheel) -> None:
        self._poller = poller
        self._wheel = wheel
        self._idle: dict[Key, list[Origin[R]]] = {}
        self._by_age: OrderedDict[Origin[R], None] = OrderedDict()
        """All of them, the one that has been idle longest first."""
        self._of_sessions: OrderedDict[Origin[R], None] = OrderedDict()
        """Those that belong to a session, likewise."""
        self._refused = 0
        """How many were not kept since the last one that was, because there is no room."""
        self._generation = 0
        """How often `clear` was called: a connection that was opened before the last call is not kept."""

    def __len__(self) -> int:
        return len(self._by_age)

    def take(self, key: Key) -> Origin[R] | None:
        """A connection for that key; None where there is none.  Its origin may have ended it a moment ago."""
        idle = self._idle.get(key)
        if not idle:
            return None
        origin = idle.pop()
        # As in `_left`, without the call for each request.
        del self._by_age[origin]
        origin.idle = False
        origin.wire.watcher = None
        if key[1]:
            del self._of_sessions[origin]
        if not idle:
            del self._idle[key]
        return origin

    async def take_alive(self, key: Key) -> Origin[R] | None:
        """The same for a request that could not be sent again: the kernel is asked whether the origin has ended it."""
        while (origin := self.take(key)) is not None:
            try:
                if origin.wire.quiet() and await self._stays(origin):
                    return origin
            except BaseException:
                origin.close()
                raise
            origin.close()
        return None

    async def _stays(self, origin: Origin[R]) -> bool:
        """Whether the connection does not end in a moment, where that moment is worth waiting for."""
        seconds = FRESH if not origin.proven else THROUGH_TLS if origin.wire.has_another_behind else 0.0
        if not seconds:
            return True
        try:
            return await origin.wire.receive_within(self._wheel, seconds) is None
        except OSError:
            return False

    def new(self, key: Key, dialled: Dialled) -> Origin[R]:
        wire = Wire(self._poller, dialled.fd, dialled.address, registered=True)
        return Origin(self, self._generation, key, wire, dialled.source)

    def keep(self, origin: Origin[R], seconds: float) -> None:
        """Keep a connection, whose exchange is complete, for so many seconds; close it where too many are kept, or the
        seconds are less than none.
        """
        idle = self._idle.setdefault(origin.key, [])
        wire = origin.wire
        # Something to read now would be read as the next request's answer.
        useless = wire.ending or wire.readable or seconds < 0 or origin.generation != self._generation
        full = len(self._by_age) >= KEPT or (origin.key[1] and len(self._of_sessions) >= KEPT_OF_SESSIONS)
        if useless or len(idle) >= KEPT_EACH or (full and self._is_one_of_many(origin)):
            if not idle:
                del self._idle[origin.key]
            origin.close()
            return
        origin.proven = origin.used
        origin.used = origin.idle = True
        idle.append(origin)
        self._by_age[origin] = None
        origin.wire.watcher = origin
        self._wheel.arm(origin, seconds)
        if origin.key[1]:
            self._of_sessions[origin] = None
            if len(self._of_sessions) > KEPT_OF_SESSIONS:  # one that may be of the very same key
                self.drop(next(iter(self._of_sessions)))
        if len(self._by_age) > KEPT:
            self.drop(next(iter(self._by_age)))

    def _is_one_of_many(self, origin: Origin[R]) -> bool:
        """Whether a connection has served once and is to give way to those that are kept."""
        if origin.used:
            return False
        self._refused = (self._refused + 1) % ONE_OF
        return self._refused > 0

    def drop(self, origin: Origin[R]) -> None:
        """Close an idle connection."""
        idle = self._idle[origin.key]
        idle.remove(origin)
        self._left(origin, idle)
        origin.close()

    def forget(self, origin: Origin[R]) -> None:
        """Take a connection that is being closed off the wheel."""
        self._wheel.disarm(origin)

    def clear(self) -> None:
        """Close all idle connections, and those in use once they are given back: destination rules may have changed."""
        self._generation += 1
        for idle in list(self._idle.values()):
            for origin in list(idle):
                self.drop(origin)

    def _left(self, origin: Origin[R], idle: list[Origin[R]]) -> None:
        del self._by_age[origin]
        origin.idle = False
        origin.wire.watcher = None
        if origin.key[1]:
            del self._of_sessions[origin]
        if not idle:
            del self._idle[origin.key]
