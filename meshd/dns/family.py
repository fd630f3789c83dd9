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
from meshd.dns.system import Answer, Outcome, ResolveError


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
        "_folded",
        "_limit",
        "_lookup",
        "_open",
        "_stream",
        "_turn",
        "_until",
        "outcome",
    )

    def __init__(
        self, lookup: Asking, ended: Callable[[Family], None], chain: Chain, limit: float, until: float
    ) -> None:
        """limit: seconds for each question; until: the clock's time after which no further one is asked."""
        self._lookup = lookup
        self._ended = ended
        self._chain = chain
        self._limit = limit
        self._until = until
        self._turn = 0
        self._open: tuple[tuple[Port, int], ...] = ()
        """The questions that wait for an answer, one for each turn so far: a late answer is as good."""
        self._folded = False
        self._stream: Deferred[Any] | None = None
        self._failure: ResolveError | None = None
        """What a server's answer was, if it was none of use."""
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
            try:
                number = port.ask(self._chain.name, self._chain.kind, self, fold=server.folds)
            except OSError:
                server.drop(port)
                port = None
                continue
            self._open += ((port, number),)
            self._lookup.deadlines.arm(self, self._limit)
            return
        self._end(self._failure or ResolveError("dns_timeout", "the name servers gave no answer"))

    def give_up(self) -> None:
        """End without an answer, unless there is an outcome already."""
        if self.outcome is None:
            self._end(ResolveError("dns_timeout", "the name servers gave no answer in time"))

    def answered(self, reply: Reply, port: Port, number: int, /) -> None:
        """Hear what a server says by a datagram."""
        self._open = () if len(self._open) == 1 else tuple(each for each in self._open if each != (port, number))
        if reply.folded:
            self._fold(port)
        elif not reply.truncated:
            self._take(reply)
        elif self._stream is None:
            self._by_stream(port.home.server)

    def _fold(self, port: Port) -> None:
        """Ask the next server; the first time it is this one's fault, and the turn does not count."""
        if not self._folded:
            self._folded = port.home.folds = True
            self._turn -= 1
        self._again()

    def _take(self, reply: Reply) -> None:
        if reply.code == NAME_ERROR:
            self._end(ResolveError("dns_error", "no such name"))
        elif reply.code == NO_ERROR:
            self._read(reply)
        else:
            self._failure = ResolveError("dns_error", f"the name server answered with code {reply.code}")
            self._again()

    def _read(self, reply: Reply) -> None:
        """Follow aliases within the answer and, where it stops at an alias, with a further question."""
        chain, asked = self._chain, self._chain.name
        try:
            chain.read(reply.records)
        except ResolveError as error:
            self._end(error)
            return
        if chain.addresses or chain.name == asked:
            self._end(Answer(chain.addresses, chain.ttl))
        else:
            self._rest()
            self._turn = 0
            self.ask()

    def _by_stream(self, server: Server) -> None:
        self._disarm()
        asked = self._lookup.stream(server, self._chain.name, self._chain.kind, self._limit)
        self._stream = asked
        self._lookup.deadlines.arm(self, self._limit)
        asked.addCallbacks(self._streamed, self._broken, (asked,), {}, (asked,), {})

    def _streamed(self, reply: Reply, asked: Deferred[Any]) -> None:
        if self._stream is not asked:  # it was called off, and has ended all the same
            return
        self._stream = None
        if reply.truncated:  # which TCP knows no reason for
            self._again()
        else:
            self._take(reply)

    def _broken(self, failure: Failure, asked: Deferred[Any]) -> None:
        if self._stream is not asked:  # it was called off, and another may be under way already
            return
        self._stream = None
        if failure.check(OSError, ConnectError, CancelledError) is None:
            self._end(failure)
        else:
            self._again()

    def __call__(self) -> None:
        """Hear that no answer has come in time."""
        self._again()

    def _again(self) -> None:
        """Ask once more; what was asked by datagrams before may still be answered."""
        self._disarm()
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
        self.ask()

    def _disarm(self) -> None:
        self._lookup.deadlines.disarm(self, self._limit)

    def _rest(self) -> None:
        """Wait for no answer."""
        self._disarm()
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
        for port, number in self._open:
            port.forget(number)
        self._open = ()

    def _end(self, outcome: Outcome) -> None:
        self._rest()
        self.outcome = outcome
        self._ended(self)
