"""Asking configured name servers: A and AAAA side by side, aliases followed, truncated answers fetched again by TCP.

Each question leaves from a port of its own with a random id, and an answer counts only if it repeats the question.
`twisted.names.client` is not used: its queries cannot be ended early and it keeps TCP connections open.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from secrets import randbelow
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory
from twisted.names import dns

from meshd.dns.datagrams import Datagrams
from meshd.dns.system import Answer, ResolveError, interleave

MOST_ALIASES = 8
LEAST_TRIES = 3
RESOLUTION_DELAY = 0.05
"""Seconds that the slower address family may keep the faster one waiting (RFC 8305 section 3)."""
PARTIAL_TTL = 5.0
"""Seconds that an answer holds which lacks an address family, since that did not answer in time."""

Server = tuple[str, int]


class ServerLookup:
    """Asks each server in turn, at least three times in all, within `timeout()` seconds."""

    def __init__(self, reactor: Any, servers: Sequence[Server], timeout: Callable[[], float]) -> None:
        self._reactor = reactor
        self._servers = tuple(servers)
        self._timeout = timeout
        self._running: set[Deferred[Any]] = set()

    async def lookup(self, name: str) -> Answer:
        """Addresses of both families, IPv6 first.  The first that answers waits RESOLUTION_DELAY for the other at most.
        Raises: ResolveError.
        """
        families = [self._start(name, kind) for kind in (dns.AAAA, dns.A)]
        for family, other in zip(families, reversed(families), strict=True):
            family.addCallback(self._hurry, other)
        outcomes = [outcome for _, outcome in await DeferredList(families)]
        answers = [outcome for outcome in outcomes if isinstance(outcome, Answer) and outcome.addresses]
        if not answers:
            raise _failure(outcomes)
        # IPv6 first (RFC 8305 section 4): the outcomes stand in that order.
        addresses = interleave([address for answer in answers for address in answer.addresses])
        ttl = min(answer.ttl for answer in answers)
        if any(isinstance(outcome, ResolveError) for outcome in outcomes):
            ttl = min(ttl, PARTIAL_TTL)
        return Answer(addresses, ttl)

    def stop(self) -> Deferred[None]:
        """Cancel every question; the result fires when the sockets of all questions are closed."""
        running = list(self._running)
        for question in running:
            question.cancel()
        return DeferredList(running).addCallback(lambda _: None)

    def _start(self, name: str, kind: int) -> Deferred[Any]:
        """Ask for one address family; the result fires with an Answer, or with a ResolveError as a value."""
        limit = self._timeout()
        family: Deferred[Any] = Deferred.fromCoroutine(self._follow(name.encode("ascii"), kind, limit))
        family.addTimeout(limit, self._reactor)
        family.addErrback(_outcome)
        self._running.add(family)
        return family.addBoth(self._ended, family)

    def _ended(self, outcome: Any, family: Deferred[Any]) -> Any:
        self._running.discard(family)
        return outcome

    def _hurry(self, outcome: Any, other: Deferred[Any]) -> Any:
        if isinstance(outcome, Answer) and outcome.addresses and not other.called:
            timer = self._reactor.callLater(RESOLUTION_DELAY, other.cancel)
            other.addBoth(_defuse, timer)
        return outcome

    async def _follow(self, name: bytes, kind: int, limit: float) -> Answer:
        """Follow aliases (CNAME) within an answer and, where the answer stops at an alias, with further questions."""
        chain = Chain(name, kind)
        while True:
            asked = chain.name
            chain.read(await self._ask(asked, kind, limit))
            if chain.addresses or chain.name == asked:
                return Answer(tuple(chain.addresses), chain.ttl)

    async def _ask(self, name: bytes, kind: int, limit: float) -> list[Any]:
        """Ask the servers in turn; the records of the first usable answer.  Raises: ResolveError."""
        question = dns.Query(name, kind)
        tries = max(LEAST_TRIES, len(self._servers))
        failure = ResolveError("dns_timeout", "the name servers gave no answer")
        for turn in range(tries):
            server = self._servers[turn % len(self._servers)]
            try:
                message = await self._exchange(server, question, limit / tries)
            except (TimeoutError, OSError, ConnectError):
                continue
            if message.rCode == dns.ENAME:
                raise ResolveError("dns_error", "no such name")
            if message.rCode == dns.OK:
                return list(message.answers)
            failure = ResolveError("dns_error", f"the name server answered with code {message.rCode}")
        raise failure

    async def _exchange(self, server: Server, question: Any, limit: float) -> Any:
        """Ask one server one question.  Raises: TimeoutError, also where the answer is to something else."""
        message = await self._by_udp(server, question, limit)
        if message.trunc:
            message = await self._by_tcp(server, question, limit)
        if [(query.name, query.type) for query in message.queries] != [(question.name, question.type)]:
            raise TimeoutError("an answer to another question")
        return message

    async def _by_udp(self, server: Server, question: Any, limit: float) -> Any:
        asked = dns.Message(randbelow(2**16), recDes=1)
        asked.queries = [question]
        answer: Deferred[Any] = Deferred()

        def received(data: bytes) -> None:
            message = _answer(data, asked.id)
            if message is not None and not answer.called:
                answer.callback(message)

        datagrams = Datagrams(self._reactor, server, received)
        try:
            datagrams.send(asked.toStr())
            return await answer.addTimeout(limit, self._reactor)
        finally:
            datagrams.close()

    async def _by_tcp(self, server: Server, question: Any, limit: float) -> Any:
        listener = Listener()
        endpoint = HostnameEndpoint(self._reactor, *server, timeout=limit)
        factory = Factory.forProtocol(lambda: dns.DNSProtocol(listener, self._reactor))
        factory.noisy = False
        protocol: Any = await endpoint.connect(factory)
        try:
            return await protocol.query([question], limit)
        finally:
            for _, timer in protocol.liveMessages.values():
                timer.cancel()
            protocol.liveMessages.clear()
            protocol.transport.abortConnection()
            await listener.lost


class Chain:
    """The way from a name over its aliases to the addresses of one family."""

    def __init__(self, name: bytes, kind: int) -> None:
        self.name = name
        self.addresses: list[str] = []
        self.ttl = float("inf")
        self._kind = kind
        self._aliases = 0

    def read(self, records: Sequence[Any]) -> None:
        """Follow the aliases in one answer's records; records of other names are not believed."""
        while True:
            own = [record for record in records if record.name.name.lower() == self.name]
            addresses = [record for record in own if record.type == self._kind]
            alias = next((record for record in own if record.type == dns.CNAME), None)
            if addresses or alias is None:
                self.ttl = min([self.ttl, *(record.ttl for record in addresses)])
                self.addresses = [str(ipaddress.ip_address(record.payload.address)) for record in addresses]
                return
            self._step(alias)

    def _step(self, alias: Any) -> None:
        self._aliases += 1
        if self._aliases > MOST_ALIASES:
            raise ResolveError("dns_error", "too many aliases")
        self.ttl = min(self.ttl, alias.ttl)
        self.name = alias.payload.name.name.lower()


