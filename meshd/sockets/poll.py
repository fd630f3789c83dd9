"""The data plane's own epoll, nested in the reactor's.

Strategy: every socket of the proxy is registered once, edge-triggered for reading and writing together, and never
modified again; a socket's owner remembers the events and tries.  The reactor sees one descriptor that is readable
while any of ours is ready, so timers, signals, Klein and the database share its loop as ever.  That saves the
`epoll_ctl` calls of arming and disarming, and the reactor's log context and look-ups for each event: together about a
third of a small request's time.
"""

from __future__ import annotations

import os
import select
from itertools import islice
from typing import Protocol

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

IN = select.EPOLLIN
OUT = select.EPOLLOUT
ERROR = select.EPOLLERR
"""The event that says that the connection has failed, as by a reset."""
GONE = select.EPOLLHUP | ERROR
"""Events that say that both directions are over."""
ENDING = GONE | select.EPOLLRDHUP
"""Events that say that the peer will send no more, or that both directions are over."""
URGENT = select.EPOLLPRI
"""The event that says that urgent data (RFC 9293, 3.8.5) has come and was not read past: a read stops before it."""
UNSURE = ENDING | URGENT
"""Events after which a short read does not mean that the socket is empty."""
EDGES = IN | OUT | select.EPOLLRDHUP | URGENT | select.EPOLLET

BATCH = 256
"""Events handled before the reactor's timers and its other descriptors get their turn."""


class Ready(Protocol):
    """The owner of a registered descriptor."""

    def ready(self, fd: int, events: int, /) -> None:
        """Try to read or write fd; an event is a hint, and the attempt may still find nothing to do."""


class Behind(Protocol):
    """The owner of the other end of a socket pair in this process, one end of which is registered."""

    def closed(self) -> None:
        """Hear that the registered end is being closed."""

    def abort(self) -> None:
        """Reset the outer connection: a socket pair has no RST of its own."""


class Lingers(Protocol):
    """One that has two descriptors for some time after its registered end was closed."""

    def drop(self) -> None:
        """Abort the outer connection at once."""


class _Nobody:
    """The owner of a registered descriptor until somebody has taken it over."""

    def ready(self, fd: int, events: int) -> None:
        """Do nothing: the next owner tries to read and write for itself."""


_NOBODY = _Nobody()


