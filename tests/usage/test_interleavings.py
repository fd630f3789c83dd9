"""Any order of work, failures and deaths."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Refusal
from meshd.store.interface import StoreError
from meshd.usage.meter import Meter
from tests.usage.support import Desk, MemoryStore, account, now, read_log, sums_of

ACCOUNTS = [account(1), account(2, parent=1), account(3, total=1500), account(4, parent=1, monthly=900)]

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.integers(1, 4), st.integers(0, 1)),
        st.tuples(st.sampled_from(["up", "down"]), st.integers(0, 5), st.integers(1, 400)),
        st.tuples(st.just("close"), st.integers(0, 5), st.just(0)),
        st.tuples(
            st.sampled_from(
                ["flush", "away", "back", "lost", "full", "free", "log", "die", "end", "wait", "changed"],
            ),
            st.just(0),
            st.just(0),
        ),
    ),
    max_size=40,
)


class Play:
    """Processes in one folder, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = MemoryStore(*ACCOUNTS)
        self.counted: dict[tuple[int, int], list[int]] = {}
        self.full = False
        self.meters: list[Meter] = []
        self.start()

    def start(self) -> None:
        self.meters.clear()
        self.desk = Desk(self.folder, self.store, slots=3)
        now(self.desk.ledger.start())

    def count(self, meter: Meter, k: int, n: int) -> None:
        self.counted.setdefault((meter.admission.account.id, meter.admission.token_id), [0, 0, 0])[k] += n

    def step(self, name: str, which: int, n: int) -> None:
        with contextlib.suppress(StoreError):
            getattr(self, f"do_{name}")(which, n)

    def do_open(self, account_id: int, token_id: int) -> None:
        meter = self.desk.open(account_id, token_id=token_id)
        if not isinstance(meter, Refusal):
            self.meters.append(meter)

    def do_up(self, which: int, n: int) -> None:
        if self.meters:
            meter = self.meters[which % len(self.meters)]
            meter.sent_up(n)
            self.count(meter, 0, n)

    def do_down(self, which: int, n: int) -> None:
        if self.meters:
            meter = self.meters[which % len(self.meters)]
            meter.sent_down(n)
            self.count(meter, 1, n)

    def do_close(self, which: int, n: int) -> None:
        if self.meters:
            meter = self.meters.pop(which % len(self.meters))
            self.desk.close(meter)
            self.count(meter, 2, 1)

    def do_flush(self, which: int, n: int) -> None:
        self.desk.flush()

    def do_away(self, which: int, n: int) -> None:
        self.store.away = True

    def do_back(self, which: int, n: int) -> None:
        self.store.away = False

    def do_lost(self, which: int, n: int) -> None:
        self.store.answers_lost = 1

    def do_full(self, which: int, n: int) -> None:
        self.full = True

    def do_free(self, which: int, n: int) -> None:
        self.full = False

    def do_log(self, which: int, n: int) -> None:
        self.desk.log.flush()

    def do_wait(self, which: int, n: int) -> None:
        self.desk.wall += 1
        self.desk.clock.advance(1)

    def do_changed(self, which: int, n: int) -> None:
        self.desk.changed(0)

    def do_die(self, which: int, n: int) -> None:
        self.desk.die()
        self.start()

    def do_end(self, which: int, n: int) -> None:
        while self.meters:
            self.do_close(0, 0)
        now(self.desk.ledger.stop())
        self.start()


class Interleavings(SynchronousTestCase):
    @settings(max_examples=200, deadline=None)
    @given(STEPS)
    def test_any_order(self, steps: list[tuple[str, int, int]]) -> None:
        """Whatever happened, once all works again store and log have exactly what was counted."""
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        play = Play(folder)
        self.patch(os, "write", self.disk(play))
        for step in steps:
            play.step(*step)
        play.store.away, play.store.answers_lost, play.full = False, 0, False
        play.do_die(0, 0)
        counted = {key: sums for key, sums in play.counted.items() if any(sums)}
        self.assertEqual({key: sums for key, sums in play.store.own.items() if any(sums)}, counted)
        self.assertEqual(sums_of(read_log((folder / "log").read_bytes())), counted)
        self.assertEqual(len(list((folder / "journal").iterdir())), 1)
        play.desk.die()

    @staticmethod
    def disk(play: Play, write: Any = os.write) -> Any:
        """A full disk takes a part of the first write, and nothing then."""
        part = [7]

        def limited(fd: int, data: bytes) -> int:
            if not play.full:
                part[:] = [7]
                return write(fd, data)
            if part:
                return write(fd, data[: len(data) * part.pop() // 10])
            raise OSError(errno.ENOSPC, "No space left on device")

        return limited
