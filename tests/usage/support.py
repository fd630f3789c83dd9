"""A store made of dictionaries, accounts, and a ledger with all its parts in a temporary folder."""

from __future__ import annotations

import gc
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from meshd.auth.terms import terms_of
from meshd.model import Account, Admission, Identity, Refusal, Source, Standing, Usage, UsageEntry, monthly_limit
from meshd.running.regularly import GAP
from meshd.selection import NONE
from meshd.store.interface import StoreUnavailable
from meshd.store.statements import usage as statements
from meshd.topology import Limits
from meshd.usage.exchangelog import ExchangeLog
from meshd.usage.journal import Journal
from meshd.usage.ledger import Ledger
from meshd.usage.meter import Meter
from meshd.usage.tallies import REST
from meshd.values import period
from meshd.values.exchanges import Exchange
from tests.support.live import settings

NOON = 1_732_276_800
"""2024-11-22, 12:00 UTC."""

KEY = tuple[int, int]
Sums = list[int]


def account(account_id: int, *, parent: int | None = None, monthly: int = 0, total: int = 0, day: int = 1) -> Account:
    return Account(
        account_id,
        f"user{account_id}",
        parent,
        "customer",
        "20",
        True,
        "",
        "",
        "",
        monthly,
        total,
        day,
        NOON,
        "",
    )


class MemoryStore:
    """Does what `statements.usage` promises, at once; away, or forgetful of its answers, when told to be."""

    def __init__(self, *accounts: Account) -> None:
        self.accounts = {each.id: each for each in accounts}
        self.batches: dict[str, int] = {}
        self.totals: dict[int, Sums] = defaultdict(lambda: [0, 0, 0])
        """By account, its sub-accounts included: total bytes, bytes of the period, start of the period."""
        self.prepaid: dict[int, int] = defaultdict(int)
        self.own: dict[KEY, Sums] = defaultdict(lambda: [0, 0, 0])
        """By account and token: up, down, exchanges."""
        self.ats: list[int] = []
        self.away = False
        self.answers_lost = 0
        """So many next answers are lost after the commit."""
        self.gate: Deferred[None] | None = None
        self.committed: Callable[[], None] = lambda: None
        self.runs = 0

    async def run(self, unit: Callable[..., Any], *args: Any) -> Any:
        self.runs += 1
        if self.gate is not None:
            await self.gate
        if self.away:
            raise StoreUnavailable("away")
        units = {
            statements.apply: self.apply,
            statements.standings: self.standings,
            statements.forget_journal: self.forget_journal,
            statements.last_batch: lambda journal: self.batches.get(journal, 0),
        }
        answer = units[unit](*args)
        self.committed()
        if self.answers_lost:
            self.answers_lost -= 1
            raise StoreUnavailable("the connection was lost")
        return answer

    def forget_journal(self, journal: str) -> None:
        self.batches.pop(journal, None)

    def apply(
        self,
        journal: str,
        batch: int,
        at: int,
        entries: Iterable[UsageEntry],
        included: Mapping[str, int] = statements.NOTHING_INCLUDED,
    ) -> statements.Applied | None:
        if self.batches.get(journal, 0) >= batch:
            return None
        self.batches[journal] = batch
        self.ats.append(at)
        added: dict[int, int] = defaultdict(int)
        for entry in entries:
            own = self.own[entry.account_id, entry.token_id]
            for k, n in enumerate((entry.up, entry.down, entry.exchanges)):
                own[k] += n
            for account_id in filter(None, (entry.account_id, entry.parent_id)):
                self.add(account_id, entry.up + entry.down, at)
                added[account_id] += entry.up + entry.down
        for standing in self.standings(added, at, included):
            settled = statements._settled(standing, added[standing.account_id])
            self.prepaid[standing.account_id] = settled.usage.prepaid_bytes
        others = [(id_, number) for id_, number in self.batches.items() if id_ != journal]
        return statements.Applied(self.standings(added, at, included), others)

    def add(self, account_id: int, n: int, at: int = NOON) -> None:
        start = period.start(self.day(account_id), at)
        totals = self.totals[account_id]
        if start > totals[2]:
            totals[1:] = [0, start]
        totals[0] += n
        totals[1] += n

    def day(self, account_id: int) -> int:
        found = self.accounts[account_id]
        return self.accounts[found.parent_id].billing_day if found.parent_id else found.billing_day

    def usage(self, account_id: int, at: int) -> Usage:
        total, current, start = self.totals[account_id]
        begun = period.start(self.day(account_id), at)
        prepaid = self.prepaid[account_id]
        return Usage(account_id, total, current if start >= begun else 0, max(start, begun), prepaid)

    def standings(
        self, ids: Iterable[int], at: int, included: Mapping[str, int] = statements.NOTHING_INCLUDED
    ) -> list[Standing]:
        known = [self.accounts[i] for i in sorted(ids) if i in self.accounts]
        return [
            Standing(
                a.id,
                a.parent_id,
                monthly_limit(a, included),
                a.total_limit,
                self.day(a.id),
                self.usage(a.id, at),
            )
            for a in known
        ]

    def admission(
        self, account_id: int, *, token_id: int = 0, at: int = NOON, source: Source = "password"
    ) -> Admission:
        found = self.accounts[account_id]
        parent = self.accounts[found.parent_id] if found.parent_id else None
        identity = Identity(
            found,
            parent,
            (),
            self.usage(account_id, at),
            self.usage(parent.id, at) if parent else None,
        )
        terms = terms_of(identity, {})
        return Admission(identity, source, found.username, token_id, NONE, "proxy-authorization", terms=terms)


