"""Connections to origins that are kept for a next request: never shared between accounts, exits or sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from meshd.passing.idle import Idle
from meshd.passing.response import Response
from meshd.sockets.poll import Poller
from meshd.sockets.race import Dialled
from meshd.sockets.wheel import Wheel
from meshd.sockets.wire import Watcher, Wire

UNPROVEN = 4
"""The part of all idle connections that may have served one request only, where there is no room for all: nobody may
ever come back to them, as a client that asks each host once, or has a session for each request, never does.
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


class Server(Generic[R]):
    """What all connections to one server by one exit share, whoever's they are; gone with the last of them."""

    __slots__ = ("__weakref__", "told")

    def __init__(self) -> None:
        self.told: R | None = None
        """The newest response that was read of any of them, if another may have the same: as most heads have a date,
        each connection is told another one each second, the same as all others are.  It keeps one answer for clients,
        the last: where clients of other settings take turns, each answer is written anew.
        """


class Origin(Watcher, Generic[R]):
    """A connection to an origin, or to the upstream proxy that is asked in the origin's place."""

    __slots__ = (
        "_pool",
        "deadline",
        "generation",
        "idle",
        "key",
        "proven",
        "server",
        "slot",
        "source",
        "told",
        "used",
        "wire",
    )

    def __init__(self, pool: KeptOrigins[R], server: Server[R], key: Key, wire: Wire, source: str) -> None:
        self._pool = pool
        self.generation = pool.generation
        self.server = server
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

    def learn(self, response: R) -> None:
        """Remember a response whose head was read.  Not the first of a connection: most serve but one, and while they
        wait for another request, what was read for it would be kept for nobody.
        """
        if self.used:
            self.told = response
            if response.common:
                self.server.told = response

    def known(self, came: bytes, method: bytes, /) -> R | None:
        """The response whose head begins these bytes, to a request of that method, if that was read before: last from
        any connection to the server, or from this one.
        """
        told = self.server.told
        if told is not None and told.method == method and came.startswith(told.raw):
            return told
        told = self.told
        return told if told is not None and told.method == method and came.startswith(told.raw) else None

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
    """The idle connections by key; the one that was used last is taken first.

    Where there are too many, those go first that have served once, as long as they are more than their part, and then
    those of accounts that have the most: nobody who passes by, or has many, takes one that another comes back to.
    """

    __slots__ = ("_idle", "_most", "_poller", "_proven", "_room", "_servers", "_unproven", "_wheel", "generation")

    def __init__(self, poller: Poller, wheel: Wheel, most: Callable[[], int]) -> None:
        """most: how many may be idle in all; it is asked anew after each `clear`."""
        self._poller = poller
        self._wheel = wheel
        self._most = most
        self._idle: dict[Key, dict[Origin[R], None]] = {}
        self._unproven: Idle[Origin[R]] = Idle()
        self._proven: Idle[Origin[R]] = Idle()
        self._servers: WeakValueDictionary[tuple[str, str, str, int], Server[R]] = WeakValueDictionary()
        """By exit name, source address, host and port."""
        self._room = -1
        """How many may be idle in all, once that was asked; less than none before."""
        self.generation = 0
        """How often `clear` was called: a connection that was opened before the last call is not kept."""

    def __len__(self) -> int:
        return self._unproven.count + self._proven.count

    def take(self, key: Key, /) -> Origin[R] | None:
        """A connection for that key; None where there is none.  Its origin may have ended it a moment ago."""
        idle = self._idle.get(key)
        if not idle:
            return None
        origin, _ = idle.popitem()
        self._left(origin, idle)
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
        server = self._servers.get(key[2:])
        if server is None:
            server = self._servers[key[2:]] = Server()
        return Origin(self, server, key, wire, dialled.source)

    def keep(self, origin: Origin[R], seconds: float, /) -> None:
        """Keep a connection whose exchange is complete for so many seconds; close it where they are less than none, and
        another where too many are kept.
        """
        wire = origin.wire
        # Something to read now would be read as the next request's answer.
        if wire.ending or wire.readable or seconds < 0 or origin.generation != self.generation:
            origin.close()
            return
        origin.proven = origin.used
        origin.used = origin.idle = True
        key = origin.key
        idle = self._idle.get(key)
        if idle is None:
            idle = self._idle[key] = {}
        idle[origin] = None
        (self._proven if origin.proven else self._unproven).add(key[0], origin)
        wire.watcher = origin
        self._wheel.arm(origin, seconds)
        if self._unproven.count + self._proven.count > self._room:
            self._give_way(key[0])

    def _give_way(self, account: int) -> None:
        """Close one after another as long as there are too many, now that this account has one more."""
        self._room = most = self._most()
        while self._unproven.count + self._proven.count > most:
            self.drop(self._to_go(most, account))

    def give_up(self, count: int) -> int:
        """Close so many idle connections, or all, for clients who have none; how many were closed."""
        closed = min(count, len(self))
        for _ in range(closed):
            self.drop(self._to_go(len(self)))
        return closed

    def _to_go(self, most: int, account: int = 0) -> Origin[R]:
        """The one to close, of so many (most) that are or may be idle, now that this account has one more."""
        few = self._unproven.count * UNPROVEN <= most and self._proven.count
        return (self._proven if few else self._unproven).to_go(account)

    def drop(self, origin: Origin[R]) -> None:
        """Close an idle connection."""
        idle = self._idle[origin.key]
        del idle[origin]
        self._left(origin, idle)
        origin.close()

    def forget(self, origin: Origin[R]) -> None:
        """Take a connection that is being closed off the wheel."""
        self._wheel.disarm(origin)

    def clear(self) -> None:
        """Close all idle connections, and those in use once they are given back: destination rules may have changed."""
        self.generation += 1
        self._room = -1
        self._servers.clear()
        for idle in list(self._idle.values()):
            for origin in list(idle):
                self.drop(origin)

    def _left(self, origin: Origin[R], idle: dict[Origin[R], None]) -> None:
        (self._proven if origin.proven else self._unproven).remove(origin.key[0], origin)
        origin.idle = False
        origin.wire.watcher = None
        if not idle:
            del self._idle[origin.key]
