"""Pairs of sockets between the streams of a session of HTTP/2 and the connections behind them.

A connection of HTTP/1.1 serves request after request.  So the pair of a request that was answered serves the next one
of the same credential, as the client's own connection would: what a connection is made of is then made once for many.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from contextlib import suppress
from typing import Protocol

from meshd.http2.answers import KnownHead
from meshd.http2.requests import Asked
from meshd.passing.caps import Caps
from meshd.passing.place import Place
from meshd.sockets.poll import IN, OUT, Poller
from meshd.sockets.wire import Wire
from meshd.topology import Live

MOST = 32
"""Pairs of a session that wait for a next request, with two descriptors each."""

SECONDS = 10.0
"""For which one waits at most, where `timeouts.keep_alive` is no less: a page's next request comes at once."""

DESCRIPTORS = 2
"""Of a pair."""

PART = 4
"""The part of all descriptors that pairs may take while they wait, as idle connections to origins may take another."""


class Held(Protocol):
    """Whose pair it is."""

    def ready(self, fd: int, events: int, /) -> None:
        """Try to read or write this end."""

    def abort(self) -> None:
        """Hear that the connection at the other end is being reset."""


class Server(Protocol):
    """The connection at the other end."""

    place: Place
    wire: Wire

    @property
    def idle(self) -> bool:
        """Whether it waits for a next request of which no byte has come."""

    def phase(self, reason: str, seconds: float) -> None:
        """Bound what follows: without another call within so many seconds the connection ends for that reason."""

    def evict(self) -> None:
        """End the connection at once, if it is idle."""


class Servers(Protocol):
    """Who has connections served."""

    def serve_stream(self, wire: Wire) -> Server | None:
        """Serve a connection; None where it serves one stream and no other."""


