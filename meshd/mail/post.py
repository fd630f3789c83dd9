"""The queue of letters: one is sent after the other, again after a while where that failed, and into the spool at last.

Nothing here logs an address or anything of a letter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from meshd.mail import smtp, spool
from meshd.mail.letter import NOBODY, Letter, rendered
from meshd.mail.smtp import Undelivered
from meshd.values.mail import Mail

MOST = 1000
"""Letters that wait at a time: some megabytes, and more than a server takes in many minutes."""
PAUSES = (30.0, 120.0, 600.0, 1800.0, 3600.0)
"""Seconds between the tries of a letter; after the last one it goes into the spool."""
FLUSH = 10.0
"""Seconds for letters that wait when meshd is stopped; what is left then goes into the spool."""
ID_BYTES = 12

Send = Callable[[Any, Mail, str, bytes], Awaitable[None]]

log = Logger()


@dataclass(slots=True)
class _Waiting:
    to: str
    content: bytes
    name: str
    due: float = 0.0
    tries: int = 0


class Post:
    """Sends letters by the settings that hold when each leaves.  mail: those settings."""

    def __init__(
        self,
        reactor: Any,
        mail: Callable[[], Mail],
        now: Callable[[], float],
        random: Callable[[int], bytes],
        send: Send = smtp.send,
    ) -> None:
        self._reactor = reactor
        self._mail = mail
        self._now = now
        self._random = random
        self._send = send
        self._waiting: deque[_Waiting] = deque()
        self._call: IDelayedCall | None = None
        self._round: Deferred[None] = succeed(None)
        self._failing = False
        self._stopping = False

    def post(self, letter: Letter) -> bool:
        """Take a letter; False where too many wait, or meshd is being stopped.
        Raises: ValueError for what cannot be a letter.
        """
        name = self._random(ID_BYTES).hex()
        sender = self._mail().sender or NOBODY
        content = rendered(letter, sender, now=self._now(), unique=name)
        if len(self._waiting) >= MOST or self._stopping:
            return False
        self._waiting.append(_Waiting(letter.to, content, name))
        self._begin_at(0)
        return True

    async def stop(self) -> None:
        """Send what waits, for FLUSH seconds; put what is left into the spool."""
        self._stopping = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._round.called:
            self._round = Deferred.fromCoroutine(self._flush())
        late = self._reactor.callLater(FLUSH, self._round.cancel)
        await self._ended()
        if late.active():
            late.cancel()
        if self._waiting:
            log.warn("{count} letters that were not sent yet are put into the spool", count=len(self._waiting))
        while self._waiting:
            self._put(self._waiting.popleft())

    def _begin_at(self, due: float) -> None:
        """Have a round then, unless there is one earlier, or one is under way, which looks again at its end."""
        delay = max(0.0, due - self._reactor.seconds())
        if self._call is not None and self._call.getTime() <= self._reactor.seconds() + delay:
            return
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._round.called and not self._stopping:
            self._call = self._reactor.callLater(delay, self._begin)

    def _begin(self) -> None:
        self._call = None
        self._round = Deferred.fromCoroutine(self._due())
        self._round.addBoth(self._next)

    def _next(self, result: Any) -> None:
        if self._waiting and not self._stopping:
            self._begin_at(min(each.due for each in self._waiting))

    async def _due(self) -> None:
        """Try each letter that is due, once."""
        for _ in range(len(self._waiting)):
            if self._stopping:
                return await self._flush()
            waiting = self._waiting.popleft()
            if waiting.due <= self._reactor.seconds():
                await self._try(waiting)
            else:
                self._waiting.append(waiting)
        return None

    async def _flush(self) -> None:
        """Try every letter a last time."""
        for _ in range(len(self._waiting)):
            await self._try(self._waiting.popleft())

    async def _try(self, waiting: _Waiting) -> None:
        mail = self._mail()
        if not mail.smtp:
            self._put(waiting)
            return
        try:
            await self._send(self._reactor, mail, waiting.to, waiting.content)
        except CancelledError:
            self._waiting.appendleft(waiting)
            raise
        except Undelivered as error:
            self._failed(waiting, error)
        else:
            if self._failing:
                self._failing = False
                log.info("letters are sent again")

    def _failed(self, waiting: _Waiting, error: Undelivered) -> None:
        if error.final or waiting.tries >= len(PAUSES):
            log.warn("a letter is given up, and put into the spool: {why}", why=str(error))
            self._put(waiting)
            return
        if not self._failing:
            self._failing = True
            log.warn("a letter cannot be sent, and is tried again: {why}", why=str(error))
        waiting.due = self._reactor.seconds() + PAUSES[waiting.tries]
        waiting.tries += 1
        self._waiting.append(waiting)

    def _put(self, waiting: _Waiting) -> None:
        try:
            spool.put(self._mail().spool, waiting.name, waiting.content)
        except OSError as error:
            why = error.strerror or str(error)
            log.error("a letter is lost, since it cannot be put into the spool: {why}", why=why)

    async def _ended(self) -> None:
        waiter: Deferred[None] = Deferred()
        self._round.addBoth(lambda _: waiter.callback(None))
        await waiter
