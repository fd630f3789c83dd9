"""A client's connection: the path of an exchange, read top to bottom.

    head → request → who is asking → may it pass → which exit → tunnel, or forward → one log line

A "no" is a `Refusal`, answered from the table in `replies`; what could not be done is an exception, turned into one at
the end of the exchange, the only place here that catches everything.
"""

from __future__ import annotations

import json
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from meshd.http1.errors import BadMessage
from meshd.http1.head import HeadLimits, read_request
from meshd.model import Admission, Refusal
from meshd.proxy import replies
from meshd.proxy.caps import GRACE
from meshd.proxy.departure import Departure
from meshd.proxy.ends import ClientGone, Stopped
from meshd.proxy.forward import Forwarding
from meshd.proxy.plane import DataPlane
from meshd.proxy.race import DialError
from meshd.proxy.record import Record
from meshd.proxy.relay import Tunnel
from meshd.proxy.request import INTERNAL_HOST, ProxyRequest
from meshd.proxy.task import Task
from meshd.proxy.wire import Watcher, Wire
from meshd.usage.meter import Meter

LINGER_BYTES = 4 * 1024 * 1024
"""What is read of a refused request's body so that the answer arrives before the reset."""

LINGER_SECONDS = 2.0

log = Logger()


class ClientConnection(Watcher):
    """Serves one client until either side has had enough."""

    __slots__ = (
        "_answering",
        "_cut",
        "_grace",
        "_holder",
        "_known",
        "_last",
        "_method",
        "_phase",
        "_plane",
        "_proxy",
        "_seconds",
        "buffer",
        "deadline",
        "record",
        "slot",
        "task",
        "wire",
    )

    def __init__(self, plane: DataPlane, proxy: str, wire: Wire) -> None:
        """proxy: the name of the proxy that the client came to; wire: its socket, just accepted."""
        self._plane = plane
        self._proxy = proxy
        self.wire = wire
        self.buffer = b""
        """Received and not yet understood; READ_SIZE and an unfinished head at most."""
        self.deadline = 0.0
        self.slot = 0
        self._phase = "grace"
        self._seconds = 0.0
        self._known = False
        self._holder = 0
        """The account that it counts as one of."""
        self._grace = True
        self._last: ProxyRequest | None = None
        self._method = b""
        self._cut: Refusal | None = None
        self._answering = False
        self.record: Record | None = None
        """Of the exchange that is under way; None between two."""
        self.task = Task(self._serve(), self._over)

    def begin(self) -> None:
        """Read what has come with the connection already."""
        self._plane.connections.add(self)
        self._plane.caps.arrived(self, self.wire.peer)
        self.phase("grace", GRACE)
        self.wire.watcher = self
        self.task.resume()

    # The path

    async def _serve(self) -> None:
        while await self._exchange():
            if self._plane.draining:
                return

    async def _exchange(self) -> bool:
        """One request and its answer; whether the connection serves another."""
        self._answering = False
        self._cut = None
        self._method = b""
        self.record = None
        request: ProxyRequest | None = None
        try:
            request = await self._read_request()
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
            log.failure("exchange {id} failed", id=record.id)
            return await self._refuse(Refusal("internal", f"id {record.id}"), request)

    def _new_record(self) -> Record:
        return Record(self._plane, self._proxy, self.wire.peer)

    async def _read_request(self) -> ProxyRequest | None:
        """The next request; None where the client has left between two.  BadMessage."""
        plane = self._plane
        limits = plane.topology.limits
        if self._known and not self.buffer:
            self.phase("kept", plane.topology.timeouts.keep_alive)
            if not await self._receive():
                return None
            if self._last is not None:
                again = self._last.repeated(self.buffer, limits.request_line_bytes)
                if again is not None:
                    self.buffer = b""
                    self._last, self._method = again, again.method
                    return again
        elif self._last is not None and not self.buffer:
            self.phase("kept", plane.topology.timeouts.head)  # it was told who may ask, and may yet say who it is
        bounds = HeadLimits(limits.request_line_bytes, limits.head_bytes, limits.fields)
        seen = 0
        while (head := read_request(self.buffer, bounds, seen) if self.buffer else None) is None:
            seen = len(self.buffer)
            if self._known and self._phase != "head-timeout":
                self.phase("head-timeout", plane.topology.timeouts.head)
            if not await self._receive():
                return None
        received, self.buffer = self.buffer, self.buffer[head.size :]
        self._method = head.method
        self._last = request = ProxyRequest.from_head(head, received)
        return request

    async def _receive(self) -> bool:
        """More bytes of the client; False where it has left."""
        try:
            data = await self.wire.receive()
        except OSError:
            return False
        self.buffer = self.buffer + data if self.buffer else data
        return bool(data)

    async def _admit(self, request: ProxyRequest) -> Admission | Refusal:
        """Who is asking, decided anew for every request of a kept connection."""
        said = request.said
        plane = self._plane
        asked = self._proxy, self.wire.peer, said.proxy_authorization, said.authorization
        admission = plane.auth.recall(*asked)
        if admission is None:
            self.phase("auth-unavailable", plane.topology.timeouts.first_byte)
            admission = await Deferred.fromCoroutine(plane.auth.admit(*asked))
        if isinstance(admission, Refusal):
            return admission
        if not self._known:
            self._authenticated()
        if self.record is not None:
            self.record.admitted(admission)
        account_id = admission.identity.account.id
        if account_id != self._holder and not self._held_by(account_id):
            request.keep = False
            return Refusal("rate-tunnels", "too many connections", retry_after=1)
        open_now = plane.ledger.tunnels(account_id)
        return plane.caps.start(account_id, open_now, plane.wheel.now, tunnel=request.is_tunnel) or admission

    async def _pass(self, request: ProxyRequest, admission: Admission, record: Record) -> bool:
        """An admitted request: metered, given an exit, and served."""
        if request.target.host == INTERNAL_HOST and not request.is_tunnel:
            return await self._answer_internal(request, admission, record)
        meter = self._plane.ledger.open(admission, self._stopped)
        if isinstance(meter, Refusal):
            return await self._refuse(meter, request)
        meter.proxy = self._proxy
        record.meter = meter
        record.departure = departure = self._departure(request, admission)
        refusal = departure.choose()
        if refusal is not None:
            return await self._refuse(refusal, request)
        if request.is_tunnel:
            return await self._tunnel(request, departure, record, meter)
        forwarding = Forwarding(self._plane, self, request, admission)
        upstream = await forwarding.run(meter, departure, record)
        if upstream is not None:
            try:
                return self._become_tunnel(record, meter, upstream.wire, forwarding.late)
            except BaseException:
                upstream.wire.close()
                raise
        self._end("", True)
        if not forwarding.uploaded:
            await self._let_it_read()
        return request.keep and forwarding.uploaded

    async def _tunnel(self, request: ProxyRequest, departure: Departure, record: Record, meter: Meter) -> bool:
        """CONNECT: dial, say so in one write, and let the kernel move the bytes."""
        plane = self._plane
        target = request.target
        dialled = await departure.dial(target.host, target.port, self._holder, self.phase, request.timeout)
        choice = departure.choice
        record.exit = label = choice.label(request.wishes, dialled.source)
        origin = Wire(plane.poller, dialled.fd, dialled.address, registered=True)
        origin.readable = dialled.readable
        try:
            meter.sent_up(request.size)
            self.begin_answer(200)
            await self.deliver(replies.established(label, choice.not_found, record.id, moved=choice.moved))
            return self._become_tunnel(record, meter, origin, dialled.early)
        except BaseException:
            origin.close()
            raise

    def _become_tunnel(self, record: Record, meter: Meter, origin: Wire, late: bytes) -> bool:
        """Both sockets belong to the tunnel from now on, and this connection is over but for its log line."""
        early, self.buffer = self.buffer, b""
        if early:
            meter.sent_up(len(early))
        if self._cut is not None:
            raise Stopped(self._cut)
        more = self.wire.readable, origin.readable
        client, self.record = self.wire.release(), None
        tunnel = Tunnel(self._plane.relay, client, origin.release(), meter, early=early, late=late, ended=record.close)
        meter.stop = tunnel.stopped
        meter.resume = tunnel.resume
        tunnel.start(*more)
        return False

    async def _answer_internal(self, request: ProxyRequest, admission: Admission, record: Record) -> bool:
        """What meshd would do, told by meshd itself; unbilled."""
        choice = self._departure(request, admission).preview()
        facts = {
            "account": admission.account.username,
            "proxy": self._proxy,
            "exit": None if isinstance(choice, Refusal) else choice.label(request.wishes, choice.exit.name),
            "client": self.wire.peer,
        }
        keep = request.keep and not request.has_body
        self.begin_answer(200)
        body = json.dumps(facts).encode() + b"\n"
        try:
            await self.wire.send(replies.internal(body, record.id, keep=keep, with_body=request.method != b"HEAD"))
        except OSError:
            raise ClientGone from None
        return self._end("", keep)

    def _departure(self, request: ProxyRequest, admission: Admission) -> Departure:
        """By the request's wishes and the credential's sticky key."""
        wishes = request.wishes
        if admission.session and not wishes.session:
            request.wishes = wishes = replace(wishes, session=admission.session)
        return Departure(self._plane, self._proxy, wishes)

    # What forwarding asks of us

    def phase(self, reason: str, seconds: float) -> None:
        """Until the next call the exchange may take so long, or ends with that reason."""
        self._phase = reason
        self._seconds = seconds
        self._plane.wheel.arm(self, seconds)

    def alive(self) -> None:
        """Something moved."""
        self.deadline = self._plane.wheel.now + self._seconds

    def begin_answer(self, status: int) -> None:
        self._answering = True
        if self.record is not None:
            self.record.status = status

    def end_interim(self) -> None:
        self._answering = False

    async def deliver(self, data: bytes) -> None:
        """Send and count bytes of the answer, never more than the account has room for.  ClientGone, Stopped."""
        meter = self.record.meter if self.record is not None else None
        assert meter is not None
        wire = self.wire
        while data:
            room = meter.room
            if self._cut is not None:
                raise Stopped(self._cut)
            try:
                sent = wire.try_send(data if len(data) <= room else data[:room])
                if sent:
                    meter.sent_down(sent)
                    self.alive()
                else:
                    await wire.wait_writable()
            except OSError:
                raise ClientGone from None
            if sent == len(data):
                return
            data = data[sent:]

    # Endings

    async def _refuse(self, refusal: Refusal, request: ProxyRequest | None) -> bool:
        """Answer no, if anything can still be answered; the connection goes on where the request had no body."""
        if self._answering:
            self.wire.reset()
            return self._end(refusal.reason, False)
        record = self.record = self.record or self._new_record()
        if record.closed:
            return False  # it was being refused already
        row = replies.REASONS[refusal.reason]
        keep = row.status < 500 and row.status != 408 and request is not None and request.keep and not request.has_body
        if keep and not self._known and self._grace:
            # It has shown nothing and may try again: from now on it is one of the few of its address that may.
            keep = self._plane.caps.linger(self.wire.peer)
            self._grace = not keep
        record.status = row.status
        self._end(refusal.reason, keep)
        answer = replies.refusal(refusal, record.id, keep=keep, with_body=self._method != b"HEAD")
        self.phase("kept", LINGER_SECONDS)
        try:
            await self.wire.send(answer)
        except OSError:
            return False
        if not keep:
            await self._let_it_read()
        return keep

    async def _let_it_read(self) -> None:
        """Take in what still comes, for a moment: a close with unread bytes would reset the answer away."""
        self.phase("kept", LINGER_SECONDS)
        self.wire.end()
        left = LINGER_BYTES
        try:
            while left > 0 and (data := await self.wire.receive()):
                left -= len(data)
        except OSError:
            pass  # it has left, as it may

    def _end(self, reason: str, keep: bool) -> bool:
        """The exchange is over, if one had begun: its line is written.  Gives keep back."""
        if self.record is not None:
            self.record.close(reason)
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
        self._cut = refusal
        self.task.throw(Stopped(refusal))

    def expired(self) -> None:
        """The present phase took too long."""
        if self._phase == "grace":
            self._grace = False
            if self._plane.caps.linger(self.wire.peer):
                self.phase("head-timeout", max(self._plane.topology.timeouts.head - GRACE, 0.1))
                return
            self._grace = True
            self._phase = "head-timeout"
        if self._phase == "kept" or (self._phase == "head-timeout" and self._known and not self.buffer):
            self.task.throw(ClientGone())
        else:
            self.task.throw(Stopped(Refusal(self._phase)))

    def stirred(self, wire: Wire) -> None:
        """The client did something while we waited for others; only its leaving matters now."""
        if wire.gone:
            self.task.throw(ClientGone())

    def evict(self) -> None:
        """Others need the place of one that is not known."""
        self.task.throw(ClientGone())

    def _held_by(self, account_id: int) -> bool:
        """Count the connection as that account's, and no more as another's, if it may have one more."""
        caps = self._plane.caps
        if not caps.hold(account_id):
            return False
        if self._holder:
            caps.let_go(self._holder)
        self._holder = account_id
        return True

    def _authenticated(self) -> None:
        """Known from now on: it counts no more among the unknown."""
        self._known = True
        self._plane.caps.known(self, self.wire.peer)
        if not self._grace:
            self._plane.caps.linger_no_more(self.wire.peer)
            self._grace = True

    def _over(self, error: BaseException | None) -> None:
        """The task's end, whatever it was."""
        plane = self._plane
        if error is not None and not isinstance(error, ClientGone | Stopped | OSError):
            log.error("connection ended by {error}", error=type(error).__name__)
        if not self._known:
            self._authenticated()
        if self._holder:
            plane.caps.let_go(self._holder)
        plane.wheel.disarm(self)
        plane.connections.discard(self)
        self.wire.close()
