"""What is open and who pays: meters count into the journal, a flush brings the journal to the store, limits are judged
by what the store then says.

All of it runs in the reactor thread, so counting and sealing never meet; a flush's awaits are the only gaps.  What a
flush does for each account is done in turns, as thousands of accounts would else keep everybody waiting.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager

from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.model import Admission, Refusal, Standing
from meshd.running.regularly import Regularly
from meshd.running.ticks import Ticks
from meshd.running.turns import Turns
from meshd.store.interface import Store, StoreError
from meshd.store.statements import usage as statements
from meshd.store.statements.rows import chunks
from meshd.topology import Live
from meshd.usage.allowance import Allowance, OpenMeter, nobody
from meshd.usage.batches import SealedBatch
from meshd.usage.chronicle import Chronicle
from meshd.usage.exchangelog import ExchangeLog
from meshd.usage.figures import ledger_samples
from meshd.usage.journal import Journal
from meshd.usage.meter import Meter, Nowhere, Tally
from meshd.usage.peers import Peers
from meshd.usage.quotas import Quotas
from meshd.usage.recovery import RecoveryReport, bill, finish, recover
from meshd.usage.tallies import AT_ONCE, Tallies, key_of
from meshd.values.exchanges import Exchange
from meshd.values.samples import Sample

OVERLOADED = Refusal("overloaded", "too many accounts at once", retry_after=1)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
"""Seconds between two flushes while they fail: each pause is twice as long as the one before."""

SEARCH = 60.0
"""Seconds between two looks for journals of processes that died meanwhile."""

_log = Logger()


class Ledger:
    """One process's meters and its journal."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        clock: IReactorTime,
        now: Callable[[], float],
        live: Live,
        log: ExchangeLog,
        chronicle: Chronicle,
        *,
        processes: int = 1,
    ) -> None:
        """processes: of how many of a daemon this is one, which spend together what a limit leaves."""
        self._store = store
        self._journal = journal
        self._clock = clock
        self._exchanges = log
        self._chronicle = chronicle
        self._rounds = Regularly(
            clock,
            self._round,
            lambda: live.limits.flush_seconds,
            log=_log,
            away="usage waits in the journal, the store is away",
            back="usage reaches the store again",
            expected=(StoreError,),
            pause=_longer,
        )
        self._peers = Peers(clock.seconds, lambda: live.limits.flush_seconds, processes=processes)
        self._quotas = quotas = Quotas(clock, now, live, self._rounds, self._peers, Ticks(clock))
        self.tunnels, self.tunnels_of_family, self.adopt = quotas.tunnels, quotas.tunnels_of_family, quotas.adopt_open
        self._tallies = Tallies(journal, quotas, log, clock.seconds)
        self._by_key = self._tallies.by_key
        self._doubtful: set[int] = set()
        """Accounts whose standing must be read anew."""
        self._one = DeferredLock()
        self._turns = Turns(clock)
        self._closed = Tally((0, 0, None), 0, Nowhere(), own=nobody(), family=nobody(), renew=self._quotas.renew)
        self._search_at, self._booked_at = 0.0, clock.seconds()
        log.bind(journal)

    def open(self, admission: Admission, stop: Callable[[Refusal], None], /) -> Meter | Refusal:
        """Begin to count for an admission; stop is called, in a later turn, when the exchange must end."""
        tally = self._by_key.get(key_of(admission))
        if tally is None:
            begun = self._tallies.begin(admission)
            if begun is None:
                self._rounds.hasten()
                return OVERLOADED
            if isinstance(begun, Refusal):
                return begun
            tally = begun
        if tally.terms is not admission.terms:
            self._quotas.adopt(tally, admission.terms)
        own = tally.own
        if own.refusal is not None or tally.family.refusal is not None:
            refusal = self._quotas.refusal(own, tally.family)
            if refusal is not None:
                return refusal
        meter = tally.meter(tally, admission, stop)
        tally.open += 1
        own.visits += tally.visited
        tally.family.below += not tally.visited
        own.meters.add(meter)
        return meter

    def close(self, meter: Meter, exchange: Exchange, /) -> None:
        """Count an exchange that has ended, and write its line, with the bytes that the meter counted."""
        if not meter.open:
            return
        meter.open = False
        # The slot may soon be another account's: what is sent after this is counted nowhere.
        tally, meter.tally = meter.tally, self._closed
        meter.about = meter.way = None  # or the exchange and its meter would keep each other alive
        tally.own.meters.remove(meter)
        tally.own.visits -= tally.visited
        tally.family.below -= not tally.visited
        tally.cells[tally.exchanges_at] += 1
        self._exchanges.add(exchange, tally.slot, meter.up, meter.down)
        self._chronicle.add(exchange)
        tally.open -= 1
        if not tally.open:
            self._tallies.resting.add(tally)

    def refused(self, exchange: Exchange, *, admitted: bool = True) -> None:
        """Write a line for an exchange that was refused.

        admitted: whether the account's credential was let in; if not, the account is not shown what a stranger tried.
        """
        self._exchanges.add(exchange, -1, 0, 0)
        if admitted:
            self._chronicle.add(exchange)
        else:
            self._chronicle.add_tried(exchange)

    def under_way(self, admission: Admission) -> int:
        """How many meters of this account and token are open."""
        tally = self._by_key.get(key_of(admission))
        return tally.open if tally is not None else 0

    def open_of(self, account_id: int) -> list[OpenMeter]:
        """Its own and its sub-accounts'; 0 for everybody's."""
        if account_id == 0:
            return [meter for allowance in self._quotas.at_work() for meter in allowance.meters]
        allowance = self._quotas.find(account_id)
        return list(allowance.counted_by()) if allowance is not None else []

    def at_work(self) -> list[Allowance]:
        """The allowances of all accounts that are at work here, and of their parents."""
        return self._quotas.at_work()

    def find(self, account_id: int) -> Allowance | None:
        return self._quotas.find(account_id)

    # Flushing

    def samples(self) -> Iterable[Sample]:
        """What is counted now, what was, and what of it the store has not yet."""
        return ledger_samples(self._quotas.at_work(), self._journal, self._quotas.now())

    async def start(self) -> RecoveryReport:
        """Bill what dead processes left behind, then flush regularly.  Raises: OSError if the log cannot be written."""
        self._exchanges.open()
        report = await self._recover()
        self._rounds.start()
        return report

    async def _recover(self) -> RecoveryReport:
        report = await recover(self._store, self._journal.directory, self._exchanges, self._quotas.included)
        self._search_at = self._clock.seconds() + (0 if report.waiting else SEARCH)
        return report

    @property
    def behind(self) -> float:
        """Seconds since all that had been counted was in the store."""
        return self._clock.seconds() - self._booked_at

    def search(self) -> None:
        """Look soon for what a process that has just died left."""
        self._search_at = self._clock.seconds()
        self._rounds.hasten()

    async def flush(self, *, last: bool = False) -> None:
        """Bring all that was counted until now to the store, the last time with a line for all that has none.
        Raises: StoreError; then all waits in the journal.
        """
        async with _held(self._one):
            try:
                late = self._journal.sealed()
                if late is not None:
                    await self._apply(late)
                batch = self._seal()
                if batch is not None:
                    await self._apply(batch)
                await self._read_doubtful()
                self._booked_at = self._clock.seconds()
            finally:
                self._exchanges.flush()
                await self._turns.taken(self._tallies.free_resting(every=last))

    def _seal(self) -> SealedBatch | None:
        batch = self._journal.seal(self._quotas.now())
        tallies = self._tallies.of(batch.slots) if batch is not None else []
        self._quotas.seal({allowance for tally in tallies for allowance in (tally.own, tally.family)})
        return batch

    async def _apply(self, batch: SealedBatch) -> None:
        applied = await bill(self._store, self._journal, batch, self._quotas.included())
        if applied is None:
            # The batch had been applied, although the answer was lost.
            self._doubtful |= {id_ for entry in batch.entries for id_ in (entry.account_id, entry.parent_id)}
            return
        self._peers.heard(applied.others)
        await self._heard(applied.standings)

    async def _read_doubtful(self) -> None:
        doubtful, self._doubtful = self._doubtful, set()
        try:
            await self._read(doubtful)
        except StoreError:
            self._doubtful |= doubtful
            raise

    async def _read(self, account_ids: Iterable[int]) -> None:
        ids = sorted(account_ids)
        if ids:
            quotas = self._quotas
            standings = await self._store.run(statements.standings, ids, quotas.now(), quotas.included())
            await self._heard(standings)

    async def _heard(self, standings: list[Standing]) -> None:
        await self._turns.taken(self._judgements(standings))

    def _judgements(self, standings: list[Standing]) -> Iterator[None]:
        """A step for AT_ONCE accounts; what is open goes on between two, but no batch is sealed before the last."""
        for some in chunks(standings, AT_ONCE):
            self._quotas.heard(some)
            yield

    def judge(self, account_id: int = 0) -> None:
        """Have the limits and totals of a changed account and its sub-accounts, or of all that are at work (0), read by
        the next flush, which is soon, and cut those that are over.

        Nobody waits for that: a flush may stand behind what another process has locked.
        """
        concerned = self._quotas.doubt(account_id)
        if concerned:
            self._doubtful |= concerned
            self._rounds.hasten()

    async def stop(self) -> None:
        """Flush for the last time.  What the store cannot take now stays in the journal for the next start."""
        await self._rounds.stop()
        try:
            await self.flush(last=True)
        except StoreError as error:
            _log.warn("usage stays in journal {journal}: {error}", journal=self._journal.id, error=str(error))
        self._exchanges.close()
        if not self.open_of(0):  # while a meter is open, the journal stays locked; the next start finds it all
            await finish(self._store, self._journal)

    async def _round(self) -> None:
        try:
            await self.flush()
        except Exception:
            self._quotas.lend_to_waiting()
            raise
        if self._clock.seconds() >= self._search_at:
            await self._recover()


def _longer(pause: float) -> float:
    return min(pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)


@asynccontextmanager
async def _held(lock: DeferredLock) -> AsyncIterator[None]:
    await lock.acquire()
    try:
        yield
    finally:
        lock.release()
