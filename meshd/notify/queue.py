"""The queue of one target: what waits for it in the store is tried, and what came of that is written there.

A target that is slow, dead or hostile costs this queue, and nothing else: a round takes a few notices in hand, each of
another subject, and the next round begins when all of them have an outcome, which takes a bounded time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, FirstError, TimeoutError, gatherResults
from twisted.logger import Logger

from meshd.notify.retrying import Outcome, next_try, pause_of_target
from meshd.notify.sending import Send
from meshd.running.regularly import Regularly
from meshd.store.interface import Store, StoreError
from meshd.store.statements import notices
from meshd.store.statements.noticekeeping import AGE
from meshd.store.statements.notices import Row
from meshd.values.notices import Target

SECONDS = 1.0
"""Between two looks at what waits."""
AT_ONCE = 4
"""Notices that are tried at a time, each about something else."""
LEASE = 180
"""Seconds for which a process has notices in hand: longer than a try with all its phases takes, so that nobody else
tries them meanwhile; after a crash they wait for so long, unless the process comes back sooner.
"""
PATIENCE = 2.0
"""Seconds that a stop waits for the answers of a round; what has none by then is tried again after the next start."""

log = Logger()


async def _all(tries: list[Deferred[Outcome]]) -> list[Outcome]:
    """What all have come to.  Raises: CancelledError where that is given up."""
    try:
        return await gatherResults(tries, consumeErrors=True) if tries else []
    except FirstError as error:
        error.subFailure.raiseException()
        raise


@dataclass(frozen=True, slots=True)
class Parts:
    """What all queues of a process share."""

    reactor: Any
    store: Store
    send: Send
    now: Callable[[], float]
    node: str
    """This process's name in the store."""
    draw: Callable[[], float]
    """A random number from 0 up to 1."""


class Queue:
    """One target's."""

    def __init__(self, parts: Parts, target: Target) -> None:
        self.target = target
        self._parts = parts
        self._failures = 0
        """Rounds in a row in which nothing was taken."""
        self._rest_until = 0.0
        """Monotonic."""
        away = "looking for notices that wait failed"
        self._rounds = Regularly(parts.reactor, self._round, lambda: SECONDS, log=log, away=away)

    def start(self) -> None:
        self._rounds.start()

    async def stop(self) -> None:
        """Wait a moment for answers that are still to come, and no longer."""
        ended = self._rounds.stop()
        with suppress(TimeoutError):
            await ended.addTimeout(PATIENCE, self._parts.reactor)
        await self._rounds.stop(cut=True)

    async def _round(self) -> None:
        if self._parts.reactor.seconds() < self._rest_until:
            return
        parts, now = self._parts, int(self._parts.now())
        try:
            rows = await parts.store.run(notices.claim, self.target.target, parts.node, now, now + LEASE, AT_ONCE)
        except StoreError:
            return  # who keeps the outbox tells the log
        tries = [Deferred.fromCoroutine(self._try(row)) for row in rows]
        outcomes = await _all(tries)
        if outcomes:
            self._rest(outcomes)
        if len(rows) == AT_ONCE:
            self._rounds.hasten()

    async def _try(self, row: Row) -> Outcome:
        try:
            outcome = await self._parts.send(self.target, row.notice)
        except CancelledError:
            raise
        except Exception:
            log.failure("a notice could not be sent, by a fault of ours")
            outcome = Outcome("again", "it could not be sent, by a fault of meshd's")
        with suppress(StoreError):  # it is tried again once the lease is over, with the same id
            await self._settle(row, outcome)
        return outcome

    async def _settle(self, row: Row, outcome: Outcome) -> None:
        """Raises: StoreError."""
        parts, name = self._parts, self.target.target
        if outcome.verdict == "taken":
            await parts.store.run(notices.sent, row.id, parts.node, name)
            return
        if outcome.verdict == "gone":
            count = await parts.store.run(notices.gone, name, outcome.why)
            text = "{target} is told nothing more: {why}; notices that waited for it: {count}"
            log.warn(text, target=name, why=outcome.why, count=count)
            return
        due = next_try(outcome, row.tries + 1, row.queued_at, parts.now(), parts.draw(), AGE)
        if due is None:
            await parts.store.run(notices.given_up, row.id, parts.node, name, outcome.why)
            text = "a notice to {target} is given up ({kind}): {why}"
            log.warn(text, target=name, kind=row.notice.kind, why=outcome.why)
        else:
            await parts.store.run(notices.later, row.id, parts.node, due, outcome.why)

    def _rest(self, outcomes: list[Outcome]) -> None:
        """After a round in which nothing was taken, leave the target alone for a while."""
        if any(each.verdict == "taken" for each in outcomes):
            if self._failures:
                log.info("{target} takes notices again", target=self.target.target)
            self._failures = 0
            return
        if not self._failures:
            text = "{target} does not take notices, which wait: {why}"
            log.warn(text, target=self.target.target, why=outcomes[0].why)
        self._failures += 1
        pause = pause_of_target(self._failures, self._parts.draw())
        self._rest_until = self._parts.reactor.seconds() + max(pause, *(each.wait for each in outcomes))
