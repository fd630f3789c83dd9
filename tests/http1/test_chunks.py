"""Bodies, in whatever pieces they come."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.chunks import LONGEST_LINE, LONGEST_OF_ORIGINS, LONGEST_TRAILERS, MOST_TRAILERS
from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields
from meshd.http1.framing import LAST_CHUNK, ChunkReader, LengthReader, chunk
from tests.http1.support import thorough

Read = tuple[bytes, list[tuple[bytes, bytes]], bytes]
"""Body, trailers, and what came after the end."""
Outcome = Read | tuple[int, str] | None
"""None: not done."""


def read(data: bytes, ends: Sequence[int], bad: int = 400) -> Outcome:
    """The outcome of a chunked body that comes in parts which end there."""
    reader, body, start = ChunkReader(bad), b"", 0
    try:
        for end in [*ends, len(data)]:
            body += b"".join(reader.feed(data[start:end]))
            start = max(start, end)
    except BadMessage as refused:
        return refused.status, refused.rule
    return (body, reader.trailers.pairs, reader.unused) if reader.done else None


def in_every_way(data: bytes) -> set[str]:
    """The outcome of data whole, byte by byte, and split in two at each position: one, as its repr."""
    splits: list[Sequence[int]] = [[], range(1, len(data)), *([cut] for cut in range(1, len(data)))]
    return {repr(read(data, ends)) for ends in splits}


GOOD: dict[str, tuple[bytes, Read]] = {
    "nothing": (b"0\r\n\r\n", (b"", [], b"")),
    "one chunk": (b"5\r\nhello\r\n0\r\n\r\n", (b"hello", [], b"")),
    "two chunks": (b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", (b"hello!", [], b"")),
    "zeros before the size": (b"005\r\nhello\r\n000\r\n\r\n", (b"hello", [], b"")),
    "sizes in either case": (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", (b"0123456789" * 2, [], b"")),
    "a size of 15 digits": (b"00000000000000a\r\n0123456789\r\n0\r\n\r\n", (b"0123456789", [], b"")),
    "line ends in the data": (b"6\r\n\r\n0\r\n\r\r\n0\r\n\r\n", (b"\r\n0\r\n\r", [], b"")),
    "extensions, which are dropped": (
        b'5;a;b=c;d="e;\\"f\\\xff "\r\nhello\r\n0;last\r\n\r\n',
        (b"hello", [], b""),
    ),
    "trailers": (
        b"0\r\nX-Sum: abc \r\nx-sum:\r\n\r\n",
        (b"", [(b"X-Sum", b"abc"), (b"x-sum", b"")], b""),
    ),
    "trailers that may not be trailers": (
        b"1\r\na\r\n0\r\nContent-Length: 5\r\nTRANSFER-ENCODING: x\r\nHost: b\r\nETag: c\r\nTrailer: d\r\n\r\n",
        (b"a", [(b"ETag", b"c")], b""),
    ),
    "more than the body": (b"1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", (b"a", [], b"GET / HTTP/1.1\r\n\r\n")),
    "more than the trailers": (b"0\r\nA: b\r\n\r\n\r\n", (b"", [(b"A", b"b")], b"\r\n")),
}

MENDED: dict[str, tuple[bytes, bytes]] = {
    "a size of 16 digits with zeros before it": (b"0000000000000005\r\nhello\r\n0\r\n\r\n", b"hello"),
    "a size of 40 digits with zeros before it": (b"0" * 39 + b"5\r\nhello\r\n" + b"0" * 40 + b"\r\n\r\n", b"hello"),
    "a blank after the size": (b"5 \r\nhello\r\n0 \r\n\r\n", b"hello"),
    "a blank before an extension": (b"5 ;a\r\nhello\r\n0\t; b\r\n\r\n", b"hello"),
    "blanks in an extension": (b'5; a = "b;c" ; d\r\nhello\r\n0\r\n\r\n', b"hello"),
    "an extension without name": (b"5;\r\nhello\r\n0;;\r\n\r\n", b"hello"),
    "an extension with a value that is no token": (b"5;a=b/c@d\r\nhello\r\n0\r\n\r\n", b"hello"),
    "a long extension": (b"5;a=" + b"b" * 5000 + b"\r\nhello\r\n0\r\n\r\n", b"hello"),
}
"""Bodies of origins that break the grammar, and that all who accept them read so."""

BAD: dict[str, tuple[bytes, str]] = {
    "no size": (b"\r\nhello", "a malformed chunk"),
    "an extension without size": (b";a\r\n", "a malformed chunk"),
    "a negative size": (b"-1\r\n", "a malformed chunk"),
    "a signed size": (b"+5\r\nhello\r\n", "a malformed chunk"),
    "a size with 0x": (b"0x5\r\nhello\r\n", "a malformed chunk"),
    "a size with an underscore": (b"1_0\r\n", "a malformed chunk"),
    "a size of 16 digits": (b"0000000000000005\r\n", "a malformed chunk"),
    "a size that is no number": (b"g\r\n", "a malformed chunk"),
    "a blank before the size": (b" 5\r\nhello\r\n", "a malformed chunk"),
    "a blank after the size": (b"5 \r\nhello\r\n", "a malformed chunk"),
    "a blank before an extension": (b"5 ;a\r\nhello\r\n", "a malformed chunk"),
    "a bare LF after the size": (b"5\nhello\r\n", "a malformed chunk"),
    "a bare CR after the size": (b"5\rhello\r\n", "a malformed chunk"),
    "a bare LF in an extension": (b"5;a\nb\r\nhello\r\n", "a malformed chunk"),
    "a bare CR in an extension": (b"5;a\rb\r\nhello\r\n", "a malformed chunk"),
    "a line end in a quoted value": (b'5;a="\r\n"\r\nhello\r\n', "a malformed chunk"),
    "an extension without name": (b"5;\r\nhello\r\n", "a malformed chunk"),
    "a NUL in an extension": (b"5;a\x00\r\nhello\r\n", "a malformed chunk"),
    "data longer than its size": (b"5\r\nhello!\r\n", "a malformed chunk"),
    "data shorter than its size": (b"5\r\nhell\r\n0\r\n\r\n", "a malformed chunk"),
    "a bare LF after the data": (b"5\r\nhello\n0\r\n\r\n", "a malformed chunk"),
    "a bare CR after the data": (b"5\r\nhello\r0\r\n\r\n", "a malformed chunk"),
    "nothing after the data": (b"5\r\nhello0\r\n\r\n", "a malformed chunk"),
    "an empty line after the data": (b"5\r\nhello\r\n\r\n0\r\n\r\n", "a malformed chunk"),
    "a bare LF for the end": (b"0\r\n\n", "a bare LF"),
    "a bare CR for the end": (b"0\r\n\rX", "a bare CR"),
    "a request in place of the end": (b"0\r\nGET / HTTP/1.1\r\n", "a field line without a colon"),
    "a folded trailer": (b"0\r\nA: b\r\n c\r\n\r\n", "a folded field line"),
    "a trailer with a space before its colon": (b"0\r\nA : b\r\n", "whitespace before the colon of a field line"),
    "a trailer with a NUL": (b"0\r\nA: \x00", "a NUL"),
}


class ChunkReaderTests(SynchronousTestCase):
    def test_good_bodies(self) -> None:
        """A good body reads the same whole, byte by byte and split anywhere, and is not done before its end."""
        for sentence, (data, expected) in GOOD.items():
            self.assertEqual(in_every_way(data), {repr(expected)}, sentence)
            for end in range(len(data) - len(expected[2])):
                self.assertIsNone(read(data[:end], []), f"{sentence}, {end}")

    def test_bad_bodies(self) -> None:
        """A bad body is refused with one rule whole, byte by byte and split anywhere."""
        for sentence, (data, rule) in BAD.items():
            self.assertEqual(in_every_way(data), {repr((400, rule))}, sentence)

    def test_status_of_an_origin(self) -> None:
        """The fault of an origin is a 502, that of a client a 400, or a 431 where its trailers are too many."""
        for sentence, (data, _) in BAD.items():
            if sentence not in MENDED and data != b"0000000000000005\r\n":
                found = read(data, [], bad=502)
                assert found is not None, sentence
                self.assertEqual(found[0], 502, sentence)
        many = b"0\r\n" + b"a:\r\n" * (MOST_TRAILERS + 1) + b"\r\n"
        self.assertEqual(read(many, []), (431, "too many fields"))
        self.assertEqual(read(many, [], bad=502), (502, "too many fields"))

    def test_mended(self) -> None:
        """What can be read in one way is read so of an origin, however it arrives, and refused of a client."""
        for sentence, (data, body) in MENDED.items():
            step = max(1, len(data) // 300)
            for ends in ([], range(step, len(data), step), *([cut] for cut in range(1, len(data), step))):
                self.assertEqual(read(data, ends, 502), (body, [], b""), sentence)
            self.assertEqual(read(data, []), (400, "a malformed chunk"), sentence)

    def test_bounds_of_an_origin(self) -> None:
        """A size below 2**63, and a line of 16 KiB."""
        self.assertIsNone(read(b"7" + b"f" * 15 + b"\r\n", [], 502))
        for size in (b"8" + b"0" * 15, b"1" + b"0" * 16, b"00" + b"f" * 16):
            self.assertEqual(read(size + b"\r\n", [], 502), (502, "a malformed chunk"), size)
        longest = b"5;" + b"a" * (LONGEST_OF_ORIGINS - 4) + b"\r\n"
        self.assertEqual(read(longest + b"hello\r\n0\r\n\r\n", [], 502), (b"hello", [], b""))
        self.assertEqual(read(b"5;" + b"a" * LONGEST_OF_ORIGINS, [], 502), (502, "a malformed chunk"))

    def test_nothing_is_held_back(self) -> None:
        """Body bytes are given out as they come, before the chunk is whole."""
        reader = ChunkReader()
        self.assertEqual(reader.feed(b"5\r\nhe"), [b"he"])
        self.assertEqual(reader.feed(b"llo\r\n3\r\nabc"), [b"llo", b"abc"])
        self.assertEqual(reader.feed(b""), [])
        self.assertFalse(reader.done)
        self.assertEqual(reader.feed(b"\r\n0\r\n\r\nrest"), [])
        self.assertTrue(reader.done)
        self.assertEqual(reader.feed(bytearray(b"more")), [])
        self.assertEqual(reader.unused, b"restmore")

    def test_longest_line(self) -> None:
        """A chunk line may have so many bytes and not one more, and is not waited for beyond."""
        longest = b"5;" + b"a" * (LONGEST_LINE - 4) + b"\r\n"
        self.assertEqual(len(longest), LONGEST_LINE)
        self.assertEqual(in_every_way(longest + b"hello\r\n0\r\n\r\n"), {repr((b"hello", [], b""))})
        longer = longest.replace(b"aa", b"aaa", 1)
        self.assertEqual(in_every_way(longer + b"hello\r\n0\r\n\r\n"), {repr((400, "a malformed chunk"))})
        self.assertEqual(in_every_way(b"5;" + b"a" * 1000), {repr((400, "a malformed chunk"))})

    def test_most_trailers(self) -> None:
        """Trailers are bounded in bytes and in number, finished or not."""
        field = b"A: %b\r\n\r\n"
        largest = field % (b"x" * (LONGEST_TRAILERS - len(field % b"")))
        self.assertEqual(len(largest), LONGEST_TRAILERS)
        self.assertIsInstance(read(b"0\r\n" + largest, []), tuple)
        self.assertEqual(read(b"0\r\n" + largest, [])[1:], ([(b"A", largest[3:-4])], b""))  # type: ignore[index]
        too_large = (431, "the fields are too large")
        for data in (largest.replace(b"x", b"xx", 1), b"A: b\r\n" * 10 + largest, b"A: " + b"x" * 10000):
            for ends in ([], range(1, len(data))):
                self.assertEqual(read(b"0\r\n" + data, ends), too_large)
        self.assertIsInstance(read(b"0\r\n" + b"a:\r\n" * MOST_TRAILERS + b"\r\n", []), tuple)

    def test_every_control_byte_in_a_chunk_line(self) -> None:
        """No control byte passes in a size, and none but HTAB in a quoted value."""
        for byte in [*range(32), 127]:
            control = bytes([byte])
            self.assertEqual(read(b"5" + control + b"\r\nhello\r\n", []), (400, "a malformed chunk"), byte)
            if control != b"\t":
                self.assertEqual(read(b'5;a="' + control + b'"\r\nhello', []), (400, "a malformed chunk"), byte)

    @thorough()
    @given(st.lists(st.binary(min_size=1, max_size=300)), st.binary(max_size=20), st.data())
    def test_written_and_read(self, pieces: list[bytes], after: bytes, draw: st.DataObject) -> None:
        """What `chunk` and LAST_CHUNK write reads as the same bytes, in whatever parts it comes."""
        data = b"".join(map(chunk, pieces)) + LAST_CHUNK + after
        ends = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=8)))
        self.assertEqual(read(data, ends), (b"".join(pieces), [], after))

    @thorough()
    @given(
        st.lists(
            st.sampled_from([b"0", b"5", b"f" * 15, b"\r\n", b"hello", b";a", b"A: b", b"\n"]) | st.binary(max_size=4)
        )
    )
    def test_any_bytes(self, parts: list[bytes]) -> None:
        """Any bytes are a body, a BadMessage or unfinished, and the same whole as byte by byte."""
        data = b"".join(parts)
        whole = read(data, [])
        self.assertEqual(whole, read(data, range(1, len(data))))
        if whole is None:
            self.assertIn(read(data + b"\x00\n\x00", [len(data)]), (None, (400, "a malformed chunk"), (400, "a NUL")))


class LengthReaderTests(SynchronousTestCase):
    def test_in_parts(self) -> None:
        """So many bytes are body, then it is done, and the rest is unused."""
        reader = LengthReader(5)
        self.assertEqual((reader.feed(b"hel"), reader.done), ([b"hel"], False))
        self.assertEqual((reader.feed(b""), reader.done), ([], False))
        self.assertEqual((reader.feed(b"lo, world"), reader.done, reader.unused), ([b"lo"], True, b", world"))
        self.assertEqual((reader.feed(bytearray(b"!")), reader.unused), ([], b", world!"))
        self.assertEqual(reader.trailers, Fields([]))

    def test_nothing(self) -> None:
        """A body of no bytes is done before it begins."""
        reader = LengthReader(0)
        self.assertTrue(reader.done)
        self.assertEqual((reader.feed(b"GET"), reader.unused), ([], b"GET"))

    def test_pieces_are_bytes(self) -> None:
        """Pieces do not change with the buffer that they came in."""
        buffer = bytearray(b"abc")
        (piece,) = LengthReader(3).feed(buffer)
        (chunked,) = ChunkReader().feed(bytearray(b"3\r\nabc"))
        buffer.clear()
        self.assertEqual([(type(piece), piece), (type(chunked), chunked)], [(bytes, b"abc")] * 2)
