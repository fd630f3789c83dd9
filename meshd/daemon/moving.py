"""The daemon's part in `meshd move --live`: it follows the command, which listens at a socket in the data folder.

The command sends SIGHUP, and the daemon connects.  Each line of the command is a word that the daemon answers:
`prepare` with the target's URL, `freeze`, `go on`, `cut`.  Where the connection ends without a word, the marks of the
old store say with which one to go on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredQueue, TimeoutError
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from meshd.store import marks
from meshd.store import url as urls
from meshd.store.interface import Store, StoreError, StoreUnavailable
from meshd.store.moving import offline
from meshd.store.moving import open as ends
from meshd.store.open import open_store
from meshd.store.switch import Switch

SOCKET = "move.sock"
"""In the data folder, which is nobody else's."""

WORDS = 16
"""Lines of the command that wait: it sends one and awaits the answer."""

STILL = 0.5
"""Seconds that what is under way may take when the command wants to cut over."""

PATIENCE = 3.0
"""Seconds for which everybody waits for the command's next word; it says go on, or cut, after a second."""

PAUSE = 0.5
"""Seconds between two questions where the store is, while neither answers."""

log = Logger()


@contextmanager
def socket_path(folder: Path) -> Iterator[str]:
    """A path of the socket that is short, as paths of sockets have to be, whatever the folder's is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


class _Words(LineOnlyReceiver):
    """The connection to the command."""

    MAX_LENGTH = 8192
    delimiter = b"\n"

    def __init__(self) -> None:
        self.words: DeferredQueue[bytes | None] = DeferredQueue(WORDS)

    def lineReceived(self, line: bytes) -> None:
        self.words.put(line)

    def connectionLost(self, reason: Any = None) -> None:
        self.words.put(None)

    def say(self, **facts: object) -> None:
        self.sendLine(json.dumps(facts).encode())


class Moving:
    """Follows one command at a time."""

    def __init__(
        self, reactor: Any, store: Switch, folder: Path, store_url: str, *, refusal: Callable[[], str]
    ) -> None:
        """refusal: why this daemon's store cannot be exchanged now; "" where it can."""
        self._reactor = reactor
        self._store = store
        self._folder = folder
        self._url = store_url
        self._refusal = refusal
        self._following: Deferred[None] | None = None
        self._held_at = 0.0

    async def begin(self) -> bool:
        """Follow the command that waits for this daemon; whether there is one that is not followed yet."""
        if self._following is not None or not (self._folder / SOCKET).exists():
            return False
        come: Deferred[bool] = Deferred()
        self._following = Deferred.fromCoroutine(self._follow(come))
        self._following.addErrback(self._failed).addBoth(self._over, come)
        return await come

    @property
    def under_way(self) -> bool:
        """Whether a command is followed."""
        return self._following is not None

    async def stop(self) -> None:
        """Follow no more, and go on with the store that is there."""
        if self._following is not None:
            self._following.cancel()
        self._store.release()
        await self.ended()

    async def ended(self) -> None:
        """Wait until no command is followed."""
        if self._following is not None:
            await self._following

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            log.failure("following a move failed", failure)

    def _over(self, result: None, come: Deferred[bool]) -> None:
        self._following = None
        if not come.called:
            come.callback(False)

    async def _follow(self, come: Deferred[bool]) -> None:
        """come: is told when there is a command indeed."""
        try:
            with socket_path(self._folder) as path:
                words = await UNIXClientEndpoint(self._reactor, path).connect(Factory.forProtocol(_Words))
        except ConnectError:  # left behind by a command that was killed
            (self._folder / SOCKET).unlink(missing_ok=True)
            return
        come.callback(True)
        try:
            await self._obey(words)
        finally:
            self._store.release()  # whatever went wrong: where the store has moved, the old one takes no writes
            words.transport.loseConnection()

    async def _obey(self, words: _Words) -> None:
        target = ""
        while (line := await self._next(words, target)) is not None:
            asked = json.loads(line)
            target = asked.get("url", target)
            try:
                await self._do(asked["do"], target)
            except StoreError as error:
                words.say(refused=str(error))
            else:
                words.say(done=asked["do"])
        if self._store.held:
            await self._settle(target)

    async def _next(self, words: _Words, target: str) -> bytes | None:
        """The next line, None at the end; where it is late while everybody waits, they wait no more."""
        following = words.words.get()
        if self._store.held:
            following.addTimeout(PATIENCE, self._reactor)
        try:
            return await following
        except TimeoutError:
            await self._settle(target)
            return await words.words.get()

    async def _do(self, word: str, target: str) -> None:
        match word:
            case "prepare":
                await self._prepare(target)
            case "freeze":
                self._held_at = self._reactor.seconds()
                await self._hold()
            case "go on":
                await self._settle(target)
            case "cut":
                await self._cut(target)

    async def _prepare(self, target: str) -> None:
        """Reach the target, which is half filled.  Raises: StoreError."""
        if why := self._refusal():
            raise StoreError(why)
        try:
            store = await self._opened(target)
        except marks.HalfFilled:
            return
        await store.stop()
        raise StoreError("the target is not being filled")

    async def _hold(self) -> None:
        """Raises: StoreUnavailable, where something takes too long; then everything goes on."""
        try:
            await Deferred.fromCoroutine(self._store.hold()).addTimeout(STILL, self._reactor)
        except TimeoutError:
            self._store.release()
            raise StoreUnavailable("the daemon has something under way that takes long") from None

    async def _settle(self, target: str) -> None:
        """Go on with the store that the marks name."""
        while True:
            try:
                moved = await self._aside(lambda: _has_moved(self._url, target))
                break
            except StoreError:  # it is away: whoever asks it hears that; it takes no writes in any case
                self._store.release()
                await deferLater(self._reactor, PAUSE)
        if moved:
            await self._cut(target)
        else:
            self._store.release()

    async def _cut(self, target: str) -> None:
        """Go on with the target, for which everybody waits no longer than for the command.

        While it does not answer after that, the old store is read, which is as the target is and takes no writes.
        """
        while True:
            try:
                store = await self._whole(target)
                break
            except StoreError as error:
                place = urls.place(target)
                log.warn(
                    "the store has moved to {place}, which does not answer: {error}", place=place, error=str(error)
                )
                if self._reactor.seconds() - self._held_at >= PATIENCE:
                    self._store.release()
                await deferLater(self._reactor, PAUSE)
        self._url = target
        held = self._reactor.seconds() - self._held_at
        log.warn(
            "the store has moved to {place} (held for {held:.3f} s): name that one in store.url before the next start",
            place=urls.place(target),
            held=held,
        )
        await self._store.replace(store)

    async def _whole(self, target: str) -> Store:
        """The target, of which the command may have died before its last step.  Raises: StoreError."""
        try:
            return await self._opened(target)
        except marks.HalfFilled:
            await self._aside(lambda: _open_up(target))
            return await self._opened(target)

    async def _opened(self, url: str) -> Store:
        """A store that has started, and changes no schema."""
        store = open_store(self._reactor, url)
        await store.start()
        return store

    async def _aside(self, work: Any) -> Any:
        return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)


def _has_moved(source: str, target: str) -> bool:
    with ends.opened(source) as end:
        return ends.mark(end, source) == (marks.MOVED, urls.place(target))


def _open_up(target: str) -> None:
    with ends.opened(target) as end:
        offline.open_up(end)
