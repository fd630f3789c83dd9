"""The questions for the addresses of one family, at whichever server's turn it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError
from twisted.python.failure import Failure

from meshd.dns.aliases import Chain
from meshd.dns.deadlines import Deadlines
from meshd.dns.messages import NAME_ERROR, NO_ERROR, Reply
from meshd.dns.ports import Port, Ports, Server
from meshd.dns.system import Answer, ResolveError

Outcome = Answer | ResolveError | Failure


class Asking(Protocol):
    """What all questions share."""

    servers: tuple[Ports, ...]
    tries: int
    deadlines: Deadlines
    seconds: Callable[[], float]

    def stream(self, server: Server, name: bytes, kind: int, limit: float) -> Deferred[Reply]:
        """Ask by TCP.  Raises: OSError, ConnectError, CancelledError."""


class Family:
    """The questions for the addresses of one family, one after the other."""

    __slots__ = (
        "_chain",
        "_ended",
        "_failure",
        "_folds",
        "_limit",
        "_lookup",
        "_number",
        "_port",
        "_stream",
        "_turn",
        "_until",
        "outcome",
    )

    def __init__(self, lookup: Asking, ended: Callable[[Family], None], chain: Chain, limit: float) -> None:
        self._lookup = lookup
        self._ended = ended
        self._chain = chain
        self._limit = limit / lookup.tries
        self._until = lookup.seconds() + limit
        self._turn = 0
        self._port: Port | None = None
        self._number = 0
        self._folds = False
        self._stream: Deferred[Any] | None = None
        self._failure = ResolveError("dns_timeout", "the name servers gave no answer")
        self.outcome: Outcome | None = None
        """An Answer, perhaps without addresses; or why there is none."""

    def ask(self, port: Port | None = None) -> None:
        """Ask the next server whose turn it is and to whom a question can be sent; port: one of that server's."""
        servers = self._lookup.servers
        while self._turn < self._lookup.tries and self._lookup.seconds() < self._until:
            server = servers[self._turn % len(servers)]
            self._turn += 1
            try:
                port = port or server.draw()
            except OSError:
                continue
            self._folds = server.folds
            try:
                self._number = port.ask(self._chain.name, self._chain.kind, self, fold=self._folds)
            except OSError:
                server.drop(port)
                port = None
                continue
            self._port = port
            self._lookup.deadlines.arm(self._expired, self._limit)
            return
        self._end(self._failure)

    def give_up(self) -> None:
        """End without an answer, unless there is an outcome already."""
        if self.outcome is None:
            self._rest()
            self._end(ResolveError("dns_timeout", "the name servers gave no answer in time"))

    def answered(self, reply: Reply, /) -> None:
        """Hear what the server says by a datagram, or by TCP."""
        self._port = self._stream = None
        self._lookup.deadlines.disarm(self._expired, self._limit)
        server = self._lookup.servers[(self._turn - 1) % len(self._lookup.servers)]
        if reply.folded and not self._folds:
            server.folds = True  # so that the same question goes once more to it
            self._turn -= 1
            self.ask()
        elif reply.folded:
            self.ask()
        elif reply.truncated:
            self._by_stream(server.server)
        elif reply.code == NAME_ERROR:
            self._end(ResolveError("dns_error", "no such name"))
        elif reply.code == NO_ERROR:
            self._read(reply)
        else:
            self._failure = ResolveError("dns_error", f"the name server answered with code {reply.code}")
            self.ask()

    def _read(self, reply: Reply) -> None:
        """Follow aliases within the answer and, where it stops at an alias, with a further question."""
        chain, asked = self._chain, self._chain.name
        try:
            chain.read(reply.records)
        except ResolveError as error:
            self._end(error)
            return
        if chain.addresses or chain.name == asked:
            self._end(Answer(tuple(chain.addresses), chain.ttl))
        else:
            self._turn = 0
            self.ask()

    def _by_stream(self, server: Server) -> None:
        asked = self._lookup.stream(server, self._chain.name, self._chain.kind, self._limit)
        self._stream = asked
        self._lookup.deadlines.arm(self._expired, self._limit)
        asked.addCallbacks(self._streamed, self._broken)

    def _streamed(self, reply: Reply) -> None:
        if reply.truncated:  # which TCP knows no reason for
            self._stream = None
            self._expired()
        else:
            self.answered(reply)

    def _broken(self, failure: Failure) -> None:
        if self._stream is not None:  # or it was ended from here
            self._rest()
            if failure.check(OSError, ConnectError, CancelledError) is None:
                self._end(failure)
            else:
                self.ask()

    def _expired(self) -> None:
        self._rest()
        self.ask()

    def _rest(self) -> None:
        """Wait for no answer."""
        self._lookup.deadlines.disarm(self._expired, self._limit)
        port, self._port = self._port, None
        stream, self._stream = self._stream, None
        if port is not None:
            port.forget(self._number)
        if stream is not None:
            stream.cancel()

    def _end(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._ended(self)
