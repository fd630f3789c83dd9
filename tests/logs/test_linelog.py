"""A log of lines, whatever its records are."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import LogEvent, Logger, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from meshd.logs.linelog import SECONDS, LineLog

MANY = 4


class Numbers(LineLog[int]):
    def add(self, number: int) -> None:
        self._put(number)

    def _write(self, records: list[int]) -> int:
        return self._file.append("".join(f"{number}\n" for number in records).encode())


class LineLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.clock = Clock()
        self.said: list[str] = []

    def new(self, kept: int) -> Numbers:
        logger = Logger("test", observer=self.hear)
        log = Numbers("the log", str(self.path), self.clock, logger, many=MANY, kept=kept)
        self.addCleanup(log.close)
        return log

    def hear(self, event: LogEvent) -> None:
        self.said.append(formatEvent(event).replace(str(self.path), "PATH").partition(": ")[0])

    def numbers(self) -> list[int]:
        return [int(line) for line in self.path.read_text().split()] if self.path.is_file() else []

    def test_written_after_a_moment_or_when_many_wait(self) -> None:
        """And no timer stays behind."""
        log = self.new(kept=0)
        for number in range(3):
            log.add(number)
        self.assertEqual(self.numbers(), [])
        self.clock.advance(SECONDS)
        self.assertEqual((self.numbers(), self.clock.getDelayedCalls()), ([0, 1, 2], []))
        for number in range(3, 3 + MANY):
            log.add(number)
        self.assertEqual(self.numbers(), list(range(3 + MANY)))

    def test_what_outlives_an_outage(self) -> None:
        """As many as are kept, the oldest; where none are kept, what a write does not take is given up."""
        for kept, added, written in ((0, 9, []), (6, 5, [0, 1, 2, 3, 4]), (6, 9, [0, 1, 2, 3, 4, 5])):
            self.said.clear()
            log = self.new(kept)
            self.path.mkdir()
            for number in range(added):
                log.add(number)
            self.clock.advance(SECONDS)
            self.assertTrue(log.failing)
            self.assertEqual(log.dropped, added - len(written))
            self.path.rmdir()
            log.add(99)
            self.clock.pump([SECONDS] * 2)
            lost = added - len(written) + (len(written) == kept > 0)
            self.assertEqual(self.numbers(), [*written, 99][: kept or 1])
            healed = f"the log PATH is written again; {lost} lines are lost"
            self.assertEqual(self.said, ["the log PATH cannot be written", healed])
            self.assertEqual((log.failing, log.dropped), (False, 0))
            log.close()
            self.path.unlink()
