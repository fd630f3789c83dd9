"""What holds for every head that anyone could send."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.head import HeadLimits, RequestHead, ResponseHead
from tests.http1.feeding import Outcome, Reader, fed, outcome, requests, responses
from tests.http1.heads import BAD_REQUESTS, BAD_RESPONSES, GOOD_REQUESTS, GOOD_RESPONSES
from tests.http1.support import thorough

PARTS = [
    *(b"\r\n", b"\r\n\r\n", b"\r", b"\n", b" ", b"\t", b":", b"\x00", b"\x16", b"\x05", b"\xff", b"A", b"x" * 30),
    *(b"GET http://a/ HTTP/1.1\r\n", b"GET ", b"http://a/", b" HTTP/1.1", b" HTTP/1.2", b"CONNECT a:443 HTTP/1.0\r\n"),
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 ", b"HTTP/1.0 204", b"Host: a\r\n", b"Content-Length: 5\r\n", b"A: b \r\n"),
]
WHOLE = [
    *GOOD_REQUESTS.values(),
    *GOOD_RESPONSES.values(),
    *(data for data, *_ in BAD_REQUESTS.values()),
    *(data for data, _ in BAD_RESPONSES.values()),
]
MADE = st.lists(st.sampled_from(PARTS) | st.binary(max_size=4), max_size=12).map(b"".join)
"""Heads put together of good and bad parts."""


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A head of the tables with something put in, in place of something else."""
    data = draw(st.sampled_from(WHOLE))
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, min(len(data), start + 3)))
    return data[:start] + draw(st.sampled_from(PARTS) | st.binary(max_size=2)) + data[end:]


ANY_HEAD = MADE | changed() | st.binary(max_size=60)
LIMITS = st.builds(HeadLimits, line=st.integers(1, 80), total=st.integers(1, 160), fields=st.integers(0, 4))


class AnyBytesTests(SynchronousTestCase):
    def hold(self, read: Reader, data: bytes, statuses: set[int]) -> None:
        """One outcome for ever: once a beginning is a head or a fault, every longer one is the same."""
        found: Outcome = None
        for end in range(len(data) + 1):
            now = outcome(read, data[:end])
            if found is not None:
                self.assertEqual(now, found, data[:end])
            found = now
        if isinstance(found, tuple):
            self.assertIn(found[0], statuses)
            self.assertTrue(found[1].isascii() and found[1].isprintable())
        elif found is not None:
            self.assertIsInstance(found, (RequestHead, ResponseHead))
            self.assertEqual(outcome(read, data[: found.size]), found)
            self.assertIsNone(outcome(read, data[: found.size - 1]))
        self.assertEqual(fed(read, data, range(1, len(data) + 1)), found)

    @thorough()
    @given(ANY_HEAD, st.just(HeadLimits()) | LIMITS)
    def test_requests(self, data: bytes, limits: HeadLimits) -> None:
        """Any bytes are a head, a refusal or a wait, and what a beginning was decided to be, the whole is."""
        self.hold(requests(limits), data, {400, 414, 431, 501, 505})

    @thorough()
    @example(b"HTTP/\r ", 65536, 1000)
    @given(ANY_HEAD, st.integers(1, 100) | st.just(65536), st.integers(0, 4) | st.just(1000))
    def test_responses(self, data: bytes, max_bytes: int, max_fields: int) -> None:
        """The same of responses, whose every fault is a 502."""
        self.hold(responses(max_bytes, max_fields), data, {502})

    @thorough()
    @given(ANY_HEAD, st.lists(st.integers(1, 200), max_size=5), LIMITS)
    def test_what_was_seen_is_not_needed_again(self, data: bytes, cuts: list[int], limits: HeadLimits) -> None:
        """Telling the reader what it has seen makes it faster and changes no outcome."""
        ends = [*sorted(cut for cut in cuts if cut < len(data)), len(data)]
        for read in (requests(limits), responses(limits.total, limits.fields)):
            self.assertEqual(fed(read, data, ends), fed(lambda buffer, _, read=read: read(buffer, 0), data, ends))
