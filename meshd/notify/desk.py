"""Where notices leave a process: a queue for each target of the settings, and the outbox kept within its bounds.

Several processes and nodes may have a desk on one store: each notice is in one's hand at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from meshd.notify.pocket import Pocket, left_to_store
from meshd.notify.queue import Parts, Queue
from meshd.running.detached import Detached
from meshd.running.regularly import Regularly
from meshd.store.interface import StoreError
from meshd.store.statements import noticekeeping, notices
from meshd.store.statements.notices import Told
from meshd.values.notices import STORE_AWAY, STORE_BACK, Notice, Notify, Target

SECONDS = 5.0
"""Between two looks at the outbox as a whole, by which targets tell the store that they are wanted, too."""
TIDY = 30.0
"""Between two looks at the bounds, each of which reads all that waits: in the meantime there may be some more."""
AWAY = 10.0
"""Seconds without the store after which the operator is told: a restart of a database is shorter."""

log = Logger()


class Desk:
    """Sends what the store has for the targets that `wanted` gives, which a reload may change."""

    def __init__(self, parts: Parts, wanted: Callable[[], Notify]) -> None:
        self._parts = parts
        self._wanted = wanted
        self._queues: dict[str, Queue] = {}
        self._retired: set[str] = set()
        """Targets that the store is still to be told of that they are wanted no more."""
        self._fresh = True
        """Whether what a process of this name had in hand when it died is still to be let go."""
        self.known = False
        """Whether the store knows the targets of the settings that hold now."""
        self._missed_at: float | None = None
        """Since when, monotonic, the store does not answer."""
        self._told_away = False
        self._tidy_at = 0.0
        self._pocket = Pocket(parts.reactor, parts.send, parts.draw)
        self._ending = Detached()
        self._looks = Regularly(
            parts.reactor,
            self._look,
            lambda: SECONDS,
            log=log,
            away="notices wait for the store",
            back="notices leave the store again",
            expected=(StoreError,),
        )

    def start(self) -> None:
        self.follow()
        self._pocket.start()
        self._looks.start(at_once=True)

    async def stop(self) -> None:
        """Send nothing more; what waits is sent after the next start, or by another process."""
        if not self._looks.running:
            return
        await self._looks.stop()
        stopping = [self._pocket.stop(), *(queue.stop() for queue in self._queues.values())]
        await DeferredList([Deferred.fromCoroutine(each) for each in stopping], consumeErrors=True)
        await self._ending.ended()
        try:
            await self._parts.store.run(notices.released, self._parts.node)
        except StoreError as error:
            log.warn("notices that were in hand wait for some minutes: {error}", error=str(error))

    def follow(self) -> None:
        """Go by the settings that hold now."""
        targets = {each.target: each for each in self._wanted().targets}
        for name, queue in list(self._queues.items()):
            if targets.get(name) != queue.target:
                del self._queues[name]
                self._ending.run(Deferred.fromCoroutine(queue.stop()))
                if name not in targets:
                    self._retired.add(name)
        for name, target in targets.items():
            if name not in self._queues:
                self._queues[name] = queue = Queue(self._parts, target)
                if not self._fresh:
                    queue.start()
        self._retired -= targets.keys()
        self.known = False
        self._looks.hasten()

    async def tell(self, kind: str, subject: str, data: Mapping[str, object]) -> None:
        """Tell of something that is no change of the store; from memory where the store is away."""
        try:
            await self._parts.store.run(notices.tell, kind, subject, int(self._parts.now()), data)
        except StoreError:
            self._tell_from_memory(kind, data)

    def _tell_from_memory(self, kind: str, data: Mapping[str, object]) -> None:
        notice = Notice(notices.new_id(), kind, int(self._parts.now()), json.dumps(data))
        for queue in self._queues.values():
            if kind in queue.target.kinds:
                self._pocket.hold(queue.target, notice)

    async def _look(self) -> None:
        try:
            await self._keep()
        except StoreError:
            self._missed()
            raise
        if self._told_away:
            await self._tell_back()
        self._missed_at, self._told_away = None, False

    async def _keep(self) -> None:
        """Raises: StoreError."""
        parts, now = self._parts, int(self._parts.now())
        if self._fresh:
            await parts.store.run(notices.released, parts.node)
            self._fresh = False
            for queue in self._queues.values():
                queue.start()
        told = [Told(name, queue.target.kinds, _digest(queue.target)) for name, queue in self._queues.items()]
        queues = dict(self._queues)
        await parts.store.run(notices.seen, told, now)
        self.known = queues == self._queues
        retired = set(self._retired)
        if retired:
            await parts.store.run(notices.retire, retired)
            self._retired -= retired
        if parts.reactor.seconds() >= self._tidy_at:
            await self._tidy(now)
            self._tidy_at = parts.reactor.seconds() + TIDY

    async def _tidy(self, now: int) -> None:
        """Raises: StoreError."""
        tidied = await self._parts.store.run(noticekeeping.tidy, now)
        for name, count in sorted(tidied.dropped.items()):
            log.warn("{target}: too many notices wait, and the oldest are dropped: {count}", target=name, count=count)
        for name, count in sorted(tidied.late.items()):
            log.warn("{target}: notices that have waited too long are given up: {count}", target=name, count=count)

    # The store itself

    def _missed(self) -> None:
        seconds = self._parts.reactor.seconds()
        if self._missed_at is None:
            self._missed_at = seconds
        if seconds - self._missed_at >= AWAY and not self._told_away:
            self._told_away = True
            self._tell_from_memory(STORE_AWAY, {"node": self._parts.node})

    async def _tell_back(self) -> None:
        """Raises: StoreError."""
        parts, now = self._parts, int(self._parts.now())
        assert self._missed_at is not None
        held, subject = self._pocket.take_over(), f"node:{parts.node}"
        try:
            await parts.store.run(left_to_store, held, subject, now)
        except StoreError:
            for each in held:
                self._pocket.hold(each.target, each.notice)
            raise
        data = {"node": parts.node, "seconds": int(parts.reactor.seconds() - self._missed_at)}
        await parts.store.run(notices.tell, STORE_BACK, subject, now, data)


def _digest(target: Target) -> str:
    """Tells one place from another without saying where it is."""
    return sha256(target.place.encode()).hexdigest()[:32]
