"""Heads of answers that break the grammar: read where that can be done in one way only."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.http1.mending import FRAMING, read_mended
from tests.http1.support import thorough

LINES = st.lists(
    st.sampled_from(
        [
            *(
                b"A: b",
                b"A : b",
                b" folded",
                b"Content-Length: 5",
                b"Content-Length : 5",
                b"Transfer-Encoding: chunked",
            ),
            *(b" Content-Length: 5", b"", b" ", b"no colon", b"A: \x07", b"A: \x00"),
        ]
    ),
    max_size=6,
)
ENDS = st.sampled_from([b"\r\n", b"\n"])


def read(data: bytes) -> list[tuple[bytes, bytes]] | None:
    """The fields that frame; None where the head is refused or unfinished."""
    try:
        found = read_mended(data, 65536, 1000)
    except BadMessage:
        return None
    if found is None:
        return None
    return [(name.lower(), value) for name, value in found.pairs if name.lower() in FRAMING]


def by_crlf(data: bytes) -> list[tuple[bytes, bytes]] | None:
    """What a reader takes for the fields that frame to whom CRLF alone ends a line; None where it finds no head."""
    head, blank, _ = data.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    if not blank or b"\n" in status:
        return None
    pairs = [line.partition(b":") for line in lines if line[:1] not in (b" ", b"\t")]
    return [
        (name.strip(b" \t").lower(), value.strip(b" \t"))
        for name, _, value in pairs
        if name.strip(b" \t").lower() in FRAMING
    ]


class TwoReadersTests(SynchronousTestCase):
    @thorough(400)
    @given(LINES, st.lists(ENDS, min_size=8, max_size=8))
    def test_none_is_read_two_ways(self, lines: list[bytes], ends: list[bytes]) -> None:
        """Whatever ends its lines, a head that is taken frames as it does for a reader who knows CRLF alone."""
        whole = [b"HTTP/1.1 200 OK", *lines, b""]
        data = b"".join(line + end for line, end in zip(whole, ends, strict=False)) + b"body\r\n\r\n"
        ours, theirs = read(data), by_crlf(data)
        if ours is not None and theirs is not None:
            self.assertEqual(ours, theirs, data)

    def test_the_end_is_the_same(self) -> None:
        """Where CRLF ends the lines, CRLF CRLF alone ends the head."""
        for data in (b"HTTP/1.1 200 OK\r\nA: b\n\nC: d\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n\nC: d\r\n\r\n"):
            self.assertRaises(BadMessage, read_mended, data, 65536, 1000)
