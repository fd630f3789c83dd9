from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from meshd.logs.linelog import SECONDS
from meshd.web.server.requestlog import CAP, MANY, Answered, RequestLog
from tests.web.support import NOON

ONE = Answered(NOON + 0.25, "192.0.2.1", "GET", "/api/proxies/", 200, "jo", 65, 0.00123)


class RequestLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.clock = Clock()
        self.log = RequestLog(str(self.path), self.clock, lambda: float(NOON))
        self.addCleanup(self.log.close)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def test_a_line_has_every_fact(self) -> None:
        """In JSON, of which text cannot make two lines; the reason only where there is one."""
        self.log.add(ONE)
        more = {"detail": "too slow", "request": "r-1", "trace": "t-1"}
        self.log.add(ONE._replace(path="/\n\u2028é", **more))
        self.log.flush()
        expected = {
            "at": "2026-01-15T12:00:00.250Z",
            "client": "192.0.2.1",
            "method": "GET",
            "path": "/api/proxies/",
            "status": 200,
            "username": "jo",
            "sent": 65,
            "seconds": 0.001,
        }
        self.assertEqual(self.lines(), [expected, expected | {"path": "/\n\u2028é"} | more])

    def test_lines_are_written_together(self) -> None:
        """A second after the first, or as soon as many wait."""
        self.log.add(ONE)
        self.clock.advance(SECONDS - 0.1)
        self.assertEqual(self.lines(), [])
        self.log.add(ONE)
        self.clock.advance(0.2)
        self.assertEqual(len(self.lines()), 2)
        for _ in range(MANY):
            self.log.add(ONE)
        self.assertEqual(len(self.lines()), MANY + 2)

    def test_what_waits_is_written_at_the_end(self) -> None:
        """And no timer is left."""
        self.log.add(ONE)
        self.log.close()
        self.assertEqual((len(self.lines()), self.clock.getDelayedCalls()), (1, []))

    def test_a_file_that_was_moved_away_is_made_anew(self) -> None:
        """What waited stands in the old one."""
        self.log.add(ONE)
        self.log.flush()
        self.log.add(ONE)
        os.rename(self.path, f"{self.path}.1")
        self.log.reopen()
        self.log.add(ONE)
        self.log.flush()
        self.assertEqual((len(self.lines()), len(Path(f"{self.path}.1").read_text().splitlines())), (1, 2))

    def test_a_file_that_cannot_be_written_is_said_once(self) -> None:
        """What was to stand there is given up and counted, and it heals by itself."""
        said = self.said()
        self.path.mkdir()
        for _ in range(3):
            self.log.add(ONE)
            self.log.flush()
        self.path.rmdir()
        for _ in range(2):
            self.log.add(ONE)
            self.log.flush()
        self.assertEqual(len(self.lines()), 2)
        self.assertEqual(len(said), 2)
        self.assertIn("cannot be written: [Errno 21]", said[0])
        self.assertIn("is written again; 3 lines are lost", said[1])

    def test_a_part_written(self) -> None:
        """A disk that becomes full within a line: whole lines stand, the torn one is gone, and it is said."""
        write, said = os.write, self.said()
        self.patch(os, "write", lambda fd, data: write(fd, data[: len(data) * 5 // 6]))
        for number in range(3):
            self.log.add(ONE._replace(path=f"/{number}"))
        self.log.flush()
        self.assertEqual([line["path"] for line in self.lines()], ["/0", "/1"])
        self.patch(os, "write", write)
        self.log.add(ONE._replace(path="/3"))
        self.log.flush()
        self.assertEqual([line["path"] for line in self.lines()], ["/0", "/1", "/3"])
        self.assertIn("1 lines are lost", said[-1])

    def test_a_line_is_bounded(self) -> None:
        """Whatever the client says of itself."""
        self.log.add(ONE._replace(client="c" * 15_000, method="M" * 15_000, path="/" * 15_000, username="u" * 15_000))
        self.log.flush()
        (line,) = self.lines()
        self.assertEqual({len(line[name]) for name in ("client", "method", "path", "username")}, {CAP})

    def said(self) -> list[str]:
        """What is said from now on."""
        events: list[str] = []

        def note(event: LogEvent) -> None:
            events.append(formatEvent(event))

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)
        return events

    def test_it_is_private(self) -> None:
        """Names and addresses of customers stand in it."""
        self.log.open()
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
