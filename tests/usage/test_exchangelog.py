"""The exchange log."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.usage import loglines as lines
from meshd.usage.exchangelog import KEPT, MANY, ExchangeLog
from meshd.usage.journal import Journal
from meshd.values.exchanges import NAMED, Destinations
from tests.usage.support import NOON, exchange, read_log


class Lines(SynchronousTestCase):
    def test_every_fact(self) -> None:
        """A line says what the exchange was, with the bytes that were counted."""
        line = json.loads(lines.of_exchange(exchange(account_id=7, username="ann", token_id=3), "j-1-2", 5, 6))
        self.assertEqual(
            line,
            {
                "at": "2024-11-22T12:00:00.000Z",
                "line": "j-1-2",
                "id": "x1",
                "seconds": 0.25,
                "account": 7,
                "username": "ann",
                "token": 3,
                "proxy": "us",
                "client": "192.0.2.1",
                "method": "CONNECT",
                "host": "example.com",
                "port": 443,
                "exit": "rack-1",
                "status": 200,
                "reason": "",
                "up": 5,
                "down": 6,
            },
        )

    def test_where_datagrams_went(self) -> None:
        """Each place once, as many as are named, and how many times there were others."""
        where = Destinations()
        ended = exchange(method="UDP", detail="why", destinations=where)
        self.assertEqual(json.loads(lines.of_exchange(ended, "j-1-2", 5, 6))["destinations"], [])
        for number in (*range(NAMED + 2), 1, NAMED + 1):
            where.add('"a".example', number, "2001:db8::1")
        line = json.loads(lines.of_exchange(ended, "j-1-2", 5, 6))
        places = [{"host": '"a".example', "port": port, "address": "2001:db8::1"} for port in range(NAMED)]
        self.assertEqual((line["detail"], line["destinations"], line["unnamed"]), ("why", places, 3))

    @given(st.text(), st.text(), st.text())
    def test_any_text(self, host: str, method: str, username: str) -> None:
        """Whatever a client says, it is one ASCII line that reads back as what was said, cut where it is too long."""
        line = lines.of_exchange(exchange(host=host, method=method, username=username), "j-1-2", 0, 0)
        self.assertTrue(line.isascii() and line.endswith("\n") and line.count("\n") == 1)
        self.assertFalse([c for c in line[:-1] if ord(c) < 32])
        read = json.loads(line)
        said = (read["host"], read["method"], read["username"])
        self.assertEqual(said, tuple(text[: lines.CAP] for text in (host, method, username)))

    def test_long_texts_are_cut(self) -> None:
        """Plain ones too."""
        self.assertEqual(
            len(json.loads(lines.of_exchange(exchange(host="h" * 5000), "j-1-2", 0, 0))["host"]), lines.CAP
        )

    def test_found_again(self) -> None:
        """Only the journal's own whole lines, from a number on."""
        data = "".join(
            [
                lines.of_exchange(exchange(), "aa-1-1", 1, 2),
                lines.of_exchange(exchange(), "bb-2-1", 1, 2),
                lines.of_exchange(exchange(), "aa-2-4", 3, 4),
                lines.of_exchange(exchange(host='"line":"aa-9-1"'), "aa-3-0", 0, 0),
                lines.of_remainder(NOON, "aa-4-2", 7, 8, (9, 10, 11)),
                lines.of_exchange(exchange(), "aa-5-1", 1, 2)[:-20],
            ]
        )
        found = list(lines.find(data.encode(), "aa", 1))
        self.assertEqual(found, [(2, 3, 3, 4, 1), (3, -1, 0, 0, 1), (4, 1, 9, 10, 11)])


