"""What a room of the web answers, as a value, and the bytes of the head before it.  Pure.

What all answers of a room share, its media type and the fields of security, is given by the room: a page of HTML needs
another Content-Security-Policy than JSON does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import TypeVar

T = TypeVar("T")

PHRASES = {status.value: status.phrase for status in HTTPStatus}

Fields = tuple[tuple[str, str], ...]
"""Names and values of header fields; a name may come twice."""


class Text:
    """A body that is made piece by piece, so that whoever makes it may do something else in between; once only."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: Iterable[str]) -> None:
        self.pieces = iter(pieces)


class Rows:
    """An array of JSON whose elements are made from rows one by one, each as it is written."""

    __slots__ = ("_described", "_rows")

    def __init__(self, described: Callable[[T], object], rows: Iterable[T]) -> None:
        self._described: Callable[..., object] = described
        self._rows: Iterable[object] = rows

    def __iter__(self) -> Iterator[object]:
        return map(self._described, self._rows)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its JSON (bytes, where that is encoded already), a Text, or nothing at all where body is `EMPTY`."""

    body: object
    status: int = 200
    fields: Fields = field(default=())
    """Header fields beyond those that every answer of the room has."""
    note: str = ""
    """A remark for the request log, where the status does not say enough; "" for none."""
    media: str = ""
    """The body's media type; "" for the one of the room."""

    def content(self) -> bytes:
        """The bytes of the body: JSON in ASCII only, spaced as ProxyMesh's documents print JSON."""
        body = self.body
        if isinstance(body, bytes):
            return body
        if body is EMPTY:
            return b""
        return encoded(body.pieces if isinstance(body, Text) else (_json(body),))

    def pieces(self) -> Iterator[str] | None:
        """What `content` joins, one by one, where making it all at once could take long; else None."""
        body = self.body
        if type(body) is Text:
            return body.pieces
        if type(body) is Rows:
            return _elements(body)
        return _members(body) if type(body) is dict and Rows in map(type, body.values()) else None


EMPTY = object()


def encoded(pieces: Iterable[str]) -> bytes:
    """The bytes of a body whose pieces have been made; half a surrogate pair, which UTF-8 has not, becomes "?"."""
    return "".join(pieces).encode("utf-8", "replace")


_json = json.JSONEncoder(allow_nan=False, default=list).encode  # json.dumps() would make an encoder each time


def _members(body: dict[str, object]) -> Iterator[str]:
    """The JSON of an object, with each row of an array by itself."""
    before = "{"
    for name, value in body.items():
        yield f"{before}{_json(name)}: "
        if isinstance(value, Rows):
            yield from _elements(value)
        else:
            yield _json(value)
        before = ", "
    yield "}"


def _elements(rows: Rows) -> Iterator[str]:
    before = "["
    for row in rows:
        yield before + _json(row)
        before = ", "
    yield "[]" if before == "[" else "]"


class Heads:
    """Writes the heads of one room's answers.

    media: the type of a body that names none; every: fields that each answer has; kept: how many heads are remembered.
    """

    def __init__(self, media: str, every: Fields, *, kept: int = 256) -> None:
        self._media = media
        self.every = every
        self._constant = lru_cache(kept)(self._parts)
        """The parts of heads that are written again and again."""

    def head(self, reply: Reply, size: int, date: bytes, *, close: bool) -> bytes:
        """The head from its status to the blank line."""
        return _joined(self._constant(reply.status, self.own(reply, size)), date, close=close)

    def closing(self, reply: Reply, date: bytes) -> bytes:
        """The bytes of a whole answer with `Connection: close`, for a request that is refused below the routes."""
        content = reply.content()
        parts = self._parts(reply.status, self.own(reply, len(content)))  # not kept: a client chooses its Location
        return b"HTTP/1.1 " + _joined(parts, date, close=True) + content

    def own(self, reply: Reply, size: int) -> Fields:
        """The header fields that this answer has beyond those of every answer; size is that of its body in bytes."""
        fields = [(name, " ".join(value.splitlines())) for name, value in reply.fields]
        if reply.body is not EMPTY:
            fields.append(("Content-Type", reply.media or self._media))
        if reply.status != 204:  # RFC 9110, 8.6
            fields.append(("Content-Length", str(size)))
        return tuple(fields)

    def _parts(self, status: int, fields: Fields) -> tuple[bytes, bytes]:
        """The parts of a head before and after the Date field."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in (*self.every, *fields))
        return f"{status} {PHRASES[status]}\r\n".encode("ascii"), lines.encode("latin-1")


def _joined(parts: tuple[bytes, bytes], date: bytes, *, close: bool) -> bytes:
    return b"%sDate: %s\r\n%s%s\r\n" % (parts[0], date, parts[1], b"Connection: close\r\n" if close else b"")
