"""read_response: every table row whole, byte by byte, and split at each position."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.fields import Fields
from meshd.http1.head import ResponseHead, read_response
from tests.http1.feeding import in_every_way, outcome, responses
from tests.http1.heads import BAD_RESPONSES, GOOD_RESPONSES, MENDED_RESPONSES


class GoodResponseTests(SynchronousTestCase):
    def test_head_is_the_same_however_it_arrives(self) -> None:
        """A good head is accepted whole, byte by byte and split anywhere; its beginnings wait."""
        for sentence, data in GOOD_RESPONSES.items():
            whole = read_response(data, 65536)
            assert whole is not None, sentence
            self.assertEqual(whole.size, len(data), sentence)
            for way, found in in_every_way(responses(), data):
                self.assertEqual(found, whole, f"{sentence}, {way}")
            for end in range(len(data)):
                self.assertIsNone(outcome(responses(), data[:end]), f"{sentence}, {end}")

    def test_what_is_read(self) -> None:
        """Status, reason, version and fields, in order and case."""
        data = b"HTTP/1.0 404 Not Here \r\nServer: x\r\nset-cookie: a; b \r\nSet-Cookie:c\r\n\r\n"
        fields = Fields([(b"Server", b"x"), (b"set-cookie", b"a; b"), (b"Set-Cookie", b"c")])
        self.assertEqual(read_response(data + b"body\0\n", 1000), ResponseHead(404, b"Not Here ", 0, fields, len(data)))

    def test_absent_reason_is_empty(self) -> None:
        """A reason that is missing, with its space or without, reads as no bytes."""
        for line in (b"HTTP/1.1 204\r\n\r\n", b"HTTP/1.1 204 \r\n\r\n"):
            self.assertEqual(read_response(line, 1000), ResponseHead(204, b"", 1, Fields([]), len(line)))


class MendedResponseTests(SynchronousTestCase):
    def test_read_alike_however_it_arrives(self) -> None:
        """What can be read in one way only is read so, whole, byte by byte and split anywhere, and is marked."""
        for sentence, (data, status, pairs) in MENDED_RESPONSES.items():
            for way, found in in_every_way(responses(), data):
                assert isinstance(found, ResponseHead), (sentence, way, found)
                self.assertEqual((found.status, found.fields.pairs, found.size), (status, pairs, len(data)), sentence)
                self.assertTrue(found.mended, sentence)

    def test_what_follows_is_the_body(self) -> None:
        """A blank line in the body ends no head that has ended before it."""
        for body in (b"hello", b"a\r\n\r\nb", b"\n\n", b"\r\n\r\n"):
            head = b"HTTP/1.1 200 OK\nA: b\n\n"
            found = outcome(responses(), head + body)
            assert isinstance(found, ResponseHead)
            self.assertEqual(found.size, len(head))

    def test_the_good_are_not_marked(self) -> None:
        for data in GOOD_RESPONSES.values():
            found = outcome(responses(), data)
            assert isinstance(found, ResponseHead)
            self.assertFalse(found.mended)

    def test_bounds(self) -> None:
        """A mended head has the bounds of any other, in bytes and in fields."""
        data = b"HTTP/1.1 200 OK\nA: b\n\n"
        self.assertIsInstance(outcome(responses(len(data)), data), ResponseHead)
        self.assertEqual(outcome(responses(len(data) - 1), data), (502, "the head is too large"))
        many = b"HTTP/1.1 200 OK\n" + b"a:\n" * 1001 + b"\n"
        self.assertEqual(outcome(responses(), many), (502, "too many fields"))
        self.assertIsInstance(outcome(responses(), many.replace(b"a:\n", b"", 1)), ResponseHead)
        folded = b"HTTP/1.1 200 OK\nA: b\n" + b" c\n" * 1000 + b"\n"
        self.assertEqual(outcome(responses(), folded), (502, "too many fields"))


class BadResponseTests(SynchronousTestCase):
    def test_refused_alike_however_it_arrives(self) -> None:
        """Every fault of an origin is a 502 with one rule, whole, byte by byte and split anywhere."""
        for sentence, (data, rule) in BAD_RESPONSES.items():
            for way, found in in_every_way(responses(), data):
                self.assertEqual(found, (502, rule), f"{sentence}, {way}")

    def test_head_too_large(self) -> None:
        """A head of exactly the limit is accepted; one byte more is refused, and so is one without end."""
        data = b"HTTP/1.1 200 OK\r\nA: bc\r\n\r\n"
        self.assertIsInstance(outcome(responses(len(data)), data), ResponseHead)
        for bad in (data.replace(b"bc", b"bcd"), b"HTTP/1.1 200 " + b"x" * 100):
            ways = {found for _, found in in_every_way(responses(len(data)), bad)}
            self.assertEqual(ways, {(502, "the head is too large")})

    def test_header_bomb(self) -> None:
        """More lines than anyone needs are refused, however short they are."""
        data = b"HTTP/1.1 200 OK\r\n" + b"a:\r\n" * 1001 + b"\r\n"
        self.assertEqual(outcome(responses(), data), (502, "too many fields"))
        self.assertIsInstance(outcome(responses(), data.replace(b"a:\r\n", b"", 1)), ResponseHead)
