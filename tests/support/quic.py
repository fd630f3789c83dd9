"""An origin that speaks QUIC on loopback, and a client of it whose datagrams go by whatever carries them.

`python -m tests.support.quic` prints the port and the file of its authority's certificate.  Whoever chooses `echo` gets
back what each of its streams has brought; whoever chooses `h3` asks for /SIZE, and gets so many bytes.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trustme
from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import (
    ConnectionTerminated,
    HandshakeCompleted,
    ProtocolNegotiated,
    QuicEvent,
    StreamDataReceived,
)

from tests.support.daemon import at_end_of, beside, end_with_input

ECHO = "echo"
LONGEST_WAIT = 60.0


class QuicOrigin:
    """The process, from the outside."""

    def __init__(self, owner: Any = None) -> None:
        self._process = beside("tests.support.quic")
        assert self._process.stdout is not None
        port, self.authority = self._process.stdout.readline().split()
        self.port = int(port)
        if owner is not None:
            at_end_of(owner, self.close)

    def close(self) -> None:
        end_with_input(self._process)


class QuicClient:
    """Blocks while it waits.  send: passes one datagram on; receive: the next one that comes within so many seconds,
    None for none.
    """

    def __init__(
        self, origin: QuicOrigin, send: Callable[[bytes], None], receive: Callable[[float], bytes | None]
    ) -> None:
        configuration = QuicConfiguration(is_client=True, alpn_protocols=[ECHO], server_name="localhost")
        configuration.load_verify_locations(cafile=origin.authority)
        self._quic = QuicConnection(configuration=configuration)
        self._place = ("127.0.0.1", origin.port)
        self._send, self._receive = send, receive
        self._echoed: dict[int, bytearray] = {}
        self._shaken = self.over = False
        self._quic.connect(self._place, now=time.monotonic())
        self._until(lambda: self._shaken)

    def echoed(self, data: bytes) -> bytes:
        """What comes back of one stream that brings data."""
        number = self._quic.get_next_available_stream_id()
        self._echoed[number] = bytearray()
        self._quic.send_stream_data(number, data, end_stream=True)
        self._until(lambda: len(self._echoed[number]) >= len(data))
        return bytes(self._echoed[number])

    def close(self) -> None:
        self._quic.close()
        self._flush()

    def _until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + LONGEST_WAIT
        while not condition():
            assert time.monotonic() < end, "QUIC has not come so far"
            assert not self.over, "QUIC has ended"
            self._flush()
            due = self._quic.get_timer() or end
            came = self._receive(max(0.001, min(due, end) - time.monotonic()))
            if came is None:
                self._quic.handle_timer(time.monotonic())
            else:
                self._quic.receive_datagram(came, self._place, time.monotonic())
            while (event := self._quic.next_event()) is not None:
                self._act(event)
        self._flush()

    def _flush(self) -> None:
        for data, _ in self._quic.datagrams_to_send(time.monotonic()):
            self._send(data)

    def _act(self, event: QuicEvent) -> None:
        if isinstance(event, HandshakeCompleted):
            self._shaken = True
        elif isinstance(event, ConnectionTerminated):
            self.over = True
        elif isinstance(event, StreamDataReceived):
            self._echoed[event.stream_id] += event.data


class _Served(QuicConnectionProtocol):
    """One connection at the origin."""

    _http: H3Connection | None = None

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated) and event.alpn_protocol == "h3":
            self._http = H3Connection(self._quic)
        elif self._http is not None:
            for told in self._http.handle_event(event):
                if isinstance(told, HeadersReceived):
                    self._answer(self._http, told)
        elif isinstance(event, StreamDataReceived):
            self._quic.send_stream_data(event.stream_id, event.data, end_stream=event.end_stream)
        self.transmit()

    def _answer(self, http: H3Connection, asked: HeadersReceived) -> None:
        size = int(dict(asked.headers)[b":path"].removeprefix(b"/") or 0)
        http.send_headers(asked.stream_id, [(b":status", b"200"), (b"content-length", b"%d" % size)])
        http.send_data(asked.stream_id, b"q" * size, end_stream=True)


async def _serve(folder: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(folder / "cert.pem", append=number > 0)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    configuration = QuicConfiguration(is_client=False, alpn_protocols=[ECHO, "h3"], verify_mode=ssl.CERT_NONE)
    configuration.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = await serve("127.0.0.1", 0, configuration=configuration, create_protocol=_Served)
    transport: Any = server._transport  # type: ignore[attr-defined]  # there is no other way to its port
    print(transport.get_extra_info("sockname")[1], folder / "ca.pem", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_serve(Path(name)))
