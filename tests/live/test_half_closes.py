"""The end of one side of a tunnel, by every listener that a client may come to."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import basic
from tests.support.daemon import LiveDaemon, free_port

HEADER = b"PROXY TCP4 192.0.2.7 127.0.0.1 4000 80\r\n"


class HalfCloseTests(SynchronousTestCase):
    def test_each_listener(self) -> None:
        """Whichever side ends first still gets all that the other one sends afterwards."""
        ports = {name: free_port() for name in ("tcp", "haproxy", "named")}
        text = (
            f'[proxies.first]\nlisten = ["tcp:1"]\n[proxies.a]\nlisten = ["tcp:{ports["tcp"]}:interface=127.0.0.1", '
            f'"haproxy:tcp:{ports["haproxy"]}:interface=127.0.0.1"]\n'
            f'[proxies.b]\nlisten = ["tcp:{ports["named"]}:interface=127.0.0.1"]\n'
            'proxy_protocol_from = ["127.0.0.1"]\n'
        )
        daemon = LiveDaemon(self, text)
        credential = basic("anna", daemon.account("anna"))
        for name, port in ports.items():
            header = b"" if name == "tcp" else HEADER
            for first in ("client", "origin"):
                self.assertEqual(self.talk(port, header, credential, first), (b"up", b"down"), (name, first))

    def talk(self, port: int, header: bytes, credential: bytes, first: str) -> tuple[bytes, bytes]:
        """What came up and what came down, where that side ends first."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            place = b"127.0.0.1:%d" % listener.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port), 60) as client:
                client.sendall(header + b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (place, place, credential))
                listener.settimeout(60)
                origin, _ = listener.accept()
                with origin:
                    origin.settimeout(60)
                    head = b""
                    while b"\r\n\r\n" not in head:
                        head += client.recv(65536)
                    ends = ((client, b"up", origin), (origin, b"down", client))
                    got = {}
                    for sender, data, receiver in ends if first == "client" else reversed(ends):
                        sender.sendall(data)
                        sender.shutdown(socket.SHUT_WR)
                        got[data] = _rest(receiver)
        return got[b"up"], got[b"down"]


def _rest(sock: socket.socket) -> bytes:
    data = b""
    while more := sock.recv(65536):
        data += more
    return data