class Log(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = self.folder / "log"
        self.clock = Clock()
        self.journal = Journal(self.folder / "journal", slots=8)
        self.log = self.new(str(self.path))

    def new(self, path: str) -> ExchangeLog:
        log = ExchangeLog(path, self.clock, now=lambda: NOON)
        log.bind(self.journal)
        return log

    def add(self, n: int = 1, **facts: Any) -> None:
        for _ in range(n):
            self.log.add(exchange(**facts), -1, 0, 0)

    def written(self, path: Path | None = None) -> list[dict[str, Any]]:
        path = path or self.path
        return read_log(path.read_bytes()) if path.exists() else []

    def count_writes(self) -> list[int]:
        write, sizes = os.write, []

        def counted(fd: int, data: bytes) -> int:
            sizes.append(len(data))
            return write(fd, data)

        self.patch(os, "write", counted)
        return sizes

    def test_a_second_at_most(self) -> None:
        """Lines of one second are one write."""
        sizes = self.count_writes()
        self.add(3)
        self.clock.advance(0.5)
        self.add(2)
        self.assertEqual(sizes, [])
        self.clock.advance(0.5)
        self.assertEqual((len(self.written()), len(sizes)), (5, 1))

    def test_many_do_not_wait(self) -> None:
        """A full buffer is written at once."""
        sizes = self.count_writes()
        self.add(MANY)
        self.assertEqual((len(self.written()), len(sizes)), (MANY, 1))

    def test_numbers_have_no_gap(self) -> None:
        """The journal's count of lines goes on over writes."""
        for _ in range(3):
            self.add(2)
            self.log.flush()
        self.assertEqual([line["line"].split("-")[1] for line in self.written()], list("123456"))
        self.assertEqual(self.journal.lines, 6)

    def test_only_the_owner_reads_it(self) -> None:
        """What customers visit is in it."""
        self.log.open()
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_rotation(self) -> None:
        """After a rename and a reopen, what waited is in the old file and the rest in a new one."""
        self.add(1, host="old")
        moved = self.path.rename(self.folder / "log.1") if self.path.exists() else self.folder / "log.1"
        self.log.flush()
        self.path.rename(moved)
        self.add(1, host="waited")
        self.log.reopen()
        self.add(1, host="new")
        self.log.close()
        self.assertEqual([line["host"] for line in self.written(moved)], ["old", "waited"])
        self.assertEqual([line["host"] for line in self.written()], ["new"])

    def test_without_a_file(self) -> None:
        """Every line counts as written."""
        self.log = self.new("")
        slot = self.journal.take(1, 0, 0)
        self.journal.words[self.journal.cell(slot)] += 5
        self.log.add(exchange(), slot, 5, 0)
        self.log.close()
        self.assertEqual(self.journal.unlogged(slot), (0, 0, -1))
        self.assertEqual(list(self.folder.iterdir()), [self.folder / "journal"])

    def test_a_wrong_path_is_said_at_the_start(self) -> None:
        """Not at the first line."""
        self.assertRaises(OSError, self.new(str(self.folder / "none" / "log")).open)

    def test_a_torn_line_is_ended_first(self) -> None:
        """What a dead process left does not spoil the next line."""
        self.path.write_bytes(b'{"at":"2024')
        self.add(1)
        self.log.close()
        self.assertEqual(len(self.written()), 1)

    def fail_writes(self, error: int = errno.ENOSPC) -> None:
        def write(fd: int, data: bytes) -> int:
            raise OSError(error, os.strerror(error))

        self.patch(os, "write", write)

    def test_a_full_disk(self) -> None:
        """Lines wait, are bounded, the failure is said once, and all that waited is written when there is room."""
        write = os.write
        self.fail_writes()
        self.add(KEPT + 10)
        self.clock.pump([1] * 5)
        self.assertEqual((self.written(), self.log.failing, self.log.dropped), ([], True, 10))
        self.patch(os, "write", write)
        self.clock.advance(1)
        self.assertEqual((len(self.written()), self.log.failing, self.log.dropped), (KEPT, False, 0))

    def test_a_part_written(self) -> None:
        """Whole lines of a short write are settled; the torn one is written again."""
        write = os.write
        self.patch(os, "write", lambda fd, data: write(fd, data[: len(data) // 2]))
        self.add(5)
        self.log.flush()
        self.assertEqual((self.journal.lines, self.log.failing), (2, True))
        self.patch(os, "write", write)
        self.log.close()
        self.assertEqual([line["line"].split("-")[1] for line in self.written()], list("12345"))
