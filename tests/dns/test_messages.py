"""Questions and answers as bytes, written here by hand: what is understood, and what is not believed."""

from __future__ import annotations

from unittest import TestCase

from meshd.dns.messages import AAAA, CNAME, MOST_RECORDS, A, Record, Reply, query, question, reply, wire_name

NAME = b"\x03www\x04test\x00"
ASKED = question(NAME, A)
UP = NAME.upper()
OK = 0x8180
TO_QUESTION = b"\xc0\x0c"


def said(
    *records: bytes, flags: int = OK, section: bytes = ASKED, questions: int = 1, answers: int | None = None
) -> bytes:
    """A message with these records, and perhaps another number of them in its head."""
    counts = (flags, questions, len(records) if answers is None else answers, 0, 0)
    return b"\x12\x34" + b"".join(count.to_bytes(2, "big") for count in counts) + section + b"".join(records)


def record(
    value: bytes, kind: int = A, owner: bytes = TO_QUESTION, ttl: int = 60, class_: int = 1, length: int | None = None
) -> bytes:
    size = len(value) if length is None else length
    numbers = ((kind, 2), (class_, 2), (ttl, 4), (size, 2))
    return owner + b"".join(number.to_bytes(bytes_, "big") for number, bytes_ in numbers) + value


ONE = record(b"\xc0\x00\x02\x01")
FOUND: Record = (NAME, A, 60, "192.0.2.1")


class QuestionTests(TestCase):
    def test_a_query(self) -> None:
        """RFC 1035, section 4.1: recursion desired, one question."""
        self.assertEqual(wire_name("www.test"), NAME)
        wanted = bytes.fromhex("1234 0100 0001 0000 0000 0000") + NAME + b"\x00\x1c\x00\x01"
        self.assertEqual(query(0x1234, question(NAME, AAAA)), wanted)

    def test_noise_flips_letters_and_nothing_else(self) -> None:
        """Each bit of noise is one letter's case; lengths, digits and hyphens stay."""
        name = wire_name("a-1.zz_9.example")
        for noise, wanted in ((b"\xff" * len(name), name.upper()), (bytes(len(name)), name)):
            self.assertEqual(question(name, A, noise), wanted + b"\x00\x01\x00\x01")
        mixed = question(NAME, A, b"\x00\x20\x00\x20" + bytes(len(NAME) - 4))
        self.assertEqual(mixed[: len(NAME)], b"\x03WwW\x04test\x00")


