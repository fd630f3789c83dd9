"""A client's connection: the path of an exchange, read top to bottom.

    what it speaks → request → who is asking → may it pass → which exit → tunnel, or forward → one log line

A "no" is a `Refusal`, answered from the table in `replies`; what could not be done is an exception, turned into one at
the end of the exchange, the only place here that catches everything.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from meshd.exits.departure import Departure
from meshd.http1.errors import BadMessage
from meshd.model import Admission, Refusal
from meshd.proxy import replies
from meshd.proxy.caps import GRACE, REQUESTS_TOO_FAST, TLS_GRACE, Place
from meshd.proxy.forward import Forwarding
from meshd.proxy.http import HttpSpeech, Speech
from meshd.proxy.internal import answer
from meshd.proxy.opening import met
from meshd.proxy.parting import LINGER_SECONDS, PartingConnection
from meshd.proxy.plane import DataPlane
from meshd.proxy.record import Record
from meshd.proxy.request import ProxyRequest
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.line import Leaving
from meshd.sockets.race import DialError
from meshd.sockets.relay import Tunnel
from meshd.sockets.task import Task
from meshd.sockets.wire import Wire
from meshd.usage.meter import Meter

AN_EXCHANGE = 32 * 1024
"""What a request and its answer cost besides their bytes: the time that so many bytes take."""

log = Logger()


class ClientConnection(PartingConnection):
    """Serves one client until either side has had enough."""

    __slots__ = (
        "_answering",
        "_met",
        "_missed",
        "_phase",
        "_plane",
        "_seconds",
        "deadline",
        "place",
        "proxy",
        "record",
        "slot",
        "speech",
        "task",
    )

    def __init__(self, plane: DataPlane, proxy: str, wire: Wire) -> None:
        """proxy: the name of the proxy that the client came to; wire: its socket, just accepted."""
        super().__init__(wire, plane.relay.again)
        self._plane = plane
        self.proxy = proxy
        self.deadline = 0.0
        self.slot = 0
        self._phase = "grace"
        self._seconds = 0.0
        self._missed = plane.wheel.missed
        self._met = False
        """Whether its first bytes have said what it speaks."""
        self.speech: Speech | None = HttpSpeech(self, plane)
        """None while it could not hear us."""
        self._answering = False
        self.record: Record | None = None
        """Of the exchange that is under way; None between two."""
        self.task = Task(self._serve(), self._over)

    def begin(self) -> None:
        """Read what has come with the connection already."""
        self._plane.connections.add(self)
        self.place = Place(self._plane.caps, self, self.wire.peer)
        self.phase("grace", GRACE)
        self.wire.watcher = self
        self.task.resume()

    # The path

    async def _serve(self) -> None:
        while await self._exchange():
            if self._plane.draining:
                return
            if self.buffer:  # of a client that asks without waiting
                await self.worked(AN_EXCHANGE)

    async def _exchange(self) -> bool:
        """One request and its answer; whether the connection serves another."""
        self._answering = False
        self.cut = None
        self.meter = None
        self.record = None
        request: ProxyRequest | None = None
        try:
            if not self._met:
                if not await met(self, self._plane):
                    return False
                self._met = True
            assert self.speech is not None
            request = await self.speech.read()
            if request is None:
                return False
            self.record = record = self._new_record()
            record.requested(request)
            admission = await self._admit(request)
            if isinstance(admission, Refusal):
                return await self._refuse(admission, request)
            return await self._pass(request, admission, record)
        except ClientGone:
            return self._end("client-gone", False)
        except BadMessage as bad:
            return await self._refuse(Refusal(replies.STATUS_REASONS[bad.status], bad.rule), request)
        except (DialError, Stopped) as stop:
            return await self._refuse(stop.refusal, request)
        except Exception:
            record = self.record = self.record or self._new_record()
            self._plane.seldom.failure(log, "exchange {id} failed", id=record.id)
            return await self._refuse(Refusal("internal", f"id {record.id}"), request)

    def _new_record(self) -> Record:
        return Record(self._plane, self.proxy, self.wire.peer)

    async def _admit(self, request: ProxyRequest) -> Admission | Refusal:
        """Who is asking, decided anew for every request of a kept connection, and whether he may begin another."""
        said = request.said
        plane = self._plane
        admission = await self.who(said.proxy_authorization, said.authorization)
        if isinstance(admission, Refusal):
            return admission
        record = self.record
        assert record is not None
        record.admitted(admission)
        account_id, line = admission.identity.account.id, plane.line
        before, self.place.asked = self.place.asked, record.began
        refusal = line.ahead((account_id, request.is_tunnel)) if line.waiting else None
        if refusal is None:
            open_now = plane.ledger.tunnels(account_id)
            refusal = plane.caps.start(account_id, open_now, plane.wheel.now, tunnel=request.is_tunnel)
        if refusal is not None:
            if refusal is REQUESTS_TOO_FAST and plane.caps.outruns(record.began - before):
                return refusal
            admission = await self._turn(refusal, request, admission)
            if isinstance(admission, Refusal):
                return admission
        self.place.hold(admission.identity.account.id)
        return admission

    async def _turn(self, refusal: Refusal, request: ProxyRequest, admission: Admission) -> Admission | Refusal:
        """Wait in line for what was refused.  Who may ask is decided anew then, for a wait is long."""
        plane, tunnel = self._plane, request.is_tunnel
        patience = plane.caps.patience(refusal, plane.topology.timeouts.turn, tunnel=tunnel)
        _, wish = request.said.wishes()
        seconds = min(patience.seconds, wish) if wish else patience.seconds
        self.phase(refusal.reason, seconds)
        leaving = Leaving(self.wire, self.task, listens=bool(self.buffer) or not tunnel)
        leaving.check()
        self.wire.watcher = leaving
        try:
            while await plane.line.turn((admission.identity.account.id, tunnel), refusal, patience.places):
                asked_anew = await self.who(request.said.proxy_authorization, request.said.authorization)
                if isinstance(asked_anew, Refusal):
                    return asked_anew
                admission = asked_anew
                account_id = admission.identity.account.id
                open_now = plane.ledger.tunnels(account_id)
                if plane.caps.start(account_id, open_now, plane.wheel.now, tunnel=tunnel) is None:
                    return admission
        except Stopped as stop:
            if stop.refusal.reason != refusal.reason:
                raise
        finally:
            self.wire.watcher = self
        return refusal

    async def _pass(self, request: ProxyRequest, admission: Admission, record: Record) -> bool:
        """An admitted request: metered, given an exit, and served."""
        if request.ends_here:
            return await self._answer_ourselves(request, admission, record)
        meter = self._plane.ledger.open(admission, self._stopped)
        if isinstance(meter, Refusal):
            return await self._refuse(meter, request)
        meter.proxy = self.proxy
        record.meter = self.meter = meter
        if not meter.paid(request.size):
            await self.charge(request.size)
        record.departure = departure = self._departure(request, admission)
        refusal = departure.choose()
        if refusal is not None:
            return await self._refuse(refusal, request)
        if request.is_tunnel:
            return await self._tunnel(request, departure, record, meter)
        forwarding = Forwarding(self._plane, self, request, admission)
        upstream = await forwarding.run(departure, record)
        if upstream is not None:
            try:
                return self._become_tunnel(record, meter, upstream.wire, forwarding.late)
            except BaseException:
                upstream.close()
                raise
        try:
            if not forwarding.uploaded or request.said.switches:
                await self.let_it_read()
        finally:
            self._end("", True)
        return request.keep and forwarding.uploaded

    async def _tunnel(self, request: ProxyRequest, departure: Departure, record: Record, meter: Meter) -> bool:
        """CONNECT: dial, say so in one write, and let the kernel move the bytes."""
        plane = self._plane
        target = request.target
        dialled = await departure.dial(target.host, target.port, self.phase)
        choice = departure.choice
        record.exit = label = choice.label(departure.selection, dialled.source)
        origin = Wire(plane.poller, dialled.fd, dialled.address, registered=True)
        origin.readable = dialled.readable
        try:
            self.begin_answer(200)
            assert self.speech is not None
            await self.deliver(self.speech.established(label, choice, dialled.source, record.id))
            return self._become_tunnel(record, meter, origin, dialled.early)
        except BaseException:
            origin.close()
            raise

    def _become_tunnel(self, record: Record, meter: Meter, origin: Wire, late: bytes) -> bool:
        """Both sockets belong to the tunnel from now on, and this connection is over but for its log line."""
        early, self.buffer = self.buffer, b""
        if self.cut is not None:
            raise Stopped(self.cut)
        more = self.wire.readable, origin.readable
        client, self.record = self.wire.release(), None
        tunnel = Tunnel(self._plane.relay, client, origin.release(), meter, early=early, late=late, ended=record.close)
        meter.stop = tunnel.stopped
        meter.resume = tunnel.resume
        tunnel.start(*more)
        return False

    async def _answer_ourselves(self, request: ProxyRequest, admission: Admission, record: Record) -> bool:
        """What meshd itself is asked, such as what it would do; unbilled.  A body is nothing to it, and is let come."""
        departure = self._departure(request, admission)
        choice = departure.preview()
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

    def _departure(self, request: ProxyRequest, admission: Admission) -> Departure:
        """By what the request's fields ask for, over what the credential does."""
        selection, patience = request.said.wishes()
        selection = selection.over(admission.selection)
        return Departure(self._plane, self.proxy, selection, admission.account.id, patience)

    # What a speech asks of us, and forwarding

    async def receive(self) -> bool:
        """More bytes of the client; False where it has left."""
        try:
            data = await self.wire.receive()
        except OSError:
            return False
        self.buffer = self.buffer + data if self.buffer else data
        return bool(data)

    async def who(self, proxy_authorization: bytes | None, authorization: bytes | None) -> Admission | Refusal:
        """Who is asking; from memory, if possible.  Once admitted, it is one of the unknown no more."""
        plane = self._plane
        asked = self.proxy, self.wire.peer, proxy_authorization, authorization
        admission = plane.auth.recall(*asked)
        if admission is None:
            self.phase("auth-unavailable", plane.topology.timeouts.first_byte)
            admission = await Deferred.fromCoroutine(plane.auth.admit(*asked))
        if not self.place.known and not isinstance(admission, Refusal):
            self.place.admitted()
        return admission

    def expect_head(self) -> None:
        """Once it is known, a request may take its time anew; said again, it takes no longer."""
        if self.place.known and self._phase != "head-timeout":
            self.phase("head-timeout", self._plane.topology.timeouts.head)

    def came_from(self, address: str) -> None:
        """The client's own address, where the peer's is that of a proxy before us: it is counted as that one's."""
        self.wire.peer = address
        self.place.move(address)
        self.phase("grace", GRACE)

    def swap(self, wire: Wire) -> None:
        """From now on it is this one that the client is heard by."""
        self.wire = wire
        wire.watcher = self

    def handshake(self, *, over: bool) -> None:
        """Its TLS begins, or stands: its time counts from then on, unless it has begun to speak."""
        if self._phase == "grace" or (over and not self._met):
            self.phase("grace", min(TLS_GRACE, self._plane.topology.timeouts.head))

    def phase(self, reason: str, seconds: float) -> None:
        """Until the next call the exchange may take so long, or ends with that reason."""
        self._phase = reason
        self._seconds = seconds
        self._plane.wheel.arm(self, seconds)

    def alive(self) -> None:
        """Something moved."""
        self.deadline = self._plane.wheel.now + self._seconds

    def begin_answer(self, status: int, *, framed: bool = True) -> None:
        self._answering = True
        self.framed = framed
        if self.record is not None:
            self.record.status = status

    def end_interim(self) -> None:
        self._answering = False

    # Endings

    async def _refuse(self, refusal: Refusal, request: ProxyRequest | None) -> bool:
        """Answer no, if anything can still be answered.

        The connection goes on where what follows is certain to be a request: the refused one was read, had no body, and
        asked for no tunnel and no other protocol.
        """
        if self._answering:
            self._end(refusal.reason, False)
            await self.cut_short(refusal.reason)
            return False
        record = self.record = self.record or self._new_record()
        if record.closed:
            return False  # it was being refused already
        record.tried(refusal)
        row = replies.REASONS[refusal.reason]
        keep = row.status < 500 and row.status != 408 and request is not None and request.keep and not request.has_body
        if keep and not self.place.known:
            # It has shown nothing and may try again: from now on it is one of the few of its address that may.
            keep = self.place.linger()
        record.status = row.status
        if keep or self.meter is None:
            self._end(refusal.reason, keep)
        answer = self.speech.refusal(refusal, record.id, keep=keep) if self.speech is not None else b""
        self.phase("kept", LINGER_SECONDS)
        try:
            await self.wire.send(answer)
            if not keep:
                await self.let_it_read()
        except OSError:
            return False
        finally:
            self._end(refusal.reason, keep)
        return keep

    def _end(self, reason: str, keep: bool) -> bool:
        """The exchange is over, if one had begun: its line is written.  Gives keep back."""
        if self.record is not None:
            self.record.close(reason)
        self.meter = None
        return keep

    def drain(self) -> None:
        """End at once where nothing is under way, else with the exchange that is."""
        if self._phase in {"grace", "kept"} and not self.buffer:
            self.task.throw(ClientGone())

    def stop(self) -> None:
        """End now; for a shutdown whose patience is over."""
        self._stopped(Refusal("overloaded", "shutting down"))

    def _stopped(self, refusal: Refusal) -> None:
        """The ledger or an operator says stop, perhaps from within our own counting."""
        self.cut = refusal
        self.task.throw(Stopped(refusal))

    def expired(self) -> None:
        """The present phase took too long."""
        if not self.place.known and self._had_no_ear():
            return
        if self._phase == "grace":
            if self.place.linger():
                self.phase("head-timeout", max(self._plane.topology.timeouts.head - self._seconds, 0.1))
                return
            self._phase = "head-timeout"
        silent = not self.buffer and (self.place.known or not self._met)
        if self._phase == "delivering":
            self.wake()
        elif self._phase == "kept" or (self._phase == "head-timeout" and silent):
            self.task.throw(ClientGone())  # without a word: browsers open ahead, and would show it to people
        else:
            self.task.throw(Stopped(Refusal(self._phase)))

    def _had_no_ear(self) -> bool:
        """Whether we were not there for a part of the time, which is given to it then."""
        missed, self._missed = self._plane.wheel.missed - self._missed, self._plane.wheel.missed
        if missed > 0:
            self._plane.wheel.arm(self, missed)
        return missed > 0

    def stirred(self, wire: Wire) -> None:
        """The client did something while we waited for others; only its leaving matters now."""
        if wire.gone:
            self.task.throw(ClientGone())

    @property
    def idle(self) -> bool:
        """Whether it is kept for a next request, of which nothing has come."""
        return self._phase == "kept" and self.record is None and not self.buffer

    def evict(self) -> None:
        """Others need the place of one that is not known, or of one that is idle."""
        self.task.throw(ClientGone())

    def _over(self, error: BaseException | None) -> None:
        """The task's end, whatever it was."""
        plane = self._plane
        if error is not None and not isinstance(error, ClientGone | Stopped | OSError):
            plane.seldom.say(log.error, "connection ended by {error}", error=type(error).__name__)
        self.place.leave()
        self.speech = None  # it knows us, and a tunnel must not wait for a collection to be without either
        plane.wheel.disarm(self)
        plane.connections.discard(self)
        self.wire.close()
