"""A desk's surroundings without an event loop: a clock, a store that answers at once or is away, targets as told."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.notify.queue import Parts
from meshd.notify.retrying import Outcome
from meshd.store.interface import StoreUnavailable
from meshd.store.open import BlockingStore
from meshd.store.statements import noticekeeping, notices
from meshd.store.unit import Unit
from meshd.values.notices import Notice, Target, Webhook
from tests.support import stores

NOW = 1_800_000_000
TAKEN, AGAIN = Outcome("taken", "it answered 204"), Outcome("again", "it answered 500")


def hook(name: str = "ops", url: str = "https://hooks.mesh.example/", **options: Any) -> Webhook:
    return Webhook(name, url, (b"k" * 32,), **options)


class Store:
    """As a process has it, on a store that answers at once."""

    def __init__(self, case: NoticeCase) -> None:
        self._case = case

    async def run(self, unit: Any, *args: Any, **more: Any) -> Any:
        if self._case.away:
            raise StoreUnavailable("the store is away")
        return self._case.blocking.run(unit, *args, **more)


class Sending:
    """Every try comes to what the case says."""

    def __init__(self, case: NoticeCase) -> None:
        self._case = case

    async def __call__(self, target: Target, notice: Notice) -> Outcome:
        self._case.sent.append((target.target, notice.kind, json.loads(notice.data)))
        outcome = self._case.outcomes.get(target.target, TAKEN)
        return await _waiting(outcome) if isinstance(outcome, Deferred) else outcome


def _waiting(outcome: Deferred[Outcome]) -> Deferred[Outcome]:
    """The same for each of several tries that wait for it."""
    waiter: Deferred[Outcome] = Deferred()

    def come(result: Any) -> Any:
        waiter.callback(result)
        return result

    outcome.addBoth(come)
    return waiter


class NoticeCase(SynchronousTestCase):
    """`clock` moves time, of both kinds; `away` makes the store fail; `outcomes` has what comes of a try, by target."""

    def setUp(self) -> None:
        path = stores.put_migrated(stores.sqlite_path(self))
        self.blocking = BlockingStore(f"sqlite:///{path}")
        self.addCleanup(self.blocking.close)
        self.clock = Clock()
        self.away = False
        self.outcomes: dict[str, Outcome | Deferred[Outcome]] = {}
        self.sent: list[tuple[str, str, Any]] = []
        """Target, kind and data of each try."""
        self.parts = Parts(self.clock, Store(self), Sending(self), self.now, "node", lambda: 0.5)  # type: ignore[arg-type]

    def now(self) -> float:
        return NOW + self.clock.seconds()

    def tell(self, *subjects: str) -> None:
        def unit() -> Unit[None]:
            for number, subject in enumerate(subjects):
                yield from notices.tell("ban.begun", subject, int(self.now()), {"number": number})

        self.blocking.run(unit)

    def waiting(self) -> int:
        return sum(each.state == "waiting" for each in self.blocking.run(noticekeeping.page, 0, 999))

    def failed(self) -> int:
        return sum(each.state == "failed" for each in self.blocking.run(noticekeeping.page, 0, 999))

    def pass_(self, seconds: float) -> None:
        """Let time pass in quarters of a second."""
        for _ in range(int(seconds * 4)):
            self.clock.advance(0.25)

    def kinds(self, target: str = "ops") -> list[str]:
        return [kind for name, kind, _ in self.sent if name == target]
