"""Ways through a daemon beside CONNECT by HTTP/1.1, each opened, used and ended in the same few words."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from tests.support.daemon import LiveDaemon, until
from tests.support.datagrams import DatagramClient
from tests.support.echoes import Echoes
from tests.support.http2 import Header, Session, basic, connect
from tests.support.masque import UdpEchoes, UdpStream, UdpTunnel, path_to
from tests.support.resources import DATA, FINAL, Client, capsule, path

SETTINGS = "[udp]\non = true\n[api]\nhttp2 = true\n[limits]\nflush_seconds = 0.1\n"
"""All of them are served."""

PIECE = bytes(range(256)) * 32
"""What is sent by a way at once: much more than the head of a request or an answer."""

HEADS = 800
"""Bytes of a request and its answer that are counted beside what is carried, at most."""


BILLED = 90.0
"""Seconds within which all is billed, also what a process has left of whose death nobody was told."""


class Way:
    """One exchange that is open; what is sent by it comes back."""

    datagrams = False
    port = 0
    """Of the client's connection."""

    def __init__(self) -> None:
        self.carried = 0
        """Bytes there and back."""

    def asked(self, data: bytes = PIECE) -> bool:
        """Send something; whether it has come back, and not the way's end."""
        came = self._asked(data)
        if came is not None:
            assert came == data, (type(self), came[:100])
            self.carried += 2 * len(data)
        return came is not None

    def _asked(self, data: bytes) -> bytes | None:
        raise NotImplementedError

    def end(self) -> None:
        """End it as a client does that has all it wants."""
        raise NotImplementedError


class Association(Way):
    """SOCKS5 UDP ASSOCIATE."""

    datagrams = True

    def __init__(self, ways: Ways) -> None:
        super().__init__()
        control = socket.create_connection(("127.0.0.1", ways.daemon.proxy_port), 60)
        self.port = control.getsockname()[1]
        self._client = DatagramClient(ways.owner, control, ways.name, ways.password)
        self._to = ways.udp.port

    def _asked(self, data: bytes) -> bytes | None:
        self._client.send("127.0.0.1", self._to, data)
        return self._client.receive()[2]

    def ended(self) -> bool:
        return self._client.ended()

    def end(self) -> None:
        self._client.close()


class Upgrade(Way):
    """CONNECT-UDP by HTTP/1.1."""

    datagrams = True

    def __init__(self, ways: Ways) -> None:
        super().__init__()
        self._tunnel = UdpTunnel(ways.daemon, path_to("127.0.0.1", ways.udp.port), ways.field)
        ways.owner.addCleanup(self._tunnel.close)
        assert self._tunnel.status == 101, self._tunnel.head
        self.port = self._tunnel.sock.getsockname()[1]

    def _asked(self, data: bytes) -> bytes | None:
        return self._tunnel.asked(data)

    def ended(self) -> bool:
        return self._tunnel.receive() is None and self._tunnel.over

    def end(self) -> None:
        self._tunnel.close()


class Stream(Way):
    """Of a session of HTTP/2 of its own."""

    def __init__(self, ways: Ways, port: int = 0) -> None:
        super().__init__()
        self.session = Session(ways.daemon, port=port)
        ways.owner.addCleanup(self.session.close)
        assert self.session.protocol == "h2", self.session.protocol
        self.port = self.session.sock.getsockname()[1]
        self.number = 0

    def ended(self) -> bool:
        came = self.session.answer(self.number)
        return came.over or self.session.gone

    def end(self) -> None:
        self.session.end(self.number)
        self.session.answer(self.number)
        self.session.close()


class DatagramStream(Stream):
    """CONNECT-UDP by HTTP/2."""

    datagrams = True

    def __init__(self, ways: Ways) -> None:
        super().__init__(ways)
        self._stream = UdpStream(self.session, path_to("127.0.0.1", ways.udp.port), ways.field)
        assert self._stream.head.status == 200, self._stream.head
        self.number = self._stream.number

    def _asked(self, data: bytes) -> bytes | None:
        return self._stream.asked(data)


class TunnelStream(Stream):
    """CONNECT by HTTP/2."""

    def __init__(self, ways: Ways) -> None:
        super().__init__(ways)
        self.number = self.session.begin(connect(f"127.0.0.1:{ways.tcp.raw}", ways.field), None)
        assert self.session.head(self.number).status == 200
        self.session.send(self.number, b"E")

    def _asked(self, data: bytes) -> bytes | None:
        self.session.send(self.number, data)
        return self.session.until_body(self.number, len(data)) or None


