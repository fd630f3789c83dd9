"""A client's connection to published hosts: the path of an exchange, read top to bottom.

    TLS and the name in it → request → whose name → who pays → may this client in → upstream → one log line

A "no" is a `Refusal`, answered from the table in `answers`; what could not be done is an exception, which becomes a
Refusal at the end of the exchange, the only place here that catches everything.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from meshd.hosts import answers
from meshd.hosts.answers import Lines
from meshd.hosts.callers import Presence
from meshd.hosts.common import GONE
from meshd.hosts.deciding import MISDIRECTED, NO_HOST, Elsewhere, SignIn, challenge_token, enter, serve
from meshd.hosts.forwarding import HostForwarding, Sent
from meshd.hosts.greeting import greet
from meshd.hosts.plane import CROWDED, NAME, HostPlane
from meshd.hosts.repeating import Repeated, RepeatedVisits, repeats
from meshd.hosts.request import HostRequest
from meshd.hosts.senders import Sender
from meshd.hosts.signin import credential
from meshd.hosts.sites import Site
from meshd.hosts.speaking import HostSpeech
from meshd.http1.errors import BadMessage
from meshd.model import Admission, Refusal
from meshd.passing.faults import STATUS_REASONS
from meshd.passing.metered import AN_EXCHANGE
from meshd.passing.parting import LINGER_SECONDS
from meshd.passing.record import Record
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.race import DialError
from meshd.sockets.wire import Wire

log = Logger()


class HostConnection(RepeatedVisits):
    """Serves one client, exchange by exchange, until either side ends the connection."""

    __slots__ = ("_asked", "_presence")

    _plane: HostPlane
    speech: HostSpeech | None
    _secure = False  # whether clients speak TLS here
    _presence: Presence
    """Where the client is counted; set when the connection begins."""

    def __init__(self, plane: HostPlane, proxy: str, wire: Wire) -> None:
        """proxy: `NAME`; wire: the client's socket, just accepted."""
        super().__init__(plane, wire)
        self.proxy = proxy
        self.speech = None
        self._asked = ""
        """The name that TLS has asked for."""
        self._answering = False
        self._site = self._sender = self.repeated = None

    # The path

    async def _serve(self) -> None:
        self._presence = Presence(self._plane.callers, self)
        if not self._secure:
            self.speech = HostSpeech(self, self._plane, self._secure)
        try:
            if not self._may_come():
                return
            while await self._exchange():
                if self._plane.draining:
                    return
                if self.buffer:  # the client pipelines requests
                    await self.worked(AN_EXCHANGE)
        finally:
            self._presence.leave()

    def _may_come(self) -> bool:
        """Count the client at its address; where that has too many, it is told in one write, without waiting."""
        if self._presence.at(self.wire.peer, self._plane.hosting.trusted):
            return True
        if self.speech is not None:
            self.wire.try_send(self.speech.refusal(CROWDED, {}, (), keep=False))
        return False

    async def _exchange(self) -> bool:
        """Serve one request; whether the connection serves another."""
        self._answering = False
        self.cut = self.meter = self.record = self._site = self._sender = None
        request: HostRequest | None = None
        try:
            if not self._met and not await self._meet():
                return False
            assert self.speech is not None
            if self.repeated is not None and not self.buffer:
                request = self.repeated.request
                served = await self._repeat(self.repeated)
                if served is not None:
                    return served
                self.repeated = self.cut = self._site = self._sender = request = None
            request = await self.speech.read()
            if request is None:
                return False
            self.record = record = self._new_record()
            record.note_request(request)
            return await self._answer_for(request, record)
        except ClientGone:
            return self._end("client-gone", False)
        except BadMessage as bad:
            return await self._refuse(Refusal(STATUS_REASONS[bad.status], bad.rule), request)
        except (DialError, Stopped) as stop:
            return await self._refuse(stop.refusal, request)
        except Exception:
            self.record = record = self.record or self._new_record()
            self._plane.seldom.failure(log, "exchange {id} failed", id=record.id)
            return await self._refuse(Refusal("internal", f"id {record.id}"), request)

    def _new_record(self) -> Record:
        return Record(self._plane, NAME, self.wire.peer)

    async def _meet(self) -> bool:
        """Take TLS off, where it is spoken; whether there is somebody to serve.  Raises: as `greet`, and BadHeader."""
        if self.introduced and not (await self.introduce() and self._may_come()):
            return False
        if self._secure:
            try:
                outcome, self._asked = await greet(self, self._plane)
            except BadMessage:
                self.speech = HostSpeech(self, self._plane, False)
                raise
            if outcome != "met":
                if outcome == "nobody":
                    self.record = record = self._new_record()
                    record.note_name(self._asked, 443)
                    record.close("no-host")
                return False
            self.speech = HostSpeech(self, self._plane, self._secure)
        self._met = True
        return True

    async def _answer_for(self, request: HostRequest, record: Record) -> bool:
        """Find whose request it is, and answer it; whether the connection serves another."""
        plane, target = self._plane, request.target
        token = challenge_token(target.path)
        if token and (text := plane.book.challenge(token)) is not None:
            self.place.admitted()  # somebody who asks for something that there is
            keep = request.keep and not request.has_body
            return await self._say(answers.challenge(text, request.method, keep=keep), 200, request, keep=keep)
        if self._secure and target.host != self._asked:
            return await self._refuse(MISDIRECTED, request)
        site = plane.sites.find(target.host)
        if site is None:
            return await self._refuse(NO_HOST, request)
        self._site = site
        host = site.host
        admission = plane.payers.recall(host.owner, host.token)
        if admission is None:
            self.phase("auth-unavailable", plane.live.timeouts.first_byte)
            found = await Deferred.fromCoroutine(plane.payers.admit(host.owner, host.token))
            if isinstance(found, Refusal):
                return await self._refuse(found, request)
            admission = found
        self.place.admitted()
        return await self._pass(request, record, site, admission)

    async def _pass(self, request: HostRequest, record: Record, site: Site, admission: Admission) -> bool:
        """Meter the request, and carry out what its host is for; whether the connection serves another."""
        plane, heard = self._plane, request.heard
        record.note_admission(admission)
        meter = plane.meter(admission, self._stopped)
        if isinstance(meter, Refusal):
            return await self._refuse(meter, request)
        meter.about = record
        record.meter = self.meter = meter
        self.place.hold(site.host.id)
        if not meter.paid(request.size):
            await self.charge(request.size)
        trusted, authority = plane.hosting.trusted, request.target.authority
        self._sender = sender = heard.sent_by(self.wire.peer, authority, trusted, secure=self._secure)
        decision, user = enter(site, request.target, sender, plane.wheel.seconds()), ""
        if isinstance(decision, SignIn):
            access, field = decision.access, credential(heard.fields)
            name = plane.signins.recall(access, field)
            if name is None:
                self.phase("auth-unavailable", plane.live.timeouts.first_byte)
                checked = await Deferred.fromCoroutine(plane.signins.check(access, field, sender.address))
                if isinstance(checked, Refusal):
                    return await self._refuse(checked, request)
                name = checked
            decision, user = None, name if access.pass_auth else ""
        decision = decision or serve(site, request.target, sender)
        if isinstance(decision, Refusal):
            return await self._refuse(decision, request)
        if isinstance(decision, Elsewhere):
            keep, with_body = request.keep and not request.has_body, request.method != b"HEAD"
            status, location = decision
            sent = answers.redirection(status, location, self._hsts, keep=keep, with_body=with_body)
            return await self._say(sent, status, request, keep=keep)
        return await self._forward(request, record, site, sender, user)

    async def _forward(
        self, request: HostRequest, record: Record, site: Site, sender: Sender, user: str, sent: Sent | None = None
    ) -> bool:
        """Pass the request on to an upstream, from where it has come to; whether the connection serves another."""
        forwarding = HostForwarding(self._plane, self, request)
        forwarding.told(site, sender, record, user)
        origin = await forwarding.run(sent)
        if self.speech is not None:
            self.speech.passed_on()
        if origin is not None:
            try:
                return self._changed_protocols(site, record, origin.wire, forwarding.late)
            except BaseException:
                origin.close()
                raise
        try:
            if not forwarding.uploaded or request.heard.switches:
                await self.let_it_read()
        finally:
            self._end("", True)
        if not request.keep or not forwarding.uploaded:
            return False
        self.repeated = Repeated(request, site, sender) if repeats(request, site, sender) else None
        return True

    def _changed_protocols(self, site: Site, record: Record, origin: Wire, late: bytes) -> bool:
        """Become a tunnel, which ends with its host.  Raises: Stopped where the host has gone meanwhile."""
        tunnels, host_id, meter = self._plane.tunnels, site.host.id, self.meter
        assert meter is not None
        if not tunnels.serves(host_id):
            raise Stopped(GONE)

        def ended(reason: str) -> None:
            tunnels.leave(host_id, meter)
            record.close(reason)

        tunnels.enter(host_id, meter)
        try:
            return self._become_tunnel(record, meter, origin, late, ended)
        except BaseException:
            tunnels.leave(host_id, meter)
            raise

    @property
    def _hsts(self) -> Lines:
        site, sender = self._site, self._sender
        secure = sender.secure if sender is not None else self._secure
        return [("Strict-Transport-Security", site.hsts)] if site is not None and site.hsts and secure else []

    # Answers of our own

    async def _say(self, answer: bytes, status: int, request: HostRequest, *, keep: bool) -> bool:
        """Give an answer that is no refusal; a body is ignored.  Gives keep back."""
        self.begin_answer(status)
        try:
            if self.meter is not None:
                await self.deliver(answer)
            else:
                await self.wire.send(answer)
        except OSError:
            raise ClientGone from None
        if request.has_body or request.heard.switches:
            await self.let_it_read()
        self._end("", keep)
        return keep

    async def _refuse(self, refusal: Refusal, request: HostRequest | None) -> bool:
        """Answer a refusal, if the answer has not begun yet; whether the connection serves another request.

        That is so where the next bytes are certain to be a request: the refused one was read and had no body.
        """
        if self._answering:
            self._end(refusal.reason, False, refusal.detail)
            self.cut_short(refusal.reason)
            return False
        record = self.record = self.record or self._new_record()
        if record.closed:
            return False  # the request was being refused already
        status, _ = answers.REASONS.get(refusal.reason, answers.UNKNOWN)
        keep = status < 500 and status != 408 and request is not None and request.keep and not request.has_body
        if keep and not self.place.known:
            keep = self.place.linger()
        record.status = status
        pages = self._site.pages if self._site is not None else {}
        answer = self.speech.refusal(refusal, pages, self._hsts, keep=keep) if self.speech is not None else b""
        if self.meter is not None and self.cut is None:
            self.meter.sent_down(len(answer))
        if keep or self.meter is None or request is None or not request.has_more:
            self._end(refusal.reason, keep, refusal.detail)
        self.phase("kept", LINGER_SECONDS)
        try:
            await self.wire.send(answer)
            if not keep:
                await self.let_it_read()
        except OSError:
            return False
        finally:
            self._end(refusal.reason, keep, refusal.detail)
        return keep
