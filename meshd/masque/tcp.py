"""The bytes of a TCP connection in capsules, as CONNECT-TCP carries them (draft-ietf-httpbis-connect-tcp).  Pure.

A capsule of type DATA holds some bytes, one of type FINAL_DATA the last ones: the end of TCP, of one direction alone.
Where capsules begin and end means nothing, so that bytes are passed on before theirs is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from meshd.masque.capsules import LONGEST_INTEGER, BadCapsule, integer, read_integer
from meshd.masque.upgrades import WELL_KNOWN


class Kinds(NamedTuple):
    """The numbers of the two types of capsules."""

    data: int
    final: int

    def framed(self, payload: bytes) -> bytes:
        """A DATA capsule with those bytes."""
        return b"%b%b%b" % (integer(self.data), integer(len(payload)), payload)

    def last(self) -> bytes:
        """A FINAL_DATA capsule without any."""
        return integer(self.final) + b"\0"


PATH = WELL_KNOWN + b"tcp/"
"""What the path of such a request begins with."""

_8, _12 = Kinds(0x2028D7F0, 0x2028D7F1), Kinds(0x2028D7F2, 0x2028D7F3)

TOKENS: Mapping[bytes, Kinds] = MappingProxyType({b"connect-tcp": _12, b"connect-tcp-12": _12, b"connect-tcp-07": _8})
"""By the protocol's name in Upgrade, the capsules that its client is sent.

The registered name, and those of drafts, which have numbers of their own for tests (versions 7 to 11, and from 12 on);
final numbers are not registered yet, and will be `connect-tcp`'s when they are.
"""

_DATA = frozenset(kinds.data for kinds in TOKENS.values())
_FINAL = frozenset(kinds.final for kinds in TOKENS.values())

AT_ONCE = 32
"""Capsules that are read at once, so that others get their turn: of two bytes each, a tenth of a millisecond."""

_LONGEST_HEAD = 2 * LONGEST_INTEGER


class DataReader:
    """Reads one direction, whose bytes come in pieces of any size; holds an unfinished head at most.

    The capsules of every known number are read, whichever the client asked for.
    """

    __slots__ = ("_head", "_left", "_skips", "dropped", "final")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        """Bytes of the present capsule that are still to come."""
        self._skips = False
        """Whether these are of a capsule of no known type, and dropped (RFC 9297, 3.2)."""
        self.final = False
        """Whether the last capsule with bytes of the connection has begun."""
        self.dropped = 0
        """Capsules of the last `feed` that carry nothing: they are empty, or of no known type."""

    @property
    def ended(self) -> bool:
        """Whether all bytes of the connection were read."""
        return self.final and (self._skips or not self._left)

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """The bytes of the connection that are in data, and how much of data was read: all, or so much as has AT_ONCE
        capsules.  Raises: BadCapsule where any follow the last ones.
        """
        found: list[bytes] = []
        self.dropped = at = heads = 0
        end = len(data)
        while at < end and (heads < AT_ONCE or self._left):
            if self._left:
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                if not self._skips:
                    found.append(piece)
            else:
                at = self._begin(data, at)
                heads += 1
        return b"".join(found), at

    def _begin(self, data: bytes, at: int) -> int:
        """Read the head of a capsule, which may have begun before data; the place behind it."""
        before = len(self._head)
        head = self._head + data[at : at + _LONGEST_HEAD - before]
        kind = read_integer(head, 0)
        size = read_integer(head, kind[1]) if kind is not None else None
        if kind is None or size is None:
            self._head = head
            return len(data)
        self._head = b""
        self._left = size[0]
        self._skips = kind[0] not in _DATA and kind[0] not in _FINAL
        self.dropped += self._skips or not self._left
        if not self._skips:
            if self.final:
                raise BadCapsule("bytes behind the last ones")
            self.final = kind[0] in _FINAL
        return at + size[1] - before
