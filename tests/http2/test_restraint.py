"""How much a peer may ask of HTTP/2 itself."""

from __future__ import annotations

from h2.events import DataReceived, Event, PingReceived, RequestReceived, WindowUpdated
from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.library import Ignored
from meshd.http2.restraint import (
    A_FRAME,
    A_READ,
    A_SECOND,
    BEGUN,
    FULL,
    LATE,
    LESS,
    MOST_LATE,
    MOST_ROOM,
    SHARE,
    SMALL,
    UNKNOWN,
    Restraint,
)

GIVEN = WindowUpdated(stream_id=1, delta=1)


class RestraintTests(SynchronousTestCase):
    def test_at_once(self) -> None:
        restraint = Restraint(100.0)
        self.assertTrue(all(restraint.allows(100.0) for _ in range(SHARE)))
        self.assertFalse(restraint.allows(100.0))

    def test_all_the_time(self) -> None:
        """As many as the share has each second may come for ever, and no more."""
        restraint = Restraint(0.0)
        self.assertTrue(all(restraint.allows(second, A_SECOND) for second in range(1, 1000)))
        self.assertFalse(all(restraint.allows(second, A_SECOND + 1) for second in range(1000, 2000)))

    def test_rest(self) -> None:
        """Whoever asks for nothing has no more than the share afterwards."""
        restraint = Restraint(0.0)
        self.assertTrue(restraint.allows(10**6, SHARE))
        self.assertFalse(restraint.allows(10**6))

    def test_frames_that_come_late(self) -> None:
        """Cost nothing as far as streams were begun that have them underway; then as others."""
        restraint = Restraint(0.0)
        self.assertEqual(restraint.late(0), 1)
        restraint.began()
        self.assertEqual([restraint.late(0) for _ in range(LATE + 1)], [0] * LATE + [1])

    def test_data_that_comes_late(self) -> None:
        """Counts by its size; but a frame of few bytes as one of many, since it takes as long."""
        restraint = Restraint(0.0)
        self.assertEqual([restraint.late(size) for size in (1, SMALL - 1, SMALL, FULL)], [1, 1, SMALL / FULL, 1])
        restraint.began()
        self.assertEqual(sum(restraint.late(SMALL) for _ in range(LATE * FULL // SMALL)), 0)
        self.assertGreater(restraint.late(SMALL), 0)

    def test_many_streams(self) -> None:
        """Have no more underway than a session's."""
        restraint = Restraint(0.0)
        for _ in range(10 * MOST_LATE):
            restraint.began()
        self.assertEqual(sum(restraint.late(0) for _ in range(MOST_LATE + 1)), 1)

    def test_room_that_is_given(self) -> None:
        """Costs nothing as often as there is reason for it: a stream that begins, a frame of DATA, a piece of it."""
        for reasons, times in (
            ((), 0),
            ((Restraint.began,), BEGUN),
            ((lambda each: each.sent(1),) * 3, 3 * A_FRAME),
            ((lambda each: each.sent(0),), A_FRAME),
            ((lambda each: each.sent(16 * 1024),), A_FRAME + 16 * 1024 // A_READ),
            ((lambda each: each.sent(2**40),), MOST_ROOM),
        ):
            restraint = Restraint(0.0)
            for reason in reasons:
                reason(restraint)
            self.assertEqual([restraint.cost(GIVEN) for _ in range(times + 2)], [0] * times + [1, 1], times)
            restraint.sent(1)
            self.assertEqual(restraint.cost(GIVEN), 0, "what was paid is no debt")

    def test_what_frames_cost(self) -> None:
        """By what they say."""
        request = RequestReceived(stream_id=1, headers=[])
        data = DataReceived(stream_id=1, data=b"x", flow_controlled_length=1)
        costs: list[tuple[Event, float]] = [
            (PingReceived(ping_data=bytes(8)), 1),
            (Ignored(0), 1),
            (request, 0),
            (data, 0),
        ]
        for event, cost in costs:
            self.assertEqual(Restraint(0.0).cost(event), cost, event)

    def test_less(self) -> None:
        """Where the peer has a smaller share, it has that and no more, whenever it comes."""
        restraint = Restraint(0.0, less=True)
        self.assertTrue(restraint.allows(10**6, LESS))
        self.assertFalse(restraint.allows(10**6))

    def test_spent(self) -> None:
        """By too much, or by more than a half just before the peer leaves; what was long ago is forgotten."""
        for less, share in ((False, SHARE), (True, LESS)):
            restraint = Restraint(0.0, less=less)
            self.assertTrue(restraint.allows(0.0, share // 2))
            self.assertFalse(restraint.spent(0.0))
            self.assertTrue(restraint.allows(0.0, 1))
            self.assertTrue(restraint.spent(0.0))
            self.assertFalse(restraint.spent(1.0))
            self.assertFalse(restraint.allows(0.0, share))
            self.assertTrue(restraint.spent(10**6))

    def test_another_fault(self) -> None:
        """Leaves nothing."""
        restraint = Restraint(0.0)
        restraint.spend()
        self.assertTrue(restraint.spent(10**6))
        self.assertFalse(restraint.allows(0.0))

    def test_strangers(self) -> None:
        """May send so much."""
        restraint = Restraint(0.0)
        self.assertTrue(restraint.bears(UNKNOWN))
        self.assertFalse(restraint.bears(1))
