"""Clients of CONNECT-UDP for tests, right or wrong, and an origin that answers datagrams."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections import deque
from types import TracebackType
from typing import Any

from meshd.masque.capsules import CapsuleReader, datagram
from tests.support.daemon import LiveDaemon, at_end_of
from tests.support.http2 import Header, Session

WAIT = 60.0


def path_to(host: str, port: int) -> str:
    return f"/.well-known/masque/udp/{host.replace(':', '%3A')}/{port}/"


def extended(path: str, *fields: Header, protocol: str = "connect-udp") -> list[Header]:
    """An extended CONNECT (RFC 8441) as RFC 9298, 3.4 has it."""
    pseudo = {":method": "CONNECT", ":protocol": protocol, ":scheme": "https", ":path": path, ":authority": "p.test"}
    return [*((name.encode(), value.encode()) for name, value in pseudo.items()), (b"capsule-protocol", b"?1"), *fields]


class UdpEchoes:
    """Sends each datagram back, or for `pour COUNT SIZE` so many of that size; `silent` is answered by nothing."""

    def __init__(self, owner: Any = None, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._sock = socket.socket(family, socket.SOCK_DGRAM)
        self._sock.bind((host, 0))
        self.port: int = self._sock.getsockname()[1]
        self.came: list[bytes] = []
        self.senders: set[tuple[Any, ...]] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        if owner is not None:
            at_end_of(owner, self.close)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RD)  # wakes the thread, though the socket has no peer
        self._thread.join(WAIT)
        self._sock.close()

    def _serve(self) -> None:
        while True:
            data, sender = self._sock.recvfrom(65_536)
            if not sender:
                return
            self.came.append(data)
            self.senders.add(sender)
            for answer in self.answers(data):
                self._sock.sendto(answer, sender)

    def answers(self, data: bytes) -> list[bytes]:
        words = data.split()
        if words[:1] == [b"pour"]:
            return [b"p" * int(words[2])] * int(words[1])
        return [] if data == b"silent" else [data]


class UdpTunnel:
    """CONNECT-UDP by HTTP/1.1 and TLS; blocks while it waits."""

    def __init__(
        self,
        daemon: LiveDaemon,
        target: str,
        *fields: Header,
        token: bytes = b"connect-udp",
        secure: bool = True,
        behind: bytes = b"",
    ) -> None:
        """target: of the request line; behind: bytes that are sent together with the head."""
        plain = socket.create_connection(("127.0.0.1", daemon.proxy_port), WAIT)
        context = ssl.create_default_context(cafile=str(daemon.certificate))
        self.sock = (
            context.wrap_socket(plain, suppress_ragged_eofs=False, server_hostname="127.0.0.1") if secure else plain
        )
        lines = [b"GET %b HTTP/1.1" % target.encode(), b"Host: p.test", b"Connection: Upgrade", b"Upgrade: " + token]
        lines += [b"Capsule-Protocol: ?1", *(b"%b: %b" % pair for pair in fields)]
        self.sock.sendall(b"\r\n".join([*lines, b"", b""]) + behind)
        self._reader = CapsuleReader()
        self._payloads: deque[bytes] = deque()
        self.over = False
        """Whether the other side has ended."""
        self.head = b""
        while b"\r\n\r\n" not in self.head and (data := self.sock.recv(65_536)):
            self.head += data
        self.head, _, rest = self.head.partition(b"\r\n\r\n")
        self.status = int(self.head.split(b" ", 2)[1]) if self.head else 0
        if self.status == 101:
            self._payloads += self._reader.feed(rest)
        self.rest = rest

    def __enter__(self) -> UdpTunnel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    def send(self, payload: bytes) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # the other side may have ended
            self.sock.sendall(datagram(payload))

    def receive(self, seconds: float = WAIT) -> bytes | None:
        """The next datagram; None where none comes within so many seconds, or the other side has ended."""
        self.sock.settimeout(seconds)
        while not self._payloads:
            try:
                data = self.sock.recv(65_536)
            except TimeoutError:
                return None
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                self.over = True
                return None
            self._payloads += self._reader.feed(data)
        return self._payloads.popleft()

    def asked(self, payload: bytes) -> bytes | None:
        self.send(payload)
        return self.receive()

    def until_gone(self) -> bool:
        """Wait for the other side's end; whether that was a proper one."""
        self.sock.settimeout(WAIT)
        try:
            while data := self.sock.recv(65_536):
                self.rest += data
        except (ConnectionError, ssl.SSLError):
            return False
        return True


class UdpStream:
    """CONNECT-UDP by one stream of a session of HTTP/2."""

    def __init__(self, session: Session, path: str, *fields: Header) -> None:
        self.session = session
        self.number = session.begin(extended(path, *fields), None)
        self.head = session.head(self.number)
        self._reader = CapsuleReader()
        self._payloads: deque[bytes] = deque()

    @property
    def over(self) -> bool:
        return self.session.came[self.number].over or self.session.gone

    def send(self, payload: bytes) -> None:
        if not self.over:
            self.session.send(self.number, datagram(payload))

    def receive(self, seconds: float = WAIT) -> bytes | None:
        """The next datagram; None where none comes within so many seconds, or the stream is over."""
        came = self.session.came[self.number]
        self.session.sock.settimeout(seconds)
        while not self._payloads:
            if came.body:
                data, came.body = came.body, b""
                self._payloads += self._reader.feed(data)
                continue
            if came.over or self.session.gone:
                return None
            try:
                self.session.receive()
            except TimeoutError:
                return None
        return self._payloads.popleft()

    def asked(self, payload: bytes) -> bytes | None:
        self.send(payload)
        return self.receive()
