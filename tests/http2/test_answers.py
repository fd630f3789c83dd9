"""Answers of HTTP/1.1 as HTTP/2 has them, in whatever pieces they come."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.answers import LONGEST_KNOWN, AnswerReader, Header, KnownHead


@dataclass
class Read:
    """All that was read, and whether the answer ended of itself, and may end with its connection."""

    heads: list[list[Header]] = field(default_factory=list)
    body: bytes = b""
    trailers: list[Header] = field(default_factory=list)
    ended: bool = False
    whole: bool = False


def read(method: bytes, pieces: list[bytes], known: KnownHead | None = None) -> Read:
    reader, found = AnswerReader(method, known=known), Read()
    for piece in pieces:
        part = reader.feed(piece)
        found.heads += part.heads
        found.body += part.body
        found.trailers += part.trailers
    found.ended = reader.ended
    found.whole = reader.end()
    return found


OK: list[Header] = [(b":status", b"200")]
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n"

ANSWERS: dict[str, tuple[bytes, bytes, Read]] = {
    "a length": (
        b"GET",
        b"HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 5\r\n\r\nhello",
        Read([[*OK, (b"server", b"s"), (b"content-length", b"5")]], b"hello", [], True, True),
    ),
    "nothing of a length": (
        b"GET",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        Read([[*OK, (b"content-length", b"0")]], b"", [], True, True),
    ),
    "too little of a length": (
        b"GET",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        Read([[*OK, (b"content-length", b"5")]], b"hell", [], False, False),
    ),
    "chunks and trailers": (
        b"GET",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 1\r\n\r\n",
        Read([OK], b"hello", [(b"x-sum", b"1")], True, True),
    ),
    "too few chunks": (
        b"GET",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n",
        Read([OK], b"hel", [], False, False),
    ),
    "until the end": (b"GET", b"HTTP/1.1 200 OK\r\n\r\nhello", Read([OK], b"hello", [], False, True)),
    "HEAD": (
        b"HEAD",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        Read([[*OK, (b"content-length", b"5")]], b"", [], True, True),
    ),
    "no content": (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", Read([[(b":status", b"204")]], b"", [], True, True)),
    "hints before": (
        b"GET",
        HINTS + HINTS + b"HTTP/1.1 204 No Content\r\n\r\n",
        Read([[(b":status", b"103"), (b"link", b"l")]] * 2 + [[(b":status", b"204")]], b"", [], True, True),
    ),
    "a tunnel": (
        b"CONNECT",
        b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n\0\1",
        Read([[*OK, (b"x", b"y")]], b"\0\1", [], False, True),
    ),
    "a tunnel that is refused": (
        b"CONNECT",
        b"HTTP/1.1 407 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
        Read([[(b":status", b"407"), (b"content-length", b"2")]], b"no", [], True, True),
    ),
    "not even a head": (b"GET", b"HTTP/1.1 200 OK\r\nServer", Read()),
    "nothing": (b"GET", b"", Read()),
}


class AnswerTests(SynchronousTestCase):
    def test_whole(self) -> None:
        for name, (method, raw, expected) in ANSWERS.items():
            with self.subTest(name):
                self.assertEqual(read(method, [raw]), expected)

    @given(st.sampled_from(sorted(ANSWERS)), st.lists(st.integers(0, 200)))
    def test_in_pieces(self, name: str, cuts: list[int]) -> None:
        method, raw, expected = ANSWERS[name]
        places = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
        pieces = [raw[begin:end] for begin, end in pairwise(places)]
        self.assertEqual(read(method, pieces), expected)

    @given(st.lists(st.sampled_from(sorted(ANSWERS)), max_size=12))
    def test_one_after_the_other(self, names: list[str]) -> None:
        """Each is read as if it were the only one, whatever the connection has answered before."""
        known = KnownHead()
        for name in [again for each in names for again in (each, each)]:
            method, raw, expected = ANSWERS[name]
            self.assertEqual(read(method, [raw], known), expected)

    def test_known(self) -> None:
        """Only the very same head is, of an answer to the same method; what is long is not kept."""
        known, head = KnownHead(), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        read(b"GET", [head + b"no"], known)
        self.assertIsNotNone(known.of(b"GET", head + b"yes"))
        self.assertIsNone(known.of(b"HEAD", head))
        self.assertIsNone(known.of(b"GET", head[:-2]))
        read(b"GET", [head[:-2] + b"X: " + b"y" * LONGEST_KNOWN + b"\r\n\r\nno"], known)
        self.assertIsNotNone(known.of(b"GET", head))

    def test_surplus(self) -> None:
        """Is told of: nothing may come behind an answer."""
        for name, raw in {
            "behind a length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
            "behind chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
            "behind nothing": b"HTTP/1.1 204 No\r\n\r\n",
        }.items():
            with self.subTest(name):
                clean, more = AnswerReader(b"GET"), AnswerReader(b"GET")
                clean.feed(raw)
                more.feed(raw + b"H")
                self.assertEqual((clean.surplus, more.surplus), (False, True))


class UpgradedTests(SynchronousTestCase):
    def test_switched(self) -> None:
        """A "101" that answers an upgrade is what HTTP/2 has as "200", and all behind it goes through."""
        reader = AnswerReader(b"CONNECT", upgraded=True)
        part = reader.feed(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: connect-udp\r\n"
            b"Capsule-Protocol: ?1\r\n\r\n\x00\x01\x00"
        )
        self.assertEqual(part.heads, [[(b":status", b"200"), (b"capsule-protocol", b"?1")]])
        self.assertEqual((part.body, reader.ended), (b"\x00\x01\x00", False))
        self.assertEqual(reader.feed(b"\x00\x02").body, b"\x00\x02")
        self.assertTrue(reader.end())
        self.assertFalse(reader.refused)

    def test_refused(self) -> None:
        """Any other answer ends where its length says."""
        reader = AnswerReader(b"CONNECT", upgraded=True)
        part = reader.feed(b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno")
        self.assertEqual((part.heads[0][0], part.body, reader.ended), ((b":status", b"407"), b"no", True))
        self.assertTrue(reader.refused)

    def test_nobody_asked(self) -> None:
        """A "101" to any other request is an interim answer, and no end of it."""
        reader = AnswerReader(b"GET")
        self.assertEqual(reader.feed(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").heads, [[(b":status", b"101")]])
        self.assertFalse(reader.begun)
