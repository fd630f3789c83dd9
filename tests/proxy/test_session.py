"""What a session of HTTP/2 makes of what comes at once."""

from __future__ import annotations

from typing import Any
from unittest import mock

from hpack import Encoder
from twisted.trial.unittest import SynchronousTestCase

from meshd.proxy.session import Session
from tests.support.frames import DATA, END_HEADERS, HEADERS, PREFACE, RST_STREAM, SETTINGS, frame
from tests.support.http2 import get


class SessionTests(SynchronousTestCase):
    def setUp(self) -> None:
        plane, client = mock.MagicMock(), mock.MagicMock()
        plane.live.limits.head_bytes, plane.wheel.monotonic = 32_768, 0.0
        self.session: Any = Session(client, plane)
        self.addCleanup(self.session._writer._coroutine.close)
        self.session._took(PREFACE + frame(SETTINGS, 0, 0))

    def test_data_of_a_stream_that_is_reset_with_it(self) -> None:
        """Is not acted on, and the window of the session is given back for it all the same."""
        head = frame(HEADERS, END_HEADERS, 1, Encoder().encode(get("a.test", "/", method="POST")))
        self.session._took(head + frame(DATA, 0, 1, bytes(1000)) * 3 + frame(RST_STREAM, 0, 1, b"\0\0\0\x08"))
        self.assertEqual((self.session.sending._came, self.session._streams), (3000, {}))

    def test_answers_that_nobody_reads(self) -> None:
        """End the session where too many of them wait."""
        with mock.patch("meshd.proxy.sending.UNSENT", 10):
            self.session._took(frame(SETTINGS, 0, 0))
        self.assertTrue(self.session.sending.over)
