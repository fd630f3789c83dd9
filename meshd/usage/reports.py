"""Sums of exchanges that have ended, by target host, exit and outcome, on their way to the store.

These are reports, not the bill: a crash loses what was not written yet, a few seconds, and an answer of the store that
was lost may count that much twice.  Everything waiting is bounded, since a client chooses its hosts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import islice
from operator import itemgetter

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.running.regularly import Regularly
from meshd.store.interface import Conflict, Store, StoreError, StoreUnavailable
from meshd.store.statements import tops
from meshd.store.statements.texts import searchable
from meshd.store.statements.tops import OTHER, Key
from meshd.topology import Live
from meshd.usage.outcomes import EXIT, OUTCOMES, SERVED
from meshd.usage.outcomes import OTHER as UNKNOWN
from meshd.values.exchanges import Exchange
from meshd.values.times import DAY

SECONDS = 5.0
"""Seconds between two writings."""
AT_ONCE = 2_000
"""The most rows by domain in one writing: a tenth of a second of the database's time."""
WAITING = 10_000
"""Rows that wait at most, 3 MB; what comes on top is counted in the row for others, of as many owners at most."""
FRESH = 500
"""Sums that are kept as exchanges come before they are told apart by what is reported: two milliseconds' work."""
LENGTH = 255
"""Characters of a name: a host name has no more."""
SWEEP_SECONDS = 60.0
"""Seconds between two deletions of rows that are too old, unless the last one left some."""
HOURS_KEPT, DAYS_KEPT = 31 * DAY, 400 * DAY
"""Seconds that the sums of the whole installation are kept, by hour and by day."""

_COUNTED = itemgetter(
    *map(Exchange._fields.index, ("at", "seconds", "account_id", "host", "reason", "way", "up", "down"))
)
"""What is counted of an exchange, in one step: an attribute of a named tuple takes five times as long."""

Rows = list[tuple[Key, list[int]]]

_log = Logger()


class Waiting:
    """Sums that wait to be written, in a bounded number of rows."""

    def __init__(self) -> None:
        self._cells: dict[Key, list[int]] = {}
        self.lost = 0
        """Exchanges for which there was no room even as others."""

    def __len__(self) -> int:
        return len(self._cells)

    def add(self, key: Key, up: int, down: int, exchanges: int, failures: int, /) -> None:
        cell = self._cells.get(key)
        if cell is None:
            cell = self._new(key)
            if cell is None:
                self.lost += exchanges
                return
        cell[0] += up
        cell[1] += down
        cell[2] += exchanges
        cell[3] += failures

    def _new(self, key: Key) -> list[int] | None:
        """The cell of a key that has none: its own, that of others, or None."""
        if len(self._cells) >= WAITING:
            key = (key[0], key[1], OTHER)
            if key in self._cells or len(self._cells) >= 2 * WAITING:
                return self._cells.get(key)
        cell = self._cells[key] = [0, 0, 0, 0]
        return cell

    def take(self, count: int) -> Rows:
        """Take out up to `count` rows, the oldest first."""
        taken = list(islice(self._cells.items(), count))
        for key, _ in taken:
            del self._cells[key]
        return taken

    def put_back(self, rows: Rows) -> None:
        for key, (up, down, exchanges, failures) in rows:
            self.add(key, up, down, exchanges, failures)


def by_exit_and_outcome(rows: Rows) -> list[tuple[Key, list[int]]]:
    """Sums by reason, hour and exit as two kinds of sums, each with its failures."""
    sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for (reason, hour, way), (up, down, exchanges, _) in rows:
        outcome = OUTCOMES.get(str(reason), UNKNOWN)
        kinds = [(tops.OUTCOME, outcome, outcome != SERVED), (tops.EXIT, way, outcome == EXIT)]
        for kind, name, failed in kinds if way else kinds[:1]:
            cell = sums[kind, hour, name]
            for i, each in enumerate((up, down, exchanges, exchanges if failed else 0)):
                cell[i] += each
    return list(sums.items())


