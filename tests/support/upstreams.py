"""A proxy of somebody else's, to leave through: HTTP (CONNECT and absolute-form, Basic), that inside TLS, or SOCKS5.

On loopback, a thread for each connection.  It remembers what it was asked for and with which credentials, and can be
told to misbehave, to die, and to come back on the same port.
"""

from __future__ import annotations

import base64
import contextlib
import inspect
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.origin import Received, authority
from tests.support.ready import readable

Kind = Literal["http", "https", "socks5"]
Mood = Literal["serve", "refuse", "hang", "reject", "garbage", "cut"]
"""serve: as it should; refuse: 502, or SOCKS "connection not allowed"; hang: reads and says nothing; reject: 407, or a
SOCKS sub-negotiation that fails; garbage: what is no protocol; cut: closes as soon as it was asked."""

TIMEOUT = 60.0


@dataclass
class Asked:
    """One request to it."""

    target: str
    """`host:port` of a tunnel, as it was written; a URL of an absolute-form request."""
    username: str = ""
    password: str = ""
    named: bool = False
    """Whether the host came as a name and not as an address."""
    head: bytes = field(default=b"", repr=False)
    """Of HTTP: every byte of it."""


class UpstreamProxy:
    """Listens from the constructor on; `close`, or the owner's clean-up, ends it.

    username, password: what it demands; "" for an open one.  connect_to: where every tunnel goes, whatever was asked.
    """

    def __init__(
        self,
        owner: Any = None,
        kind: Kind = "http",
        *,
        username: str = "",
        password: str = "",
        host: str = "127.0.0.1",
        connect_to: tuple[str, int] | None = None,
    ) -> None:
        self.kind = kind
        self.host = host
        self.username, self.password = username, password
        self.connect_to = connect_to
        self.mood: Mood = "serve"
        self.asked: list[Asked] = []
        self.accepted = 0
        self.ca_file = authority().file if kind == "https" else ""
        self._news = threading.Condition()
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        """Started ones."""
        self._hand = threading.Lock()
        """Taken by whoever starts a thread, until it stands among them."""
        self._listener: socket.socket | None = None
        self.port = 0
        self.come_back()
        if owner is not None:
            getattr(owner, "addClassCleanup" if inspect.isclass(owner) else "addCleanup")(self.close)

    @property
    def authority(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def targets(self) -> list[str]:
        return [each.target for each in list(self.asked)]

    def toml(self, name: str, **more: str) -> str:
        """Its `[[exits]]` table; more: keys with their values as TOML has them."""
        keys = {"name": f'"{name}"', "kind": f'"{self.kind}"', "upstream": f'"{self.authority}"'}
        if self.username or self.password:
            keys |= {"username": f'"{self.username}"', "password": f'"{self.password}"'}
        if self.ca_file:
            keys["ca"] = f'"{self.ca_file}"'
        return "[[exits]]\n" + "".join(f"{key} = {value}\n" for key, value in (keys | more).items())

    def wait_for_asked(self, count: int, deadline: float = 60.0) -> None:
        """Until so many requests have come.  AssertionError when they do not."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.asked) >= count, deadline):
                raise AssertionError(f"{len(self.asked)} requests of {count} within {deadline} s")

    def die(self) -> None:
        """The port refuses from now on, and every open connection is reset."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()
        self.hang_up()
        with self._hand:
            threads = list(self._threads)
        for thread in threads:
            thread.join(TIMEOUT)

    def come_back(self) -> None:
        """On the same port as before."""
        if self._listener is None:
            family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
            self._listener = socket.create_server((self.host, self.port), family=family, backlog=1024)
            self.port = self._listener.getsockname()[1]
            self._spawn(self._accept, self._listener)

    def hang_up(self) -> None:
        """Reset every open connection."""
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.die()

    # In threads

    def _spawn(self, work: Callable[..., None], *args: Any) -> None:
        def run() -> None:
            try:
                work(*args)
            finally:
                with self._hand:
                    self._threads.discard(thread)

        thread = threading.Thread(target=run, daemon=True)
        with self._hand:
            thread.start()
            self._threads.add(thread)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._spawn(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(TIMEOUT)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(client)
        try:
            if self.kind == "https":
                raw, client = client, authority().context.wrap_socket(client, server_side=True)
                self._open.discard(raw)
                self._open.add(client)
            if self.kind == "socks5":
                self._socks(client)
            else:
                self._http(client)
        except (OSError, EOFError, ssl.SSLError):
            pass  # whoever asked has left, or we were told to die
        finally:
            self._open.discard(client)
            client.close()

    def _note(self, asked: Asked) -> None:
        with self._news:
            self.asked.append(asked)
            self._news.notify_all()

    def _misbehaved(self, client: socket.socket) -> bool:
        """Whether its mood leaves nothing to be answered."""
        if self.mood == "garbage":
            client.sendall(b"220 mail.example ESMTP\r\n\r\n")
        elif self.mood == "hang":
            while client.recv(65536):
                pass
        return self.mood in {"garbage", "hang", "cut"}

    def _http(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += _some(client)
        head, _, rest = head.partition(b"\r\n\r\n")
        request = Received(head + b"\r\n\r\n")
        asked = Asked(request.target, *_basic(request.field("proxy-authorization") or ""), head=request.head)
        asked.named = not _is_address(asked.target.split("://")[-1].partition("/")[0].rpartition(":")[0])
        self._note(asked)
        if self._misbehaved(client):
            return
        if self.mood == "reject" or (asked.username, asked.password) != (self.username, self.password):
            _say_last(
                client,
                b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                b'Proxy-Authenticate: Basic realm="theirs"\r\nContent-Length: 0\r\n\r\n',
            )
        elif self.mood == "refuse":
            _say_last(client, b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        elif request.method == "CONNECT":
            self._tunnel(client, asked.target, b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 502 No\r\n\r\n", rest)
        else:
            self._forward(client, request, rest)

    def _forward(self, client: socket.socket, request: Received, rest: bytes) -> None:
        """One request and its answer; the connection ends with it."""
        _, _, after = request.target.partition("://")
        target, _, path = after.partition("/")
        lines = request.head.split(b"\r\n")[1:]
        kept = [line for line in lines if line and not line.lower().startswith((b"proxy-", b"connection:"))]
        first = b"%b /%b HTTP/1.1" % (request.method.encode(), path.encode())
        head = b"\r\n".join([first, *kept, b"Connection: close"]) + b"\r\n\r\n"
        self._tunnel(client, target, b"", b"HTTP/1.1 502 No\r\n\r\n", head + rest)

    def _socks(self, client: socket.socket) -> None:
        """RFC 1928 and 1929."""
        version, count = _exactly(client, 2)
        offered = _exactly(client, count)
        assert version == 5, version
        if self._misbehaved(client):
            self._note(Asked(""))
            return
        wanted = 2 if self.username or self.password else 0
        if wanted not in offered:
            client.sendall(b"\x05\xff")
            return
        client.sendall(bytes([5, wanted]))
        username = password = ""
        if wanted:
            username, password = _socks_credentials(client)
            right = (username, password) == (self.username, self.password) and self.mood != "reject"
            client.sendall(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                self._note(Asked("", username, password))
                return
        host, port, named = _socks_target(client)
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._note(Asked(target, username, password, named))
        if self.mood == "refuse":
            client.sendall(b"\x05\x02\x00\x01\0\0\0\0\0\0")
            return
        self._tunnel(client, target, b"\x05\x00\x00\x01\0\0\0\0\0\0", b"\x05\x05\x00\x01\0\0\0\0\0\0")

    def _tunnel(self, client: socket.socket, target: str, yes: bytes, no: bytes, early: bytes = b"") -> None:
        host, _, port = target.rpartition(":")
        try:
            origin = socket.create_connection(self.connect_to or (host.strip("[]"), int(port)), TIMEOUT)
        except OSError:
            _say_last(client, no)
            return
        self._open.add(origin)
        try:
            client.sendall(yes)
            origin.sendall(early)
            _relay(client, origin)
        finally:
            self._open.discard(origin)
            origin.close()


def _relay(client: socket.socket, origin: socket.socket) -> None:
    """Until both have ended; each one's end is passed on.  TLS must not be read and written at once: in one thread."""
    other = {client: origin, origin: client}
    while other:
        waiting = [each for each in other if isinstance(each, ssl.SSLSocket) and each.pending()]
        for source in waiting or readable(other, TIMEOUT) or [*other]:
            data = source.recv(65536)
            if data:
                (origin if source is client else client).sendall(data)
            else:
                target = other.pop(source)
                with contextlib.suppress(OSError):
                    target.shutdown(socket.SHUT_WR)


def _say_last(client: socket.socket, answer: bytes) -> None:
    """And read to the end: who closes with bytes unread resets the connection, answer and all."""
    client.sendall(answer)
    client.shutdown(socket.SHUT_WR)
    while client.recv(65536):
        pass


def _some(client: socket.socket) -> bytes:
    data = client.recv(65536)
    if not data:
        raise EOFError
    return data


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _basic(value: str) -> tuple[str, str]:
    """The credentials of a field; empty ones where it has none."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    username, _, password = base64.b64decode(encoded).decode().partition(":")
    return username, password


def _socks_credentials(client: socket.socket) -> tuple[str, str]:
    _, size = _exactly(client, 2)
    username = _exactly(client, size).decode()
    password = _exactly(client, _exactly(client, 1)[0]).decode()
    return username, password


def _socks_target(client: socket.socket) -> tuple[str, int, bool]:
    """Host, port, and whether the host is a name."""
    _, command, _, kind = _exactly(client, 4)
    assert command == 1, command
    if kind == 3:
        host = _exactly(client, _exactly(client, 1)[0]).decode()
    else:
        host = str(ipaddress.ip_address(_exactly(client, 4 if kind == 1 else 16)))
    return host, int.from_bytes(_exactly(client, 2), "big"), kind == 3


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True
