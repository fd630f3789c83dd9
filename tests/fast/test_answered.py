"""Answers of name servers in C, beside Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.dns import messages
from meshd.dns.messages import AAAA, CNAME, A, Malformed, Reply, question, wire_name
from tests.fast.building import compiled
from tests.http1.support import thorough

SECTION = question(wire_name("Www.example.test"), A)
TO_IT = b"\xc0\x0c"


def record(kind: int, value: bytes, *, owner: bytes = TO_IT, ttl: int = 60, class_: int = 1) -> bytes:
    head = kind.to_bytes(2, "big") + class_.to_bytes(2, "big") + ttl.to_bytes(4, "big")
    return owner + head + len(value).to_bytes(2, "big") + value


def answer(*records: bytes, flags: int = 0x8180, section: bytes = SECTION, count: int = -1) -> bytes:
    numbers = (7, flags, 1, len(records) if count < 0 else count, 0, 0)
    return b"".join([number.to_bytes(2, "big") for number in numbers]) + section + b"".join(records)


FOUR, SIX = record(A, b"\xc0\0\2\1"), record(AAAA, bytes.fromhex("20010db8000000000000000000000001"))
USUAL = (
    answer(),
    answer(FOUR),
    answer(SIX, SIX),
    answer(FOUR, record(16, b"\1a"), SIX, record(A, b"\xff" * 4, class_=3), record(A, b"\0" * 4, ttl=2**31)),
    answer(*[record(A, bytes([10, 0, 0, last]), ttl=2**31 - 1) for last in range(16)]),
    answer(FOUR) + b"what comes behind it",
)
OTHER = (
    b"",
    answer()[:11],
    answer(FOUR, flags=0x0180),
    answer(FOUR, flags=0x8380),
    answer(FOUR, flags=0x8980),
    answer(flags=0x8183),
    answer(FOUR, section=SECTION.lower()),
    answer(FOUR, section=SECTION[:-4] + b"\0\x1c\0\1"),
    answer(FOUR, count=2),
    answer(*[FOUR] * 17),
    answer(record(A, b"\1\2\3")),
    answer(record(AAAA, b"\1\2\3\4")),
    answer(record(CNAME, b"\1a" + TO_IT), record(A, b"\1\2\3\4", owner=b"\1a" + TO_IT)),
    answer(record(A, b"\1\2\3\4", owner=b"\xc0\x0d")),
    answer(FOUR)[:-1],
    answer(FOUR, TO_IT),
)


class BesideTest(SynchronousTestCase):
    """What C says of a message is what Python says, whatever became of its bytes on the way."""

    def setUp(self) -> None:
        self.left: list[bytes] = []
        self.reply = compiled().answered_functions(self.in_python, Reply)["_reply"]

    def in_python(self, data: bytes, section: bytes) -> Reply | None:
        self.left.append(data)
        return messages._reply(data, section)

    def said(self, reply: Callable[[bytes, bytes], object], data: bytes, section: bytes) -> Any:
        try:
            return reply(data, section)
        except Exception as error:
            return type(error)

    def same(self, data: bytes, section: bytes = SECTION) -> None:
        found = self.said(self.reply, data, section)
        self.assertEqual(found, self.said(messages._reply, data, section), data)
        self.assertEqual(repr(found), repr(self.said(messages._reply, data, section)))

    def test_all(self) -> None:
        for data in (*USUAL, *OTHER):
            for size in range(len(data) + 1):
                self.same(data[:size])

    def test_what_is_left_to_python(self) -> None:
        """Nothing of what tells addresses of the name that was asked for; all that is something else."""
        for data in USUAL:
            self.assertEqual((type(self.reply(data, SECTION)), self.left), (Reply, []))
        for data in OTHER:
            self.said(self.reply, data, SECTION)
        self.assertEqual(self.left, list(OTHER))

    def test_any_question(self) -> None:
        for size in range(len(SECTION)):
            self.same(answer(FOUR, section=SECTION[:size]), SECTION[:size])
        self.same(answer(FOUR, section=bytes(SECTION)), bytearray(SECTION))  # type: ignore[arg-type]
        self.assertRaises(TypeError, self.reply, b"")
        self.assertRaises(Malformed, self.reply, answer(record(A, b"\1\2\3")), SECTION)

    def test_a_name_of_one_byte(self) -> None:
        """The interpreter has one object for each single byte, which is not what is written into."""
        section = b"A\0\1\0\1"
        said = self.reply(answer(FOUR, section=section), section)
        self.assertEqual((said.records[0][0], self.left), (b"a", []))
        self.assertEqual(ord(section[:1]), 65)

    @thorough(2000)
    @given(st.sampled_from([*USUAL, *OTHER]), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4))
    def test_changed_bytes(self, data: bytes, changes: list[tuple[int, int]]) -> None:
        changed = bytearray(data)
        for at, value in changes if data else []:
            changed[at % len(changed)] = value
        self.same(bytes(changed))
