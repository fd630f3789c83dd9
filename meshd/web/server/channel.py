"""A client's connection to the API: Twisted's channel, with the bounds that it lacks.

Twisted's channel has no limit on a body, an idle timer that every byte restarts, and answers to a bad head that a
client cannot read.  Here each phase of a request has one absolute deadline (head, body, idle), and what is refused
below the routes is refused in the API's own words, before the body is read where the head is reason enough.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from meshd.http1.framing import LONGEST_LENGTH
from meshd.http1.grammar import LONGEST_METHOD, method_read
from meshd.values.addresses import peer_host
from meshd.web.server.bounds import Serving
from meshd.web.server.deadline import GRACE, LINGER, Deadline
from meshd.web.server.gate import Ticket
from meshd.web.server.heads import (
    HOST,
    LENGTH,
    LONGEST_START,
    MOST_LINES,
    NO_CODING,
    SINGLE,
    Problem,
    for_method,
    is_other_coding,
    origin_form,
)


class Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    WORK = auto()
    CLOSING = auto()
    """The connection is being closed; what the client still sends is not read."""


class ApiChannel(HTTPChannel):
    """A connection of the site, with the bounds that the site has when the connection is made."""

    maxHeaders = totalHeadersSize = 2**31  # Twisted answers 400 to too much; lineReceived is first, and says 431
    site: Serving
    transport: Any
    ticket: Ticket | None = None
    _path = b""
    _method = b""
    """Of the request under way, from its first line on, be that good or not; b"" where that does not tell."""

    def connectionMade(self) -> None:
        self.bounds = self.site.bounds()
        self.MAX_LENGTH = self.bounds.line_bytes
        self._deadline = Deadline(self.site.reactor)
        self._phase = Phase.HEAD
        self._received = self._head_bytes = self._head_lines = self._body_lines = 0
        self._moved = False
        self._peer: Any = None
        self._local: Any = None
        self.site.open_channels.add(self)
        super().connectionMade()
        if self.ticket is None:
            self.ticket = self.site.gate.enter(self._host())
        if self.ticket is None:
            self.cut()
        else:
            self._enter(Phase.HEAD)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008 (Twisted's signature)
        self._deadline.end()
        if self.ticket is not None:
            self.ticket.leave()
        self.site.closed(self)
        super().connectionLost(reason)

    def signed_in(self, account_id: int) -> None:
        """Stop counting this connection at the gate, since a request on it has signed in; account_id: who it is."""
        if self.ticket is not None:
            self.ticket.leave()

    def getPeer(self) -> Any:
        """The address of the client, kept from the first request on, when a balancer's PROXY header has been read."""
        if self._peer is None:
            self._peer = super().getPeer()
        return self._peer

    def getHost(self) -> Any:
        """The address of our end, kept since asking takes a system call."""
        if self._local is None:
            self._local = super().getHost()
        return self._local

    def finish(self) -> None:
        """Close the connection when the request that is being answered is done; at once if there is none."""
        if self._phase in (Phase.IDLE, Phase.HEAD):
            self._close()
        else:
            self.persistent = False

    # What Twisted calls, in the order of a request.

    def dataReceived(self, data: bytes) -> None:
        if self._phase is Phase.CLOSING:
            return
        if not self._placed():
            self.cut()
            return
        self._received += len(data)
        if self._phase is Phase.IDLE and not self.paused:
            self._enter(Phase.HEAD)
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        if self._phase is not Phase.HEAD:
            if self._phase is Phase.CLOSING:
                return
            self._enter(Phase.HEAD)
        self._head_bytes += len(line) + 2
        self._head_lines += 1
        self._method = self._method or method_read(line)
        if self._head_bytes > self.bounds.head_bytes or self._head_lines > self.bounds.fields + 2:
            self.refuse(431, "too many header fields")
        elif self._head_lines == 1 and len(line) > LONGEST_START:
            self.refuse(414, "request line too long")
        elif line[:1] in (b" ", b"\t"):
            self.refuse(400, "folded header field")
        elif is_other_coding(line):
            self.refuse(501, NO_CODING)
        elif line[: len(LENGTH)].lower() == LENGTH and len(digits := line[len(LENGTH) :].strip()) > LONGEST_LENGTH:
            # All would be read as one number, or fail at it.
            self.refuse_body() if digits.isdigit() else self.refuse(400, "malformed Content-Length")
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        if self._head_lines:
            self.refuse(431, "header field too long")
        else:
            self._method = method_read(line)
            self.refuse(414, "request line too long")

    def rawDataReceived(self, data: bytes) -> None:
        if self._phase is Phase.CLOSING:
            return
        if self._phase is Phase.BODY and self.length is None:
            self._body_lines += data.count(b"\n")
            if self._body_lines > MOST_LINES:
                self.refuse(400, f"a chunked body of more than {MOST_LINES} lines")
                return
        super().rawDataReceived(data)

    def allHeadersReceived(self) -> None:
        problem = self._problem()
        if problem is not None:
            self.refuse(*problem)
            return
        if self.length != 0:
            self._enter(Phase.BODY)
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        if self._phase is not Phase.CLOSING:
            self._enter(Phase.WORK)
            self._head_bytes = self._head_lines = self._body_lines = 0
            super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        self._received, self._method = 0, b""
        self.paused = bool(self._waitingForTransport)  # what was read already waits until this answer has left
        self._enter(Phase.IDLE if self.persistent else Phase.CLOSING)  # before super(), which may begin the next
        super().requestDone(request)

    # A client that does not read.  Twisted's channel would go on reading and answering, and what it holds for one
    # connection would have no bound; here it is one read's worth of requests, a full buffer and one answer.

    def pauseProducing(self) -> None:
        """Stop reading: the buffer of bytes to be sent is full."""
        super().pauseProducing()
        self._networkProducer.pauseProducing()  # also while a request is answered, when Twisted's does not

    def resumeProducing(self) -> None:
        """Read again: the buffer of bytes to be sent is empty."""
        self.paused = False
        super().resumeProducing()
        if self._buffer:
            self.dataReceived(self.clearLineBuffer())

    def loseConnection(self) -> None:
        """Close, but read on and drop what still comes, since the client's end of stream is behind it."""
        if not self.transport.disconnecting:
            self._networkProducer.resumeProducing()
        super().loseConnection()

    # Refusals.

    def refuse(self, status: int, detail: str, *fields: tuple[str, str]) -> None:
        """Answer below the routes, read no more, and close when the client had time to see the answer."""
        if self._phase is not Phase.CLOSING:
            self.end_with(self.closing_answer(status, detail, *fields))
            self.site.note_refusal(self._host(), status, detail)

    def closing_answer(self, status: int, detail: str, *fields: tuple[str, str]) -> bytes:
        """A whole answer in the words of the routes, without its body where that was asked for by HEAD."""
        answer = self.site.api.closing_answer(status, detail, *fields, path=self._path.decode("latin-1"))
        return for_method(answer, self._method)

    def end_with(self, answer: bytes) -> None:
        """Send that answer, read no more, and close when the client had time to see it."""
        self._phase = Phase.CLOSING
        self.setRawMode()
        self.transport.write(answer)
        self._deadline.start(LINGER, self._close)

    def refuse_body(self) -> None:
        self.refuse(413, f"request body over {self.bounds.body_bytes} bytes")

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Refuse in the API's words: Twisted's own answer has no body, no length and no Connection field."""
        self.refuse(400, "malformed request")

    def _problem(self) -> tuple[int, str] | None:
        """The refusal (status, detail) of a head that Twisted accepted, or None; the path is normalised on the way."""
        fields = self.requests[-1].requestHeaders
        # Methods have a case, and the routing below does not know it.
        if not self._command.isupper() or len(self._command) > LONGEST_METHOD:
            return 501, "method not implemented"
        for name, values in fields.getAllRawHeaders():
            if len(values) > 1 and name.lower() in SINGLE:
                return 400, "repeated header field"
        hosts = fields.getRawHeaders(b"host", [])
        if (not hosts and self._version == b"HTTP/1.1") or not all(map(HOST.match, hosts)):
            return 400, "missing or malformed Host"
        if fields.hasHeader(b"transfer-encoding") and self._version != b"HTTP/1.1":
            return 501, NO_CODING
        if self.length is not None and self.length > self.bounds.body_bytes:
            return 413, f"request body over {self.bounds.body_bytes} bytes"
        return self._target_problem()

    def _target_problem(self) -> Problem | None:
        upgrades = self.site.upgrades
        prefix = upgrades.prefix if upgrades is not None and upgrades.tokens else None
        target = origin_form(self._path, prefix)
        if not isinstance(target, bytes):
            return target
        self._path = target
        return None

    # Deadlines.

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        match phase:
            case Phase.HEAD:
                self._deadline.start(self.bounds.head, self._late)
            case Phase.BODY:
                self._deadline.start(self.bounds.body, self._late)
            case Phase.IDLE:
                self._deadline.start(self.bounds.idle, self._close)
            case Phase.CLOSING:
                self._deadline.start(self.bounds.idle, self.transport.abortConnection)
            case Phase.WORK:
                self._deadline.stop()

    def _late(self) -> None:
        if self._received:
            self._method = self._method or method_read(self._buffer)  # where not even the first line has ended
            self.refuse(408, "request too slow")
        else:
            self._close()

    def _close(self) -> None:
        """Close the connection; abort it where the last bytes have not left in time."""
        self._phase = Phase.CLOSING
        self._deadline.start(GRACE, self.transport.abortConnection)
        self.loseConnection()

    def cut(self) -> None:
        """Abort the connection at once, whatever is still to be sent."""
        self._phase = Phase.CLOSING
        if self in self.site.open_channels:
            self.transport.abortConnection()

    def _placed(self) -> bool:
        """Whether the gate has room for the client's address, which may differ since a PROXY header came."""
        if self._moved or self.ticket is None:
            return True
        self._moved = True
        return self.ticket.move(self._host())

    def _host(self) -> str:
        return peer_host(self.transport.getPeer())
