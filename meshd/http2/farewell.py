"""The end of a session that loses no request (RFC 9113, 6.8).  Pure.

A GOAWAY that names the last stream would cross with requests on their way.  So a client is first told to begin no more
of them, and is asked for a sign; what it began before it gave that is served, and the second GOAWAY names the last.
"""

from __future__ import annotations

import struct

from h2.errors import ErrorCodes

GOAWAY = 0x7

EVERY = 2**31 - 1
"""The last stream of a first GOAWAY: any that may have begun."""

SIGN = b"farewell"
"""What the client is to send back, as PING has it: eight bytes."""


class Farewell:
    """How far the two sides of a session have said goodbye."""

    __slots__ = ("_heard", "begun", "last")

    def __init__(self) -> None:
        self.begun = False
        """Whether the client was told to begin no more streams."""
        self.last: int | None = None
        """The last stream that is served, once the client was told of it."""
        self._heard = False

    @property
    def over(self) -> bool:
        """Whether the session ends with the last of its streams."""
        return self._heard or self.last is not None

    def begin(self) -> bytes:
        """The first GOAWAY; a PING of `SIGN` is to follow it."""
        self.begun = True
        return _goaway(EVERY)

    def signed(self, sign: bytes, last: int) -> bytes:
        """The second GOAWAY, if that is the answer to the PING; last: the stream that came last.  Else b""."""
        if not self.begun or self.last is not None or sign != SIGN:
            return b""
        self.last = last
        return _goaway(last)

    def hear(self) -> None:
        """Note that the client has said GOAWAY: streams that are open go on."""
        self._heard = True


def _goaway(last: int) -> bytes:
    """A GOAWAY without an error: length, type and flags, stream, then the last stream and the code."""
    return struct.pack(">3sBBIII", b"\0\0\x08", GOAWAY, 0, 0, last, ErrorCodes.NO_ERROR)
