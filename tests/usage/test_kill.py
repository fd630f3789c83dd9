"""A process that counts is killed with SIGKILL, again and again; SQLite's totals and the log are exact each time."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from meshd.model import Account
from meshd.store.sqlite.store import SQLiteStore
from meshd.store.statements import accounts, series
from meshd.store.statements import usage as statements
from meshd.store.unit import Unit
from tests.support.ready import readable
from tests.support.stores import folder as folder_of
from tests.usage.counting import STEP, ledger_in
from tests.usage.support import NOON, read_log, sums_of

KILLS = 10
ROOT = Path(__file__).parents[2]


def create(name: str, parent_id: int | None) -> Unit[Account]:
    facts = {"role": "customer", "plan": "20", "password_hash": "", "billing_day": 1, "now": NOON}
    return (yield from accounts.create(name, parent_id=parent_id, **facts))


class Kills(TestCase):
    async def test_kill(self) -> None:
        """No byte lost and none counted twice, whatever the process was at."""
        folder = Path(folder_of(self))
        store = SQLiteStore(reactor, str(folder / "meshd.sqlite3"))
        await store.start()
        parent = await store.run(create, "parent", None)
        sub = await store.run(create, "sub", parent.id)
        children = [self.child(folder, parent.id, sub.id) for _ in range(KILLS)]
        known = 0
        for child in children:
            begun, ended = killed(child)
            ledger = ledger_in(folder, store)
            report = await ledger.start()
            await ledger.stop()
            usage = await store.run(statements.of_account, parent.id, int(time.time()))
            steps, rest = divmod(usage.total_bytes - known, STEP)
            self.assertEqual((rest, report.journals), (0, 1))
            self.assertIn(steps, {begun, ended})
            self.assertGreater(steps, 0)
            known = usage.total_bytes
            self.assertEqual(await self.stored(store, parent.id), logged(folder))
        self.assertEqual(list((folder / "journal").iterdir()), [])
        await store.stop()

    def child(self, folder: Path, *account_ids: int) -> subprocess.Popen[bytes]:
        """Ready to begin."""
        command = [sys.executable, "-m", "tests.usage.counting", str(folder), *map(str, account_ids)]
        child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(child.kill)
        return child

    async def stored(self, store: SQLiteStore, account_id: int) -> Counter[int]:
        """Own bytes by account, as the hourly series of its family have them."""
        rows = await store.run(
            series.read, account_id, 0, 2**40, span=series.DAY, by="account", most=99, made=lambda each: each
        )
        found: Counter[int] = Counter()
        for row in rows or ():
            found[row.account_id] += row.up + row.down
        return found


def killed(child: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Let it count for a moment and kill it: how many steps it had begun, and how many ended."""
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        child.stdin.write(b"go\n")
        child.stdin.flush()
        seen = read_for(child, 120, enough=1)
        seen += read_for(child, random.uniform(0.01, 0.15))
        child.kill()
        seen += child.stdout.read()
    return seen.count(b"<"), seen.count(b">")


def read_for(child: subprocess.Popen[bytes], seconds: float, enough: int = 2**62) -> bytes:
    assert child.stdout is not None
    until, seen = time.monotonic() + seconds, b""
    while (left := until - time.monotonic()) > 0 and len(seen) < enough:
        if readable([child.stdout], left):
            data = child.stdout.read1()
            assert data, "it ended by itself"
            seen += data
    return seen


def logged(folder: Path) -> Counter[int]:
    sums = sums_of(read_log((folder / "log").read_bytes()))
    return Counter({account_id: up + down for (account_id, _), (up, down, _) in sums.items()})
