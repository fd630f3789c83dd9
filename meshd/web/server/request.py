"""A request to the API: its body bounded, its answer written at once."""

from __future__ import annotations

from io import BytesIO

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import datetimeToString
from twisted.web.server import Request

from meshd.web.reply import Heads, Reply
from meshd.web.server.bounds import Serving
from meshd.web.server.channel import ApiChannel
from meshd.web.server.requestlog import GONE

log = Logger()


class LimitedRequest(Request):
    """A request whose body is bounded while it arrives, and kept in memory."""

    channel: ApiChannel
    site: Serving  # type: ignore[assignment]
    content: BytesIO
    account = ""
    """The username of who signed in; for the access log."""
    note = ""
    """What the request log says of the answer."""
    started = 0.0
    peer = ""
    """The address of the client; "" where it has none, as on a unix socket."""

    @property
    def gone(self) -> bool:
        """Whether the client has hung up: nobody is left to answer."""
        return bool(self._disconnected)

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()
        self.site = self.channel.site
        self.started = self.channel.now()
        self.peer = self.channel.peer()

    def parseCookies(self) -> None:
        """A dialect that knows cookies reads their field itself."""

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The whole request is here.  Its query is for a route to read; Twisted would, before anybody signed in."""
        self.content.seek(0)
        self.args = {}
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        self.process()

    def handleContentChunk(self, data: bytes) -> None:
        if self.content.tell() + len(data) > self.channel.bounds.body_bytes:
            self.channel.refuse_body()
        else:
            self.content.write(data)

    def process(self) -> None:
        """What answers a path that is known to the letter is found in one step; the rest is Klein's to search for."""
        answer = self.channel.site.api.known.get((self.method, self.path))
        if answer is None:
            super().process()
        else:
            answer(self)

    def answer(self, reply: Reply, heads: Heads) -> None:
        """The whole answer in one write, and the end of the request.

        Twisted checks and puts together each field anew; here all but a few are constant.  What fails before
        `startedWriting` has told the client nothing.
        """
        content = reply.content()
        head = heads.head(reply, len(content), datetimeToString(), close=not self.channel.persistent)
        if self.method == b"HEAD":
            content = b""
        if self.account:
            self.channel.signed_in()
        self.code, self.note = reply.status, reply.note
        self.sentLength = len(content)
        self.startedWriting = 1
        self.channel.write(b"%s %s%s" % (self.clientproto, head, content))
        self.finish()

    def unheard(self, reply: Reply) -> None:
        """The client has hung up.  What it asked for was done all the same, and has its line in the log."""
        self.code = reply.status
        self.site.log(self, GONE)

    def getRequestHostname(self) -> bytes:
        """Nothing here depends on the name that the client used, so nothing it wrote there can upset the routing."""
        return b"localhost"

    def processingFailed(self, reason: Failure) -> Failure:
        """What broke outside of every route: Twisted would answer in HTML."""
        self.channel.site.api.seldom.failure(log, "internal error below the routes", reason)
        if not self.startedWriting and not self._disconnected:
            self.channel.refuse(500, "internal error")
        return reason
