"""An answer that HTTP/1.1 was written for, read for HTTP/2.  Pure.

What is read was written by this program, and so is well-formed; where it ends too early the stream is to be reset.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from meshd.http1.chunks import ChunkReader, LengthReader
from meshd.http1.framing import BodyFraming, Length, NoBody, UntilClose, response_framing
from meshd.http1.head import ResponseHead, read_response
from meshd.http2.requests import OF_A_CONNECTION, Header

LONGEST_HEAD = 512 * 1024
"""Bytes of a head: more than any that meshd writes, whose bound for those of origins is smaller."""

_EMPTY = Length(0)


LONGEST_KNOWN = 2048
"""Bytes of a head that is known again; longer ones are rare."""


class KnownHead:
    """The head of the last answer by one connection, as the next one is often the very same."""

    __slots__ = ("_fields", "_framing", "_method", "_raw")

    def __init__(self) -> None:
        self._method, self._raw = b"", b""
        self._fields: list[Header] = []
        self._framing: BodyFraming = NoBody()

    def note(self, method: bytes, raw: bytes, fields: list[Header], framing: BodyFraming) -> None:
        """Know a head from now on; raw: its bytes."""
        if len(raw) <= LONGEST_KNOWN:
            self._method, self._raw, self._fields, self._framing = method, raw, fields, framing

    def of(self, method: bytes, data: bytes) -> tuple[list[Header], BodyFraming, int] | None:
        """What an answer says that begins like the last one, and how many bytes its head has; None for any other."""
        if not self._raw or method != self._method or not data.startswith(self._raw):
            return None
        return self._fields, self._framing, len(self._raw)


@dataclass(slots=True)
class Part:
    """What some bytes of an answer were."""

    heads: list[list[Header]]
    """Header blocks, interim ones first, each with `:status`."""
    body: bytes
    trailers: list[Header]
    """Behind a body that has ended."""


class AnswerReader:
    """Reads the answer to one request."""

    __slots__ = ("_buffer", "_known", "_method", "_reader", "_tunnel", "_upgraded", "ended", "refused", "surplus")

    def __init__(self, method: bytes, *, upgraded: bool = False, known: KnownHead | None = None) -> None:
        """upgraded: whether an extended CONNECT was written as an upgrade, whose "101" is a success there; known: what
        the connection has answered before.
        """
        self._known = known or KnownHead()
        self._method = b"GET" if upgraded else method
        self._upgraded = upgraded
        self._buffer = b""
        self._reader: ChunkReader | LengthReader | None = None
        self._tunnel = False
        """Whether all that follows is body, until the connection ends."""
        self.ended = False
        """Whether the answer is complete."""
        self.refused = False
        """Whether it is the refusal of an extended CONNECT."""
        self.surplus = False
        """Whether bytes came behind the answer, which are dropped."""

    @property
    def begun(self) -> bool:
        """Whether the final head was read."""
        return self._tunnel or self._reader is not None or self.ended

    def feed(self, data: bytes) -> Part:
        """What these bytes are.  Raises: BadMessage for what no answer of ours is."""
        part = Part([], b"", [])
        if not self.begun:
            data = self._heads(data, part)
        if not self.begun or not data:
            return part
        reader = self._reader
        if reader is None:
            part.body = data if self._tunnel else b""
            self.surplus = not self._tunnel
            return part
        part.body = b"".join(reader.feed(data))
        if reader.done:
            self.ended, self.surplus = True, bool(reader.unused)
            if isinstance(reader, ChunkReader):
                part.trailers = _lowered(reader.trailers)
        return part

    def end(self) -> bool:
        """Whether the connection may end here: what was read is then a whole answer."""
        whole = self.ended or self._tunnel
        self.ended = True
        return whole

    def _heads(self, data: bytes, part: Part) -> bytes:
        """Read heads up to the final one's; the bytes behind it."""
        known = self._known.of(self._method, data) if not self._buffer else None
        if known is not None:
            fields, framing, size = known
            part.heads.append(fields)
            self._frame(framing)
            return data[size:]
        seen = len(self._buffer)
        buffer = self._buffer + data
        while not self.begun and buffer:
            head = read_response(buffer, LONGEST_HEAD, seen=seen)
            if head is None:
                self._buffer = buffer
                return b""
            seen, raw, buffer = 0, buffer[: head.size], buffer[head.size :]
            switched = self._upgraded and head.status == 101
            fields = [(b":status", b"%d" % (200 if switched else head.status)), *_lowered(head.fields)]
            part.heads.append(fields)
            if switched:
                self._tunnel = True
            elif head.status >= 200:
                self._begin(head, raw, fields)
        self._buffer = b""
        return buffer

    def _begin(self, head: ResponseHead, raw: bytes, fields: list[Header]) -> None:
        self.refused = self._upgraded
        if self._method == b"CONNECT" and head.status < 300:
            self._tunnel = True
            return
        framing = response_framing(self._method, head)
        self._frame(framing)
        if not self._tunnel and not self._upgraded:
            self._known.note(self._method, raw, fields, framing)

    def _frame(self, framing: BodyFraming) -> None:
        if isinstance(framing, UntilClose):
            self._tunnel = True
        elif isinstance(framing, NoBody) or framing == _EMPTY:
            self.ended = True
        else:
            self._reader = LengthReader(framing.n) if isinstance(framing, Length) else ChunkReader(bad=502)


def _lowered(fields: Iterable[Header]) -> list[Header]:
    """The fields as HTTP/2 has them: names in lower case, none that is about a connection."""
    lowered = [(name.lower(), value.strip(b" \t")) for name, value in fields]
    return [pair for pair in lowered if pair[0] not in OF_A_CONNECTION]