class ReplyTests(TestCase):
    def test_what_is_understood(self) -> None:
        """Addresses and aliases, with their owners in lower case."""
        six = bytes.fromhex("20010db8000000000000000000000001")
        alias = b"\x03cdn\xc0\x10"
        cases: list[tuple[str, bytes, tuple[Record, ...]]] = [
            ("nothing", said(), ()),
            ("an address", said(ONE), (FOUND,)),
            ("of the other family", said(record(six, AAAA)), ((NAME, AAAA, 60, "2001:db8::1"),)),
            ("an owner in full", said(record(b"\xc0\x00\x02\x01", owner=UP)), (FOUND,)),
            ("an alias", said(record(alias, CNAME)), ((NAME, CNAME, 60, b"\x03cdn\x04test\x00"),)),
            (
                "of another owner",
                said(record(b"\0\0\0\0", owner=b"\x01x\xc0\x10")),
                ((b"\x01x\x04test\x00", A, 60, "0.0.0.0"),),
            ),
            ("of the root", said(record(b"\0\0\0\0", owner=b"\0")), ((b"\0", A, 60, "0.0.0.0"),)),
            ("another type is passed over", said(record(b"what", 99), ONE), (FOUND,)),
            ("another class too", said(record(b"\0\0\0\0", class_=3), ONE), (FOUND,)),
            ("a TTL beyond all is none", said(record(b"\0\0\0\0", ttl=2**31)), ((NAME, A, 0, "0.0.0.0"),)),
            ("what stands behind the answers", said(ONE, b"rubbish", answers=1), (FOUND,)),
        ]
        for what, data, records in cases:
            self.assertEqual(reply(data, ASKED), Reply(0, records=records), what)

    def test_codes(self) -> None:
        """A refusal says nothing else; the records of a name that does not exist are not read."""
        cases = [
            (said(ONE, flags=0x8183), Reply(3)),
            (said(flags=0x8182), Reply(2)),
            (said(flags=0x8185, section=b"", questions=0), Reply(5)),
            (said(flags=OK | 0x0200), Reply(0, truncated=True)),
        ]
        for data, wanted in cases:
            self.assertEqual(reply(data, ASKED), wanted)

    def test_letters_in_another_case(self) -> None:
        """They are told apart, for whoever asked may know such a server."""
        folded = said(ONE, section=question(UP, A))
        self.assertEqual(reply(folded, ASKED), Reply(0, records=(FOUND,), folded=True))
        self.assertEqual(reply(said(ONE), question(UP, A)), Reply(0, records=(FOUND,), folded=True))

    def test_what_is_no_answer(self) -> None:
        """It is dropped, and the wait goes on: all of it may be forged."""
        far = 0xC000 | 12 + len(ASKED)
        at_itself, ahead = far.to_bytes(2, "big"), (far + 2).to_bytes(2, "big")
        cases = {
            "empty": b"",
            "half a header": said()[:9],
            "a question": said(flags=0x0100),
            "another opcode": said(flags=OK | 0x1000),
            "no question": said(section=b"", questions=0),
            "no question, and no such name": said(flags=0x8183, section=b"", questions=0),
            "two questions": said(section=ASKED + ASKED, questions=2),
            "another name": said(ONE, section=question(b"\x03wwx\x04test\x00", A)),
            "another type": said(ONE, section=question(NAME, AAAA)),
            "another class": said(ONE, section=NAME + b"\x00\x01\x00\x03"),
            "half a question": said()[:-3],
            "fewer records than it says": said(ONE, answers=2),
            "half a record": said(ONE)[:-1],
            "an owner that points at itself": said(record(b"\0\0\0\0", owner=at_itself)),
            "an owner that points ahead": said(record(b"\0\0\0\0", owner=ahead)),
            "an owner that points round": said(record(b"\0\0\0\0", owner=b"\x01a" + at_itself)),
            "an owner of a kind that nobody knows": said(record(b"\0\0\0\0", owner=b"\x40a\0")),
            "an owner that is too long": said(record(b"\0\0\0\0", owner=(b"\x3f" + b"a" * 63) * 4 + b"\0")),
            "an owner without an end": said(b"\x05a"),
            "a pointer without its half": said(b"\xc0"),
            "an address of three bytes": said(record(b"\0\0\0")),
            "an address of five": said(record(b"\0\0\0\0\0")),
            "four bytes in the place of sixteen": said(record(b"\0\0\0\0", AAAA)),
            "a value longer than the message": said(record(b"\0\0\0\0", length=400)),
            "an alias with more behind it": said(record(b"\x01a\0more", CNAME)),
            "an alias beyond its value": said(record(b"\x01a\0", CNAME, length=2), b"\0"),
        }
        for what, data in cases.items():
            self.assertIsNone(reply(data, ASKED), what)

    def test_pointers_that_lead_back_end(self) -> None:
        """However many there are in a row, each leads before the last one's aim."""
        start = 12 + len(ASKED)
        chain = [record(b"\0\0\0\0", owner=b"\x01a\xc0\x0c")]
        places = [start]
        for _ in range(20):
            places.append(start + len(b"".join(chain)))
            chain.append(record(b"\0\0\0\0", owner=b"\x01a" + (0xC000 | places[-2]).to_bytes(2, "big")))
        found = reply(said(*chain), ASKED)
        assert found is not None
        self.assertEqual(found.records[-1][0], b"\x01a" * 21 + NAME)

    def test_an_answer_of_thousands_is_read_to_a_bound(self) -> None:
        """Whoever fills 64 KiB with records keeps nobody busy."""
        found = reply(said(*[ONE] * 4000), ASKED)
        assert found is not None
        self.assertEqual(len(found.records), MOST_RECORDS)
