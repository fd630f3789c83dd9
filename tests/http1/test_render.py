"""Heads that are written, read again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.fields import Fields
from meshd.http1.head import HeadLimits, RequestHead, ResponseHead, read_request, read_response
from meshd.http1.render import render_request, render_response
from tests.http1.support import FIELD_PAIRS, METHODS, TEXTS, VISIBLE, thorough


class RenderTests(SynchronousTestCase):
    def test_request(self) -> None:
        """One Host, first, and the fields as they are given."""
        written = render_request(b"GET", b"/a?b", b"example.com:81", [(b"A", b"1"), (b"a", b"")])
        self.assertEqual(written, b"GET /a?b HTTP/1.1\r\nHost: example.com:81\r\nA: 1\r\na: \r\n\r\n")

    def test_response(self) -> None:
        """A status line with its reason, and the fields as they are given."""
        written = render_response(407, b"invalid credentials", [(b"Proxy-Authenticate", b"Basic")])
        self.assertEqual(written, b"HTTP/1.1 407 invalid credentials\r\nProxy-Authenticate: Basic\r\n\r\n")

    def test_without_fields(self) -> None:
        """A head without fields still ends in a blank line."""
        self.assertEqual(render_request(b"GET", b"/", b"a", []), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(
            render_response(200, b"Connection established", []), b"HTTP/1.1 200 Connection established\r\n\r\n"
        )

    @thorough()
    @given(METHODS, VISIBLE, VISIBLE, st.lists(FIELD_PAIRS, max_size=20))
    def test_request_round_trip(
        self, method: bytes, path: bytes, host: bytes, pairs: list[tuple[bytes, bytes]]
    ) -> None:
        """A request that is written reads as what was written."""
        written = render_request(method, path, host, pairs)
        expected = RequestHead(method, path, 1, Fields([(b"Host", host), *pairs]), len(written))
        self.assertEqual(read_request(written, HeadLimits()), expected)

    @thorough()
    @given(st.integers(100, 999), TEXTS, st.lists(FIELD_PAIRS, max_size=20))
    def test_response_round_trip(self, status: int, reason: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
        """A response that is written reads as what was written."""
        written = render_response(status, reason, pairs)
        self.assertEqual(read_response(written, 65536), ResponseHead(status, reason, 1, Fields(pairs), len(written)))