class Pair:
    """This end of a pair, `fd`, and the connection at the other end."""

    __slots__ = ("_holder", "_identity", "_poller", "_resting", "_server", "_tunnel", "_wire", "fd", "known", "origin")

    def __init__(self, poller: Poller, peer: str, asked: Asked) -> None:
        """peer: the client's address; asked: the first request.  Raises: OSError, without descriptors."""
        self._poller = poller
        self._identity = asked.identity
        self.origin = asked.origin
        """What was asked last, without its path."""
        self.known = None if asked.is_tunnel else KnownHead()
        """How it was answered last."""
        self._tunnel = asked.is_tunnel
        self._holder: Held | None = None
        self._resting: RestingPairs | None = None
        """Where the pair is noted while it waits."""
        self._server: Server | None = None
        """None for a tunnel, which outlives the connection that it was asked for by."""
        self._wire: Wire | None = None
        """Of the other end, until that is served."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        with ours, theirs:
            poller.add(ours.fileno(), self)
            self.fd = ours.detach()
            try:
                self._wire = Wire(poller, theirs.fileno(), peer)
            except OSError:
                self.close()
                raise
            poller.stand_behind(theirs.detach(), self, outside=0)

    def hold(self, holder: Held) -> None:
        """Tell a stream from now on what becomes of the pair."""
        self._holder = holder
        self._rest_no_more()

    def serve(self, servers: Servers) -> None:
        """Have the request served that was written: by a new connection, or by the one that is there.

        That goes on at once, so that nothing can end it as one that is idle before it has seen the request.
        """
        wire, self._wire = self._wire, None
        if wire is not None:
            server = servers.serve_stream(wire)
            self._server = None if self._tunnel else server
        elif self._server is not None:
            self._server.wire.ready(self._server.wire.fd, IN)

    def suits(self, asked: Asked) -> bool:
        """Whether a request comes with the very credential that the connection has served before."""
        return self._identity == asked.identity

    def rest(self, resting: RestingPairs) -> bool:
        """Wait for a next request, if the connection does and there is room; whether that is so.

        The pair counts for no account's connections then, as its session does, and one that waits takes no other's
        place; how many wait is bounded by themselves.
        """
        server = self._server
        account_id = server.place.account_id if server is not None and server.idle else 0
        if server is None or not account_id:
            return False
        server.place.rest()
        if not resting.add(self, account_id):
            return False
        self._holder, self._resting = None, resting
        server.phase("kept", resting.seconds)
        return True

    def _rest_no_more(self) -> None:
        resting, self._resting = self._resting, None
        if resting is not None:
            resting.remove(self)

    def give_up(self) -> None:
        """End a pair that waits, and its connection: both descriptors are free at once."""
        server = self._server
        self.close()
        if server is not None:
            server.evict()

    def write(self, data: bytes) -> int:
        """Give the other end what it takes of data, and say how much that is: all, where nobody reads any more."""
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def is_empty(self) -> bool:
        """Whether nothing is left to be read, and the other end has not ended, as the kernel knows it now."""
        try:
            os.read(self.fd, 1)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    # Called by the poller

    def ready(self, fd: int, events: int) -> None:
        if self._holder is not None:
            self._holder.ready(fd, events)
        elif events & ~OUT:
            self.close()  # whatever comes now is the answer to nothing, or the end

    def closed(self) -> None:
        """Let go of a pair that waits; a stream reads the end, when all before it was, and the pair waits no more."""
        self._server = None
        if self._holder is None:
            self.close()

    def abort(self) -> None:
        if self._holder is not None:
            self._holder.abort()

    def close(self) -> None:
        """Close this end; again does no harm."""
        self._rest_no_more()
        fd, self.fd = self.fd, -1
        if fd >= 0:
            self._poller.remove(fd)
            with suppress(OSError):
                os.close(fd)


class RestingPairs:
    """The pairs of all sessions that wait, the oldest first; each is given up where a client has no room."""

    __slots__ = ("_caps", "_live", "_of", "_pairs")

    def __init__(self, caps: Caps, live: Live) -> None:
        self._caps = caps
        self._live = live
        self._pairs: dict[Pair, int] = {}
        """Each with the account that it has served: as many as their PART of the descriptors allows."""
        self._of: Counter[int] = Counter()
        """How many have served each account."""

    def __len__(self) -> int:
        return len(self._pairs)

    @property
    def seconds(self) -> float:
        """For which one waits."""
        return min(SECONDS, self._live.timeouts.keep_alive)

    def add(self, pair: Pair, account_id: int) -> bool:
        """Note a pair, if there is room for it beside all that wait, and beside all that its account has; whether."""
        caps = self._caps
        wait = (len(self._pairs) + 1) * DESCRIPTORS * PART <= caps.ceiling
        if not wait or not caps.may_hold(account_id, self._of[account_id] + 1):
            return False
        self._pairs[pair] = account_id
        self._of[account_id] += 1
        return True

    def remove(self, pair: Pair) -> None:
        account_id = self._pairs.pop(pair)
        self._of[account_id] -= 1
        if not self._of[account_id]:
            del self._of[account_id]

    def give_up(self, descriptors: int) -> int:
        """End as many pairs as have so many descriptors, or all, for clients who have none; how many are free."""
        before = len(self._pairs)
        while self._pairs and (before - len(self._pairs)) * DESCRIPTORS < descriptors:
            next(iter(self._pairs)).give_up()
        return (before - len(self._pairs)) * DESCRIPTORS


class KeptPairs:
    """The pairs of one session that wait, the oldest first."""

    __slots__ = ("_pairs", "_resting")

    def __init__(self, resting: RestingPairs) -> None:
        self._resting = resting
        self._pairs: list[Pair] = []

    def keep(self, pair: Pair, *, wanted: bool) -> None:
        """Have a pair wait, if its connection does, and if it is wanted; else close it."""
        if not wanted or not pair.rest(self._resting):
            pair.close()
            return
        self._pairs.append(pair)
        if len(self._pairs) > MOST:
            self._pairs.pop(0).close()

    def take(self, asked: Asked) -> Pair | None:
        """A pair for a request: of the same credential, and if there is one then of the same server."""
        self._pairs = [pair for pair in self._pairs if pair.fd >= 0]
        suiting = [pair for pair in self._pairs if pair.suits(asked)]
        if asked.is_tunnel or not suiting:
            return None
        pair = next((each for each in reversed(suiting) if each.origin == asked.origin), suiting[-1])
        self._pairs.remove(pair)
        pair.origin = asked.origin
        return pair

    def close(self) -> None:
        """Close all; none is kept any longer than its session."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.close()
