"""The beginning of a connection by TLS: the name that the client asks for says who takes it, by which certificate.

Nobody is shown a certificate of another name: a client without a name, or with one that is nobody's, is told so by TLS
and gets no further.
"""

from __future__ import annotations

import ssl
from typing import Literal

from meshd.hosts.plane import HostPlane
from meshd.http1.errors import BadMessage
from meshd.passing.connection import Connection
from meshd.tls.clienthello import LONGEST, NotTLS, read_client_hello
from meshd.tls.records import HANDSHAKE

UNRECOGNIZED_NAME = bytes((0x15, 3, 3, 0, 2, 2, 112))
"""A fatal alert (RFC 8446, 6; RFC 6066, 3)."""

Outcome = Literal["met", "left", "taken", "nobody"]


async def greet(client: Connection, plane: HostPlane) -> tuple[Outcome, str]:
    """Take TLS off a client's connection; gives what came of it, and the name that the client has asked for.

    met: the connection goes on with the plain bytes; left: the client has gone; taken: the bytes are another's; nobody:
    the name is nobody's, and the client was told.
    Raises: BadMessage for plain HTTP, ClientGone, Stopped.
    """
    while (hello := read_client_hello(client.buffer) if client.buffer else None) is None:
        if len(client.buffer) > LONGEST or not await client.receive():
            return "left", ""
    if isinstance(hello, NotTLS):
        if client.buffer[0] != HANDSHAKE and client.buffer[:1].isalpha():
            raise BadMessage(400, "plain HTTP where TLS is spoken")
        return "left", ""
    if plane.beside(hello.name, client.wire, client.buffer):
        client.buffer = b""
        return "taken", hello.name
    context = _context(plane, hello.name)
    if context is None:
        client.wire.try_send(UNRECOGNIZED_NAME)
        return "nobody", hello.name
    if not await client.take_off_tls(context) or not await client.receive():
        return "left", hello.name
    return "met", hello.name


def _context(plane: HostPlane, name: str) -> ssl.SSLContext | None:
    """How the host of that name is served; None where it is not."""
    site = plane.sites.find(name)
    if site is None or not site.host.secured.certificate:
        return None
    certificates = plane.certificates
    # One that is still to be obtained, or switched off, may have another beside it that covers the name.
    return certificates.of(site.host.secured.certificate) or certificates.named(name)
