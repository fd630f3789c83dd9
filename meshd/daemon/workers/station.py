"""One worker's place: a process is there, or is to be there soon."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from meshd.daemon.faults import WorkerFailed, one_line
from meshd.daemon.sharing import SharedDoor
from meshd.daemon.workers import telling
from meshd.daemon.workers.channel import Channel
from meshd.daemon.workers.forks import Forks
from meshd.daemon.workers.messages import NUMBER, PING, PROVEN, REOPEN, SHARED, STOP, TOLD, WORD, Word, heard
from meshd.daemon.workers.patience import pause, row
from meshd.metrics.totals import Totals

TAKING = 60.0
"""Seconds that a worker has to take settings: pools of a million exits take a while."""

BEGINNING = 300.0
"""Seconds that a process has to let clients in: lists of a million exits take a minute to read and to prepare."""

BEHIND = 64 * 1024
"""Bytes that wait for a worker that does not listen; it is not told any more to look at the change feed."""

log = Logger()


class Offer(NamedTuple):
    """What workers are to go by from now on."""

    settings: tuple[bytes, ...]
    """Packed."""
    doors: tuple[SharedDoor, ...]
    """Whose sockets go with them, of each an equal part for each worker."""
    workers: int


class Station:
    """The place of one worker; a process that dies there is replaced until `stop` is called."""

    pid = 0
    """Of the process that is here, once that is known; else 0."""
    serves = False
    """Whether a process is here that lets clients in."""
    ended = 0
    """How many processes have ended here unasked."""

    def __init__(
        self,
        reactor: Any,
        number: int,
        forks: Forks,
        offer: Callable[[], Offer],
        died: Callable[[], None],
        told: Callable[[int, bytes], None],
        known: Callable[[], bytes],
        totals: Totals,
    ) -> None:
        """number: from 1; offer: what a new process is to go by; died: called when a process has ended unasked.

        told: called with the number and what the process tells the other processes, which begins with one of SHARED.
        known: what a new process is to know of passwords; totals: hears what the process tells in numbers.
        """
        self.number = number
        self._reactor = reactor
        self._forks = forks
        self._offer = offer
        self._died = died
        self._told = told
        self._known = known
        self._totals = totals
        self._channel: Channel | None = None
        self._call: IDelayedCall | None = None
        self._deaths = 0
        """How many processes in a row have died early."""
        self._began = 0.0
        self._why = ""
        self._stopping = False
        self._answered = True
        self._served: Deferred[None] = succeed(None)
        """The outcome of the process's start."""
        self._taken: Deferred[str] = succeed("")
        """Why the process has not taken the newest settings; "" where it has, or where there is none."""
        self._left: Deferred[None] = succeed(None)
        """Fires when the process has ended."""

    def begin(self) -> Deferred[None]:
        """Begin a process.  It fires when that lets clients in; fails with WorkerFailed where it ends before."""
        self._call = None
        self._why, self.pid, self._began = "", 0, self._reactor.seconds()
        self._served, self._left = Deferred(), Deferred()
        served = self._served
        late = self._reactor.callLater(BEGINNING, self._too_late, served)
        served.addBoth(_called_off, late)
        try:
            offer = self._offer()
            ours, theirs = socket.socketpair()
            self._channel = Channel(self._reactor, ours, self._heard, self._lost, WORD)
            with theirs:
                self._forks.fork(theirs).addCallbacks(self._forked, self._not_forked)
            self._channel.send(NUMBER + b"%d/%d" % (self.number, offer.workers))
            self._channel.send(PROVEN + self._known())
            self._send(offer)
        except Exception as error:  # whatever it is, it is tried again
            if not isinstance(error, OSError):
                log.failure("a worker cannot be begun")
            self._give_up(one_line(error))
        return served

    def take(self, offer: Offer) -> Deferred[str]:
        """Have the process take other settings.  It fires with why not, "" where it has; one that has not is ended."""
        if self._channel is None or self._stopping:  # the next process begins with them; one that ends needs none
            return succeed("")
        taken: Deferred[str] = Deferred()
        self._taken = taken
        try:
            self._send(offer)
        except OSError as error:
            return succeed(self._judge(one_line(error)))
        taken.addTimeout(TAKING, self._reactor, onTimeoutCancel=lambda *_: "it does not answer")
        return taken.addCallback(self._judge)

    def tell(self, order: bytes) -> None:
        """Give the process an order that may be lost, where it is not there or far behind."""
        if self._channel is not None and (self._channel.waiting < BEHIND or order == REOPEN):
            self._channel.send(order)

    @property
    def answers(self) -> bool:
        """Whether the process has answered since it was last asked; True where none serves: it is being begun."""
        return self._answered or not self.serves

    def ask(self) -> None:
        """Ask the process for a word."""
        self._answered = False
        self.tell(PING)

    async def stop(self, seconds: float, order: bytes = STOP) -> None:
        """End the process, which has so many seconds, and begin no other.  order: STOP or LEAVE."""
        self._stopping = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._channel is None:
            return
        self._channel.send(order)
        late = self._reactor.callLater(seconds, self._give_up, "it does not end")
        await self._left
        if late.active():
            late.cancel()

    def _send(self, offer: Offer) -> None:
        assert self._channel is not None
        mine = (each for door in offer.doors for each in door.sockets[self.number - 1 :: offer.workers])
        sockets = [each.sock.fileno() for each in mine]
        self._channel.send(b"".join(offer.settings), sockets)

    def _judge(self, why: str) -> str:
        if why and not self._stopping:  # what it still carries may end in its time
            log.error("worker {worker} did not take the settings, and is replaced: {why}", worker=self.number, why=why)
            self._give_up(why)
        return why

    def _too_late(self, served: Deferred[None]) -> None:
        if served is self._served and not served.called:
            self._give_up("it does not begin")

    def _give_up(self, why: str) -> None:
        """End the process at once; what it has counted is in its journal."""
        if self._left.called:
            return
        self._why = why
        if self._channel is not None:
            self._channel.close()
        if self.pid:
            with suppress(ProcessLookupError):  # it has died by itself, which we are about to be told
                os.kill(self.pid, signal.SIGKILL)
        self._lost()

    # What becomes of the process

    def _forked(self, pid: int) -> None:
        self.pid = pid

    def _not_forked(self, failure: Failure) -> None:
        if self._channel is not None:
            self._give_up(failure.getErrorMessage())

    def _heard(self, content: bytes) -> None:
        if content.startswith(SHARED):
            self._told(self.number, content)
            return
        word: Word = heard(content)
        match word["kind"]:
            case "serving" if not self._served.called:
                self.serves = self._answered = True
                log.info("worker {worker} serves: process {pid}", worker=self.number, pid=self.pid)
                self._served.callback(None)
            case "alive":
                self._answered = True
            case "taken":
                self._settled("")
            case "refused" if not self._served.called:
                self._give_up(str(word.get("why")) or "it does not say why")
            case "refused":
                self._settled(str(word.get("why")) or "it does not say why")
            case "failed":
                self._why = str(word.get("why"))
            case "log":
                telling.tell(self.number, word)
            case "numbers":
                self._totals.tell(self.number, word.get("rows"))

    def _settled(self, why: str) -> None:
        if not self._taken.called:
            self._taken.callback(why)

    def _lost(self) -> None:
        """The process has ended, or is about to, as nothing but its end closes its channel."""
        self._channel = None
        self.serves = False
        self._left.callback(None)
        self._totals.ended(self.number)
        unasked = not self._stopping
        if unasked:
            self.ended += 1
            self._deaths = row(self._deaths, self._reactor.seconds() - self._began)
            seconds = pause(self._deaths)
            text = "worker {worker} has ended (process {pid}), and is replaced in {pause:g} s{why}"
            why = f": {self._why}" if self._why else ""
            log.error(text, worker=self.number, pid=self.pid, pause=seconds, why=why)
            self._call = self._reactor.callLater(seconds, self._begin_again)
        self._settled("" if self._stopping else "it has ended")
        self.pid = 0
        if not self._served.called:
            self._served.errback(WorkerFailed(f"worker {self.number}: {self._why or 'it has ended'}"))
        self._told(self.number, TOLD)  # nothing is open there any more
        if unasked:
            self._died()

    def _begin_again(self) -> None:
        self.begin().addErrback(lambda failure: None)  # that is logged, and another one is begun


def _called_off(result: Any, late: IDelayedCall) -> Any:
    if late.active():
        late.cancel()
    return result
