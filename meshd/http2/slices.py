"""What comes by a session, cut so that what is acted on at once is few frames, however small they are.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

PREFACE = 24
"""Bytes that a client begins with (RFC 9113, 3.4)."""

HEADER = 9
"""Bytes before the payload of a frame."""

FRAMES = 8
"""Frames of a slice: acting on each takes some 30 microseconds, of no bytes as of sixteen thousand."""

_TWICE = frozenset({0x1, 0x3})
"""HEADERS and RST_STREAM, which begin and cut an exchange: each counts as two frames."""


class Slices:
    """Knows where in a frame the bytes have ended that came last."""

    __slots__ = ("_header", "_left")

    def __init__(self) -> None:
        self._header = b""
        """What came of the header of a frame, if that is not whole."""
        self._left = PREFACE
        """Bytes that are still to come of a frame."""

    def of(self, data: bytes) -> Iterator[tuple[bytes, int]]:
        """The data in slices, all of it, each with the number of frames that begin in it, as they count."""
        start = at = frames = 0
        size = len(data)
        while at < size:
            if not self._left:
                header = self._header + data[at : at + HEADER - len(self._header)]
                at += len(header) - len(self._header)
                if len(header) < HEADER:
                    self._header = header
                    break
                self._header, self._left = b"", int.from_bytes(header[:3], "big")
                frames += 2 if header[3] in _TWICE else 1
            step = min(self._left, size - at)
            at += step
            self._left -= step
            if frames >= FRAMES:
                yield data[start:at], frames
                start, frames = at, 0
        if start < size:
            yield data[start:], frames
