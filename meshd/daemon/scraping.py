"""The listener of metrics: who may asks for them, or whether the process answers, and for nothing else.

They are read from what the services have counted anyway, at the moment at which somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.logger import Logger
from twisted.web.http import datetimeToString
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from meshd.metrics import access
from meshd.metrics.exposition import MEDIA, text
from meshd.seldom import Seldom
from meshd.topology import Live
from meshd.values.samples import Sample
from meshd.web.reply import Fields, Heads, Reply
from meshd.web.server.bounds import Bounds
from meshd.web.server.gate import Gate
from meshd.web.server.request import LimitedRequest
from meshd.web.server.requestlog import RequestLog
from meshd.web.server.site import ApiSite

METRICS_PATH, HEALTH = b"/metrics", b"/healthz"

_EVERY: Fields = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
_CHALLENGE = ("WWW-Authenticate", 'Bearer realm="meshd metrics"')
_WORDS: Mapping[int, tuple[str, Fields]] = {
    access.FORBIDDEN: ("your address is not among metrics.networks", ()),
    access.UNAUTHORIZED: ("a bearer token is wanted", (_CHALLENGE,)),
    404: ("there are /metrics and /healthz here", ()),
    405: ("only GET and HEAD", (("Allow", "GET, HEAD"),)),
}

log = Logger()


class Scraped:
    """Two paths, in plain text; `site` is what its listeners let clients into."""

    def __init__(self, reactor: Any, live: Live, samples: Callable[[], Iterable[Sample]]) -> None:
        """samples: the numbers of the whole daemon."""
        self._live = live
        self._samples = samples
        self.seldom = Seldom(reactor.seconds)
        self.heads = Heads("text/plain; charset=utf-8", _EVERY)
        answers = {METRICS_PATH: self._tell, HEALTH: self._well}
        self.known = {(method, path): answer for path, answer in answers.items() for method in (b"GET", b"HEAD")}
        self.site = ApiSite(
            self,
            reactor,
            bounds=lambda: Bounds.of(live.topology),
            gate=Gate(live, self.seldom),
            requests=RequestLog("", reactor, reactor.seconds),
            name="metrics",
        )
        self.samples = self.site.samples

    def resource(self) -> Resource:
        """What answers every other request."""
        return _Nothing(self._no)

    def closing_answer(self, status: int, detail: str, *fields: tuple[str, str], path: str = "") -> bytes:
        """For a request that was refused before it was read."""
        return self.heads.closing(Reply(f"{detail}\n".encode(), status, fields), datetimeToString())

    async def drain(self) -> None:
        """Wait for nothing: what is asked is answered at once."""

    def _tell(self, request: LimitedRequest) -> None:
        fields = request.requestHeaders.getRawHeaders(b"authorization", [b""])
        if self._may(request, fields[0]):
            content = text(self._samples()).encode("utf-8", "replace")
            request.answer(Reply(content, media=MEDIA), self.heads)

    def _well(self, request: LimitedRequest) -> None:
        """Whoever may ask for metrics may ask whether the process answers, without the token."""
        if self._may(request, None):
            request.answer(Reply(b"ok\n"), self.heads)

    def _may(self, request: LimitedRequest, authorization: bytes | None) -> bool:
        status = access.refused(self._live.topology.metrics, request.peer, authorization or b"")
        if status == 0 or (status == access.UNAUTHORIZED and authorization is None):
            return True
        self.seldom.say(log.warn, "metrics are refused to {address} ({status})", address=request.peer, status=status)
        self._refuse(request, status)
        return False

    def _no(self, request: LimitedRequest) -> None:
        known = any(path == request.path for _, path in self.known)
        self._refuse(request, 405 if known else 404)

    def _refuse(self, request: LimitedRequest, status: int) -> None:
        words, fields = _WORDS[status]
        request.answer(Reply(f"{words}\n".encode(), status, fields), self.heads)


class _Nothing(Resource):
    isLeaf = True

    def __init__(self, no: Callable[[LimitedRequest], None]) -> None:
        super().__init__()
        self._no = no

    def render(self, request: Any) -> int:
        self._no(request)
        return NOT_DONE_YET
