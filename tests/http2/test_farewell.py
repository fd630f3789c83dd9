"""The end of a session, as two GOAWAY tell it."""

from __future__ import annotations

from hyperframe.frame import Frame, GoAwayFrame
from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.farewell import EVERY, SIGN, Farewell


def last_of(data: bytes) -> int:
    """The last stream that a GOAWAY names."""
    frame, size = Frame.parse_frame_header(memoryview(data[:9]))
    assert isinstance(frame, GoAwayFrame)
    frame.parse_body(memoryview(data[9 : 9 + size]))
    return frame.last_stream_id


class FarewellTests(SynchronousTestCase):
    def test_ours(self) -> None:
        """Names every stream at first, then the last; the session is over with that, and the number never grows."""
        farewell = Farewell()
        self.assertEqual(last_of(farewell.begin()), EVERY)
        self.assertEqual((farewell.begun, farewell.over), (True, False))
        self.assertEqual(last_of(farewell.signed(SIGN, 7)), 7)
        self.assertEqual((farewell.over, farewell.last), (True, 7))
        self.assertEqual((farewell.signed(SIGN, 9), farewell.last), (b"", 7))

    def test_a_sign_of_nothing(self) -> None:
        """Answers to other pings, or to none, say nothing."""
        farewell = Farewell()
        self.assertEqual(farewell.signed(SIGN, 7), b"")
        farewell.begin()
        self.assertEqual(farewell.signed(bytes(8), 7), b"")
        self.assertEqual((farewell.over, farewell.last), (False, None))

    def test_the_clients(self) -> None:
        """Is over with the last of its streams, whatever was said by us."""
        farewell = Farewell()
        farewell.hear()
        self.assertEqual((farewell.over, farewell.begun, farewell.last), (True, False, None))
