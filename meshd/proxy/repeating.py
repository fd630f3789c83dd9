"""A request that repeats the one before it: the same server is asked with the very same fields for another path.

Most requests of a kept connection do.  The path of such an exchange is that of `connection`, with each decision taken
anew, but what was read before is not read again, and the steps are few as long as all it takes is at hand: an admission
from memory, room under the bounds, a kept connection to the server, and there an answer that begins like the one
before.  Where something of it is not, the exchange goes on from there as any other.
"""

from __future__ import annotations

from meshd.exits.departure import Departure
from meshd.http1.render import render_request
from meshd.http1.target import PATH_AND_QUERY, AbsoluteForm
from meshd.model import Admission, Refusal
from meshd.passing.kept import Origin
from meshd.passing.record import Record
from meshd.passing.repeating import RepeatingConnection
from meshd.proxy.barring import barred
from meshd.proxy.forward import NOT_BEGUN, Begun
from meshd.proxy.plane import DataPlane
from meshd.proxy.request import ProxyRequest
from meshd.proxy.response import ProxyResponse
from meshd.usage.meter import Meter
from meshd.values.terms import Terms

_LINE_END = b" HTTP/1.1\r\n"


class Repeated:
    """What a client repeats: all of its requests but their paths, and the credential that they carry."""

    __slots__ = ("_begin", "_lead", "_method", "_path", "_rests", "request")

    def __init__(self, request: ProxyRequest) -> None:
        """request: one that `repeats`."""
        assert isinstance(request.target, AbsoluteForm)
        self.request = request
        self._begin = b"%b http://%b/" % (request.method, request.target.authority)
        self._lead = len(self._begin) - 1
        self._method = request.method + b" "
        self._path = b""
        """The path that was read last, and so is one."""
        self._rests: dict[str, bytes] = {}

    def read(self, buffer: bytes, longest: int, /) -> tuple[bytes, bytes, bytes | None] | None:
        """The path with the query, the field block and its credential, if buffer is exactly one request like this one;
        else None.  longest: bytes of buffer.
        """
        if len(buffer) > longest or not buffer.startswith(self._begin):
            return None
        end = buffer.find(_LINE_END, self._lead)
        path = buffer[self._lead : end]
        if end < 0 or (path != self._path and PATH_AND_QUERY.fullmatch(path) is None):
            return None
        self._path = path
        block, said = buffer[end + len(_LINE_END) :], self.request.said
        credential = said.proxy_authorization
        if block != said.block:
            credential = said.credential_in(block)
            if credential is None:
                return None
        return path, block, credential

    def anew(self, path: bytes, block: bytes, credential: bytes | None, size: int) -> ProxyRequest:
        """The request that `read` gave these parts of, of so many bytes, to be served as any other."""
        said = self.request.said
        if credential is not None and block != said.block:
            said = said.with_credential(block, credential)
        return self.request.at(path, said, size)

    def head(self, path: bytes, consumed: str) -> bytes:
        """The head for the server.  consumed: as in `Said.origin_fields`."""
        rest = self._rests.get(consumed)
        if rest is None:
            request = self.request
            assert isinstance(request.target, AbsoluteForm)
            whole = render_request(b"", b"", request.target.authority, request.origin_fields(consumed))
            rest = self._rests[consumed] = whole.removeprefix(b" ")
        return self._method + path + rest


def repeats(request: ProxyRequest) -> bool:
    """Whether the request after this one, which was served, may be served as its repetition."""
    return request.safe_to_repeat and request.minor == 1 and request.hops is None and not request.said.websocket


