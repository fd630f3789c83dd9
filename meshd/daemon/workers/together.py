"""Bounds of accounts over all processes of a daemon: four times a second each tells the others what was begun there.

* Starts a second: each process has the account's whole bucket, and takes from it what others have begun.  So over a
  longer time all begin together what the account may; in the quarter of a second before they have heard of each other
  each may begin as much as the bucket holds, which is a second's worth, and is paid back by waiting.
* Exchanges at a time: those of others count as one's own.
* Kilobits a second: each process has what the others left in the last quarter of a second, and an equal part at least.
* Seconds for which its counts have waited for the store, of which the daemon tells the operator.

What is far from its bound is not told.  Client addresses are counted by each process for itself.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from twisted.logger import Logger

from meshd.daemon.core import Core
from meshd.running.regularly import Regularly

TICK = 0.25

UNTOLD = 16
"""The part of a bound, by each process, that others need not hear of."""

MOST = 5_000
"""Rows of a kind in one telling; of more, starts wait for the next one, and the rest is not told."""

BUCKET, RATE, OPEN, PACE, BEHIND = range(5)

LATE = 5
"""Seconds for which counts wait before others hear of it."""

_ROW = struct.Struct("<Bqqq")

log = Logger()


class Row(NamedTuple):
    """What one account, or one group, has done or has in one process."""

    kind: int
    id: int
    one: int
    other: int


class Together:
    """Tells the other processes, and hears them."""

    def __init__(self, reactor: Any, core: Core, processes: int, tell: Callable[[bytes], None]) -> None:
        """processes: how many share the bounds."""
        self._core = core
        self._processes = processes
        self._tell = tell
        self._silent = True
        self._opened: dict[int, dict[int, tuple[int, int]]] = {}
        """By process and account: its own exchanges there and those of its sub-accounts."""
        self._moved: dict[int, dict[int, tuple[int, int]]] = {}
        """By process and group: bytes up and down in its last tick."""
        self._behind: dict[int, int] = {}
        """By process, seconds."""
        self._looks = Regularly(
            reactor, self._look, lambda: TICK, log=log, away="bounds are not told to other processes"
        )

    def start(self) -> None:
        self._looks.start()

    async def stop(self) -> None:
        await self._looks.stop()

    def _look(self) -> None:
        rows = list(self._rows())
        for pace, group in self._paces():
            used = [moved[group] for moved in self._moved.values() if group in moved]
            pace.leave(sum(up for up, _ in used) / TICK, sum(down for _, down in used) / TICK, self._processes)
        if rows or not self._silent:  # an empty telling takes back what the one before said
            self._tell(packed(rows))
        self._silent = not rows

    def _rows(self) -> Iterator[Row]:
        core, part = self._core, self._processes * UNTOLD
        plane, most = core.plane, core.live.limits.tunnels_per_account
        for account_id, tunnels, requests in islice(plane.caps.begun(part), MOST):
            yield Row(BUCKET, account_id, tunnels, requests)
        for group, starts, bound in islice(plane.shares.begun(part), MOST):
            yield Row(RATE, group, starts, bound)
        yield from islice(self._open(most // part if most else 2**62), MOST)
        for pace, group in islice(self._paces(), MOST):
            if pace.moved_up or pace.moved_down:
                yield Row(PACE, group, pace.moved_up, pace.moved_down)
                pace.moved_up = pace.moved_down = 0
        if core.ledger.behind >= LATE:
            yield Row(BEHIND, 0, int(core.ledger.behind), 0)

    def _open(self, least: int) -> Iterator[Row]:
        for allowance in self._core.ledger.at_work():
            own, below = len(allowance.meters) - allowance.visits, allowance.below
            if own + below > (0 if allowance.bounded else least):
                yield Row(OPEN, allowance.standing.account_id, own, below)

    def _paces(self) -> Iterator[tuple[Any, int]]:
        for allowance in self._core.ledger.at_work():
            if allowance.pace is not None:
                yield allowance.pace, allowance.standing.account_id

    # What others tell

    def heard(self, process: int, data: bytes) -> None:
        """Take what another process tells; nothing where it makes no sense."""
        rows = unpacked(data)
        plane, monotonic = self._core.plane, self._core.plane.wheel.seconds()
        for row in rows:
            if row.kind == BUCKET:
                plane.caps.begun_elsewhere(row.id, row.one, row.other, monotonic)
            elif row.kind == RATE:
                plane.shares.begun_elsewhere(row.id, row.one, row.other, monotonic)
        self._moved[process] = {row.id: (row.one, row.other) for row in rows if row.kind == PACE}
        self._behind[process] = max((row.one for row in rows if row.kind == BEHIND), default=0)
        before = self._opened.get(process, {})
        self._opened[process] = now = {row.id: (row.one, row.other) for row in rows if row.kind == OPEN}
        for account_id in before.keys() | now.keys():
            self._count(account_id)

    @property
    def behind(self) -> int:
        """Seconds for which counts of another process have waited for the store."""
        return max(self._behind.values(), default=0)

    def _count(self, account_id: int) -> None:
        allowance = self._core.ledger.find(account_id)
        if allowance is not None:
            found = [opened[account_id] for opened in self._opened.values() if account_id in opened]
            allowance.elsewhere = sum(own for own, _ in found)
            allowance.below_elsewhere = sum(below for _, below in found)


def packed(rows: list[Row]) -> bytes:
    return b"".join(_ROW.pack(*row) for row in rows)


def unpacked(data: bytes) -> list[Row]:
    """Rows, none where it is no whole number of them, or anything in them is below 0."""
    if len(data) % _ROW.size:
        return []
    rows = list(map(Row._make, _ROW.iter_unpack(data)))
    return rows if all(row.one >= 0 and row.other >= 0 for row in rows) else []
