"""Both ends of a conversation that was drawn: a client that sends it in pieces, and an origin that answers as drawn."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from typing import IO

from tests.live.mutations import AUTHORITY, VARYING, Step, pieces
from tests.support.daemon import LiveDaemon
from tests.support.served import Served
from tests.threats.support import Talk

Told = tuple[object, ...]

_PATH = re.compile(rb" /(\d+)\.(\d+)")
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\nTransfer-Encoding: chunked\r\n", re.IGNORECASE)
_VARIED = re.compile(rb"(X-[NR]: ?)[0-9]")
_OF_ONE_REQUEST = {"proxy-status", "x-proxymesh-request-id"}


class Origin(Served):
    """Answers a request for the path of a step as that step says."""

    def __init__(self, *, varies: bool) -> None:
        """varies: whether no two of its answers begin alike."""
        super().__init__()
        self.steps: list[Step] = []
        self.asked: list[tuple[bytes, bytes]] = []
        """Heads and bodies of a conversation, as they came, but for what varies."""
        self._varies, self._answered = varies, 0
        self.begin()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, EOFError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = client.makefile("rb")
            while True:
                head, body = self._request(reader)
                self.asked.append((head.replace(b"%d" % self.port, b"port"), body))
                found = _PATH.search(head)
                assert found is not None
                step = self.steps[int(found[2])]
                self._answered += 1
                answer = (step.head if head.startswith(b"HEAD") else step.answer).replace(
                    VARYING, b"%d" % (self._answered % 10 if self._varies else 0)
                )
                for piece in pieces(answer, step.answer_places):
                    client.sendall(piece)
                if step.ends:
                    return

    def _request(self, reader: IO[bytes]) -> tuple[bytes, bytes]:
        """The next one.  Raises: EOFError where there is none."""
        head = b"".join(_lines(reader))
        length = _LENGTH.search(head)
        if length is not None:
            return _VARIED.sub(rb"\1v", head), _exactly(reader, int(length[1]))
        if _CHUNKED.search(head) is None:
            return _VARIED.sub(rb"\1v", head), b""
        body = b""
        while size := int(next(_lines(reader)), 16):
            body += _exactly(reader, size + 2)[:-2]
        return _VARIED.sub(rb"\1v", head), body + b"".join(_lines(reader))


class Client:
    """Holds conversations by a daemon, from an address that is its own."""

    def __init__(self, daemon: LiveDaemon, origin: Origin, source: str, *, varies: bool) -> None:
        """varies: whether no two of its requests are alike."""
        self._daemon, self._origin, self.source, self._varies = daemon, origin, source, varies
        self._asked = 0

    def converse(self, steps: list[Step]) -> list[Told]:
        """What was answered."""
        self._origin.steps = steps
        found: list[Told] = []
        talk: Talk | None = None
        while steps:
            size = next((place for place, step in enumerate(steps, 1) if not step.together), len(steps))
            together, steps = steps[:size], steps[size:]
            talk = talk or Talk(self._daemon, self.source)
            talk.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces(b"".join(map(self._filled, together)), together[-1].places):
                talk.send(piece)
            for step in together:
                if not self._answered(talk, step, found):
                    talk.sock.close()
                    talk = None
                    break
        if talk is not None:
            talk.sock.close()
        return found

    def _filled(self, step: Step) -> bytes:
        self._asked += 1
        varied = step.request.replace(VARYING, b"%d" % (self._asked % 10 if self._varies else 0))
        return varied.replace(AUTHORITY, b"127.0.0.1:%d" % self._origin.port)

    def _answered(self, talk: Talk, step: Step, found: list[Told]) -> bool:
        """Note what comes for this step; whether another can be asked."""
        while (answer := talk.answer(step.method.decode())) is not None:
            fields = [
                (name, "v" if name == "X-R" else value)
                for name, value in answer.fields
                if name.lower() not in _OF_ONE_REQUEST
            ]
            found.append((answer.status, answer.reason, fields, answer.body, answer.whole))
            if answer.status >= 200:
                return answer.whole and (answer.field("connection") or "").lower() != "close"
        found.append(())
        return False


def _lines(reader: IO[bytes]) -> Iterator[bytes]:
    """Lines up to the blank one, that one too.  Raises: EOFError."""
    while True:
        line = reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        yield line
        if line == b"\r\n":
            return


def _exactly(reader: IO[bytes], size: int) -> bytes:
    data = reader.read(size)
    if len(data) < size:
        raise EOFError
    return data
