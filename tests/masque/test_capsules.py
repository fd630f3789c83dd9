"""Capsules, in whatever pieces they come."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.masque.capsules import (
    AT_ONCE,
    LONGEST,
    LONGEST_PAYLOAD,
    BadCapsule,
    CapsuleReader,
    datagram,
    integer,
    read_integer,
)
from tests.http1.support import thorough

INTEGERS = {
    "zero": (b"\x00", 0),
    "one byte": (b"\x25", 37),
    "two bytes": (b"\x7b\xbd", 15_293),
    "four bytes": (b"\x9d\x7f\x3e\x7d", 494_878_333),
    "eight bytes": (b"\xc2\x19\x7c\x5e\xff\x14\xe8\x8c", 151_288_809_941_952_652),
    "more bytes than it needs": (b"\x40\x25", 37),
    "eight bytes for nothing": (b"\xc0" + bytes(7), 0),
    "the largest": (b"\xff" * 8, 2**62 - 1),
}
"""The first ones are those of RFC 9000, A.1."""

GOOD: dict[str, tuple[bytes, list[bytes]]] = {
    "nothing": (b"", []),
    "a datagram": (b"\x00\x06\x00hello", [b"hello"]),
    "an empty datagram": (b"\x00\x01\x00", [b""]),
    "two": (b"\x00\x02\x00a\x00\x03\x00bc", [b"a", b"bc"]),
    "integers that are longer than they need be": (b"\x40\x00\x80\x00\x00\x03\x40\x00a", [b"a"]),
    "another context": (b"\x00\x02\x02x\x00\x02\x00a", [b"a"]),
    "another context and nothing else": (b"\x00\x01\x02", []),
    "a context of eight bytes": (b"\x00\x09\xff\xff\xff\xff\xff\xff\xff\xffx\x00\x02\x00a", [b"a"]),
    "another type": (b"\x17\x03abc\x00\x02\x00a", [b"a"]),
    "another type without a value": (b"\x17\x00\x00\x02\x00a", [b"a"]),
    "another type of eight bytes": (b"\xff\xff\xff\xff\xff\xff\xff\xff\x01z", []),
    "another type, as long as may be": (b"\x17" + integer(LONGEST) + bytes(LONGEST) + b"\x00\x02\x00a", [b"a"]),
    "a datagram as long as may be": (datagram(b"x" * LONGEST_PAYLOAD), [b"x" * LONGEST_PAYLOAD]),
}

BAD = {
    "a datagram without a context": b"\x00\x00",
    "a context that does not fit": b"\x00\x01\x40",
    "a context of eight bytes that does not fit": b"\x00\x07\xc0" + bytes(6),
    "a datagram that is longer than UDP has them": b"\x00" + integer(LONGEST_PAYLOAD + 2) + bytes(LONGEST_PAYLOAD + 2),
    "a DATAGRAM that is too long": b"\x00" + integer(LONGEST + 1),
    "another type that is too long": b"\x17" + integer(LONGEST + 1),
    "the greatest length there is": b"\x00" + b"\xff" * 8,
    "the greatest length of another type": b"\x17" + b"\xff" * 8,
}

UNFINISHED = [b"\x00", b"\x00\x05", b"\x00\x05\x00abc", b"\x40", b"\x00\x80\x00", b"\x17\x05abcd"]


def fed(pieces: list[bytes]) -> tuple[list[bytes], bool]:
    """What the reader gives, and whether the stream may end behind it."""
    reader = CapsuleReader()
    payloads: list[bytes] = []
    for piece in pieces:
        payloads += reader.feed(piece)
        while reader.more:
            payloads += reader.feed(b"")
    return payloads, reader.whole


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


class IntegerTests(SynchronousTestCase):
    def test_read(self) -> None:
        for name, (data, number) in INTEGERS.items():
            with self.subTest(name):
                self.assertEqual(read_integer(data + b"\xff", 0), (number, len(data)))
                for size in range(len(data)):
                    self.assertIsNone(read_integer(data[:size], 0))

    @thorough()
    @given(st.integers(0, 2**62 - 1))
    @example(63)
    @example(64)
    @example(2**14 - 1)
    @example(2**14)
    @example(2**30 - 1)
    @example(2**30)
    def test_there_and_back(self, number: int) -> None:
        """In the shortest form there is."""
        data = integer(number)
        self.assertEqual(read_integer(b"x" + data, 1), (number, 1 + len(data)))
        self.assertEqual(len(data), next(size for size in (1, 2, 4, 8) if number < 1 << (8 * size - 2)))


class CapsuleTests(SynchronousTestCase):
    def test_good(self) -> None:
        """Whole, and byte by byte."""
        for name, (data, payloads) in GOOD.items():
            with self.subTest(name):
                self.assertEqual(fed([data]), (payloads, True))
                self.assertEqual(fed([data[at : at + 1] for at in range(len(data))]), (payloads, True))

    def test_bad(self) -> None:
        """By what was read up to then at the latest, and in pieces likewise."""
        for name, data in BAD.items():
            with self.subTest(name):
                self.assertRaises(BadCapsule, fed, [data])
                self.assertRaises(BadCapsule, fed, [data[:1], data[1:]])

    def test_unfinished(self) -> None:
        """A stream that ends here was cut."""
        for data in UNFINISHED:
            self.assertEqual(fed([data]), ([], False), data)

    def test_too_long_at_once(self) -> None:
        """A capsule that is too long ends the stream by its head, before anything of it is held."""
        reader = CapsuleReader()
        self.assertRaises(BadCapsule, reader.feed, b"\x00" + integer(LONGEST + 1))

    def test_holds_nothing_of_other_types(self) -> None:
        reader = CapsuleReader()
        reader.feed(b"\x17" + integer(LONGEST) + bytes(LONGEST - 1))
        self.assertEqual(len(reader._buffer), 0)
        self.assertFalse(reader.whole)
        self.assertEqual(reader.feed(b"x\x00\x02\x00a"), [b"a"])

    def test_so_many_at_once(self) -> None:
        """Of whatever kind, so that a piece of tiny ones holds nobody up; none is lost for that."""
        for name, capsule, payloads in (
            ("another type", b"\x17\x00", 0),
            ("another context", b"\x00\x01\x02", 0),
            ("empty datagrams", b"\x00\x01\x00", 1),
        ):
            with self.subTest(name):
                reader, found, turns = CapsuleReader(), 0, 1
                reader.feed(datagram(bytes(500))[:-1])
                got = reader.feed(b"\0" + capsule * 3 * AT_ONCE + capsule[:1])
                self.assertEqual(len(got), 1 + payloads * (AT_ONCE - 1))
                self.assertEqual(reader.dropped, (1 - payloads) * (AT_ONCE - 1))
                while reader.more:
                    found, turns = found + len(reader.feed(b"")), turns + 1
                self.assertEqual((len(got) + found, turns), (1 + payloads * 3 * AT_ONCE, 4))
                self.assertFalse(reader.whole)

    @thorough()
    @given(st.lists(st.binary(max_size=3), max_size=3 * AT_ONCE), st.lists(st.integers(0, 1000), max_size=8))
    def test_many_in_any_pieces(self, payloads: list[bytes], places: list[int]) -> None:
        data = b"".join(datagram(payload) for payload in payloads)
        self.assertEqual(fed(cut(data, places)), (payloads, True))

    @thorough()
    @given(st.lists(st.binary(max_size=300), max_size=6), st.lists(st.integers(0, 3000), max_size=8))
    def test_any_pieces(self, payloads: list[bytes], places: list[int]) -> None:
        """What is written is read, however it is cut."""
        data = b"\x29\x02ab".join(datagram(payload) for payload in payloads)
        self.assertEqual(fed(cut(data, places)), (payloads, True))

    @thorough()
    @given(st.binary(max_size=80), st.lists(st.integers(0, 100), max_size=8))
    def test_any_bytes(self, data: bytes, places: list[int]) -> None:
        """Pieces change nothing: the same datagrams, or the same refusal."""

        def outcome(pieces: list[bytes]) -> object:
            try:
                return fed(pieces)
            except BadCapsule:
                return "bad"

        self.assertEqual(outcome(cut(data, places)), outcome([data]))
