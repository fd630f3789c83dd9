"""Clients that ask one path over TLS again and again, each on one kept connection.

`python bench/asking.py PORT CERTIFICATE CLIENTS SECONDS PATH [FIELD]` prints a line of figures as pload does: answers
that were 200, others, seconds, and the p99 of one exchange in microseconds.
"""

from __future__ import annotations

import re
import selectors
import socket
import ssl
import sys
import time
from contextlib import suppress

PATIENCE = 10.0
WARM = 3
"""Exchanges of each connection before the clock runs: the handshake and the first sign-in are not compared."""

_HEAD = re.compile(rb"HTTP/1\.1 (?P<status>[0-9]{3}) .*?\r\ncontent-length: *(?P<length>[0-9]+)\r\n", re.I | re.S)


def whole(said: bytes) -> tuple[int, bytes] | None:
    """Status and body of an answer with a length, once it is all there."""
    head, blank, body = said.partition(b"\r\n\r\n")
    found = _HEAD.match(head + b"\r\n") if blank else None
    if blank and not found:
        raise ValueError(f"an answer without a length: {head!r}")
    return (int(found["status"]), body) if found and len(body) >= int(found["length"]) else None


def request(path: str, field: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "User-Agent: bench", "Accept: */*", *([field] if field else [])]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


class Client:
    """One connection, which waits for an answer before it asks again."""

    def __init__(self, port: int, context: ssl.SSLContext, asking: bytes) -> None:
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self.asking = asking
        self.said = b""

    def exchange(self) -> tuple[int, bytes]:
        """Ask, and wait for the answer."""
        self.ask()
        while (answer := self.read()) is None:
            pass
        return answer

    def ask(self) -> None:
        self.asked = time.perf_counter()
        self.socket.sendall(self.asking)

    def read(self) -> tuple[int, bytes] | None:
        """What has come; the answer once it is whole.  ConnectionError when the server has gone."""
        with suppress(ssl.SSLWantReadError):
            chunk = self.socket.recv(65536)
            if not chunk:
                raise ConnectionError("the server ended a kept connection")
            self.said += chunk
        answer = whole(self.said)
        if answer is not None:
            self.said = b""
        return answer


def trusting(certificate: str) -> ssl.SSLContext:
    """A context that trusts this certificate, whatever name it is for."""
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    context.set_alpn_protocols(["http/1.1"])
    return context


def asking(clients: list[Client], seconds: float) -> str:
    """All at once for so long: the line of figures."""
    ready = selectors.DefaultSelector()
    for client in clients:
        client.socket.setblocking(False)
        ready.register(client.socket, selectors.EVENT_READ, client)
    done: dict[bool, int] = {True: 0, False: 0}
    took: list[float] = []
    began = time.perf_counter()
    for client in clients:
        client.ask()
    while (now := time.perf_counter()) < began + seconds:
        events = ready.select(PATIENCE)
        if not events:
            raise TimeoutError("no answer")
        for key, _ in events:
            answer = key.data.read()
            if answer is not None:
                done[answer[0] == 200] += 1
                took.append(time.perf_counter() - key.data.asked)
                key.data.ask()
    p99 = sorted(took)[int(0.99 * len(took))] * 1e6
    return f"ok={done[True]} bad={done[False]} seconds={now - began:.6f} p99={p99:.0f}"


def main(port: str, certificate: str, clients: str, seconds: str, path: str, field: str = "") -> None:
    context = trusting(certificate)
    standing = [Client(int(port), context, request(path, field)) for _ in range(int(clients))]
    for client in standing:
        for _ in range(WARM):
            client.exchange()
    print("warm", flush=True)
    sys.stdin.readline()
    print(asking(standing, float(seconds)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
