"""A client of HTTP/2 for tests, by the `h2` library: one session by TLS, any number of streams, right or wrong."""

from __future__ import annotations

import base64
import socket
import ssl
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import Frame, GoAwayFrame, PingFrame

Header = tuple[bytes, bytes]

CHECKED_BY_NOBODY = H2Configuration(
    client_side=True,
    header_encoding=None,
    validate_inbound_headers=True,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
)


def basic(name: str, password: str) -> Header:
    return b"proxy-authorization", b"Basic " + base64.b64encode(f"{name}:{password}".encode())


def connect(authority: str, *fields: Header) -> list[Header]:
    return [(b":method", b"CONNECT"), (b":authority", authority.encode()), *fields]


def get(authority: str, path: str, *fields: Header, method: str = "GET") -> list[Header]:
    pseudo = {":method": method, ":scheme": "http", ":authority": authority, ":path": path}
    return [*((name.encode(), value.encode()) for name, value in pseudo.items()), *fields]


class Place(Protocol):
    """Where a daemon is reached by TLS."""

    @property
    def certificate(self) -> Path: ...

    proxy_port: int


class _Connection(H2Connection):
    """Goes on after a GOAWAY, as clients do whose streams are served still; answers a PING at once, or when told to."""

    signs = True
    unsigned = b""

    def _receive_ping_frame(self, frame: PingFrame) -> tuple[list[Frame], list[events.Event]]:
        answers, told = super()._receive_ping_frame(frame)
        if not self.signs:
            self.unsigned += b"".join(each.serialize() for each in answers)
            return [], told
        return answers, told

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[events.Event]]:
        event = events.ConnectionTerminated()
        event.error_code, event.last_stream_id = frame.error_code, frame.last_stream_id
        return [], [event]


@dataclass
class Came:
    """What came by a stream."""

    heads: list[dict[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    trailers: list[Header] = field(default_factory=list)
    ended: bool = False
    reset: ErrorCodes | int | None = None

    @property
    def status(self) -> int:
        """Of the final answer; 0 while there is none."""
        return int(self.heads[-1][b":status"]) if self.heads else 0

    @property
    def over(self) -> bool:
        return self.ended or self.reset is not None


class Session:
    """Blocks while it waits; what comes for one stream is kept while another is waited for."""

    def __init__(
        self,
        daemon: Place,
        *,
        takes: bool = True,
        preface: bool = True,
        window: int = 0,
        port: int = 0,
        source: str = "127.0.0.1",
    ) -> None:
        """takes: whether it gives room again for what it gets; preface: whether it begins as a client should.

        window: bytes that each stream may send before they are taken, all together twice as much; 0: by default; port:
        where it connects to, in place of the proxy's; source: the address that it comes from.
        """
        context = ssl.create_default_context(cafile=str(daemon.certificate))
        context.set_alpn_protocols(["h2", "http/1.1"])
        sock = socket.create_connection(("127.0.0.1", port or daemon.proxy_port), 60, (source, 0))
        self.sock = context.wrap_socket(sock, server_hostname="127.0.0.1")
        self.protocol = self.sock.selected_alpn_protocol()
        self.takes = takes
        self.http = _Connection(CHECKED_BY_NOBODY)
        if preface:
            self.http.initiate_connection()
        if window:
            self.http.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
            self.http.increment_flow_control_window(2 * window)
        self.came: dict[int, Came] = defaultdict(Came)
        self.goodbye: ErrorCodes | int | None = None
        self.last: list[int] = []
        """The last streams that GOAWAY named, one after the other."""
        self.gone = False
        self.flush()

    def close(self) -> None:
        self.sock.close()

    def flush(self) -> None:
        """As far as the other side lets us."""
        try:
            self.sock.sendall(self.http.data_to_send())
        except OSError:
            self.gone = True

    def begin(self, headers: list[Header], body: bytes | None = b"") -> int:
        """Begin a stream; its number.  body: what follows, None for more to come."""
        number = self.http.get_next_available_stream_id()
        self.http.send_headers(number, headers, end_stream=body == b"")
        if body:
            self.send(number, body, last=True)
        self.flush()
        return number

    def send(self, number: int, data: bytes, *, last: bool = False) -> None:
        """Send as the other side gives room."""
        while data:
            size = min(self.http.local_flow_control_window(number), self.http.max_outbound_frame_size, len(data))
            if not size:
                self.receive()
                continue
            self.http.send_data(number, data[:size], end_stream=last and size == len(data))
            data = data[size:]
            self.flush()

    def say_goodbye(self, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """And go on with what is open."""
        self.flush()
        self.raw(GoAwayFrame(error_code=code).serialize())

    def sign(self) -> None:
        """Answer the PINGs that were not answered at once."""
        data, self.http.unsigned = self.http.unsigned, b""
        self.raw(data)

    def end(self, number: int) -> None:
        self.http.end_stream(number)
        self.flush()

    def raw(self, data: bytes) -> None:
        """Send bytes that are no frame of the library's."""
        try:
            self.sock.sendall(data)
        except OSError:
            self.gone = True

    def receive(self) -> None:
        """Act on what comes next."""
        try:
            data = self.sock.recv(65536)
        except (ConnectionError, ssl.SSLError):
            data = b""
        if not data:
            self.gone = True
            return
        for event in self.http.receive_data(data):
            self._act(event)
        self.flush()

    def _act(self, event: events.Event) -> None:
        if isinstance(event, events.ConnectionTerminated):
            self.goodbye = event.error_code
            self.last.append(event.last_stream_id or 0)
            return
        came = self.came[getattr(event, "stream_id", None) or 0]
        if isinstance(event, events.ResponseReceived | events.InformationalResponseReceived):
            came.heads.append(_joined(event.headers or []))
        elif isinstance(event, events.DataReceived):
            came.body += event.data or b""
            if self.takes and event.flow_controlled_length:
                self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id or 0)
        elif isinstance(event, events.TrailersReceived):
            came.trailers = list(event.headers or ())
        elif isinstance(event, events.StreamEnded):
            came.ended = True
        elif isinstance(event, events.StreamReset):
            came.reset = event.error_code

    def answer(self, number: int) -> Came:
        """All of the answer, once the stream is over or the session gone."""
        while not (self.came[number].over or self.gone):
            self.receive()
        return self.came[number]

    def head(self, number: int) -> Came:
        """The answer, once its head is there."""
        while not (self.came[number].status >= 200 or self.came[number].over or self.gone):
            self.receive()
        return self.came[number]

    def until_body(self, number: int, size: int) -> bytes:
        """So many bytes of a body, which are then forgotten."""
        came = self.came[number]
        while len(came.body) < size and not came.over and not self.gone:
            self.receive()
        data, came.body = came.body[:size], came.body[size:]
        return data

    def ask(self, headers: list[Header], body: bytes = b"") -> Came:
        return self.answer(self.begin(headers, body))

    def until_goodbye(self, count: int = 1) -> int:
        """The last stream that so many GOAWAY named."""
        while len(self.last) < count and not self.gone:
            self.receive()
        return self.last[-1]

    def until_gone(self) -> ErrorCodes | int | None:
        """Why the other side has ended the session; None where it said nothing."""
        while not self.gone:
            self.receive()
        return self.goodbye


def _joined(headers: list[Header]) -> dict[bytes, bytes]:
    """The fields by name, the values of one that is there more than once with commas between."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = f"{found[name].decode()}, {value.decode()}".encode() if name in found else value
    return found
