"""How long it takes to act on what came."""

from __future__ import annotations

from h2.events import Event, PingReceived, RequestReceived, StreamReset
from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.work import A_FRAME, work_of


class WorkTests(SynchronousTestCase):
    def test_table(self) -> None:
        asked, reset, ping = RequestReceived(stream_id=1), StreamReset(stream_id=1), PingReceived(ping_data=bytes(8))
        rows: list[tuple[int, int, list[Event], int]] = [
            (0, 0, [], 0),
            (17, 1, [ping], 17 + A_FRAME),
            (16_393, 1, [], 16_393 + A_FRAME),  # a frame that said nothing, or is not whole
            (50, 1, [asked], 50 + 4 * A_FRAME),
            (63, 2, [asked, reset], 63 + 8 * A_FRAME),
            (0, 0, [asked], 4 * A_FRAME),  # its frame had begun before
            (5, 3, [ping], 5 + 3 * A_FRAME),
        ]
        for size, frames, events, expected in rows:
            self.assertEqual(work_of(size, frames, events), expected, (size, frames, events))