class RepeatedExchanges(RepeatingConnection[ProxyResponse]):
    """The connection of a client of a proxy, as far as it repeats itself."""

    __slots__ = ("repeated",)

    _plane: DataPlane
    repeated: Repeated | None
    """What the next request may repeat; None where nothing is known of it."""

    async def _repeat(self, same: Repeated) -> bool | None:
        """Serve requests as long as each is like the one before: whether the connection serves another.  None where the
        next is another one, or may not pass without more ado: then it is in the buffer, and nothing is done yet.
        """
        while True:
            self.phase("kept", self._plane.live.timeouts.keep_alive)
            try:
                self.buffer = buffer = await self.wire.receive()
            except OSError:
                return False
            if not buffer:
                return False
            read = same.read(buffer, self._plane.live.limits.request_line_bytes)
            admission = self._at_hand(same, read[2]) if read is not None else None
            meter = self._opened(admission) if admission is not None else None
            if read is None or admission is None or meter is None:
                return None
            self.buffer = b""
            departure = self._left(same.request, admission, meter)
            if not meter.paid(len(buffer)):
                await self.charge(len(buffer))
            terms = meter.tally.terms
            refusal = (self._barred(departure, terms) if terms is not None else None) or departure.choose()
            if refusal is not None:
                return await self._refuse(refusal, same.request)
            begun, origin = NOT_BEGUN, self._kept(departure, admission.identity.account.id) if terms is None else None
            if origin is not None:
                head = same.head(read[0], admission.consumed)
                origins, method, patience = self._plane.origins, same.request.method, departure.patience
                came = await self._ask_again(origins, origin, head, method, patience=patience)
                if came is None:
                    if self._plane.draining:
                        return True
                    continue
                begun = origin, came
            request = same.anew(*read, len(buffer))
            return await self._forward(request, departure, admission, begun)

    def _at_hand(self, same: Repeated, credential: bytes | None) -> Admission | None:
        """Who is asking, if that is remembered, and nothing holds the account up but what `_opened` asks."""
        plane = self._plane
        admission = plane.auth.recall(self.proxy, self.wire.peer, credential, same.request.said.authorization)
        if plane.line.waiting or plane.draining or not isinstance(admission, Admission) or admission.terms is not None:
            return None
        return admission

    def _opened(self, admission: Admission, /) -> Meter | None:
        """The meter of an exchange that may begin now; None where it has to wait, or to be refused."""
        plane, account_id = self._plane, admission.identity.account.id
        ledger, caps, monotonic = plane.ledger, plane.caps, plane.wheel.monotonic
        open_now = ledger.tunnels(account_id)
        if caps.start(account_id, open_now, monotonic, tunnel=False, take=False) is not None:
            return None
        meter = ledger.open(admission, self._stopped)
        if not isinstance(meter, Meter):
            return None  # and nothing was taken of what it may begin
        caps.start(account_id, open_now, monotonic, tunnel=False)
        return meter

    def _left(self, request: ProxyRequest, admission: Admission, meter: Meter, /) -> Departure:
        """Begin the record of an exchange, and its way out."""
        self.cut = None
        self.record = record = Record(self._plane, self.proxy, self.wire.peer)
        record.note_request(request)
        record.note_admission(admission)
        self.place.asked = record.began
        self.place.hold(admission.identity.account.id)
        meter.proxy, meter.about = self.proxy, record
        record.meter = self.meter = meter
        record.departure = meter.way = departure = self._departure(request, admission)
        return departure

    def _barred(self, departure: Departure, terms: Terms) -> Refusal | None:
        """Why terms that have come while the head waited for room refuse the exchange; None where they do not."""
        assert self.record is not None
        return barred(self._plane, departure, terms, self.record)

    def _kept(self, departure: Departure, account_id: int, /) -> Origin[ProxyResponse] | None:
        """A kept connection by the chosen exit to the server; None where there is none, or the exit itself is asked."""
        choice, target, record = departure.choice, departure.target, self.record
        exit_ = choice.outlet.exit
        if choice.outlet.is_asked_itself or target is None or record is None:
            return None
        way = exit_.name, choice.source, target.host, target.port
        origin = self._plane.origins.take((account_id, departure.selection.session, *way))
        if origin is not None:
            record.exit = choice.label(departure.selection, origin.source)
            departure.address = origin.wire.peer
        return origin

    def _answer_like(self, told: ProxyResponse, /) -> bytes | None:
        """None where each answer tells of its own exchange."""
        record = self.record
        departure = record.departure if record is not None else None
        tells_of_each = self._plane.live.topology.proxy_status_on_forwarded
        if record is None or not isinstance(departure, Departure) or tells_of_each:
            return None
        departure.succeeded()
        return told.render(1, True, record.exit, departure.choice.not_found)

    # As the whole connection does it

    def _departure(self, request: ProxyRequest, admission: Admission, /) -> Departure:
        """The way out for a request."""
        raise NotImplementedError

    async def _forward(
        self, request: ProxyRequest, departure: Departure, admission: Admission, begun: Begun = NOT_BEGUN
    ) -> bool:
        """Serve an admitted request for which an exit was chosen, from where it was begun."""
        raise NotImplementedError

    async def _refuse(self, refusal: Refusal, request: ProxyRequest | None, cause: str = "") -> bool:
        """Answer a refusal; whether the connection serves another request."""
        raise NotImplementedError