class Listener:
    """The controller of a DNSProtocol: all that matters is that the connection is gone."""

    def __init__(self) -> None:
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self, protocol: Any) -> None:
        pass

    def connectionLost(self, protocol: Any) -> None:
        self.lost.callback(None)

    def messageReceived(self, message: Any, protocol: Any, address: Any = None) -> None:
        """Ignore an answer to a question that nobody asked, or asks any more."""


def _answer(data: bytes, id_: int) -> Any:
    """The message in a datagram; None where the datagram is no message or does not answer the question of that id."""
    message = dns.Message()
    try:
        message.fromStr(data)
    except Exception:  # whatever twisted.names stumbles over
        return None
    return message if message.answer and message.id == id_ else None


def _defuse(outcome: Any, timer: Any) -> Any:
    if timer.active():
        timer.cancel()
    return outcome


def _outcome(failure: Any) -> ResolveError:
    """A ResolveError, or a cancelled or timed out question, as a value; anything unforeseen stays a failure."""
    if failure.check(ResolveError) is not None:
        error: ResolveError = failure.value
        return error
    failure.trap(CancelledError, TimeoutError)
    return ResolveError("dns_timeout", "the name servers gave no answer in time")


def _failure(outcomes: Sequence[Any]) -> ResolveError:
    """The error of a name that has no address: a definite "no" of either family rather than a silence."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, ResolveError)]
    definite = [error for error in errors if error.kind == "dns_error"]
    return next(iter(definite or errors), ResolveError("dns_error", "no address"))
