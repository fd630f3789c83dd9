"""The exchange log's line about one exchange, gathered while the exchange goes on and written once."""

from __future__ import annotations

from typing import Protocol

from meshd.model import Admission, Refusal
from meshd.passing.plane import Plane
from meshd.usage.meter import Meter
from meshd.values.exchanges import Destinations, Exchange, OpenExchange


class Place(Protocol):
    """Where an exchange is to go."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


class Asked(Protocol):
    """A request, as the log tells it."""

    @property
    def method(self) -> bytes: ...

    @property
    def target(self) -> Place: ...


class Way(Protocol):
    """How an exchange leaves, where there is a choice."""

    @property
    def way(self) -> str:
        """The exit's name."""

    def end(self) -> str:
        """Stop counting the exchange on its exit; the exit's name."""


class Seat(Protocol):
    """How the client's address counts."""

    def leave(self) -> None: ...


class Record:
    """Gathers what the log says about one exchange; texts and numbers only, as it lives as long as a tunnel."""

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
        "destinations",
        "exit",
        "id",
        "meter",
        "seat",
        "status",
    )

    def __init__(self, plane: Plane, proxy: str, client: str) -> None:
        """proxy: the named proxy that the client came to; client: the client's address."""
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
        self.seat: Seat | None = None
        """How the client's address counts for an account that may have so many addresses; None for any other."""
        self.departure: Way | None = None
        self.destinations: Destinations | None = None
        self.closed = False

    def note_name(self, host: str, port: int) -> None:
        """Note whose name was asked for, where no request was read."""
        self._host, self._port = host, port

    def note_first(self, host: str, port: int) -> None:
        """Note a destination where none is noted yet."""
        if not self._host:
            self.note_name(host, port)

    def note_sent(self, host: str, port: int, address: str) -> None:
        """Note a place that datagrams go to; the first one is the exchange's destination."""
        if self.destinations is None:
            self.destinations = Destinations()
            self.note_name(host, port)
        self.destinations.add(host, port, address)

    def note_request(self, request: Asked, /) -> None:
        target = request.target
        self._method = request.method.decode("ascii")
        self._host = target.host
        self._port = target.port

    def note_admission(self, admission: Admission, /) -> None:
        account = admission.identity.account
        self._account_id = account.id
        self._username = account.username
        self._token_id = admission.token_id
        self._admitted = True

    def note_tried(self, refusal: Refusal) -> None:
        """Note whose credential came with what was refused, unless an account was admitted before."""
        if refusal.tried is not None and not self._admitted:
            self._username, self._account_id, self._token_id, self._admitted = refusal.tried

    def note_outcome(self, reason: str) -> None:
        """Note a reason for the log line of an exchange that goes well."""
        self._remark = reason

    def so_far(self) -> OpenExchange:
        """The exchange as it is now; it must have a meter."""
        meter = self.meter
        assert meter is not None
        account = meter.admission.account
        return OpenExchange(
            self.id,
            round(self._at * 1000),
            account.id,
            account.parent_id or account.id,
            account.username,
            self._token_id,
            self._proxy,
            self._client,
            self._method,
            self._host,
            self._port,
            self.exit,
            meter.up,
            meter.down,
            self.departure.way if self.departure is not None else "",
        )

    def close(self, reason: str, detail: str = "", /) -> None:
        """Write the log line and end the metering; calling again changes nothing.

        reason: "" where all went well; detail: more about the reason, for the log.
        """
        if self.closed:
            return
        self.closed = True
        if self.seat is not None:
            self.seat.leave()
        way = self.departure.end() if self.departure is not None else ""
        plane, meter = self._plane, self.meter
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
            way,
            detail,
            self.destinations,
        )
        if meter is None:
            plane.ledger.refused(exchange, admitted=self._admitted)
        else:
            plane.ledger.close(meter, exchange)
            if plane.line.waiting:
                plane.line.freed((self._account_id, True))
                plane.line.freed((self._account_id, False))
