"""The API's Site: who may connect, how long things may take, and one line in the request log for each request."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Site

from meshd.values.samples import Sample
from meshd.web.server.bounds import Bounds, Paths
from meshd.web.server.channel import ApiChannel
from meshd.web.server.crossing import CrossingChannel
from meshd.web.server.gate import Gate
from meshd.web.server.request import LimitedRequest
from meshd.web.server.requestlog import Answered, RequestLog
from meshd.web.server.upgrading import Upgrades

_PATH_SHOWN = 200


class ApiSite(Site):
    """The factory of ApiChannels.  The request log never has a query or a credential."""

    noisy = False

    def __init__(
        self,
        api: Paths,
        reactor: IReactorTime,
        *,
        bounds: Callable[[], Bounds],
        gate: Gate,
        requests: RequestLog,
        name: str = "accounts",
    ) -> None:
        """name: what metrics call it."""
        super().__init__(
            api.resource(), requestFactory=LimitedRequest, timeout=0, reactor=reactor, parsePOSTFormSubmission=False
        )
        self.api = api
        self.timeOut = None  # ApiChannel has deadlines of its own
        self.bounds = bounds
        self.gate = gate
        self._requests = requests
        self._name = name
        self._answered: Counter[int] = Counter()
        """Requests by the status of the answer."""
        self._instance = secrets.token_hex(4)
        self._numbers = count(1)
        self.open_channels: set[ApiChannel] = set()
        self.upgrades: Upgrades | None = None
        """What clients may ask for that is no HTTP; None where they may not."""
        self._emptied: Deferred[None] | None = None

    def protocol(self) -> ApiChannel:  # type: ignore[override]
        """Make a channel for HTTP/1.1: Twisted's own would allow HTTP/2, which knows none of these limits."""
        return CrossingChannel()

    def startFactory(self) -> None:
        """Start nothing: Twisted would open a log file, and start a timer for its dates."""

    def stopFactory(self) -> None:
        """Stop nothing, since nothing was started."""

    def log(self, request: LimitedRequest, detail: str = "") -> None:  # type: ignore[override]
        """Log a request that has been answered, or whose client has hung up."""
        self._answered[request.code] += 1
        self._requests.add(
            Answered(
                self._requests.now(),
                request.peer,
                request.method.decode("latin-1"),
                request.path[:_PATH_SHOWN].decode("latin-1"),
                request.code,
                request.account,
                request.sentLength,
                self.reactor.seconds() - request.started,
                detail or request.note,
                request.trace.request,
                request.trace.trace,
            )
        )

    def new_id(self) -> str:
        """What a request is called whose client does not say."""
        return f"{self._instance}-{next(self._numbers)}"

    def note_refusal(self, client: str, status: int, detail: str) -> None:
        """Log a request that never reached a route."""
        self._answered[status] += 1
        self._requests.add(Answered(self._requests.now(), client, "", "", status, "", 0, 0.0, detail))

    def samples(self) -> Iterable[Sample]:
        """The number of open connections, of those on which nobody has signed in, and of requests by their status."""
        api = ("api", self._name)
        yield "api_connections", (api,), float(len(self.open_channels))
        yield "api_connections_unauthenticated", (api,), float(len(self.gate))
        for status, requests in self._answered.items():
            yield "api_requests_total", (api, ("status", str(status))), float(requests)

    def closed(self, channel: ApiChannel) -> None:
        """Forget a channel whose connection is gone."""
        self.open_channels.discard(channel)
        if not self.open_channels and self._emptied is not None:
            emptied, self._emptied = self._emptied, None
            emptied.callback(None)

    async def drain(self, seconds: float, carried: Deferred[None] | None = None) -> None:
        """Close idle connections, let requests be answered for so many seconds, then cut the rest.

        carried: fires once what connections carry in other protocols has ended for its own reason; none is cut before.
        """
        for channel in list(self.open_channels):
            channel.finish()
        if self.open_channels:
            late = self.reactor.callLater(seconds, self._cut if carried is None else lambda: carried.addBoth(self._cut))
            self._emptied = Deferred()
            await self._emptied
            if late.active():
                late.cancel()
        await self.api.drain()

    def _cut(self, ended: object = None) -> None:
        for channel in list(self.open_channels):
            channel.cut()
