"""What is accepted here, llhttp accepts too and reads alike; it need not be so the other way round.

A proxy's own reading is safe only if the origin's is the same, and most origins read as llhttp does or more leniently.
Where it refuses what is accepted here, the difference is explained beside the check.
"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.http1.framing import (
    Chunked,
    ChunkReader,
    Length,
    NoBody,
    UntilClose,
    chunk,
    request_framing,
    response_framing,
)
from meshd.http1.head import HeadLimits, RequestHead, ResponseHead, read_request, read_response
from meshd.http1.target import read_target
from tests.http1.heads import GOOD_REQUESTS, GOOD_RESPONSES
from tests.http1.oracle import read_as_request, read_as_response
from tests.http1.support import NAMES, TEXTS, VISIBLE, thorough
from tests.http1.test_any_bytes import ANY_HEAD
from tests.http1.test_chunks import GOOD as GOOD_CHUNKS

# Extension methods are ours alone: llhttp has a list, and whoever puts it before an origin knows that.
KNOWN_METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"PROPFIND", b"M-SEARCH"]

FRAMING_NAMES = [b"Content-Length", b"Transfer-Encoding", b"Connection", b"Host", b"Upgrade", b"Trailer", b"Expect"]
FRAMING_VALUES = [b"0", b"5", b"chunked", b"close", b"keep-alive", b"upgrade", b"", b"gzip, chunked", b" 5 ", b"5,5"]
FIELD_LINES = st.builds(
    b"%b:%b\r\n".__mod__,
    st.tuples(st.sampled_from(FRAMING_NAMES) | NAMES, st.sampled_from(FRAMING_VALUES) | TEXTS),
)
HEADS_OF_FIELDS = st.lists(FIELD_LINES, max_size=4).map(b"".join)
TARGETS = st.sampled_from([b"http://a/", b"http://a?b", b"http://a:80", b"http://[::1]/"]) | VISIBLE.map(
    b"http://a/".__add__
)
REQUESTS = st.builds(
    lambda method, target, minor, fields: b"%b %b HTTP/1.%d\r\n%b\r\n" % (method, target, minor, fields),
    st.sampled_from(KNOWN_METHODS),
    TARGETS,
    st.integers(0, 1),
    HEADS_OF_FIELDS,
)
TUNNELS = st.builds(
    lambda target, fields: b"CONNECT %b HTTP/1.1\r\n%b\r\n" % (target, fields),
    st.sampled_from([b"a:443", b"a.example.:1", b"[::1]:443"]),
    HEADS_OF_FIELDS,
)
RESPONSES = st.builds(
    lambda minor, status, fields: b"HTTP/1.%d %d OK\r\n%b\r\n" % (minor, status, fields),
    st.integers(0, 1),
    # httptools stops at a 101 with an error that is its own.
    st.sampled_from([100, 103, 200, 204, 206, 304, 404]) | st.integers(102, 999),
    HEADS_OF_FIELDS,
)

TUNNEL = re.compile(rb"[^:/]+:[0-9]+|\[[^]]+\]:[0-9]+")

Framing = NoBody | Length | Chunked | UntilClose


def body_for(framing: Framing) -> bytes:
    """A body so framed."""
    match framing:
        case Length(n) if n < 1000:
            return b"x" * n
        case Chunked():
            return chunk(b"abc") + b"0\r\n\r\n"
        case _:
            return b""


class RequestTests(SynchronousTestCase):
    def compare(self, data: bytes) -> bool:
        """Whether it is accepted here; then it has to be there."""
        try:
            head = read_request(data, HeadLimits())
            assert head is not None
            read_target(head.method, head.target)
            framing = request_framing(head)
        except BadMessage:
            return False
        if not head.target.isascii():  # llhttp takes these only where it is built to be lenient, as curl's users know
            return True
        if head.method == b"CONNECT" and not TUNNEL.fullmatch(head.target):
            return True  # it does not know an IPv6 address without brackets, which is a host there for nobody else
        self.agree(head, framing, data[: head.size])
        return True

    def agree(self, head: RequestHead, framing: Framing, data: bytes) -> None:
        body = b"" if head.method == b"CONNECT" else body_for(framing)
        reading = read_as_request(data + body)
        self.assertEqual(reading.fault, "", data)
        self.assertEqual((reading.method, reading.target), (head.method, head.target))
        self.assertEqual((reading.version, reading.fields), (f"1.{head.minor}", head.fields.pairs))
        if reading.tunnel_at is not None:
            self.assertEqual(reading.tunnel_at, len(data))
        elif not isinstance(framing, Length) or framing.n < 1000:
            self.assertEqual(reading.messages, 1)
            self.assertEqual(reading.body, b"abc" if framing == Chunked() else body)

    def test_tables(self) -> None:
        """Every good head of the tables."""
        for data in GOOD_REQUESTS.values():
            if data.lstrip().split(b" ")[0] in (*KNOWN_METHODS, b"CONNECT"):
                self.assertTrue(self.compare(data))

    @thorough(400)
    @given(REQUESTS | TUNNELS)
    def test_made(self, data: bytes) -> None:
        """Requests with all kinds of framing fields: the same head, the same body, the same end."""
        self.compare(data)

    @thorough(400)
    @given(ANY_HEAD)
    def test_any_bytes(self, data: bytes) -> None:
        """Heads put together or changed at random, whatever of them is accepted."""
        try:
            head = read_request(data, HeadLimits())
        except BadMessage:
            return
        if head is not None and head.method in (*KNOWN_METHODS, b"CONNECT"):
            self.compare(data)


class ResponseTests(SynchronousTestCase):
    def compare(self, data: bytes) -> bool:
        """Whether it is accepted here; then it has to be there."""
        try:
            head = read_response(data, 65536)
            assert head is not None
            framing = response_framing(b"GET", head)
        except BadMessage:
            return False
        self.agree(head, framing, data[: head.size])
        return True

    def agree(self, head: ResponseHead, framing: Framing, data: bytes) -> None:
        body = body_for(framing)
        reading = read_as_response(data + body)
        lengths = b",".join(head.fields.all(b"content-length"))
        if head.mended or b"," in lengths or b"identity" in data.lower():
            return  # it refuses these, or reads them as older clients do
        self.assertEqual(reading.fault, "", data)
        self.assertEqual((reading.status, reading.version), (head.status, f"1.{head.minor}"))
        self.assertEqual(reading.fields, head.fields.pairs)
        # In a 1xx that it has no name for, it believes a length; RFC 9112 6.3 says that no 1xx has a body.
        if head.status < 200 or reading.tunnel_at is not None:
            return
        if not isinstance(framing, Length) or framing.n < 1000:
            self.assertEqual(reading.messages, 0 if framing == UntilClose() else 1)
            self.assertEqual(reading.body, b"abc" if framing == Chunked() else body)

    def test_tables(self) -> None:
        """Every good head of the tables."""
        for data in GOOD_RESPONSES.values():
            self.assertTrue(self.compare(data))

    @thorough(400)
    @given(RESPONSES)
    def test_made(self, data: bytes) -> None:
        """Responses with all kinds of statuses and framing fields: the same head, the same body, the same end."""
        self.compare(data)


CHUNK_PARTS = [
    *(b"0\r\n", b"\r\n", b"5\r\nhello\r\n", b"a;b\r\n0123456789\r\n", b'1;a="b;\\"c";d=e\r\nx\r\n', b"1\r\nx"),
    *(b"0\r\n\r\n", b"A: b \r\n", b"5 \r\n", b"\n", b"00", b";", b"=", b'"', b"-1\r\n", b"0;x\r\n"),
]


class ChunkTests(SynchronousTestCase):
    HEAD = b"POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    def compare(self, data: bytes) -> bool:
        """Whether it is accepted here; then it has to be there."""
        reader = ChunkReader()
        try:
            body = b"".join(reader.feed(data))
        except BadMessage:
            return False
        if not reader.done:
            return False
        reading = read_as_request(self.HEAD + data.removesuffix(reader.unused))
        self.assertEqual(reading.fault, "", data)
        self.assertEqual((reading.body, reading.messages), (body, 1))
        self.assertEqual(reading.fields[2:], reader.trailers.pairs)
        return True

    def test_tables(self) -> None:
        """Every good body of the tables, but for the trailers that are taken away."""
        for sentence, (data, _) in GOOD_CHUNKS.items():
            if sentence != "trailers that may not be trailers":
                self.assertTrue(self.compare(data))

    @thorough(400)
    @given(st.lists(st.sampled_from(CHUNK_PARTS) | st.binary(max_size=2), max_size=8).map(b"".join))
    def test_made(self, data: bytes) -> None:
        """Chunks put together of good and bad parts."""
        self.compare(data)
