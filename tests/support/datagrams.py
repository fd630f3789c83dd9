"""A client that sends datagrams by SOCKS5 (RFC 1928, 7), on sockets of the test's own thread."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any

from meshd.socks5 import datagram_head, read_datagram
from tests.support.daemon import LiveDaemon
from tests.support.ready import readable

PATIENCE = 60.0
LARGEST = 70_000


def datagram_socket(owner: Any, host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Bound, and patient."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    owner.addCleanup(sock.close)
    sock.settimeout(PATIENCE)
    sock.bind((host, port))
    return sock


def named_head(name: bytes, port: int) -> bytes:
    """The head of a datagram to a name."""
    return b"\x00\x00\x00\x03%c%b%b" % (len(name), name, port.to_bytes(2, "big"))


def silent(sock: socket.socket) -> bool:
    """Whether nothing has come by now; what was sent on loopback before has, unless it was dropped."""
    return not readable([sock], 0.0)


def sockets(daemon: LiveDaemon) -> int:
    """Those that it has open."""
    folder, count = f"/proc/{daemon.pid}/fd", 0
    for name in os.listdir(folder):
        try:
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
        except FileNotFoundError:
            continue
    return count


class Refused(Exception):
    """The proxy has refused; `reply` is its REP, or what else it said."""

    def __init__(self, reply: int) -> None:
        super().__init__(reply)
        self.reply = reply


class DatagramClient:
    """One association; `close`, or the owner's clean-up, ends it."""

    def __init__(
        self,
        owner: Any,
        control: socket.socket,
        username: str = "",
        password: str = "",
        *,
        port: int = 0,
        source: str = "127.0.0.1",
    ) -> None:
        """control: a connection to the proxy.  port: from which it says that it sends.  Raises: Refused."""
        owner.addCleanup(control.close)
        control.settimeout(PATIENCE)
        self.control = control
        self.socket = datagram_socket(owner, source)
        if username:
            control.sendall(b"\x05\x01\x02")
            self._exactly(2)
            name, word = username.encode(), password.encode()
            control.sendall(b"\x01%c%b%c%b" % (len(name), name, len(word), word))
            status = self._exactly(2)[1]
            if status:
                raise Refused(status)
        else:
            control.sendall(b"\x05\x01\x00")
            method = self._exactly(2)[1]
            if method:
                raise Refused(method)
        control.sendall(b"\x05\x03\x00\x01" + bytes(4) + port.to_bytes(2, "big"))
        reply = self._exactly(4)
        rest = self._exactly(6 if reply[3] == 1 else 18)
        if reply[1]:
            raise Refused(reply[1])
        family = socket.AF_INET if reply[3] == 1 else socket.AF_INET6
        self.relay = socket.inet_ntop(family, rest[:-2]), int.from_bytes(rest[-2:], "big")
        """Where its datagrams go."""

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.control.recv(size - len(data))
            if not more:
                raise EOFError(data)
            data += more
        return data

    def send(self, host: str, port: int, data: bytes) -> None:
        self.raw(datagram_head(host, port) + data)

    def raw(self, data: bytes) -> None:
        self.socket.sendto(data, self.relay)

    def receive(self) -> tuple[str, int, bytes]:
        """The next datagram and whom it says that it is from."""
        data, source = self.socket.recvfrom(LARGEST)
        assert source[:2] == self.relay, source
        head = read_datagram(data)
        assert head is not None, data
        return head.target.host, head.target.port, data[head.size :]

    def ended(self) -> bool:
        """Whether the proxy has ended the connection; waits for it."""
        with contextlib.suppress(ConnectionResetError):
            return self.control.recv(1) == b""
        return True

    def close(self) -> None:
        self.control.close()
        self.socket.close()
