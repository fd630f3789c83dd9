"""A client of CONNECT-TCP by HTTP/1.1, with capsules of its own making, which shares nothing with meshd's."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import struct
from typing import Any, NamedTuple

from tests.support.daemon import LiveDaemon

DATA, FINAL = 0x2028D7F2, 0x2028D7F3
OLD_DATA, OLD_FINAL = 0x2028D7F0, 0x2028D7F1
PATIENCE = 60.0


class Head(NamedTuple):
    status: int
    fields: dict[str, list[str]]
    text: str

    def one(self, name: str) -> str:
        (value,) = self.fields[name]
        return value


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def number(value: int, *, wide: int = 0) -> bytes:
    """A variable-length integer; wide: its bytes, where that is to be more than are needed."""
    sizes = ((1, 0x00, ">B"), (2, 0x4000, ">H"), (4, 0x80000000, ">I"), (8, 0xC000000000000000, ">Q"))
    for size, mark, form in sizes:
        if size >= wide and value < 1 << (8 * size - 2):
            return struct.pack(form, value | mark)
    raise ValueError(value)


def capsule(kind: int, payload: bytes, *, wide: int = 0) -> bytes:
    return number(kind, wide=wide) + number(len(payload), wide=wide) + payload


def path(host: str, port: int, proxy: str = "") -> str:
    host = host.replace(":", "%3A")
    return f"/.well-known/masque/tcp/{host}/{port}/" + (f"?proxy={proxy}" if proxy else "")


class Client:
    """One connection to the API, verified."""

    def __init__(self, daemon: LiveDaemon, *, receive: int = 0, source: str = "127.0.0.1") -> None:
        """receive: SO_RCVBUF."""
        raw = socket.socket()
        if receive:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        raw.settimeout(PATIENCE)
        raw.bind((source, 0))
        raw.connect(("127.0.0.1", daemon.api_port))
        context = ssl.create_default_context(cafile=str(daemon.certificate))
        context.check_hostname = False
        self.socket = context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False)
        self.host = f"127.0.0.1:{daemon.api_port}"
        self.buffer = b""
        self.payload = b""
        """Bytes of the tunnel that came and were not taken."""
        self.kinds: set[int] = set()
        self.final = False

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.close()

    def reset(self) -> None:
        """Leave by a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # HTTP

    def request(self, target: str, *fields: str, token: str = "connect-tcp", method: str = "GET") -> bytes:
        asks = ("Connection: Upgrade", f"Upgrade: {token}", "Capsule-Protocol: ?1") if token else ()
        lines = (f"{method} {target} HTTP/1.1", f"Host: {self.host}", *asks, *fields, "", "")
        return "\r\n".join(lines).encode()

    def ask(self, target: str, *fields: str, **options: Any) -> Head:
        self.socket.sendall(self.request(target, *fields, **options))
        return self.head()

    def head(self) -> Head:
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        text, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *lines = text.decode().split("\r\n")
        fields: dict[str, list[str]] = {}
        for line in lines:
            name, _, value = line.partition(":")
            fields.setdefault(name.lower(), []).append(value.strip())
        return Head(int(first.split()[1]), fields, first)

    def body(self, head: Head) -> str:
        size = int(head.one("content-length"))
        while len(self.buffer) < size:
            self._more()
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return body.decode()

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(self.buffer)
        self.buffer += data

    # Capsules

    def send(self, payload: bytes, *, final: bool = False) -> None:
        self.socket.sendall(capsule(FINAL if final else DATA, payload))

    def receive(self, size: int) -> bytes:
        """So many bytes of the tunnel."""
        while len(self.payload) < size:
            assert not self.final, "the tunnel has ended"
            self._capsule()
        taken, self.payload = self.payload[:size], self.payload[size:]
        return taken

    def rest(self) -> bytes:
        """All bytes of the tunnel up to its end."""
        while not self.final:
            self._capsule()
        taken, self.payload = self.payload, b""
        return taken

    def ended(self) -> bool:
        """Wait for the end of the connection, behind which nothing comes; whether TLS had told of it."""
        try:
            while True:
                data = self.socket.recv(65536)
                if not data:
                    return True
                self.buffer += data
        except ssl.SSLEOFError:
            return False
        except ConnectionResetError:
            return False

    def cut(self) -> bytes:
        """All bytes of the tunnel up to an end that nobody told of."""
        with contextlib.suppress(ssl.SSLEOFError, ConnectionResetError):
            while True:
                self._capsule()
        taken, self.payload = self.payload, b""
        return taken

    def _capsule(self) -> None:
        kind, size = self._integer(), self._integer()
        while len(self.buffer) < size:
            self._more()
        self.kinds.add(kind)
        self.payload += self.buffer[:size]
        self.buffer = self.buffer[size:]
        self.final = kind in (FINAL, OLD_FINAL)

    def _integer(self) -> int:
        while not self.buffer or len(self.buffer) < 1 << (self.buffer[0] >> 6):
            self._more()
        size = 1 << (self.buffer[0] >> 6)
        value = int.from_bytes(self.buffer[:size], "big") & ((1 << (8 * size - 2)) - 1)
        self.buffer = self.buffer[size:]
        return value
