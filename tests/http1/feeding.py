"""One buffer, handed to a reader in every way that a network could."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from meshd.http1.errors import BadMessage
from meshd.http1.head import HeadLimits, RequestHead, ResponseHead, read_request, read_response

Head = RequestHead | ResponseHead
Outcome = Head | tuple[int, str] | None
"""A head, the status and rule of a refusal, or None for more."""
Reader = Callable[[bytes | bytearray, int], Head | None]
"""Called with the buffer and how much of it was seen before."""


def requests(limits: HeadLimits | None = None) -> Reader:
    return lambda buffer, seen: read_request(buffer, limits or HeadLimits(), seen)


def responses(max_bytes: int = 65536, max_fields: int = 1000) -> Reader:
    return lambda buffer, seen: read_response(buffer, max_bytes, max_fields, seen)


def outcome(read: Reader, data: bytes | bytearray, seen: int = 0) -> Outcome:
    try:
        return read(data, seen)
    except BadMessage as bad:
        return bad.status, bad.rule


def fed(read: Reader, data: bytes, ends: Iterable[int]) -> Outcome:
    """The first outcome as a bytearray grows to each of the ends, as a connection would read it."""
    seen = 0
    for end in ends:
        found = outcome(read, bytearray(data[:end]), seen)
        if found is not None:
            return found
        seen = end
    return None


def in_every_way(read: Reader, data: bytes) -> Iterator[tuple[str, Outcome]]:
    """The outcome of data whole, byte by byte, and split in two at each position."""
    yield "whole", outcome(read, data)
    yield "byte by byte", fed(read, data, range(1, len(data) + 1))
    for cut in range(1, len(data)):
        yield f"split at {cut}", fed(read, data, (cut, len(data)))
