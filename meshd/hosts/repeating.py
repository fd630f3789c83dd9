"""A request for something published that repeats the one before it: the same name is asked with the very same fields.

The path of such an exchange is that of `connection`, with each decision taken anew, but in few steps as long as all it
takes is at hand: a host that passes requests on without more ado, its owner's admission, and a kept connection to an
upstream.  Where something of it is not, the exchange goes on from there as any other.
"""

from __future__ import annotations

from meshd.auth.secrets import ban_address
from meshd.hosts.deciding import challenge_token
from meshd.hosts.forwarding import Sent
from meshd.hosts.plane import NAME, HostPlane
from meshd.hosts.request import HostRequest
from meshd.hosts.response import HostResponse
from meshd.hosts.senders import Sender
from meshd.hosts.sites import Site, chosen
from meshd.hosts.vitals import Hold
from meshd.http1.origin import PATH_AND_QUERY
from meshd.model import Admission, Refusal
from meshd.passing.record import Record
from meshd.passing.repeating import RepeatingConnection
from meshd.sockets.ends import Stopped
from meshd.usage.meter import Meter

_LINE_END = b" HTTP/1.1\r\n"


class Repeated:
    """What a visitor repeats: all of his requests to one site but their paths."""

    __slots__ = ("_begin", "_block", "_lead", "_lines", "request", "sender", "site")

    def __init__(self, request: HostRequest, site: Site, sender: Sender) -> None:
        """request: one that `repeats`, from this sender."""
        self.request = request
        self.site = site
        self.sender = sender
        self._begin = request.method + b" /"
        self._lead = len(request.method) + 1
        self._block = request.heard.block
        self._lines: bytes | None = None
        """What follows the path in a request to the upstream; None while it is not written."""

    def path(self, buffer: bytes, longest: int) -> bytes | None:
        """The path with the query, if buffer is exactly one request like this one; else None.

        longest: bytes of buffer.
        """
        end = len(buffer) - len(self._block) - len(_LINE_END)
        if len(buffer) > longest or end <= self._lead or not buffer.startswith(self._begin):
            return None
        if not buffer.startswith(_LINE_END, end) or not buffer.endswith(self._block):
            return None
        return buffer[self._lead : end] if PATH_AND_QUERY.fullmatch(buffer, self._lead, end) is not None else None

    def head(self, path: bytes) -> bytes | None:
        """The head for the upstream; None where none with these fields was written for this site before."""
        lines = self._lines
        if lines is None:
            passed = self.request.heard.passed
            if passed is None or passed[0] != (self.site, "", self.sender):
                return None
            lines = self._lines = b" HTTP/1.1\r\nHost: %b\r\n%b\r\n" % passed[1:]
        return b"%b %b%b" % (self.request.method, path, lines)


def repeats(request: HostRequest, site: Site, sender: Sender) -> bool:
    """Whether the request after this one, which was passed on, may be served as its repetition."""
    forced = site.host.secured.forced and not sender.secure
    return request.safe_to_repeat and request.minor == 1 and site.plain and not forced and not request.heard.switches


class RepeatedVisits(RepeatingConnection[HostResponse]):
    """The connection of a visitor, as far as he repeats himself."""

    __slots__ = ("_sender", "_site", "repeated")

    _plane: HostPlane
    repeated: Repeated | None
    """What the next request may repeat; None where nothing is known of it."""
    _site: Site | None
    """The host of the exchange under way."""
    _sender: Sender | None

    async def _repeat(self, same: Repeated) -> bool | None:
        """Serve requests as long as each is like the one before: whether the connection serves another.  None where the
        next is another one, or may not pass without more ado: then it is in the buffer, and nothing is done yet.
        """
        plane, site, method = self._plane, same.site, same.request.method
        while buffer := await self._heard():
            path = same.path(buffer, plane.live.limits.request_line_bytes)
            head = same.head(path) if path is not None else None
            admission = self._at_hand(same, path) if path is not None and head is not None else None
            meter = plane.meter(admission, self._stopped) if admission is not None else None
            if path is None or head is None or admission is None or not isinstance(meter, Meter):
                return None
            self.buffer = b""
            record = self._came_in(same, admission, meter)
            if not meter.paid(len(buffer)):
                await self.charge(len(buffer))
            if site.rate is not None:
                wait = site.rate.take(ban_address(same.sender.address), plane.wheel.seconds())
                if wait:
                    return await self._refuse(Refusal("rate-requests", retry_after=wait), same.request)
            request, sent = same.request.at(path, len(buffer)), self._way(same, path, record)
            if sent is not None and sent.origin is not None:
                try:
                    came = await self._ask_again(plane.origins, sent.origin, head, method)
                except Stopped as stop:
                    if self._answering:
                        raise
                    sent = sent._replace(origin=None, stopped=stop)  # perhaps another upstream answers
                else:
                    if came is None:
                        if plane.draining:
                            return True
                        continue
                    sent = sent._replace(came=came)
            return await self._forward(request, record, site, same.sender, "", sent)
        return False

    async def _heard(self) -> bytes:
        """What the client sends after an exchange, also in the buffer; b"" where it has left."""
        self.phase("kept", self._plane.live.timeouts.keep_alive)
        try:
            self.buffer = buffer = await self.wire.receive()
        except OSError:
            return b""
        return buffer

    def _at_hand(self, same: Repeated, path: bytes) -> Admission | None:
        """Who pays, if that is remembered, and the host is what it was."""
        plane = self._plane
        token = challenge_token(path)
        if plane.draining or token or plane.sites.find(same.request.target.host) is not same.site:
            return None
        if same.request.heard.trusted is not plane.hosting.trusted:
            return None
        return plane.payers.recall(same.site.host.owner, same.site.host.token)

    def _came_in(self, same: Repeated, admission: Admission, meter: Meter) -> Record:
        """Begin the record of an exchange."""
        self.cut = None
        self._site, self._sender = same.site, same.sender
        self.record = record = Record(self._plane, NAME, self.wire.peer)
        record.note_request(same.request)
        record.note_admission(admission)
        meter.about = record
        record.meter = self.meter = meter
        self.place.hold(same.site.host.id)
        return record

    def _way(self, same: Repeated, path: bytes, record: Record) -> Sent | None:
        """The upstream that is chosen, which is counted then, and a kept connection to it; None where none is up."""
        plane, site = self._plane, same.site
        vital = chosen(site, site.place, path, same.sender.address, plane.wheel.monotonic, plane.chance)
        if vital is None:
            return None
        record.departure = hold = Hold()
        hold.move(vital)
        record.exit, upstream = vital.label, vital.upstream
        key = site.host.id, "", vital.scheme, "", upstream.host, upstream.port
        return Sent(vital, hold, plane.origins.take(key))

    def _answer_like(self, told: HostResponse, /) -> bytes | None:
        """None where the host has a page in its place."""
        site, sender = self._site, self._sender
        if site is None or sender is None or told.status in site.pages:
            return None
        return told.render(1, True, site.hsts if sender.secure else "", site.response_rules, None)

    # As the whole connection does it

    async def _forward(
        self, request: HostRequest, record: Record, site: Site, sender: Sender, user: str, sent: Sent | None = None
    ) -> bool:
        """Pass a request on to an upstream, from where it was sent already."""
        raise NotImplementedError

    async def _refuse(self, refusal: Refusal, request: HostRequest | None) -> bool:
        """Answer a refusal; whether the connection serves another request."""
        raise NotImplementedError
