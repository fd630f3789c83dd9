"""Pages with what belongs to them, by TLS, and a name server that finds every host here, in a process of their own:
`python -m tests.support.pages SECONDS` prints their ports.

/page/N?of=A,B   a page with N scripts of these hosts in turn; its title says how many of them have run
/script          one of them

Whoever comes may come again on the same connection; nothing may be kept in a cache.  A name is answered after SECONDS,
as by a server that is far away.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import tempfile
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import trustme
from twisted.names import dns

from tests.support.daemon import at_end_of, beside, end_with_input

SCRIPT = b"window.ran = (window.ran || 0) + 1; document.title = window.ran;"


class Pages:
    """The process, from the outside."""

    def __init__(self, owner: Any = None, seconds: float = 0.0) -> None:
        """seconds: that a name server takes."""
        self._process = beside("tests.support.pages", str(seconds))
        assert self._process.stdout is not None
        self.port, names = (int(word) for word in self._process.stdout.readline().split())
        self.names = f"127.0.0.1:{names}"
        """The name server, as `dns.servers` wants it."""
        if owner is not None:
            at_end_of(owner, self.close)

    def url(self, host: str, number: int, hosts: list[str]) -> str:
        """Of a page of host with so many scripts of hosts."""
        return f"https://{host}:{self.port}/page/{number}?of={','.join(hosts)}"

    def close(self) -> None:
        end_with_input(self._process)


class Http(asyncio.Protocol):
    """Requests off one connection, answered as they come."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        *heads, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        for head in heads:
            kind, body = _answer(head.split(b" ", 2)[1].decode(), _port(head))
            line = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            self._transport.write(f"{line}Cache-Control: no-store\r\n\r\n".encode() + body)


def _port(head: bytes) -> str:
    """As the client has called us."""
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    return fields[b"host"].decode().partition(":")[2]


def _answer(target: str, port: str) -> tuple[str, bytes]:
    url = urlsplit(target)
    if not url.path.startswith("/page/"):
        return "text/javascript", SCRIPT
    count, hosts = int(url.path[6:]), parse_qs(url.query)["of"][0].split(",")
    sources = (f"https://{hosts[number % len(hosts)]}:{port}/script?{number}" for number in range(count))
    scripts = "".join(f'<script async src="{source}"></script>' for source in sources)
    return "text/html", f'<!doctype html><title>0</title><link rel="icon" href="data:,">{scripts}<p>words'.encode()


class NameServer(asyncio.DatagramProtocol):
    """Every name has one address of the older family."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        message = dns.Message()
        message.fromStr(data)
        (query,) = message.queries
        answer = dns.Message(message.id, answer=1, recAv=1, recDes=1)
        answer.queries = [query]
        if query.type == dns.A:
            record = dns.Record_A("127.0.0.1", 600)
            answer.answers = [dns.RRHeader(query.name.name, dns.A, dns.IN, 600, record)]
        asyncio.get_running_loop().call_later(self._seconds, self._transport.sendto, answer.toStr(), addr)


async def _serve(certificate: Path, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Http, "127.0.0.1", 0, backlog=4096, ssl=_context(certificate))
    names, _ = await loop.create_datagram_endpoint(lambda: NameServer(seconds), ("127.0.0.1", 0))
    print(server.sockets[0].getsockname()[1], names.get_extra_info("sockname")[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    await ended.wait()


def _context(certificate: Path) -> ssl.SSLContext:
    issued = trustme.CA().issue_cert("*.test", "127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        asyncio.run(_serve(Path(file.name), float(sys.argv[1])))