def _told(host: str) -> str:
    """A host as reports name it: in lower case, and as every database can hold it."""
    if not host.isascii() or "\0" in host or len(host) > LENGTH:
        host = searchable(host[:LENGTH])
    return host.lower()


class Reports:
    """Adds up the exchanges that end in this process, and writes the sums every few seconds."""

    def __init__(
        self, store: Store, clock: IReactorTime, now: Callable[[], float], live: Live, collect: Callable[[], None]
    ) -> None:
        """collect: adds what has ended and was not added yet."""
        self._store = store
        self._collect = collect
        self._seconds = clock.seconds
        self._now = now
        self._live = live
        self._domains = Waiting()
        self._traffic = Waiting()
        """By reason, hour and exit: one sum for an exchange, of which two are made when they are written."""
        self._fresh: dict[tuple[int, str, str, str, bool], list[int]] = {}
        """By account, host, reason, exit and whether bytes were moved: the newest exchanges, all of one hour."""
        self._hour = 0
        self._sweep_at = 0.0
        self._turns = Regularly(
            clock,
            self._write,
            lambda: SECONDS,
            log=_log,
            away="reports wait, the store is away",
            back="reports reach the store again",
            expected=(StoreError,),
        )

    def start(self) -> None:
        self._turns.start()

    async def stop(self) -> None:
        """Finish the writing that is under way, and write all that waits."""
        await self._turns.finish()
        while (self._fresh or self._domains or self._traffic) and not self._turns.failing:
            await self._turns.finish()

    def add(self, exchanges: Iterable[Exchange], /) -> None:
        """Count exchanges that have ended, whoever asked for them.

        Most are like one a moment ago, and cost one look-up here.
        """
        for at, seconds, account_id, host, reason, way, up, down in map(_COUNTED, exchanges):
            hour = int(at + seconds) // tops.HOUR
            if hour != self._hour:
                self._tell_apart()
                self._hour = hour
            key = (account_id, host, reason, way, bool(up or down))
            cell = self._fresh.get(key)
            if cell is None:
                if len(self._fresh) >= FRESH:
                    self._tell_apart()
                cell = self._fresh[key] = [0, 0, 0]
            cell[0] += up
            cell[1] += down
            cell[2] += 1

    def _tell_apart(self) -> None:
        """Add the newest exchanges to the sums by exit and outcome, and to those by account and host."""
        fresh, self._fresh = self._fresh, {}
        at, by_host = self._hour * tops.HOUR, self._live.limits.domain_days
        for (account_id, host, reason, way, moved), (up, down, exchanges) in fresh.items():
            self._traffic.add((reason, at, way), up, down, exchanges, 0)
            if by_host and moved:
                failures = exchanges if reason and OUTCOMES.get(reason) != SERVED else 0
                self._domains.add((account_id, at - at % DAY, _told(host)), up, down, exchanges, failures)

    @property
    def lost(self) -> int:
        """Sums of exchanges for which there was no room, by host or by exit and outcome."""
        return self._domains.lost + self._traffic.lost

    async def _write(self) -> None:
        """Write what waits, as much as one unit should hold; while the store is away it waits on.

        What the store does not take for another reason is lost, or it would be in the way of all that comes later.
        """
        self._collect()
        self._tell_apart()
        domains, traffic = self._domains.take(AT_ONCE), self._traffic.take(AT_ONCE)
        if domains or traffic:
            try:
                await self._store.run(tops.record, domains, by_exit_and_outcome(traffic))
            except (StoreUnavailable, Conflict):  # the latter where an account is deleted in this moment
                self._domains.put_back(domains)
                self._traffic.put_back(traffic)
                raise
        if self._domains or self._traffic:
            self._turns.hasten()
        await self._prune()

    async def _prune(self) -> None:
        if self._seconds() < self._sweep_at and not self._turns.failing:
            return
        now = int(self._now())
        days = self._live.limits.domain_days
        domains_before = now - days * DAY if days else now + DAY
        more = await self._store.run(tops.prune, domains_before, now - HOURS_KEPT, now - DAYS_KEPT)
        self._sweep_at = self._seconds() + (0 if more else SWEEP_SECONDS)
