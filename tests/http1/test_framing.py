"""Where a body ends: decided for one framing, refused for two."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields
from meshd.http1.framing import (
    BodyFraming,
    Chunked,
    Length,
    NoBody,
    UntilClose,
    framing_field,
    request_framing,
    response_framing,
)
from meshd.http1.head import RequestHead, ResponseHead

Pairs = list[tuple[bytes, bytes]]

CL = b"Content-Length"
TE = b"Transfer-Encoding"

ONE_FRAMING: dict[str, tuple[Pairs, Length | Chunked]] = {
    "a length": ([(CL, b"5")], Length(5)),
    "a length of nothing": ([(CL, b"0")], Length(0)),
    "a length with zeros before it": ([(CL, b"007")], Length(7)),
    "the longest length": ([(CL, b"9" * 18)], Length(10**18 - 1)),
    "chunked": ([(TE, b"chunked")], Chunked()),
    "chunked in capitals": ([(b"transfer-ENCODING", b"Chunked")], Chunked()),
}

AMBIGUOUS: dict[str, tuple[Pairs, int, str]] = {
    "both framings": ([(CL, b"5"), (TE, b"chunked")], 400, "both Content-Length and Transfer-Encoding"),
    "both, the other way round": ([(TE, b"chunked"), (CL, b"5")], 400, "both Content-Length and Transfer-Encoding"),
    "identity beside a length": ([(CL, b"5"), (TE, b"identity")], 400, "both Content-Length and Transfer-Encoding"),
    "an empty coding beside a length": ([(CL, b"5"), (TE, b"")], 400, "both Content-Length and Transfer-Encoding"),
    "two lengths": ([(CL, b"5"), (b"content-length", b"6")], 400, "two Content-Length fields"),
    "two lengths that agree": ([(CL, b"5"), (CL, b"5")], 400, "two Content-Length fields"),
    "a list of lengths that agree": ([(CL, b"5, 5")], 400, "a malformed Content-Length"),
    "an empty length": ([(CL, b"")], 400, "a malformed Content-Length"),
    "a positive sign": ([(CL, b"+5")], 400, "a malformed Content-Length"),
    "a negative length": ([(CL, b"-1")], 400, "a malformed Content-Length"),
    "a hexadecimal length": ([(CL, b"0x5")], 400, "a malformed Content-Length"),
    "a fraction": ([(CL, b"5.0")], 400, "a malformed Content-Length"),
    "an underscore, which int() would take": ([(CL, b"1_0")], 400, "a malformed Content-Length"),
    "a blank inside": ([(CL, b"1 0")], 400, "a malformed Content-Length"),
    "digits above ASCII": ([(CL, "\N{ARABIC-INDIC DIGIT FIVE}".encode())], 400, "a malformed Content-Length"),
    "superscript digits of Latin-1": ([(CL, b"\xb2")], 400, "a malformed Content-Length"),
    "a length of 19 digits": ([(CL, b"1" * 19)], 400, "a malformed Content-Length"),
    "two codings": ([(TE, b"chunked"), (TE, b"chunked")], 400, "two Transfer-Encoding fields"),
    "chunked hidden in a second line": ([(TE, b"identity"), (TE, b"chunked")], 400, "two Transfer-Encoding fields"),
    "eleven codings": ([(TE, b"a," * 10 + b"chunked")], 400, "more than 10 codings in Transfer-Encoding"),
    "chunked twice": ([(TE, b"chunked, chunked")], 400, "chunked more than once in Transfer-Encoding"),
    "identity": ([(TE, b"identity")], 400, "a Transfer-Encoding that does not end in chunked"),
    "gzip alone": ([(TE, b"gzip")], 400, "a Transfer-Encoding that does not end in chunked"),
    "chunked before gzip": ([(TE, b"chunked, gzip")], 400, "a Transfer-Encoding that does not end in chunked"),
    "an empty coding": ([(TE, b"")], 400, "a Transfer-Encoding that does not end in chunked"),
    "chunked and a comma": ([(TE, b"chunked,")], 400, "a Transfer-Encoding that does not end in chunked"),
    "a parameter": ([(TE, b"chunked;q=1")], 400, "a Transfer-Encoding that does not end in chunked"),
    "something like chunked": ([(TE, b"xchunked")], 400, "a Transfer-Encoding that does not end in chunked"),
    "chunked in quotes": ([(TE, b'"chunked"')], 400, "a Transfer-Encoding that does not end in chunked"),
    "an empty member": ([(TE, b",chunked")], 400, "a malformed Transfer-Encoding"),
    "a coding that is not implemented": ([(TE, b"gzip, chunked")], 501, "a Transfer-Encoding other than chunked"),
    "identity before chunked": ([(TE, b"identity, chunked")], 501, "a Transfer-Encoding other than chunked"),
}

READINGS = {
    "two Content-Length fields": " that differ: one reader takes the first, another the last",
    "both Content-Length and Transfer-Encoding": ": one reader counts bytes, another chunks",
}
"""What an origin is told besides."""

MENDED: dict[str, tuple[Pairs, BodyFraming]] = {
    "two lengths that agree": ([(CL, b"5"), (b"content-length", b"5")], Length(5)),
    "three of them": ([(CL, b"5")] * 3, Length(5)),
    "a list of lengths that agree": ([(CL, b"5, 5")], Length(5)),
    "a length and a list that agrees": ([(CL, b"5"), (CL, b"5 ,\t5")], Length(5)),
    "identity": ([(TE, b"identity")], UntilClose()),
    "identity in capitals": ([(TE, b"Identity")], UntilClose()),
    "identity twice": ([(TE, b"identity"), (TE, b"identity")], UntilClose()),
}
"""What is said twice alike in an answer, or says nothing."""


def request(pairs: Pairs, minor: int = 1) -> RequestHead:
    return RequestHead(b"POST", b"http://a/", minor, Fields(pairs), 0)


def response(pairs: Pairs, status: int = 200, minor: int = 1) -> ResponseHead:
    return ResponseHead(status, b"", minor, Fields(pairs), 0)


class RequestFramingTests(SynchronousTestCase):
    def test_one_framing(self) -> None:
        """A length or chunked, whatever the method; nothing where neither is said."""
        for sentence, (pairs, framing) in ONE_FRAMING.items():
            self.assertEqual(request_framing(request(pairs)), framing, sentence)
        self.assertEqual(request_framing(request([])), NoBody())

    def test_ambiguous(self) -> None:
        """What could be read two ways is refused with its rule."""
        for sentence, (pairs, status, rule) in AMBIGUOUS.items():
            bad = self.assertRaises(BadMessage, request_framing, request(pairs))
            self.assertEqual((bad.status, bad.rule), (status, rule), sentence)

    def test_old_version(self) -> None:
        """HTTP/1.0 knows lengths and no transfer coding (RFC 9112 6.1)."""
        self.assertEqual(request_framing(request([(CL, b"5")], minor=0)), Length(5))
        bad = self.assertRaises(BadMessage, request_framing, request([(TE, b"chunked")], minor=0))
        self.assertEqual((bad.status, bad.rule), (400, "Transfer-Encoding in HTTP/1.0"))

    def test_tunnels_have_no_body(self) -> None:
        """What follows CONNECT belongs to the tunnel: a length of nothing says so too, any other framing does not."""
        connect = RequestHead(b"CONNECT", b"a:443", 1, Fields([]), 0)
        self.assertEqual(request_framing(connect), NoBody())
        self.assertEqual(request_framing(replace(connect, fields=Fields([(CL, b"0")]))), NoBody())
        for pair in ((CL, b"5"), (TE, b"chunked")):
            bad = self.assertRaises(BadMessage, request_framing, replace(connect, fields=Fields([pair])))
            self.assertEqual((bad.status, bad.rule), (400, "a body with CONNECT"))


class FramingFieldTests(SynchronousTestCase):
    def test_what_says_so(self) -> None:
        """Each framing is said by one field that is read as that framing again; no body and an open end by none."""
        for framing in (Length(0), Length(10**18 - 1), Chunked()):
            self.assertEqual(request_framing(request([framing_field(framing)])), framing)
        for silent in (NoBody(), UntilClose()):
            self.assertEqual(framing_field(silent), (b"", b""))


class ResponseFramingTests(SynchronousTestCase):
    def test_one_framing(self) -> None:
        """A length or chunked; until the connection closes where neither is said."""
        for sentence, (pairs, framing) in ONE_FRAMING.items():
            self.assertEqual(response_framing(b"GET", response(pairs)), framing, sentence)
        self.assertEqual(response_framing(b"GET", response([])), UntilClose())

    def test_mended(self) -> None:
        """What an answer says twice alike is said once; a client's request is refused."""
        for sentence, (pairs, framing) in MENDED.items():
            self.assertEqual(response_framing(b"GET", response(pairs)), framing, sentence)
            self.assertRaises(BadMessage, request_framing, request(pairs))

    def test_no_body(self) -> None:
        """What answers HEAD, and 1xx, 204 and 304, has none, whatever its fields say."""
        for sentence, (pairs, _) in [*ONE_FRAMING.items(), ("no framing", ([], None))]:
            self.assertEqual(response_framing(b"HEAD", response(pairs)), NoBody(), sentence)
            for status in (100, 101, 103, 199, 204, 304):
                self.assertEqual(response_framing(b"GET", response(pairs, status)), NoBody(), sentence)

    def test_methods_and_statuses_that_only_look_alike(self) -> None:
        """The method is told by case, and neighbours of the bodiless statuses have bodies."""
        for method, status in ((b"head", 200), (b"GET", 200), (b"GET", 205), (b"GET", 303), (b"POST", 305)):
            self.assertEqual(response_framing(method, response([(CL, b"5")], status)), Length(5))

    def test_ambiguous(self) -> None:
        """What could be read two ways is a 502, also where no body follows: the client will read those fields too."""
        more = {
            "lengths of one value in two spellings": (
                [(CL, b"5"), (CL, b"05")],
                502,
                "two Content-Length fields",
            ),
            "lengths of which one is none": ([(CL, b"5"), (CL, b"")], 502, "two Content-Length fields"),
            "a list of lengths that differ": ([(CL, b"5, 6")], 502, "a malformed Content-Length"),
            "a list with an empty member": ([(CL, b"5,")], 502, "a malformed Content-Length"),
            "a list of lengths that are none": ([(CL, b"+5, +5")], 502, "a malformed Content-Length"),
            "more lengths than anyone needs": ([(CL, b"5," * 11 + b"5")], 502, "a malformed Content-Length"),
            "two lengths that agree, and chunks": (
                [(CL, b"5"), (CL, b"5"), (TE, b"chunked")],
                502,
                "both Content-Length and Transfer-Encoding",
            ),
        }
        for sentence, (pairs, _, rule) in (AMBIGUOUS | more).items():
            if sentence in MENDED:
                continue
            told = rule + READINGS.get(rule, "")
            for method, status in ((b"GET", 200), (b"HEAD", 200), (b"GET", 304), (b"GET", 100)):
                bad = self.assertRaises(BadMessage, response_framing, method, response(pairs, status))
                self.assertEqual((bad.status, bad.rule), (502, told), sentence)

    def test_old_version(self) -> None:
        """HTTP/1.0 knows lengths and the end of the connection, and no transfer coding."""
        self.assertEqual(response_framing(b"GET", response([(CL, b"5")], minor=0)), Length(5))
        self.assertEqual(response_framing(b"GET", response([], minor=0)), UntilClose())
        bad = self.assertRaises(BadMessage, response_framing, b"GET", response([(TE, b"chunked")], minor=0))
        self.assertEqual((bad.status, bad.rule[:29]), (502, "Transfer-Encoding in HTTP/1.0"))


