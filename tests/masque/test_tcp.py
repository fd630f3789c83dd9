"""Capsules of CONNECT-TCP: what is in them, wherever they are cut, and what breaks the protocol."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from meshd.masque.capsules import BadCapsule
from meshd.masque.tcp import AT_ONCE, TOKENS, DataReader, Kinds
from tests.support.resources import DATA, FINAL, OLD_DATA, OLD_FINAL, capsule

UNKNOWN = capsule(0x2A, b"unheard of")
LARGE = b"z" * 70_000

WHOLE = (
    (b"", b"", False),
    (capsule(DATA, b"abc"), b"abc", False),
    (capsule(DATA, b""), b"", False),
    (capsule(DATA, b"abc") + capsule(DATA, b"de"), b"abcde", False),
    (capsule(DATA, b"abc") + capsule(FINAL, b""), b"abc", True),
    (capsule(DATA, b"abc") + capsule(FINAL, b"de"), b"abcde", True),
    (capsule(FINAL, b"") + UNKNOWN, b"", True),
    (UNKNOWN + capsule(DATA, b"abc") + UNKNOWN + capsule(0, b"") + capsule(FINAL, b"!"), b"abc!", True),
    (capsule(OLD_DATA, b"abc") + capsule(OLD_FINAL, b"de"), b"abcde", True),
    (capsule(DATA, b"abc", wide=8) + capsule(FINAL, b"", wide=8), b"abc", True),
    (capsule(DATA, LARGE) + capsule(FINAL, b""), LARGE, True),
)
"""Capsules, the bytes of the connection in them, and whether it has ended."""


def fed(reader: DataReader, data: bytes) -> bytes:
    """The bytes of the connection in all of it."""
    found = b""
    while data:
        payload, read = reader.feed(data)
        found, data = found + payload, data[read:]
    return found


class ReaderTests(SynchronousTestCase):
    def test_at_once(self) -> None:
        for data, payload, ended in WHOLE:
            reader = DataReader()
            self.assertEqual((fed(reader, data), reader.ended), (payload, ended), data[:40])

    def test_in_pieces(self) -> None:
        """Of whatever size: the same, and nothing is held back but heads."""
        chance = random.Random(7)
        for data, payload, ended in WHOLE:
            for _ in range(20):
                reader, found, at = DataReader(), [], 0
                while at < len(data):
                    size = chance.choice((1, 1, 2, 3, 5, 9, 4096, 60_000))
                    found.append(fed(reader, data[at : at + size]))
                    at += size
                self.assertEqual((b"".join(found), reader.ended), (payload, ended), data[:40])

    def test_before_a_capsule_is_whole(self) -> None:
        reader = DataReader()
        self.assertEqual(reader.feed(capsule(DATA, b"x" * 100)[:60]), (b"x" * 54, 60))
        self.assertFalse(reader.ended)

    def test_a_final_capsule_that_goes_on(self) -> None:
        reader, data = DataReader(), capsule(FINAL, b"last")
        self.assertEqual((fed(reader, data[:-1]), reader.ended), (b"las", False))
        self.assertEqual((fed(reader, data[-1:]), reader.ended), (b"t", True))

    def test_what_follows_the_last(self) -> None:
        for more in (capsule(DATA, b"x"), capsule(FINAL, b""), capsule(DATA, b""), capsule(OLD_DATA, b"x")):
            reader = DataReader()
            reader.feed(capsule(FINAL, b"a"))
            self.assertRaises(BadCapsule, reader.feed, more)

    def test_the_longest_capsule_is_not_held(self) -> None:
        """A length that nothing has room for is a number that is counted down."""
        reader = DataReader()
        head = capsule(0x2A, b"")[:-1] + b"\xff" * 8
        self.assertEqual(fed(reader, head + b"x" * 1000), b"")
        self.assertLess(len(reader._head), 16)

    def test_so_many_at_once(self) -> None:
        """So that a piece of tiny ones holds nobody up; those that carry nothing are told of."""
        for name, one, payload, dropped in (
            ("another type", b"\x17\x00", b"", AT_ONCE),
            ("empty", capsule(DATA, b""), b"", AT_ONCE),
            ("a byte each", capsule(DATA, b"x"), b"x" * AT_ONCE, 0),
        ):
            with self.subTest(name):
                reader, data = DataReader(), one * 2 * AT_ONCE
                self.assertEqual(reader.feed(data), (payload, len(data) // 2))
                self.assertEqual(reader.dropped, dropped)
                self.assertEqual(reader.feed(data[len(data) // 2 :]), (payload, len(data) // 2))
        reader = DataReader()
        self.assertEqual(reader.feed(capsule(DATA, LARGE) * 2), (LARGE * 2, 2 * len(capsule(DATA, LARGE))))
        self.assertEqual(reader.dropped, 0)


class WriterTests(SynchronousTestCase):
    def test_as_others_write_them(self) -> None:
        numbers = {
            "connect-tcp": (DATA, FINAL),
            "connect-tcp-12": (DATA, FINAL),
            "connect-tcp-07": (OLD_DATA, OLD_FINAL),
        }
        self.assertEqual({name.decode(): (kinds.data, kinds.final) for name, kinds in TOKENS.items()}, numbers)
        for size in (0, 1, 63, 64, 16_383, 16_384, 70_000):
            kinds = Kinds(DATA, FINAL)
            self.assertEqual(kinds.framed(b"x" * size), capsule(DATA, b"x" * size))
        self.assertEqual(kinds.last(), capsule(FINAL, b""))
