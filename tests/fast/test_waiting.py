"""What waits for its turn, in C and in Python: lines for their log."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import Logger

from meshd.logs.linelog import LineLog
from tests.fast.test_exchanges import Both


class Lines(LineLog[int]):
    """Tells how many records it was given to write at once."""

    def __init__(self, clock: Clock, many: int, kept: int) -> None:
        super().__init__("lines", "", clock, Logger(), many=many, kept=kept)
        self.told: list[int] = []

    def _write(self, records: list[int]) -> int:
        self.told.append(len(records))
        return len(records) if len(self.told) % 3 else 0


class LinesTest(Both):
    def test_each_bound(self) -> None:
        """How many wait until they are written, and how many are given up."""

        def does() -> object:
            found: list[object] = []
            for many in range(1, 6):
                for kept in range(6):
                    clock = Clock()
                    lines = Lines(clock, many, kept)
                    for number in range(14):
                        lines._put(number)
                        clock.advance(2.0 * (number % 7 == 6))
                        found.append((list(lines._waiting), lines.dropped, list(lines.told), lines._timer is None))
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)