class Resource(Way):
    """CONNECT-TCP by HTTP/1.1, at the API's address."""

    def __init__(self, ways: Ways) -> None:
        super().__init__()
        self._client = Client(ways.daemon)
        ways.owner.addCleanup(self._client.close)
        head = self._client.ask(path("127.0.0.1", ways.tcp.raw), f"Authorization: {ways.field[1].decode()}")
        assert head.status == 101, head
        self.port = self._client.socket.getsockname()[1]
        self._client.send(b"E")

    def _asked(self, data: bytes) -> bytes | None:
        self._client.send(data)
        return self._client.receive(len(data))

    def ended(self) -> bool:
        self._client.cut()
        return not self._client.final

    def end(self) -> None:
        self._client.send(b"", final=True)
        self._client.rest()
        self._client.close()


class ResourceStream(Stream):
    """CONNECT-TCP by HTTP/2, at the API's address."""

    def __init__(self, ways: Ways) -> None:
        super().__init__(ways, ways.daemon.api_port)
        authority = f"127.0.0.1:{ways.daemon.api_port}"
        pseudo = {":method": "CONNECT", ":scheme": "https", ":authority": authority, ":protocol": "connect-tcp"}
        pseudo[":path"] = path("127.0.0.1", ways.tcp.raw)
        fields = [(b"authorization", ways.field[1]), (b"capsule-protocol", b"?1")]
        headers = [*((name.encode(), value.encode()) for name, value in pseudo.items()), *fields]
        self.number = self.session.begin(headers, None)
        assert self.session.head(self.number).status == 200
        self.session.send(self.number, capsule(DATA, b"E"))

    def _asked(self, data: bytes) -> bytes | None:
        framed = capsule(DATA, data)
        self.session.send(self.number, framed)
        came = b""
        while len(came) < len(data):  # it may come back in several capsules
            head = self.session.until_body(self.number, 1)
            if not head:
                return None
            kind = head + self.session.until_body(self.number, (1 << (head[0] >> 6)) - 1)
            assert int.from_bytes(kind, "big") & 0x3FFFFFFF == DATA, kind
            head = self.session.until_body(self.number, 1)
            size = head + self.session.until_body(self.number, (1 << (head[0] >> 6)) - 1)
            many = int.from_bytes(size, "big") & ((1 << (8 * len(size) - 2)) - 1)
            came += self.session.until_body(self.number, many)
        return came

    def end(self) -> None:
        self.session.send(self.number, capsule(FINAL, b""))
        super().end()


AT_PROXY: tuple[Callable[[Ways], Any], ...] = (TunnelStream, Association, Upgrade, DatagramStream)
"""Those of datagrams come last: once one has answered, all is counted that its process had answered before."""
AT_API: tuple[Callable[[Ways], Any], ...] = (Resource, ResourceStream)


class Ways:
    """Those of one account, and what they were used for."""

    def __init__(self, owner: Any, daemon: LiveDaemon, name: str = "anna") -> None:
        self.owner, self.daemon, self.name = owner, daemon, name
        self.password = daemon.account(name)
        self.field: Header = basic(name, self.password)
        self.tcp, self.udp = Echoes(owner), UdpEchoes(owner)
        self.opened: list[Any] = []

    def open(self, kind: Callable[[Ways], Any]) -> Any:
        """One more, which works."""
        way = kind(self)
        self.opened.append(way)
        assert way.asked(), kind
        return way

    def all(self) -> list[Any]:
        """One of each kind."""
        return [self.open(kind) for kind in (*AT_API, *AT_PROXY)]

    def balance(self, killed: int = 0) -> list[dict[str, Any]]:
        """The lines of all, one for each; log and store have what was carried, and heads, and nothing twice.

        killed: how many have died with their process, of which the log has the sum alone.
        """
        most, carried = len(self.opened), sum(way.carried for way in self.opened)
        count = most - killed + bool(killed)

        def agreed() -> list[dict[str, Any]] | None:
            found = self.daemon.exchanges()
            if len(found) < count or _sum(found) < carried:
                return None
            return found if self.daemon.total(self.name) == _sum(found) else None

        lines = until(agreed, f"{count} lines of {carried} bytes, and as much in the store", BILLED)
        total = _sum(lines)
        assert count <= len(lines) <= most, (len(lines), count, most)
        assert 0 <= total - carried <= HEADS * most, (total, carried, most)
        return lines


def _sum(lines: list[dict[str, Any]]) -> int:
    return sum(line["up"] + line["down"] for line in lines)
