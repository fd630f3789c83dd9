"""read_request: every table row whole, byte by byte, and split at each position."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.fields import Fields
from meshd.http1.head import HeadLimits, RequestHead, read_request
from tests.http1.feeding import in_every_way, outcome, requests
from tests.http1.heads import BAD_REQUESTS, GOOD_REQUESTS

SMALL = HeadLimits(line=64, total=160, fields=3)


class GoodRequestTests(SynchronousTestCase):
    def test_head_is_the_same_however_it_arrives(self) -> None:
        """A good head is accepted whole, byte by byte and split anywhere, and takes all of its bytes."""
        for sentence, data in GOOD_REQUESTS.items():
            whole = read_request(data, HeadLimits())
            assert whole is not None, sentence
            self.assertEqual(whole.size, len(data), sentence)
            for way, found in in_every_way(requests(), data):
                self.assertEqual(found, whole, f"{sentence}, {way}")

    def test_unfinished_head_waits(self) -> None:
        """No proper beginning of a good head is either a head or a fault."""
        for sentence, data in GOOD_REQUESTS.items():
            for end in range(len(data)):
                self.assertIsNone(outcome(requests(), data[:end]), f"{sentence}, {end}")

    def test_what_is_read(self) -> None:
        """Method, target, version, and the fields in order and case with the blanks around values gone."""
        data = b"\r\nGET http://a/b HTTP/1.0\r\nHoSt:\t a \t\r\nX-a:\r\nx-A: \t\r\nC:d: \xe9 e\r\n\r\nrest"
        fields = Fields([(b"HoSt", b"a"), (b"X-a", b""), (b"x-A", b""), (b"C", b"d: \xe9 e")])
        self.assertEqual(
            read_request(data, HeadLimits()), RequestHead(b"GET", b"http://a/b", 0, fields, len(data) - len(b"rest"))
        )

    def test_bytes_after_the_head_are_not_judged(self) -> None:
        """What a client sends along with its head (a TLS hello, a second request) changes nothing."""
        data = GOOD_REQUESTS["a tunnel in HTTP/1.1 without any field"]
        for rest in (b"\x16\x03\x01\x00\n\r\x00", b"\r\n\r\n", b"GET ", b"\n" * 40000):
            head = read_request(data + rest, HeadLimits())
            self.assertEqual(head, read_request(data, HeadLimits()))

    def test_everything_read_is_bytes(self) -> None:
        """A bytearray buffer, which its owner goes on changing, leaves no bytearray in the head."""
        buffer = bytearray(GOOD_REQUESTS["blanks around a value"])
        head = read_request(buffer, HeadLimits())
        assert head is not None
        buffer.clear()
        pieces = [head.method, head.target, *(part for pair in head.fields for part in pair)]
        self.assertEqual({type(piece) for piece in pieces}, {bytes})


class BadRequestTests(SynchronousTestCase):
    def test_refused_alike_however_it_arrives(self) -> None:
        """A bad head has one status and one rule, whole, byte by byte and split anywhere."""
        for sentence, (data, status, rule) in BAD_REQUESTS.items():
            for way, found in in_every_way(requests(), data):
                self.assertEqual(found, (status, rule), f"{sentence}, {way}")

    def test_refused_no_later_than_the_line(self) -> None:
        """A fault is told when the LF of its line is there, and not only when the head is whole."""
        for sentence, (data, status, rule) in BAD_REQUESTS.items():
            unfinished = data.removesuffix(b"\r\n")
            if unfinished.count(b"\n") > 1:
                self.assertEqual(outcome(requests(), unfinished), (status, rule), sentence)

    def test_other_protocols_at_their_first_byte(self) -> None:
        """TLS and SOCKS are told by one byte, so that nobody waits for the rest of a head."""
        self.assertEqual(outcome(requests(), b"\x16"), (400, "TLS on a plain HTTP port"))
        self.assertEqual(outcome(requests(), b"\x04"), (400, "SOCKS on an HTTP port"))
        self.assertEqual(outcome(requests(), b"\x05"), (400, "SOCKS on an HTTP port"))

    def test_every_control_byte_in_every_place(self) -> None:
        """No control byte but HTAB in a value passes, wherever it stands; nor a CR or LF of its own."""
        good = b"GET http://a/ HTTP/1.1\r\nA: bcd\r\nE: f\r\n\r\n"
        controls = [bytes([byte]) for byte in range(32) if byte != 9] + [b"\x7f"]
        for place in range(1, len(good) - 4):
            if good[place - 1 : place + 1] == b"\r\n":
                continue
            for control in controls:
                found = outcome(requests(), good[:place] + control + good[place:])
                self.assertIsInstance(found, tuple, (place, control))


class LimitTests(SynchronousTestCase):
    def refused(self, data: bytes, limits: HeadLimits = SMALL) -> set[object]:
        return {found for _, found in in_every_way(requests(limits), data)}

    def test_longest_request_line(self) -> None:
        """A request line may have so many bytes and not one more."""
        line = b"GET http://a/%b HTTP/1.1"
        longest = line % (b"x" * (SMALL.line - len(line) + 2))
        self.assertEqual(len(longest), SMALL.line)
        self.assertIsInstance(outcome(requests(SMALL), longest + b"\r\n\r\n"), RequestHead)
        self.assertIsInstance(outcome(requests(SMALL), b"\r\n" + longest + b"\r\n\r\n"), RequestHead)
        longer = longest.replace(b"xx", b"xxx", 1) + b"\r\n\r\n"
        self.assertEqual(self.refused(longer), {(414, "the first line is too long")})

    def test_request_line_without_end(self) -> None:
        """A first line that goes on and on is refused with its first byte too many."""
        endless = b"GET http://a/" + b"x" * 1000
        self.assertIsNone(outcome(requests(SMALL), endless[: SMALL.line]))
        self.assertEqual(self.refused(endless), {(414, "the first line is too long")})

    def test_longest_field_line(self) -> None:
        """A field line may be longer than the first one: only the whole head has a bound."""
        start, end = b"GET http://a/ HTTP/1.1\r\nA: ", b"\r\n\r\n"
        longest = b"b" * (SMALL.total - len(start) - len(end))
        self.assertGreater(len(longest), SMALL.line)
        self.assertIsInstance(outcome(requests(SMALL), start + longest + end), RequestHead)
        self.assertEqual(self.refused(start + longest + b"b" + end), {(431, "the fields are too large")})
        self.assertEqual(self.refused(start + b"x" * SMALL.total), {(431, "the fields are too large")})

    def test_most_fields(self) -> None:
        """So many fields are accepted, and the line of the next one is refused at its end."""
        three = b"GET http://a/ HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\n"
        self.assertIsInstance(outcome(requests(SMALL), three + b"\r\n"), RequestHead)
        self.assertEqual(self.refused(three + b"D: 4\r\n\r\n"), {(431, "too many fields")})
        self.assertEqual(outcome(requests(SMALL), three + b"D: 4\r\n"), (431, "too many fields"))

    def test_largest_head(self) -> None:
        """The whole head, the empty line before it included, may have so many bytes and not one more."""
        start = b"GET http://a/ HTTP/1.1\r\nA: %b\r\nB: %b\r\nC: %b\r\n\r\n"
        spare = SMALL.total - len(start % (b"", b"", b""))
        largest = start % (b"x" * 50, b"x" * 50, b"x" * (spare - 100))
        self.assertEqual(len(largest), SMALL.total)
        self.assertIsInstance(outcome(requests(SMALL), largest), RequestHead)
        self.assertIsInstance(outcome(requests(SMALL), largest + b"more"), RequestHead)
        self.assertEqual(self.refused(b"\r\n" + largest), {(431, "the fields are too large")})
        larger = start % (b"x" * 50, b"x" * 50, b"x" * (spare - 99))
        self.assertEqual(self.refused(larger), {(431, "the fields are too large")})

    def test_unfinished_head_at_the_limit_is_refused(self) -> None:
        """A head that could only end beyond the limit is not waited for."""
        line = b"GET http://a/ HTTP/1.1\r\n"
        limits = HeadLimits(total=len(line) + 2)
        self.assertIsNone(outcome(requests(limits), line + b"\r"))
        self.assertIsInstance(outcome(requests(limits), line + b"\r\n"), RequestHead)
        self.assertEqual(outcome(requests(limits), line + b"AB"), (431, "the fields are too large"))

    def test_head_too_large_though_no_line_is(self) -> None:
        """The limit of the whole holds also where it is below that of a line."""
        data = b"GET http://a/ HTTP/1.1\r\nA: b\r\n\r\n"
        limits = HeadLimits(line=1000, total=len(data) - 1)
        self.assertEqual(self.refused(data, limits), {(431, "the fields are too large")})

    def test_fault_before_a_limit(self) -> None:
        """Where a malformed line comes before the byte too many, it is the line that is told."""
        data = b"GET http://a/ HTTP/1.1\r\nA : b\r\n" + b"C: d\r\n" * 50 + b"\r\n"
        self.assertEqual(self.refused(data), {(400, "whitespace before the colon of a field line")})

    def test_head_between_the_line_limit_and_the_whole(self) -> None:
        """A head larger than the longest line, of lines that are not, is good."""
        data = b"GET http://a/ HTTP/1.1\r\nA: %b\r\nB: %b\r\n\r\n" % (b"x" * 12000, b"y" * 12000)
        head = read_request(data, HeadLimits())
        assert head is not None
        self.assertEqual(head.size, len(data))

    def test_values_of_blanks_cost_one_pass(self) -> None:
        """A million blanks are gone over once: going back over them for each of them would not end in a test run."""
        vast = requests(HeadLimits(line=2_000_000, total=2_000_000))
        start = b"GET http://a/ HTTP/1.1\r\nA:" + b" " * 10**6
        self.assertIsInstance(outcome(vast, start + b"\r\n\r\n"), RequestHead)
        self.assertEqual(outcome(vast, start + b"\x00\r\n\r\n"), (400, "a NUL"))
