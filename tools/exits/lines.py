"""One connection to the daemon that counts what the daemon is to bill, and reads answers."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from base64 import b64encode
from dataclasses import dataclass, field

from tests.support.origin import authority

SECONDS = 8.0
"""For one answer: more than any time limit of the daemon's in these runs."""


class AmissError(Exception):
    """Something did not come as it should; the text says what did."""


@dataclass
class Answer:
    """As a client reads it."""

    status: int
    words: str
    fields: list[tuple[str, str]]
    body: bytes = b""

    def get(self, name: str) -> str:
        return next((value for each, value in self.fields if each.lower() == name), "")

    @property
    def own(self) -> bool:
        """Whether the daemon made it."""
        return bool(self.get("x-proxymesh-error"))

    @property
    def told(self) -> str:
        """What a customer is shown of a refusal."""
        whose = "" if self.own else ", from the exit"
        return f"{self.status} {self.words}{whose}"


class Line:
    """A client's connection, from an address that tells its exchanges in the log from others'."""

    def __init__(self, port: int, source: str, username: str, password: str) -> None:
        self.source = source
        self.up = self.down = 0
        """What is to be billed: all that was sent, and all that came but for the daemon's own refusals."""
        pair = b64encode(f"{username}:{password}".encode())
        self._credential = b"Proxy-Authorization: Basic " + pair + b"\r\n"
        self._socket = socket.create_connection(("127.0.0.1", port), SECONDS, (source, 0))
        self._socket.settimeout(SECONDS)
        self._buffer = b""

    # What is sent

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)
        self.up += len(data)

    def end(self) -> None:
        """Say that nothing more is sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def request(self, method: str, url: str, more: bytes = b"", body: bytes = b"") -> None:
        """By its absolute form; more: further fields with their ends."""
        head = f"{method} {url} HTTP/1.1\r\nHost: {url.split('/')[2]}\r\n".encode()
        self.send(head + self._credential + more + b"\r\n" + body)

    def ask(self, method: str, url: str, more: bytes = b"", body: bytes = b"") -> Answer:
        """A request and its answer.  Raises: AmissError, OSError"""
        self.request(method, url, more, body)
        return self.answer(method)

    def connect(self, place: str, early: bytes = b"") -> Answer:
        """Ask for a tunnel; early: bytes that go with the head.  Raises: AmissError, OSError"""
        head = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n".encode()
        self.send(head + self._credential + b"\r\n" + early)
        return self.answer("CONNECT")

    # What comes

    def answer(self, method: str) -> Answer:
        """The next one that is final.  Raises: AmissError, OSError"""
        answer = self._head()
        while 100 <= answer.status < 200 and answer.status != 101:
            answer = self._head()
        before = self.down
        head = self._taken
        if not (answer.status in {101, 204, 304} or method == "HEAD" or (method == "CONNECT" and answer.status == 200)):
            answer.body = self._body(answer)
        if answer.own:
            self.down -= head + self.down - before
        return answer

    def _head(self) -> Answer:
        data = self._until(b"\r\n\r\n")
        self._taken = len(data)
        lines = data.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.[01] (\d{3})(?: (.*))?", lines[0])
        if match is None:
            raise AmissError(f"no HTTP: {lines[0][:40]!r}")
        pairs = (line.partition(":") for line in lines[1:] if line)
        return Answer(int(match[1]), match[2] or "", [(name, value.strip()) for name, _, value in pairs])

    def _body(self, answer: Answer) -> bytes:
        if answer.get("transfer-encoding").lower() == "chunked":
            body = b""
            while size := int(self._until(b"\r\n").split(b";")[0], 16):
                body += self.exactly(size + 2)[:-2]
            while self._until(b"\r\n") != b"\r\n":
                pass
            return body
        length = answer.get("content-length")
        return self.exactly(int(length)) if length else self.rest()

    def exactly(self, size: int) -> bytes:
        """Raises: AmissError, OSError"""
        while len(self._buffer) < size:
            self._more()
        return self._take(size)

    def rest(self) -> bytes:
        """All until the end.  Raises: OSError"""
        with contextlib.suppress(AmissError):
            while True:
                self._more()
        return self._take(len(self._buffer))

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._more()
        return self._take(self._buffer.index(mark) + len(mark))

    def _take(self, size: int) -> bytes:
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        self.down += size
        return data

    def _more(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise AmissError("an end" if not self._buffer else "cut off")
        self._buffer += data

    def close(self) -> None:
        """What came and was not read counts too."""
        self.down += len(self._buffer)
        self._buffer = b""
        self._socket.close()


@dataclass
class Sealed:
    """TLS over a line that stays counted."""

    line: Line
    name: str
    _in: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)
    _out: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)

    def __post_init__(self) -> None:
        context = ssl.create_default_context(cafile=authority().file)
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=self.name)
        self._do(self._tls.do_handshake)

    def get(self, path: str, size: int) -> bytes:
        """The end of an answer to GET: so many bytes.  Raises: AmissError, OSError"""
        request = f"GET {path} HTTP/1.1\r\nHost: {self.name}\r\nConnection: close\r\n\r\n".encode()
        self._do(lambda: self._tls.write(request))
        data = b""
        while len(data.partition(b"\r\n\r\n")[2]) < size:
            data += self._do(lambda: self._tls.read(65536))  # type: ignore[operator]
        return data.partition(b"\r\n\r\n")[2]

    def _do(self, step: object) -> object:
        while True:
            try:
                done = step()  # type: ignore[operator]
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
            else:
                self._flush()
                return done

    def _flush(self) -> None:
        if data := self._out.read():
            self.line.send(data)

    def _feed(self) -> None:
        line = self.line
        if not line._buffer:
            line._more()
        self._in.write(line._take(len(line._buffer)))
