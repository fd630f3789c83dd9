"""What the line of an exchange says of its destination."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.passing.record import Record
from meshd.values.exchanges import Exchange


class DestinationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lines: list[Exchange] = []
        ledger = SimpleNamespace(refused=lambda exchange, admitted: self.lines.append(exchange))
        wheel = SimpleNamespace(seconds=lambda: 0.0)
        self.plane: Any = SimpleNamespace(now=lambda: 0.0, wheel=wheel, request_id=lambda: "x", ledger=ledger)

    def line(self, record: Record) -> Exchange:
        record.close("")
        return self.lines.pop()

    def test_the_first_that_is_asked_for(self) -> None:
        """Stays noted, whatever is asked for later; none is named as one that was sent to."""
        record = Record(self.plane, "p", "192.0.2.1")
        record.note_first("a.example", 1)
        record.note_first("b.example", 2)
        line = self.line(record)
        self.assertEqual((line.host, line.port, line.destinations), ("a.example", 1, None))

    def test_the_first_that_is_sent_to(self) -> None:
        """Takes its place, and all that were sent to are named."""
        record = Record(self.plane, "p", "192.0.2.1")
        record.note_first("refused.example", 1)
        record.note_sent("b.example", 2, "192.0.2.2")
        record.note_first("c.example", 3)
        record.note_sent("c.example", 3, "192.0.2.3")
        record.note_sent("b.example", 2, "192.0.2.2")
        line = self.line(record)
        self.assertEqual((line.host, line.port), ("b.example", 2))
        assert line.destinations is not None
        self.assertEqual(line.destinations.places, [("b.example", 2, "192.0.2.2"), ("c.example", 3, "192.0.2.3")])