@implementer(IReadDescriptor)
class Poller:
    """Tells owners of descriptors when theirs are ready."""

    __slots__ = (
        "_behind",
        "_dispatching",
        "_epoll",
        "_lingering",
        "_outside",
        "_owners",
        "_reactor",
        "_removed",
        "turns",
    )
    log = Logger()

    def __init__(self, reactor: IReactorFDSet) -> None:
        self._reactor = reactor
        self._epoll = select.epoll()
        self._owners: dict[int, Ready] = {}
        self._behind: dict[int, tuple[Behind, int]] = {}
        self._outside = 0
        """Descriptors behind registered ones, that are not registered themselves."""
        self._lingering: dict[Lingers, None] = {}
        """The oldest first."""
        self._removed: set[int] = set()
        self._dispatching = False
        self.turns = 0
        """Batches of events that were handled."""

    def __len__(self) -> int:
        """Descriptors in use: those registered, and those behind them."""
        return len(self._owners) + self._outside + 2 * len(self._lingering)

    def start(self) -> None:
        self._reactor.addReader(self)

    def stop(self) -> None:
        self._reactor.removeReader(self)
        self._epoll.close()

    def add(self, fd: int, owner: Ready, events: int = EDGES, /) -> None:
        """Register fd; with EDGES the owner hears of events from before the registration too."""
        self._epoll.register(fd, events)
        self._owners[fd] = owner

    def hold(self, fd: int) -> None:
        """Register fd for whoever takes it over next.

        Where the kernel takes no more, fd is closed, and who stands behind it hears of that.  Raises: OSError.
        """
        try:
            self.add(fd, _NOBODY)
        except BaseException:
            self._tell_behind(fd)
            os.close(fd)
            raise

    def hand_over(self, fd: int, owner: Ready, /) -> None:
        """Make another object the owner of fd; the new owner must try for itself what it may have missed."""
        self._owners[fd] = owner

    def tell_again(self, fd: int) -> None:
        """Have the events of fd reported once more, to whoever owns fd then; registered with EDGES."""
        self._epoll.modify(fd, EDGES)

    def remove(self, fd: int, /) -> None:
        """Forget fd, which its owner must close next: only that takes fd out of the kernel's epoll set."""
        del self._owners[fd]
        if self._dispatching:
            self._removed.add(fd)
        if self._behind:
            self._tell_behind(fd)

    def close(self, fd: int) -> None:
        """Forget fd, and close it."""
        self.remove(fd)
        os.close(fd)

    def _tell_behind(self, fd: int) -> None:
        """Tell who stands behind fd, if anybody does, that it is being closed."""
        if (behind := self._behind.pop(fd, None)) is not None:
            other, outside = behind
            self._outside -= outside
            other.closed()

    def stand_behind(self, fd: int, other: Behind, outside: int = 2) -> None:
        """Let other hear when fd, one end of a pair, is closed or reset; fd is, or will be, registered.

        outside: descriptors that other has and that are not registered: the pair's other end, and the outer socket.
        """
        self._behind[fd] = other, outside
        self._outside += outside

    def has_behind(self, fd: int) -> bool:
        """Whether fd is one end of a pair, so that the outer connection is known only as far as it was read."""
        return fd in self._behind

    def lingers(self, other: Lingers) -> None:
        """Go on counting the two descriptors of other, whose registered end is closed already."""
        self._lingering[other] = None

    def lingers_no_more(self, other: Lingers) -> None:
        """Stop counting the two descriptors of other, which are closed; nothing happens if they were not counted."""
        self._lingering.pop(other, None)

    def give_up(self, descriptors: int) -> int:
        """Drop what lingers, the oldest first, for so many descriptors, or fewer; how many are free a turn later."""
        oldest = list(islice(self._lingering, (descriptors + 1) // 2))
        for each in oldest:
            del self._lingering[each]
            each.drop()
        return 2 * len(oldest)

    def reset(self, fd: int) -> None:
        """Have the connection behind fd, if there is one, reset; the caller closes fd next."""
        behind = self._behind.get(fd)
        if behind is not None:
            behind[0].abort()

    def unregister(self, fd: int) -> None:
        """Take fd out of the epoll; fd stays open."""
        self._epoll.unregister(fd)
        self.remove(fd)

    def hand_out(self, fd: int) -> Behind:
        """Take fd, one end of a pair, out of the epoll, for somebody to serve who has no part in it; it counts until
        `handed_in`.  Returns who stands behind it, and hears of it no more.
        """
        other, outside = self._behind.pop(fd)
        self._outside += 1 - outside
        self.unregister(fd)
        return other

    def handed_in(self) -> None:
        """Stop counting a descriptor that was handed out, and is closed."""
        self._outside -= 1

    def pause(self, fd: int) -> None:
        """Report no events of fd, a level-triggered descriptor, until `resume`.

        An error is told of once all the same: the kernel reports it whatever is asked for, and would without end.
        """
        self._epoll.modify(fd, select.EPOLLONESHOT)

    def resume(self, fd: int) -> None:
        self._epoll.modify(fd, IN)

    def fileno(self) -> int:
        return self._epoll.fileno()

    def logPrefix(self) -> str:
        return "proxy"

    def connectionLost(self, reason: Failure) -> None:
        """Do nothing: IReadDescriptor asks for this method, and the reactor calls it when it stops."""

    def doRead(self) -> None:
        """Call the owners of the descriptors that are ready.

        The number of a descriptor that was closed earlier in this batch may be another socket's by now; events that
        the batch still has for that number are the old socket's, and are dropped.
        """
        owners = self._owners
        removed = self._removed
        self._dispatching = True
        self.turns += 1
        try:
            for fd, events in self._epoll.poll(0, BATCH):
                if removed and fd in removed:
                    continue
                owner = owners.get(fd)
                if owner is not None:
                    try:
                        owner.ready(fd, events)
                    except Exception as error:
                        self._failed(error)
        finally:
            self._dispatching = False
            removed.clear()

    def _failed(self, error: BaseException) -> None:
        """Say that an owner has raised error, which is being handled."""
        self.log.failure("a connection's owner failed", Failure(error))
