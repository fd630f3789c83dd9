"""Whether a proxy does the work that its figures stand for: two requests on one kept connection, for two origins."""

from __future__ import annotations

import re
import socket
from contextlib import closing

from bench.peers import Proxy

PATIENCE = 5.0

_WHOLE = re.compile(rb"content-length: *([0-9]+)\r\n(?:.*?\r\n)?\r\n(.*)", re.DOTALL | re.IGNORECASE)


def body(said: bytes) -> bytes | None:
    """Of a response, once it is all there."""
    found = _WHOLE.search(said)
    return found[2] if found and len(found[2]) >= int(found[1]) else None


def answer(connection: socket.socket, origin: str, header: str) -> str:
    """What `/where` of this origin (host:port) answers; "" where the connection ends first."""
    fields = [f"GET http://{origin}/where HTTP/1.1", f"Host: {origin}", *([header] if header else []), "", ""]
    connection.sendall("\r\n".join(fields).encode())
    said = b""
    while (whole := body(said)) is None:
        chunk = connection.recv(65536)
        if not chunk:
            return ""
        said += chunk
    return whole.decode()


def tells_origins_apart(proxy: Proxy, first: str, second: str) -> bool:
    """False for one that reads a connection's first request only, and sends the others wherever that one went.

    Origins are host:port.  A proxy that ends the connection after the first request does tell them apart.
    RuntimeError or TimeoutError where it cannot be told: a probe that fails must not pass for an answer.
    """
    with closing(socket.create_connection(("127.0.0.1", proxy.port), PATIENCE)) as connection:
        connection.settimeout(PATIENCE)
        found = answer(connection, first, proxy.header)
        if found != first.partition(":")[0]:
            raise RuntimeError(f"the probe asked {first} and was answered {found!r}")
        try:
            found = answer(connection, second, proxy.header)
        except ConnectionError:
            return True
    return found in ("", second.partition(":")[0])
