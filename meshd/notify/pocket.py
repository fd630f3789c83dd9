"""Notices of what cannot be written to the store, since it is the store that is away: sent from memory.

They are about this process, few, and worth little once it has died: so no file keeps them.  What no target took by the
time that the store is back is left to the store.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from meshd.notify.retrying import pause
from meshd.notify.sending import Send
from meshd.running.regularly import Regularly
from meshd.store.statements import notices
from meshd.store.unit import Unit
from meshd.values.notices import Notice, Target

MOST = 100
"""Notices that are kept, each for one target: the oldest go first.  A store that comes and goes makes two each time."""
SECONDS = 1.0

log = Logger()


class Held(NamedTuple):
    """One notice on its way to one target."""

    target: Target
    notice: Notice
    tries: int = 0
    due: float = 0.0
    """Monotonic."""


class Pocket:
    """Tries what it holds, one after the other, until somebody takes it over."""

    def __init__(self, reactor: Any, send: Send, draw: Callable[[], float]) -> None:
        self._reactor = reactor
        self._send = send
        self._draw = draw
        self._held: deque[Held] = deque(maxlen=MOST)
        self._rounds = Regularly(reactor, self._round, lambda: SECONDS, log=log, away="sending from memory failed")

    def start(self) -> None:
        self._rounds.start()

    async def stop(self) -> None:
        await self._rounds.stop(cut=True)

    def hold(self, target: Target, notice: Notice) -> None:
        if len(self._held) == MOST:
            log.warn("a notice to {target} is lost: too many wait for the store", target=self._held[0].target.target)
        self._held.append(Held(target, notice))

    def take_over(self) -> list[Held]:
        """All that is still held; from now on that is the caller's."""
        held = list(self._held)
        self._held.clear()
        return held

    async def _round(self) -> None:
        for _ in range(len(self._held)):
            if not self._held:  # taken over meanwhile
                return
            held = self._held.popleft()
            if held.due > self._reactor.seconds():
                self._held.append(held)
                continue
            await self._try(held)

    async def _try(self, held: Held) -> None:
        try:
            outcome = await self._send(held.target, held.notice)
        except CancelledError:
            self._held.appendleft(held)
            raise
        if outcome.verdict == "again":
            due = self._reactor.seconds() + max(pause(held.tries + 1, self._draw()), outcome.wait)
            self._held.append(held._replace(tries=held.tries + 1, due=due))


def left_to_store(held: list[Held], subject: str, now: int) -> Unit[None]:
    """Write what was held in memory to the outbox."""
    for each in held:
        yield from notices.put_for(each.target.target, each.notice, subject, now)
