"""A client's connection: the path of an exchange, read top to bottom.

    what it speaks → request → who is asking → may it pass → which exit → tunnel, or forward → one log line

A "no" is a `Refusal`, answered from the table in `replies`; what could not be done is an exception, which becomes a
Refusal at the end of the exchange, the only place here that catches everything.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from meshd.auth.question import Unseen
from meshd.exits.departure import Departure
from meshd.http1.errors import BadMessage
from meshd.model import Admission, Refusal
from meshd.passing.faults import STATUS_REASONS
from meshd.passing.metered import AN_EXCHANGE
from meshd.passing.parting import LINGER_SECONDS
from meshd.passing.record import Record
from meshd.proxy import replies
from meshd.proxy.admitting import admit
from meshd.proxy.associating import serve
from meshd.proxy.barring import barred, check_again
from meshd.proxy.capsuled import carry
from meshd.proxy.client import Client, Speech
from meshd.proxy.forward import NOT_BEGUN, Begun, ProxyForwarding
from meshd.proxy.http import HttpSpeech
from meshd.proxy.internal import answer
from meshd.proxy.mouth import local_address
from meshd.proxy.opening import meet
from meshd.proxy.plane import DataPlane
from meshd.proxy.repeating import Repeated, RepeatedExchanges, repeats
from meshd.proxy.request import ASSOCIATE, ProxyRequest
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.race import DialError
from meshd.sockets.wire import Wire
from meshd.usage.meter import Meter

log = Logger()


class ClientConnection(RepeatedExchanges):
    """Serves one client, exchange by exchange, until either side ends the connection."""

    __slots__ = ()

    _plane: DataPlane
    speech: Speech | None

    def __init__(self, plane: DataPlane, proxy: str, wire: Wire) -> None:
        """proxy: the name of the proxy that the client came to; wire: its socket, just accepted."""
        super().__init__(plane, wire)
        self.proxy = proxy
        self.speech: Speech | None = None
        """None while nothing can be answered, because a TLS handshake is under way, or the connection has not begun."""
        self.repeated = None
        self._answering = False

    @property
    def whose(self) -> int | str:
        return self.place.account_id or super().whose

    # The path

    async def _serve(self) -> None:
        self.speech = self.speech or HttpSpeech(self, self._plane)
        while await self._exchange():
            if self._plane.draining:
                return
            if self.buffer:  # the client pipelines requests
                await self.worked(AN_EXCHANGE)

    async def _exchange(self) -> bool:
        """Serve one request; whether the connection serves another."""
        self._answering = False
        self.cut = self.meter = self.record = None
        request: ProxyRequest | None = None
        try:
            if not self._met:
                if not await meet(self, self._plane):
                    return False
                self._met = True
            assert self.speech is not None
            if self.repeated is not None and not self.buffer:
                request = self.repeated.request
                served = await self._repeat(self.repeated)
                if served is not None:
                    return served
                self.repeated = self.cut = request = None
            request = await self.speech.read()
            if request is None:
                return False
            self.record = record = self._new_record()
            record.note_request(request)
            admission = await admit(self, self._plane, request, record)
            if isinstance(admission, Refusal):
                return await self._refuse(admission, request)
            return await self._pass(request, admission, record)
        except ClientGone:
            return self._end("client-gone", False)
        except BadMessage as bad:
            return await self._refuse(Refusal(STATUS_REASONS[bad.status], bad.rule, words=bad.words), request)
        except Stopped as stop:
            return await self._refuse(stop.refusal, request)
        except DialError as error:
            return await self._refuse(
                error.refusal, request, error.cause if error.cause != error.refusal.reason else ""
            )
        except Exception:
            self.record = record = self.record or self._new_record()
            self._plane.seldom.failure(log, "exchange {id} failed", id=record.id)
            return await self._refuse(Refusal("internal", f"id {record.id}"), request)

    def _new_record(self) -> Record:
        return Record(self._plane, self.proxy, self.wire.peer)

    async def _pass(self, request: ProxyRequest, admission: Admission, record: Record) -> bool:
        """Meter an admitted request, choose an exit for it and serve it; whether the connection serves another."""
        if request.ends_here:
            return await self._answer_ourselves(request, admission, record)
        meter = self._plane.ledger.open(admission, self._stopped)
        if isinstance(meter, Refusal):
            return await self._refuse(meter, request)
        meter.proxy, meter.about = self.proxy, record
        record.meter = self.meter = meter
        if not meter.paid(request.size):
            await self.charge(request.size)
        record.departure = meter.way = departure = self._departure(request, admission)
        if request.method == ASSOCIATE:
            return self._end(await serve(self, self._plane, request.sender, departure, record, meter), False)
        if request.upgrade is not None:
            departure.by_datagrams()
        terms = meter.tally.terms  # those of now: they may have changed while bytes waited for room
        refusal = (barred(self._plane, departure, terms, record) if terms else None) or departure.choose()
        if refusal is not None:
            return await self._refuse(refusal, request)
        if request.upgrade is not None:
            return await carry(self, self._plane, request, departure, record, meter)
        if request.is_tunnel:
            return await self._tunnel(request, departure, record, meter)
        return await self._forward(request, departure, admission)

    async def _forward(
        self, request: ProxyRequest, departure: Departure, admission: Admission, begun: Begun = NOT_BEGUN
    ) -> bool:
        """Serve an absolute-form request, from where it was begun; whether the connection serves another."""
        record, meter = self.record, self.meter
        assert record is not None
        assert meter is not None
        forwarding = ProxyForwarding(self._plane, self, request)
        origin = await forwarding.run(departure, record, admission, begun)
        if origin is not None:
            try:
                return self._become_tunnel(record, meter, origin.wire, forwarding.late)
            except BaseException:
                origin.close()
                raise
        try:
            if not forwarding.uploaded or request.said.switches:
                await self.let_it_read()
        finally:
            self._end("", True)
        if not request.keep or not forwarding.uploaded:
            return False
        self.repeated = Repeated(request) if repeats(request) else None
        return True

    async def _tunnel(self, request: ProxyRequest, departure: Departure, record: Record, meter: Meter) -> bool:
        """Serve a CONNECT: dial, answer in one write, and let the kernel move the bytes."""
        plane, target, terms = self._plane, request.target, meter.tally.terms
        dialled = await departure.dial(target.host, target.port, self.phase)
        choice = departure.choice
        record.exit = label = choice.label(departure.selection, dialled.source)
        origin = Wire(plane.poller, dialled.fd, dialled.address, registered=True)
        origin.readable = dialled.readable
        try:
            if meter.tally.terms is not terms:
                check_again(departure, terms, meter)
            self.begin_answer(200)
            assert self.speech is not None
            await self.deliver(self.speech.established(label, choice, dialled.source, record.id))
            return self._become_tunnel(record, meter, origin, dialled.early)
        except BaseException:
            origin.close()
            raise

    async def _answer_ourselves(self, request: ProxyRequest, admission: Admission, record: Record) -> bool:
        """Answer a request that meshd itself is asked, unbilled; a body is ignored."""
        choice = (departure := self._departure(request, admission)).preview()
        label = None if isinstance(choice, Refusal) else choice.label(departure.selection, choice.exit.name)
        keep = request.keep and not request.has_body
        self.begin_answer(200)
        content = answer(request, admission, self.proxy, label, self.wire.peer)
        try:
            await self.wire.send(replies.own(content, record.id, keep=keep, with_body=request.method != b"HEAD"))
        except OSError:
            raise ClientGone from None
        self._end("", keep)
        if request.has_body:
            await self.let_it_read()
        return keep

    def _departure(self, request: ProxyRequest, admission: Admission, /) -> Departure:
        """The way out for a request: what its fields ask for, over what its credential asks for."""
        selection, patience = request.said.wishes()
        selection = selection.over(admission.selection)
        return Departure(self._plane, self.proxy, selection, admission.account.id, patience, request.target)

    # Client, for speeches and forwarding

    @property
    def takes_datagrams(self) -> bool:
        return self._plane.live.topology.udp.on and bool(local_address(self.wire.fd))

    async def who(self, proxy_authorization: bytes | None, authorization: bytes | None) -> Admission | Refusal:
        """Decide who is asking, from memory if possible; an admitted client no longer counts as unknown."""
        plane = self._plane
        admission = plane.auth.recall(self.proxy, self.wire.peer, proxy_authorization, authorization)
        if isinstance(admission, Unseen):
            self.phase("auth-unavailable", plane.live.timeouts.first_byte)
            asking = Deferred.fromCoroutine(plane.auth.admit(admission))
            try:
                admission = await asking
            except BaseException:
                asking.cancel()  # the client is gone, and its password need not be hashed if nobody else waits for it
                raise
        if not self.place.known and not isinstance(admission, Refusal):
            self.place.admitted()
        return admission

    def farewell(self) -> bool:
        return self.speech is not None and self.speech.farewell()

    def takes_stream(self, under_way: int, most: int) -> bool:
        return under_way < most and not self._plane.caps.crowded(len(self._plane.poller) + 2)

    def serve_stream(self, wire: Wire) -> ClientConnection | None:
        connection = StreamConnection(self, self._plane, wire)
        connection.begin()
        return connection

    # Endings

    async def _refuse(self, refusal: Refusal, request: ProxyRequest | None, cause: str = "") -> bool:
        """Answer a refusal, if the answer has not begun yet; whether the connection serves another request.

        That is so where the next bytes are certain to be a request: the refused one was read, had no body, and asked
        for no tunnel and no other protocol.  cause: more about it than a client is told, for the log.
        """
        detail = cause or refusal.detail
        if self._answering:
            self._end(refusal.reason, False, detail)
            self.cut_short(refusal.reason)
            return False
        record = self.record = self.record or self._new_record()
        if record.closed:
            return False  # the request was being refused already
        record.note_tried(refusal)
        row = replies.REASONS[refusal.reason]
        keep = row.status < 500 and row.status != 408 and request is not None and request.keep and not request.has_body
        if keep and not self.place.known:
            # A client without credentials may try again, as one of the few of its address that may wait unknown.
            keep = self.place.linger()
        record.status = row.status
        if keep or self.meter is None or request is None or not request.has_more:
            self._end(refusal.reason, keep, detail)
        answer = self.speech.refusal(refusal, record.id, keep=keep) if self.speech is not None else b""
        self.phase("kept", LINGER_SECONDS)
        try:
            await self.wire.send(answer)
            if not keep:
                await self.let_it_read()
        except OSError:
            return False
        finally:
            self._end(refusal.reason, keep, detail)
        return keep


class StreamConnection(ClientConnection):
    """Of a client who comes by one stream of a connection with HTTP/2."""

    __slots__ = ("_session",)
    encrypted = True

    def __init__(self, session: Client, plane: DataPlane, wire: Wire) -> None:
        super().__init__(plane, session.proxy, wire)
        self._session = session
        self._met = True

    async def who(self, proxy_authorization: bytes | None, authorization: bytes | None) -> Admission | Refusal:
        """As of any connection; the one that carries the stream is then the account's too."""
        admission = await super().who(proxy_authorization, authorization)
        session = self._session
        if not isinstance(admission, Refusal) and not session.task.over:
            session.place.admitted()
            session.place.hold(admission.account.id)
        return admission