def exchange(meter: Meter | None = None, **facts: Any) -> Exchange:
    """What the proxy says of one that has ended."""
    account_id = meter.admission.account.id if meter else 0
    values = {
        "id": "x1",
        "at": float(NOON),
        "seconds": 0.25,
        "account_id": account_id,
        "username": meter.admission.account.username if meter else "",
        "token_id": meter.admission.token_id if meter else 0,
        "proxy": "us",
        "client": "192.0.2.1",
        "method": "CONNECT",
        "host": "example.com",
        "port": 443,
        "exit": "rack-1",
        "status": 200,
        "reason": "",
        "up": meter.up if meter else 0,
        "down": meter.down if meter else 0,
    }
    return Exchange(**{**values, **facts})


class Seen:
    """In the place of the Chronicle: what it was told of the accounts' own."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def add(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def add_tried(self, exchange: Exchange) -> None:
        pass


class Desk:
    """One process's ledger; its clock and its wall time are the test's."""

    def __init__(
        self, folder: str | Path, store: MemoryStore, *, slots: int = 64, log: str = "log", **limits: Any
    ) -> None:
        self.folder = Path(folder)
        self.store = store
        self.clock = Clock()
        self.wall = float(NOON)
        self.live = settings(Limits(**limits))
        self.journal = Journal(self.folder / "journal", slots=slots, now=lambda: self.wall)
        self.log_path = self.folder / log if log else None
        self.log = ExchangeLog(str(self.log_path or ""), self.clock, now=lambda: self.wall)
        self.seen = Seen()
        self.ledger = Ledger(
            store,
            self.journal,
            self.clock,
            lambda: self.wall,
            self.live,
            self.log,
            self.seen,  # type: ignore[arg-type]
        )
        self.stopped: dict[Meter, Refusal] = {}

    def open(self, account_id: int, *, token_id: int = 0, source: Source = "password") -> Meter | Refusal:
        def stop(refusal: Refusal) -> None:
            assert isinstance(meter, Meter)
            self.stopped[meter] = refusal

        admission = self.store.admission(account_id, token_id=token_id, at=int(self.wall), source=source)
        meter = self.ledger.open(admission, stop)
        return meter

    def meter(self, account_id: int, *, token_id: int = 0, source: Source = "password") -> Meter:
        meter = self.open(account_id, token_id=token_id, source=source)
        assert isinstance(meter, Meter), meter
        return meter

    def close(self, meter: Meter) -> None:
        self.ledger.close(meter, exchange(meter))

    def flush(self) -> None:
        now(self.ledger.flush())

    def changed(self, account_id: int) -> None:
        """Let it be known that an account has changed, 0 for all, and let the ledger follow, which it does soon."""
        self.ledger.judge(account_id)
        self.clock.advance(GAP)

    def rest(self) -> None:
        """Let those who have nothing open be forgotten."""
        for _ in range(2):
            self.clock.advance(REST)
            self.flush()

    def die(self) -> None:
        """What the kernel does when the process is gone: its lock ends, its files are closed."""
        self.journal.release()
        self.journal.words.release()
        self.log._file.close()
        # The mapping has a descriptor.
        gc.collect(1)

    def lines(self) -> list[dict[str, Any]]:
        assert self.log_path is not None
        return read_log(self.log_path.read_bytes() if self.log_path.exists() else b"")


def now(coroutine: Any) -> Any:
    """The result of what has nothing to wait for."""
    results: list[Any] = []
    failures: list[Any] = []
    Deferred.fromCoroutine(coroutine).addCallbacks(results.append, failures.append)
    if failures:
        failures[0].raiseException()
    assert results, "still waiting"
    return results[0]


def read_log(data: bytes) -> list[dict[str, Any]]:
    """Its whole lines; torn ones are no lines."""
    found = []
    for line in data.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def sums_of(lines: Iterable[dict[str, Any]]) -> dict[KEY, Sums]:
    """Up, down and exchanges by account and token, as `MemoryStore.own` has them."""
    sums: dict[KEY, Sums] = defaultdict(lambda: [0, 0, 0])
    for line in lines:
        if not line["line"].endswith("-0"):
            cell = sums[line["account"], line["token"]]
            for k, n in enumerate((line["up"], line["down"], line.get("exchanges", 1))):
                cell[k] += n
    return {key: cell for key, cell in sums.items() if any(cell)}
