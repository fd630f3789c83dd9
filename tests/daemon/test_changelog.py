"""The change log follows the audit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.changelog import PATIENCE, SECONDS, SETTINGS, VALUE, ChangeLog, began, differences, line
from meshd.store.interface import StoreUnavailable
from meshd.store.statements import audit
from meshd.store.statements.audit import AuditEntry

NOON = 1_768_478_400


def entry(number: int, **more: Any) -> AuditEntry:
    return AuditEntry(NOON, "alice", "token.create", 7, "token 3", "alice", id=number, **more)


class Store:
    """Has entries; carries out what the log asks of it."""

    def __init__(self) -> None:
        self.entries: dict[int, AuditEntry] = {}
        self.away = False
        self.asked: list[list[int]] = []

    def put(self, *numbers: int) -> None:
        self.entries |= {number: entry(number) for number in numbers}

    async def run(self, unit: Callable[..., Any], *args: Any) -> Any:
        if self.away:
            raise StoreUnavailable("away")
        numbers = sorted(self.entries)
        if unit is audit.newest:
            return max(numbers, default=0)
        if unit is audit.until:
            return max((number for number in numbers if self.entries[number].at <= args[0]), default=0)
        if unit is audit.following:
            return [self.entries[number] for number in numbers if number > args[0]][: args[1]]
        assert unit is audit.among
        self.asked.append(args[0])
        return [self.entries[number] for number in numbers if number in args[0]]


class FollowingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path, self.clock, self.store = Path(self.mktemp()), Clock(), Store()

    def open(self) -> ChangeLog:
        log = ChangeLog(str(self.path), self.store, self.clock, lambda: float(NOON))  # type: ignore[arg-type]
        log.open()
        self.successResultOf(Deferred.fromCoroutine(log.prepare()))
        return log

    def begin(self) -> ChangeLog:
        log = self.open()
        log.start()
        self.addCleanup(_stopped, log)
        return log

    def look(self, seconds: float = SECONDS) -> list[int]:
        """The numbers in the file after so many seconds, and one more for the writing."""
        self.clock.pump([0.5] * (2 + int(seconds * 2)))
        return self.numbers()

    def numbers(self) -> list[int]:
        return [json.loads(text)["id"] for text in self.path.read_text().splitlines() if '"id":' in text]

    def test_what_was_before_the_first_start_is_not_told(self) -> None:
        self.store.put(1, 2)
        self.begin()
        self.assertEqual(self.look(), [])
        self.store.put(3, 4)
        self.assertEqual(self.look(), [3, 4])

    def test_the_next_process_goes_on_where_the_file_ends(self) -> None:
        """With what was changed while none ran; a torn or a foreign line says nothing."""
        log = self.begin()
        self.look()
        self.store.put(1, 2)
        self.look()
        self.successResultOf(_stopped(log))
        with self.path.open("a") as file:
            file.write('{"action":"settings.reload"}\n{"at":')
        self.store.put(3)
        self.begin()
        self.assertEqual(self.look(), [1, 2, 3])

    def test_a_process_takes_over_from_another(self) -> None:
        """It begins where that one has ended, however long it has been there, and that one writes nothing more."""
        for before in ([], [1]):
            self.path.unlink(missing_ok=True)
            self.store.entries.clear()
            old = self.begin()
            self.store.put(*before)
            self.assertEqual(self.look(), before)
            new = self.open()
            self.store.put(2, 3)
            self.assertEqual(self.look(), [*before, 2, 3])
            old.leave()
            self.store.put(4)
            self.assertEqual(self.look(), [*before, 2, 3])
            new.start()
            self.store.put(5)
            self.assertEqual(self.look(), [*before, 2, 3, 4, 5])
            self.successResultOf(_stopped(old))
            self.successResultOf(_stopped(new))
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_empty_file_begins_when_it_was_made(self) -> None:
        """It was rotated, and nothing has happened until the process ended."""
        self.path.touch()
        os.utime(self.path, (NOON, NOON))
        self.store.put(1, 2)
        self.store.entries[2] = self.store.entries[2]._replace(at=NOON + 1)
        self.begin()
        self.assertEqual(self.look(), [2])

    def test_what_comes_before_the_first_look_is_told(self) -> None:
        """The store may answer late."""
        self.store.put(1, 2)
        log = self.open()
        self.store.put(3)
        log.start()
        self.addCleanup(_stopped, log)
        self.assertEqual(self.look(), [3])

    def test_lower_numbers_may_come_later(self) -> None:
        """Of two transactions the one that began first may end last."""
        self.store.put(1)
        self.begin()
        self.look()
        self.store.put(2, 5)
        self.assertEqual(self.look(), [2, 5])
        self.store.put(4)
        self.assertEqual(self.look(), [2, 5, 4])
        self.store.put(6)
        self.assertEqual(self.look(), [2, 5, 4, 6])
        self.look(PATIENCE + 2)
        asked = len(self.store.asked)
        self.store.put(3)
        self.assertEqual(self.look(), [2, 5, 4, 6], "nobody commits so late")
        self.assertEqual(len(self.store.asked), asked, "it is not asked for for ever")

    def test_a_store_that_is_away_is_waited_for(self) -> None:
        self.begin()
        self.look()
        self.store.away = True
        self.store.put(1, 2)
        self.assertEqual(self.look(), [])
        self.store.away = False
        self.assertEqual(self.look(), [1, 2])

    def test_what_waits_at_the_end_is_written(self) -> None:
        """With what the last look finds."""
        log = self.begin()
        self.look()
        self.store.put(1)
        self.successResultOf(_stopped(log))
        self.assertEqual(self.numbers(), [1])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_without_a_file_nobody_asks(self) -> None:
        log = ChangeLog("", self.store, self.clock, lambda: float(NOON))  # type: ignore[arg-type]
        log.start()
        log.wake()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(_stopped(log))

    def test_where_a_file_ends(self) -> None:
        self.assertEqual(began(self.mktemp()), (None, None))
        self.path.write_text("nonsense\n[]\n")
        self.assertEqual(began(str(self.path)), (None, None))
        self.path.write_text(line(entry(3), {}) + line(entry(4), {}) + "x" * 100_000)
        self.assertEqual(began(str(self.path)), (None, None), "only its end is looked at")


class LineTests(SynchronousTestCase):
    def test_all_that_there_is_to_say(self) -> None:
        told = json.loads(line(entry(3, way="api", request="r-1"), {"plan": ["10", "20"]}))
        self.assertEqual(
            told,
            {
                "at": "2026-01-15T12:00:00Z",
                "id": 3,
                "actor": "alice",
                "way": "api",
                "request": "r-1",
                "action": "token.create",
                "account": "alice",
                "account_id": 7,
                "detail": "token 3",
                "changed": {"plan": ["10", "20"]},
            },
        )

    def test_nothing_is_left_out_as_empty_text(self) -> None:
        told = json.loads(line(AuditEntry(NOON, "meshd", "ban", 0, ""), {}))
        self.assertEqual(told, {"at": "2026-01-15T12:00:00Z", "actor": "meshd", "action": "ban"})

    def test_a_text_cannot_make_two_lines(self) -> None:
        told = line(entry(3)._replace(detail="a\nb\u2028c"), {})
        self.assertEqual(told.count("\n"), 1)
        self.assertTrue(told.isascii())

    def test_settings_that_differ(self) -> None:
        """Also those that are gone or new; bounded in number and in length."""
        before = [("a", "1", ""), ("b", "2", ""), ("c", "3", "x")]
        after = [("a", "1", ""), ("b", "9" * 1000, ""), ("d", "4", "")]
        wanted = {"b": ["2", "9" * VALUE], "c": ["3", ""], "d": ["", "4"]}
        self.assertEqual(differences(before, after), wanted)
        many = [(f"exits.{number}.name", "x", "") for number in range(SETTINGS + 50)]
        self.assertEqual(len(differences([], many)), SETTINGS)


def _stopped(log: ChangeLog) -> Any:

    return Deferred.fromCoroutine(log.stop())