class TwoWaysTests(SynchronousTestCase):
    VALUES: list[tuple[bytes, bytes]] = [
        (name, value)
        for name in (CL, b"content-length", TE, b"TRANSFER-ENCODING")
        for value in (b"0", b"5", b"5, 5", b"+5", b"chunked", b"Chunked", b"identity", b"gzip, chunked", b"", b",")
    ]

    def test_nothing_that_is_framed_two_ways_is_accepted(self) -> None:
        """Of every pair of framing fields in a request none is accepted, in a response those that say one thing."""
        for pairs in product(self.VALUES, repeat=2):
            for minor in (0, 1):
                self.assertRaises(BadMessage, request_framing, request(list(pairs), minor))
                names = {name.lower() for name, _ in pairs}
                values = [value for _, value in pairs]
                if names == {b"content-length"} and set(values) <= {b"5", b"5, 5"}:
                    self.assertEqual(response_framing(b"GET", response(list(pairs), 200, minor)), Length(5))
                elif names == {b"content-length"} and values == [b"0", b"0"]:
                    self.assertEqual(response_framing(b"GET", response(list(pairs), 200, minor)), Length(0))
                elif names == {b"transfer-encoding"} and set(values) == {b"identity"}:
                    self.assertEqual(response_framing(b"GET", response(list(pairs), 200, minor)), UntilClose())
                else:
                    self.assertRaises(BadMessage, response_framing, b"GET", response(list(pairs), 200, minor))

    def test_single_fields(self) -> None:
        """Of single framing fields, digits in the one and chunked in the other are all that passes."""
        accepted: list[tuple[bytes, bytes, BodyFraming]] = []
        for name, value in self.VALUES:
            try:
                accepted.append((name.lower(), value.lower(), request_framing(request([(name, value)]))))
            except BadMessage:
                continue
        lengths = [(b"content-length", b"0", Length(0)), (b"content-length", b"5", Length(5))]
        codings = [(b"transfer-encoding", b"chunked", Chunked())] * 2
        self.assertEqual(accepted, lengths * 2 + codings * 2)
