"""What it takes of the reactor to bring many accounts' counts to the store: `python bench/flushing.py [--tree FOLDER]`.

Each of 5,000 accounts moves bytes, in a tunnel that stays open or in an exchange of its own that begins and ends; then
they are flushed to an SQLite store.  Told are milliseconds of processor time of the reactor's thread in that flush, the
longest piece of it in which nobody else has a turn, and the time of the store's thread, which shares the interpreter.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--accounts", type=int, default=5000)
arguments.add_argument("--rounds", type=int, default=9)
arguments.add_argument("--tree", type=Path, default=Path(__file__).resolve().parents[1], help="of meshd, to measure")
options = arguments.parse_args()
sys.path[0] = str(options.tree)  # not bench/ itself, whose profile.py would hide another

from twisted.internet import reactor  # noqa: E402
from twisted.internet.defer import Deferred  # noqa: E402

from meshd.model import Admission  # noqa: E402
from meshd.selection import NONE  # noqa: E402
from meshd.store.sqlite.store import SQLiteStore  # noqa: E402
from meshd.store.statements import accounts, identities  # noqa: E402
from meshd.topology import Limits  # noqa: E402
from meshd.usage.chronicle import Chronicle  # noqa: E402
from meshd.usage.exchangelog import ExchangeLog  # noqa: E402
from meshd.usage.journal import Journal  # noqa: E402
from meshd.usage.ledger import Ledger  # noqa: E402
from meshd.values.exchanges import Exchange  # noqa: E402
from tests.support.live import settings  # noqa: E402

LIMITS = Limits(flush_seconds=1e6)


def made(count: int) -> Iterator[Any]:
    """A unit: so many accounts; what the ledger is told of each who is admitted."""
    found = []
    for number in range(count):
        terms = {"parent_id": None, "role": "customer", "plan": "10", "billing_day": 1, "now": 1}
        account = yield from accounts.create(f"user{number}", password_hash="", **terms)
        identity = yield from identities.load(account.id, int(time.time()))
        found.append(Admission(identity, "password", "", 0, NONE, "proxy-authorization"))
    return found


def exchange(admission: Admission) -> Exchange:
    account = admission.account
    return Exchange("", time.time(), 0, account.id, account.username, 0, "", "", "GET", "h", 80, "", 200, "", 0, 0)


class Stalls:
    """Looks at the clock of this thread each millisecond: how much of it went by between two looks at most."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._at = time.thread_time()
        self._turn()

    def _turn(self) -> None:
        now = time.thread_time()
        self.longest, self._at = max(self.longest, now - self._at), now
        self._call = reactor.callLater(0.001, self._turn)

    def stop(self) -> float:
        self._call.cancel()
        return self.longest


async def flushed(ledger: Ledger) -> list[float]:
    """Milliseconds: of the reactor's thread, its longest piece, the store's thread."""
    stalls = Stalls()
    whole, own = time.process_time(), time.thread_time()
    await ledger.flush()
    own, whole = time.thread_time() - own, time.process_time() - whole
    return [own * 1000, stalls.stop() * 1000, (whole - own) * 1000]


async def measured(folder: Path) -> None:
    store = SQLiteStore(reactor, str(folder / "meshd.sqlite3"))
    await store.start()
    log = ExchangeLog(str(folder / "log"), reactor)
    chronicle = Chronicle(store, reactor, time.time, settings(LIMITS), "here")
    ledger = Ledger(store, Journal(folder), reactor, time.time, settings(LIMITS), log, chronicle)
    admissions = await store.run(made, options.accounts)
    await ledger.start()
    gc.freeze()  # as in the daemon
    gc.set_threshold(50_000, 20, 100)
    ended: list[list[float]] = []
    for _ in range(options.rounds):
        for meter in [ledger.open(admission, lambda refusal: None) for admission in admissions]:
            meter.sent_up(100)
            meter.sent_down(1000)
            ledger.close(meter, exchange(meter.admission))
        ended.append(await flushed(ledger))
    meters = [ledger.open(admission, lambda refusal: None) for admission in admissions]
    lasting: list[list[float]] = []
    for _ in range(options.rounds):
        for meter in meters:
            meter.sent_down(1000)
        lasting.append(await flushed(ledger))
    for meter in meters:
        ledger.close(meter, exchange(meter.admission))
    told("an exchange each", ended[1:])
    told("a tunnel each", lasting[1:])
    await ledger.stop()
    await store.stop()


def told(what: str, rows: list[list[float]]) -> None:
    reactor_ms, longest, store_ms = (median(each) for each in zip(*rows, strict=True))
    print(f"| {what} | {reactor_ms:.1f} ms | {longest:.1f} ms | {store_ms:.0f} ms |", flush=True)


def main() -> None:
    with TemporaryDirectory() as name:

        def ended(result: Any) -> None:
            if result is not None:
                result.printTraceback()
            reactor.stop()

        begin: Callable[[], Any] = lambda: Deferred.fromCoroutine(measured(Path(name))).addBoth(ended)  # noqa: E731
        reactor.callWhenRunning(begin)
        reactor.run()


if __name__ == "__main__":
    main()
