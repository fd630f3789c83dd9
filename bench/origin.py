"""The origin that every proxy of a run is measured against: `python bench/origin.py PORT ADDRESS…`, loopback only.

One process on raw epoll, so that it is not what the load waits for.  `GET /` is answered with 100 bytes, any path with
`/big` in it with BULK bytes, one with `/where` with the address that was connected to; a request that says
`Connection: close` ends its connection.  It says when it listens.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import sys
import time
from contextlib import suppress
from email.utils import formatdate

SMALL = b"x" * 100
BULK = 16 << 20
"""Bytes of a big body: far more than any buffer on the way, so that a tunnel's bytes are what is measured."""


def response(body: bytes, date: bytes, *extra: bytes) -> bytes:
    """As a common server has it: a Date field, and few others."""
    length = b"Content-Length: %d" % len(body)
    fields = (b"HTTP/1.1 200 OK", b"Date: " + date, b"Server: bench", b"Content-Type: text/plain", length, *extra)
    return b"\r\n".join((*fields, b"", b"")) + body


class Answers:
    """The three answers, made anew each second for the sake of their date."""

    def __init__(self) -> None:
        self.made = 0
        self.big_body = b"z" * BULK
        self.refresh(int(time.time()))

    def refresh(self, now: int) -> None:
        if now == self.made:
            return
        self.date = date = formatdate(now, usegmt=True).encode()
        self.small = response(SMALL, date)
        self.closing = response(SMALL, date, b"Connection: close")
        self.big = memoryview(response(self.big_body, date))
        self.made = now


class Origin:
    """Clients by descriptor, and what is still to be sent to each."""

    def __init__(self, listeners: list[socket.socket]) -> None:
        self.epoll = select.epoll()
        self.listeners = {listener.fileno(): listener for listener in listeners}
        self.clients: dict[int, socket.socket] = {}
        self.unsent: dict[int, memoryview] = {}
        self.answers = Answers()
        for listener in listeners:
            self.epoll.register(listener, select.EPOLLIN)

    def run(self) -> None:
        while True:
            events = self.epoll.poll(1)
            self.answers.refresh(int(time.time()))
            for fd, event in events:
                listener = self.listeners.get(fd)
                if listener is not None:
                    self.accept(listener)
                else:
                    self.serve(fd, event)

    def accept(self, listener: socket.socket) -> None:
        for _ in range(64):
            try:
                client, _ = listener.accept()
            except BlockingIOError:
                return
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.clients[client.fileno()] = client
            self.epoll.register(client, select.EPOLLIN)

    def serve(self, fd: int, event: int) -> None:
        client = self.clients[fd]
        try:
            if event & select.EPOLLOUT:
                self.send_more(client, fd)
            if event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self.read(client, fd)
        except BlockingIOError:
            pass
        except OSError:
            self.drop(fd)

    def read(self, client: socket.socket, fd: int) -> None:
        data = client.recv(65536)
        if not data:
            self.drop(fd)
        elif b"/big" in data:
            self.unsent[fd] = self.answers.big
            self.send_more(client, fd)
        elif b"/where" in data:
            client.send(response(client.getsockname()[0].encode(), self.answers.date))
        elif b"Connection: close" in data:
            client.send(self.answers.closing)
            client.shutdown(socket.SHUT_WR)
        else:
            client.send(self.answers.small * data.count(b"\r\n\r\n"))

    def send_more(self, client: socket.socket, fd: int) -> None:
        rest = self.unsent.get(fd)
        if rest is None:
            return
        with suppress(BlockingIOError):
            rest = rest[client.send(rest) :]
        if rest:
            self.unsent[fd] = rest
        else:
            del self.unsent[fd]
        self.epoll.modify(fd, select.EPOLLIN | (select.EPOLLOUT if rest else 0))

    def drop(self, fd: int) -> None:
        self.unsent.pop(fd, None)
        self.clients.pop(fd).close()


def listening(address: str, port: int) -> socket.socket:
    if not ipaddress.ip_address(address).is_loopback:
        raise SystemExit(f"origin: {address} is not a loopback address")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(4096)
    listener.setblocking(False)
    return listener


def main(port: str, *addresses: str) -> None:
    origin = Origin([listening(address, int(port)) for address in addresses or ("127.0.0.1",)])
    print("listening", flush=True)
    origin.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
