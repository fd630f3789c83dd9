"""What the exchange log will say of one exchange, gathered while it goes on, and said once."""

from __future__ import annotations

from meshd.exits.departure import Departure
from meshd.model import Admission, Exchange, Refusal
from meshd.proxy.plane import DataPlane
from meshd.proxy.request import ProxyRequest
from meshd.usage.meter import Meter


class Record:
    """Holds texts and numbers only, since a tunnel's record lives as long as the tunnel."""

    __slots__ = (
        "_account_id",
        "_admitted",
        "_at",
        "_client",
        "_host",
        "_method",
        "_plane",
        "_port",
        "_proxy",
        "_remark",
        "_token_id",
        "_username",
        "began",
        "closed",
        "departure",
        "exit",
        "id",
        "meter",
        "status",
    )

    def __init__(self, plane: DataPlane, proxy: str, client: str) -> None:
        """An exchange of a client's address with a named proxy begins."""
        self._plane = plane
        self._proxy = proxy
        self._client = client
        self._at = plane.now()
        self.began = plane.wheel.seconds()
        self._account_id = self._token_id = self._port = self.status = 0
        self._username = self._method = self._host = self._remark = self.exit = ""
        self._admitted = False
        self.id = plane.request_id()
        self.meter: Meter | None = None
        self.departure: Departure | None = None
        self.closed = False

    def requested(self, request: ProxyRequest) -> None:
        target = request.target
        self._method = request.method.decode("ascii")
        self._host = target.host
        self._port = target.port

    def admitted(self, admission: Admission) -> None:
        account = admission.identity.account
        self._account_id = account.id
        self._username = account.username
        self._token_id = admission.token_id
        self._admitted = True

    def tried(self, refusal: Refusal) -> None:
        """Whose credential it was that did not let its client in."""
        if refusal.tried is not None and not self._admitted:
            self._username, self._account_id, self._token_id = refusal.tried

    def passed(self, reason: str) -> None:
        """What is to be known of an exchange that goes well."""
        self._remark = reason

    def close(self, reason: str) -> None:
        """The line, and the end of the metering.  Once is enough."""
        if self.closed:
            return
        self.closed = True
        if self.departure is not None:
            self.departure.end()
        plane = self._plane
        meter = self.meter
        exchange = Exchange(
            self.id,
            self._at,
            plane.wheel.seconds() - self.began,
            self._account_id,
            self._username,
            self._token_id,
            self._proxy,
            self._client,
            self._method,
            self._host,
            self._port,
            self.exit,
            self.status,
            reason or self._remark,
            meter.up if meter is not None else 0,
            meter.down if meter is not None else 0,
        )
        if meter is None:
            plane.ledger.refused(exchange, admitted=self._admitted)
        else:
            plane.ledger.close(meter, exchange)
            if plane.line.waiting:
                plane.line.freed((self._account_id, True))
                plane.line.freed((self._account_id, False))
