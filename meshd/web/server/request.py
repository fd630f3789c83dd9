"""A request to the API, whose body is bounded and whose answer is one write."""

from __future__ import annotations

from io import BytesIO

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import datetimeToString
from twisted.web.server import Request

from meshd.values.addresses import peer_host
from meshd.web.reply import Heads, Reply
from meshd.web.server.bounds import Serving
from meshd.web.server.crossing import CrossingChannel
from meshd.web.server.requestlog import GONE
from meshd.web.server.tracing import Trace, traced

log = Logger()


class LimitedRequest(Request):
    """A request whose body is bounded while it arrives, and kept in memory."""

    channel: CrossingChannel
    site: Serving  # type: ignore[assignment]
    content: BytesIO
    account = ""
    """The username of the caller, for the request log; "" while nobody is signed in."""
    account_id = 0
    """The caller's; 0 where it is not known."""
    note = ""
    """A remark on the answer for the request log; "" for none."""
    trace = Trace("")
    """What the request is called; "" before it was read whole."""
    started = 0.0
    peer = ""
    """The address of the client; "" where it has none, as on a unix socket."""

    @property
    def gone(self) -> bool:
        """Whether the client has hung up, so that nobody is left to answer."""
        return bool(self._disconnected)

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()
        self.site = self.channel.site
        self.started = self.site.reactor.seconds()
        self.peer = peer_host(self.channel.getPeer())

    def parseCookies(self) -> None:
        """Parse nothing: a dialect that uses cookies reads the Cookie field itself."""

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Answer a complete request; the query is left to the route: Twisted would parse it before the sign-in."""
        self.content.seek(0)
        self.args = {}
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        fields = self.requestHeaders.getRawHeaders
        self.trace = traced(fields(b"x-request-id", ()), fields(b"traceparent", ()), self.site.new_id)
        self.process()

    def handleContentChunk(self, data: bytes) -> None:
        if self.content.tell() + len(data) > self.channel.bounds.body_bytes:
            self.channel.refuse_body()
        else:
            self.content.write(data)

    def process(self) -> None:
        """Find what answers the path: a path without variables in one look-up, any other by Klein's search."""
        upgrades = self.site.upgrades
        if upgrades is not None and (self.path.startswith(upgrades.prefix) or self.channel.has_to_cross(self)):
            self.channel.upgrade(self, upgrades)
            return
        answer = self.channel.site.api.known.get((self.method, self.path))
        if answer is None:
            super().process()
        else:
            answer(self)

    def answer(self, reply: Reply, heads: Heads) -> None:
        """Write the whole answer at once and end the request.

        Twisted checks and joins each header field anew; here all but a few fields are constant.  Where an exception is
        raised before `startedWriting` is set, the client has been told nothing.
        """
        content = reply.content()
        head = heads.head(reply, len(content), datetimeToString(), close=not self.channel.persistent)
        if self.method == b"HEAD":
            content = b""
        if self.account:
            self.channel.signed_in(self.account_id)
        self.code, self.note = reply.status, reply.note
        self.sentLength = len(content)
        self.startedWriting = 1
        if self.trace.told:
            head = b"%sX-Request-Id: %s\r\n\r\n" % (head[:-2], self.trace.request.encode("ascii"))
        self.channel.write(b"%s %s%s" % (self.clientproto, head, content))
        self.finish()

    def unheard(self, reply: Reply) -> None:
        """Log the answer to a client that has hung up, whose request was carried out all the same."""
        self.code = reply.status
        self.site.log(self, GONE)

    def getRequestHostname(self) -> bytes:
        """A constant: the routing does not depend on the Host field, so no value of that can upset the routing."""
        return b"localhost"

    def processingFailed(self, reason: Failure) -> Failure:
        """Log and answer a failure outside of every route, which Twisted would answer in HTML."""
        self.channel.site.api.seldom.failure(log, "internal error below the routes", reason)
        if not self.startedWriting and not self._disconnected:
            self.channel.refuse(500, "internal error")
        return reason
