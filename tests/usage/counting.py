"""A process that counts until it is killed: `python -m tests.usage.counting FOLDER`, and a line on stdin to begin.

Before each step it writes "<" to stdout, and after it ">": whoever reads knows how many steps were made, but for the
one that the kill found between the two.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from meshd.model import Admission
from meshd.selection import NONE
from meshd.store.sqlite.store import SQLiteStore
from meshd.store.statements import identities
from meshd.topology import Limits
from meshd.usage.chronicle import Chronicle
from meshd.usage.exchangelog import ExchangeLog
from meshd.usage.journal import Journal
from meshd.usage.ledger import Ledger
from meshd.usage.meter import Meter
from meshd.values.exchanges import Exchange
from tests.support.live import settings

STEP = 1009
"""Bytes."""

LIMITS = Limits(flush_seconds=0.01)


def ledger_in(folder: Path, store: SQLiteStore) -> Ledger:
    log = ExchangeLog(str(folder / "log"), reactor)
    chronicle = Chronicle(store, reactor, time.time, settings(LIMITS), "here")
    return Ledger(store, Journal(folder / "journal", slots=64), reactor, time.time, settings(LIMITS), log, chronicle)


async def work(folder: Path, account_ids: list[int]) -> None:
    store = SQLiteStore(reactor, str(folder / "meshd.sqlite3"))
    await store.start()
    ledger = ledger_in(folder, store)
    admissions = [await admitted(store, account_id) for account_id in account_ids]
    await ledger.start()
    meters: list[Meter] = []
    while True:
        for admission in admissions:
            meters.append(ledger.open(admission, lambda refusal: None))  # type: ignore[arg-type]
            for meter in meters:
                os.write(1, b"<")
                meter.sent_up(STEP)
                os.write(1, b">")
            if len(meters) > 5:
                gone = meters.pop(0)
                ledger.close(gone, exchange(gone))
            await pause(0.0005)


async def admitted(store: SQLiteStore, account_id: int) -> Admission:
    identity = await store.run(identities.load, account_id, int(time.time()))
    assert identity is not None
    return Admission(identity, "password", "", 0, NONE, "proxy-authorization")


def exchange(meter: Meter) -> Exchange:
    account = meter.admission.account
    return Exchange("", time.time(), 0, account.id, account.username, 0, "", "", "GET", "h", 80, "", 200, "", 0, 0)


def pause(seconds: float) -> Awaitable[Any]:
    done: Deferred[None] = Deferred()
    reactor.callLater(seconds, done.callback, None)
    return done


def main(folder: str, *account_ids: str) -> None:
    sys.stdin.readline()

    def failed(failure: Any) -> None:
        failure.printTraceback()
        reactor.stop()

    begin: Callable[[], Any] = lambda: Deferred.fromCoroutine(  # noqa: E731
        work(Path(folder), [int(each) for each in account_ids])
    ).addErrback(failed)
    reactor.callWhenRunning(begin)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
