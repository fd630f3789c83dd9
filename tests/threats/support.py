"""A client that says exactly what it is told to, a name server that changes its mind, and the daemons they meet."""

from __future__ import annotations

import socket
import ssl
import threading
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from typing import Any

from twisted.names import dns

from tests.support.daemon import PATIENCE, LiveDaemon, until
from tests.support.origin import RecordingOrigin

PASSWORD = "correct horse"
LISTED = "127.0.0.66"
"""The address by which the account `listed` is admitted."""

WORLD = """
[timeouts]
first_byte = 5
[limits]
flush_seconds = 0.1
[dns]
servers = ["{servers}"]
"""


@dataclass
class Answer:
    """One response, as a client with its eyes open reads it."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    whole: bool = True
    """Whether the body ended as its head had said."""

    def field(self, name: str) -> str | None:
        return next((value for each, value in self.fields if each.lower() == name), None)

    @property
    def why(self) -> str:
        """The reason in the details of Proxy-Status; "" where there is none."""
        _, _, details = (self.field("proxy-status") or "").partition('details="')
        return details.partition('"')[0].partition(":")[0]

    @property
    def own(self) -> bool:
        """Whether meshd made it."""
        return self.field("x-proxymesh-error") is not None


class Talk:
    """One connection to a proxy port, from an address of choice."""

    def __init__(self, daemon: LiveDaemon, source: str = "127.0.0.1", *, port: int = 0) -> None:
        host = "::1" if ":" in source else "127.0.0.1"
        self.sock = socket.create_connection((host, port or daemon.proxy_port), PATIENCE, source_address=(source, 0))
        self.buffer = b""
        self.reset = False

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        """As much as the other side lets us."""
        try:
            self.sock.sendall(data)
        except OSError:
            self.reset = True

    def end(self) -> None:
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.reset = True

    def _more(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except (ConnectionError, ssl.SSLEOFError):  # of TLS, an end without its goodbye
            self.reset = True
            return False
        self.buffer += data
        return bool(data)

    def some(self, size: int) -> bytes:
        """So many bytes, or all until the end."""
        while len(self.buffer) < size and self._more():
            pass
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def rest(self) -> bytes:
        """All until the end; a reset is one."""
        while self._more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def answer(self, method: str = "GET") -> Answer | None:
        """The next response, interim ones too; None where the connection ends instead."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        _, status, reason = line.split(" ", 2)
        pairs = (each.partition(":") for each in lines)
        answer = Answer(int(status), reason, [(name, value.strip()) for name, _, value in pairs])
        if method not in {"HEAD", "CONNECT"} or (method == "CONNECT" and answer.status != 200):
            self._body(answer)
        return answer

    def _body(self, answer: Answer) -> None:
        if answer.status < 200 or answer.status in {204, 304}:
            return
        length = answer.field("content-length")
        if (answer.field("transfer-encoding") or "").lower() == "chunked":
            self._chunks(answer)
        elif length is not None:
            answer.body = self.some(int(length))
            answer.whole = len(answer.body) == int(length)
        else:
            answer.body = self.rest()
            answer.whole = not self.reset

    def _chunks(self, answer: Answer) -> None:
        while True:
            while b"\r\n" not in self.buffer:
                if not self._more():
                    answer.whole = False
                    return
            line, _, self.buffer = self.buffer.partition(b"\r\n")
            size = int(line, 16)
            if not size:
                break
            answer.body += self.some(size + 2)[:-2]
        while not self.buffer.startswith(b"\r\n"):
            if b"\r\n" in self.buffer:
                self.buffer = self.buffer.partition(b"\r\n")[2]
            elif not self._more():
                answer.whole = False
                return
        self.buffer = self.buffer[2:]

    def ask(self, head: bytes, method: str = "GET") -> Answer:
        """Send it and have the answer."""
        self.send(head)
        answer = self.answer(method)
        assert answer is not None, "no answer"
        return answer


def ask(daemon: LiveDaemon, head: bytes, source: str = "127.0.0.1") -> Answer:
    """One request on a connection of its own."""
    with Talk(daemon, source) as talk:
        return talk.ask(head, head.split(b" ", 1)[0].decode("latin-1"))


def basic(name: str, password: str = PASSWORD, field: str = "Proxy-Authorization") -> bytes:
    """A credential's line."""
    return f"{field}: Basic {b64encode(f'{name}:{password}'.encode()).decode()}\r\n".encode()


def get(url: str, *lines: bytes, method: str = "GET", end: bytes = b"") -> bytes:
    """A request in absolute form with these field lines."""
    host = url.split("/")[2]
    return f"{method} {url} HTTP/1.1\r\nHost: {host}\r\n".encode() + b"".join(lines) + b"\r\n" + end


def connect(authority: str, *lines: bytes) -> bytes:
    return f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n".encode() + b"".join(lines) + b"\r\n"


class Names:
    """A name server in a thread.  Each question for an address takes the next of the name's answers, the last stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[str, ...]]] = {}
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def say(self, name: str, *answers: tuple[str, ...]) -> None:
        self.answers[name] = list(answers)

    def _run(self) -> None:
        while True:
            self._reply(*self._socket.recvfrom(4096))

    def _reply(self, data: bytes, peer: tuple[str, int]) -> None:
        message = dns.Message()
        message.fromStr(data)
        self._socket.sendto(self._answer(message).toStr(), peer)

    def _answer(self, message: Any) -> Any:
        query = message.queries[0]
        name = query.name.name.decode().lower()
        answer = dns.Message(message.id, answer=1, recAv=1, recDes=1, maxSize=0)
        answer.queries = [query]
        known = self.answers.get(name)
        if known is None:
            answer.rCode = dns.ENAME
            return answer
        if query.type == dns.A:
            self.asked.append(name)
        addresses = known.pop(0) if query.type == dns.A and len(known) > 1 else known[0]
        for address in addresses:
            kind, record = (dns.AAAA, dns.Record_AAAA) if ":" in address else (dns.A, dns.Record_A)
            if kind == query.type:
                answer.answers.append(dns.RRHeader(name, kind, dns.IN, 1, record(address, 1)))
        return answer


class World:
    """The daemon that most threats are tried on, an origin, and two customers."""

    def __init__(self) -> None:
        self.names = Names()
        self.daemon = daemon = LiveDaemon(config=WORLD.format(servers=self.names.address))
        self.origin = RecordingOrigin()
        for name in ("alice", "bob", "listed"):
            daemon.account(name, PASSWORD)
        self.token = daemon.token("alice")
        daemon.cli("ip", "add", "listed", LISTED)

    def url(self, path: str = "/echo") -> str:
        return self.origin.url(path)

    def logged(self, **facts: Any) -> dict[str, Any]:
        """The exchange that is logged with these facts."""

        def found() -> dict[str, Any] | None:
            lines = self.daemon.exchanges()
            return next((line for line in reversed(lines) if facts.items() <= line.items()), None)

        return until(found, f"an exchange with {facts}") or {}


@cache
def world() -> World:
    """The one of this process."""
    return World()
