"""A client of HTTP/2 that sends whatever frames it is told to, and says what the other side does about a stream."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from hpack import Decoder, Encoder

from tests.support.daemon import LiveDaemon

Header = tuple[bytes, bytes]

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITISED = 1, 1, 4, 8, 32
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def setting(number: int, value: int) -> bytes:
    """A SETTINGS frame of one."""
    return frame(SETTINGS, 0, 0, struct.pack(">HI", number, value))


def window(stream: int, more: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", more))


@dataclass
class Told:
    """What came for one stream, or for all."""

    status: int = 0
    body: bytes = b""
    ended: bool = False
    reset: int | None = None
    goodbye: int | None = None
    gone: bool = False

    @property
    def over(self) -> bool:
        return self.ended or self.reset is not None or self.gone


@dataclass
class Frames:
    """Owns the connection; blocks while it waits."""

    daemon: LiveDaemon
    settings: bytes = b""
    """The payload of its first SETTINGS."""
    source: str = "127.0.0.1"
    """The address that it comes from."""
    port: int = 0
    """Where it connects to, in place of the proxy's port."""
    header: bytes = b""
    """What a balancer says before it."""
    encoder: Encoder = field(default_factory=Encoder)
    _decoder: Decoder = field(default_factory=Decoder)
    _buffer: bytes = b""

    def __post_init__(self) -> None:
        context = ssl.create_default_context(cafile=str(self.daemon.certificate))
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", self.port or self.daemon.proxy_port), 60, (self.source, 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.sendall(self.header)
        self._sock = context.wrap_socket(plain, server_hostname="127.0.0.1")
        self.send(PREFACE, frame(SETTINGS, 0, 0, self.settings))

    @property
    def own_port(self) -> int:
        return int(self._sock.getsockname()[1])

    def close(self) -> None:
        self._sock.close()

    def send(self, *frames: bytes) -> None:
        """As far as the other side lets us; what it has said before is read all the same."""
        with contextlib.suppress(OSError):
            self._sock.sendall(b"".join(frames))

    def request(self, stream: int, headers: Iterable[Header], flags: int = END_HEADERS | END_STREAM) -> bytes:
        """A HEADERS frame."""
        return frame(HEADERS, flags, stream, self.encoder.encode(list(headers), huffman=False))

    def told(self, stream: int, *, wants: int = 0) -> Told:
        """What comes for the stream, until it or the session is over, or so much of a body is there."""
        told = Told()
        while not told.over and not (wants and len(told.body) >= wants):
            came = self._next()
            if came is None:
                told.gone = True
            else:
                self._note(told, stream, *came)
        return told

    def until_ping(self, payload: bytes) -> Told:
        """What comes for the session until it answers a PING."""
        self.send(frame(PING, 0, 0, payload))
        told = Told()
        while (came := self._next()) is not None:
            if came[:2] == (PING, ACK) and came[3] == payload:
                return told
            self._note(told, 0, *came)
        told.gone = True
        return told

    def _note(self, told: Told, wanted: int, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == GOAWAY:
            told.goodbye = struct.unpack(">I", payload[4:8])[0]
        elif kind == HEADERS:
            fields = dict(self._decoder.decode(payload, raw=True))
            if stream == wanted:
                told.status = int(fields.get(b":status", b"0"))
        if stream != wanted or not stream:
            return
        if kind == DATA:
            told.body += payload
        elif kind == RST_STREAM:
            told.reset = struct.unpack(">I", payload)[0]
        told.ended = told.ended or (kind in {DATA, HEADERS} and bool(flags & END_STREAM))

    def _next(self) -> tuple[int, int, int, bytes] | None:
        """The next frame; None where the connection has ended."""
        head = self._take(9)
        if head is None:
            return None
        length, kind, flags, stream = struct.unpack(">I", b"\0" + head[:3])[0], head[3], head[4], head[5:9]
        payload = self._take(length)
        return None if payload is None else (kind, flags, struct.unpack(">I", stream)[0], payload)

    def _take(self, size: int) -> bytes | None:
        while len(self._buffer) < size:
            try:
                data = self._sock.recv(65536)
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                return None
            self._buffer += data
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data
