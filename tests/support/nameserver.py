"""A name server on loopback whose answers a test writes, and may change while it runs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet import protocol
from twisted.internet.defer import DeferredList, maybeDeferred
from twisted.names import dns

SILENCE = -1
"""Instead of a response code: no answer at all."""

Records = list[Any] | int


class NameServer:
    """`records[name, type]` is a list of twisted.names records, or a response code, or SILENCE; absent means NODATA."""

    def __init__(self, reactor: Any) -> None:
        self.records: dict[tuple[str, int], Records] = {}
        self.truncated: set[str] = set()
        """Names answered over UDP with the TC bit and nothing else."""
        self.forged: set[str] = set()
        """Names whose answers repeat another question."""
        self.folds = False
        """Whether questions are repeated in lower case, however they were spelled."""
        self.asked: Counter[tuple[str, str]] = Counter()
        """How often by (name, "udp" or "tcp")."""
        self._reactor = reactor
        self._datagrams = dns.DNSDatagramProtocol(self, reactor)
        factory = protocol.Factory.forProtocol(lambda: dns.DNSProtocol(self, reactor))
        # TCP chooses: its ports are the scarce ones, with every closed connection lingering on one.
        self._tcp = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self._udp = reactor.listenUDP(self._tcp.getHost().port, self._datagrams, interface="127.0.0.1")
        self._connections: set[Any] = set()

    @property
    def address(self) -> str:
        """As `dns.servers` wants it."""
        return f"127.0.0.1:{self._udp.getHost().port}"

    def say(self, name: str, *addresses: str, ttl: int = 60) -> None:
        """Answer both families with just these addresses from now on."""
        self.records[name, dns.A] = [dns.Record_A(text, ttl) for text in addresses if ":" not in text]
        self.records[name, dns.AAAA] = [dns.Record_AAAA(text, ttl) for text in addresses if ":" in text]

    def alias(self, name: str, target: str, ttl: int = 60) -> None:
        """Answer both families with a CNAME; what is known of the target is added, as resolvers do."""
        for kind in (dns.A, dns.AAAA):
            self.records[name, kind] = [dns.Record_CNAME(target, ttl)]

    def code(self, name: str, code: int) -> None:
        """Answer both families with a response code, or with SILENCE."""
        self.records[name, dns.A] = self.records[name, dns.AAAA] = code

    async def stop(self) -> None:
        for connection in self._connections:
            connection.transport.abortConnection()
        await DeferredList([maybeDeferred(port.stopListening) for port in (self._udp, self._tcp)])

    def connectionMade(self, protocol: Any) -> None:
        self._connections.add(protocol)

    def connectionLost(self, protocol: Any) -> None:
        self._connections.discard(protocol)

    def messageReceived(self, message: Any, protocol: Any, address: Any = None) -> None:
        """Answer one question on whichever transport it came by."""
        query = message.queries[0]
        name = query.name.name.decode().lower()
        self.asked[name, "udp" if address else "tcp"] += 1
        answer = self._answer(message, query, name, by_udp=address is not None)
        if answer is not None:
            protocol.writeMessage(answer, *([address] if address else []))

    def _answer(self, message: Any, query: Any, name: str, *, by_udp: bool) -> Any:
        records = self.records.get((name, query.type), [])
        if records == SILENCE:
            return None
        answer = dns.Message(message.id, answer=1, recAv=1, recDes=1, maxSize=512 if by_udp else 0)
        answer.queries = [dns.Query("elsewhere.test", query.type) if name in self.forged else query]
        if self.folds:
            answer.queries = [dns.Query(name, query.type)]
        if isinstance(records, int):
            answer.rCode = records
        elif by_udp and name in self.truncated:
            answer.trunc = 1
        else:
            self._fill(answer, name, query.type)
        return answer

    def _fill(self, answer: Any, name: str, kind: int) -> None:
        seen: set[str] = set()
        while name not in seen:
            seen.add(name)
            records = self.records.get((name, kind), [])
            for record in records if isinstance(records, list) else []:
                answer.answers.append(dns.RRHeader(name, record.TYPE, dns.IN, record.ttl, record))
                if record.TYPE == dns.CNAME:
                    name = record.name.name.decode()
