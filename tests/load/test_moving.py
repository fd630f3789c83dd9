"""From SQLite to PostgreSQL and back, killed again and again on the way: equal to the last row."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.open import BlockingStore
from tests.load.moving import ACCOUNTS, HOURS, fill
from tests.support import stores
from tests.support.daemon import clean_environment
from tests.support.figures import figure, sized

KILLS = sized(2, 10)
"""On the way there; none on the way back."""
LONGEST = sized(1.5, 60.0)
"""Seconds after which a move is killed at most."""


class MovingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = stores.folder(self)
        self.path = os.path.join(self.folder, "meshd.sqlite3")
        store = BlockingStore(f"sqlite:///{self.path}")
        store.migrate()
        store.close()
        fill(self.path)

    def command(self, source: str, target: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "meshd.cli.main", "--data-dir", self.folder, "--json", "move", "--to", target],
            env=clean_environment() | {"MESHD_STORE_URL": source},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def moved(self, source: str, target: str) -> Any:
        """Move to the end; what the command says."""
        begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        with self.command(source, target) as command:
            out, err = command.communicate()
        self.assertEqual(command.returncode, 0, err)
        told = json.loads(out)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds, cpu = time.monotonic() - begun, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        way = f"{source.partition(':')[0]} to {target.partition(':')[0]}"
        figure(way, rows=told["rows"], seconds=round(seconds, 1), cpu=round(cpu, 1), most_memory_kib=after.ru_maxrss)
        return told

    def test_there_and_back_with_kills(self) -> None:
        """The same rows and checksums after both ways, and a file with the same rows as the first one."""
        there, back = stores.postgres_url(self), f"sqlite:///{self.folder}/back.sqlite3"
        source = f"sqlite:///{self.path}"
        chance = random.Random()
        for number in range(KILLS):
            command = self.command(source, there)
            with contextlib.suppress(subprocess.TimeoutExpired):
                command.wait(0.5 + chance.random() * LONGEST)
            figure(f"kill {number + 1}", ended_before=command.returncode is not None)
            command.kill()
            command.communicate()
        first, second = self.moved(source, there), self.moved(there, back)
        if first["tables"]:  # it may have come to its end before the last kill
            self.assertEqual(first["tables"], second["tables"])
        self.assertGreaterEqual(second["rows"], ACCOUNTS * (HOURS + 3))
        for table in ("accounts", "tokens", "usage", "usage_hours"):
            self.assertEqual(self.difference(table, f"{self.folder}/back.sqlite3"), 0, table)

    def difference(self, table: str, other: str) -> int:
        """How many rows of either file are not in the other, as SQLite sees it."""
        with contextlib.closing(sqlite3.connect(other)) as database:
            database.execute("attach ? as old", (str(Path(self.path)),))
            columns = ", ".join(sorted(name for _, name, *_ in database.execute(f"pragma table_info({table})")))
            one, two = f"select {columns} from main.{table}", f"select {columns} from old.{table}"
            ((count,),) = database.execute(
                f"select (select count(*) from ({one} except {two})) + (select count(*) from ({two} except {one}))"
            )
            return int(count)
