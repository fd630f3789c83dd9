"""Capsules (RFC 9297, 3.2): datagrams of UDP, one behind another in a stream of bytes.  Pure.

A capsule is a type, a length and so many bytes.  Of type DATAGRAM these are a context and, in context 0, what one
datagram of UDP carries (RFC 9298, 5).  Capsules of other types and of other contexts are dropped.
"""

from __future__ import annotations

LONGEST_PAYLOAD = 65_527
"""Bytes that a datagram of UDP carries at most (RFC 9298, 5): 65,535 with its header of 8."""

LONGEST_INTEGER = 8
"""Bytes of a variable-length integer at most."""

LONGEST = LONGEST_INTEGER + LONGEST_PAYLOAD
"""Bytes of a capsule's value at most, whatever its type: nothing that is known here needs more."""

DATAGRAM = 0
"""The type of a capsule that carries an HTTP Datagram (RFC 9297, 3.5)."""

AT_ONCE = 64
"""Capsules that are read at once, so that others get their turn: of two bytes each, a quarter of a millisecond."""

_UDP = 0
"""The context of datagrams as they are (RFC 9298, 4)."""


class BadCapsule(Exception):
    """The sender breaks the protocol: nothing that follows can be trusted, and its stream is to be ended."""


def integer(number: int) -> bytes:
    """A variable-length integer (RFC 9000, 16) in its shortest form; number: below 2**62."""
    if number < 1 << 6:
        return bytes((number,))
    if number < 1 << 14:
        return (number | 1 << 14).to_bytes(2, "big")
    if number < 1 << 30:
        return (number | 2 << 30).to_bytes(4, "big")
    return (number | 3 << 62).to_bytes(8, "big")


def read_integer(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """The variable-length integer at that place, in whatever form, and the place behind it; None while it is
    unfinished.
    """
    if at >= len(data):
        return None
    end = at + (1 << (data[at] >> 6))
    if end > len(data):
        return None
    bits = 8 * (end - at) - 2
    return int.from_bytes(data[at:end], "big") & ((1 << bits) - 1), end


def datagram(payload: bytes | memoryview) -> bytes:
    """The capsule of a datagram of UDP; payload: LONGEST_PAYLOAD bytes at most."""
    return b"".join((b"\0", integer(len(payload) + 1), b"\0", payload))


class CapsuleReader:
    """Reads capsules from a stream, whose bytes come in pieces of any size.

    It holds one unfinished DATAGRAM at most, and what of the last piece was not read yet.
    """

    __slots__ = ("_buffer", "_needed", "_skipped", "dropped", "more")

    def __init__(self) -> None:
        self._buffer = bytearray()
        """An unfinished head, or an unfinished DATAGRAM with its head, or more where there is `more`."""
        self._needed = 1
        """Bytes without which there is nothing to be read: whoever sends a byte at a time has no more work done."""
        self._skipped = 0
        """Bytes of a capsule of another type that are still to come, and to be dropped."""
        self.more = False
        """Whether capsules may be left to be read of what came: by `feed(b"")`."""
        self.dropped = 0
        """Capsules of the last `feed` that carried nothing for anybody."""

    @property
    def whole(self) -> bool:
        """Whether the stream may end here: no capsule is unfinished."""
        return not self._buffer and not self._skipped

    def feed(self, data: bytes) -> list[bytes]:
        """What the datagrams carry that these bytes complete, in their order: AT_ONCE capsules, where there is `more`.
        Raises: BadCapsule.
        """
        self.more, self.dropped = False, 0
        if self._skipped:
            gone = min(self._skipped, len(data))
            self._skipped -= gone
            data = data[gone:]
        self._buffer += data
        if len(self._buffer) < self._needed:
            return []
        payloads: list[bytes] = []
        at = read = 0
        while read < AT_ONCE and (end := self._next(at, payloads)) is not None:
            at = end
            read += 1
        del self._buffer[:at]
        if read == AT_ONCE:
            self.more, self._needed = True, 1
        self.dropped = read - len(payloads)
        return payloads

    def _next(self, at: int, payloads: list[bytes]) -> int | None:
        """Read the capsule at that place, and give the place behind it; None while it is unfinished."""
        buffer = self._buffer
        kind = read_integer(buffer, at)
        size = read_integer(buffer, kind[1]) if kind is not None else None
        if kind is None or size is None:
            self._needed = len(buffer) - at + 1
            return None
        end = size[1] + size[0]
        if size[0] > LONGEST:
            raise BadCapsule("a capsule that is too long")
        if kind[0] != DATAGRAM:
            self._skipped = max(0, end - len(buffer))
            return end - self._skipped
        if end > len(buffer):
            self._needed = end - at
            return None
        context = read_integer(buffer[size[1] : min(end, size[1] + LONGEST_INTEGER)], 0)
        if context is None:
            raise BadCapsule("a datagram without a context")
        if context[0] == _UDP:
            payload = bytes(buffer[size[1] + context[1] : end])
            if len(payload) > LONGEST_PAYLOAD:
                raise BadCapsule("a datagram that is longer than UDP has them")
            payloads.append(payload)
        return end
