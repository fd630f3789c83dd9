"""One place that a SOCKS5 client sends datagrams to: found while they wait, then sent to."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from meshd.model import Refusal
from meshd.sockets.datagrams import WAITING, DatagramFlow
from meshd.sockets.ends import Stopped
from meshd.sockets.race import TIMEOUT, DialError
from meshd.sockets.task import Task

WAITING_BYTES = 64 * 1024
"""Bytes that may wait in one association, for all its destinations."""

OVER = Refusal("overloaded")


class Owner(Protocol):
    """The association."""

    waiting: int
    """Bytes of datagrams that wait."""

    async def open(self, way: Remote, /) -> DatagramFlow:
        """A flow to a destination; runs in a Task.  Raises: DialError, Stopped."""

    def deliver(self, head: bytes, data: memoryview, /) -> bool:
        """Send the client a datagram; whether it went."""

    def sent(self) -> None:
        """Note that a datagram of the client's has gone."""

    def refused(self, reason: str, /) -> None:
        """Note why a destination is not sent to."""

    def failed(self, error: BaseException, /) -> None:
        """Note a fault of our own."""

    def left(self, way: Remote, /) -> None:
        """Forget a destination that is sent to no longer."""

    def arm(self, way: Remote, /) -> None:
        """Bound the time for finding a destination."""

    def disarm(self, way: Remote, /) -> None:
        """Bound it no longer."""

    def seconds(self) -> float:
        """The clock of timeouts."""


class Remote:
    """One place that the client sends to, by the head that it writes."""

    __slots__ = (
        "_association",
        "_bytes",
        "_flow",
        "_task",
        "_waiting",
        "answer",
        "deadline",
        "head",
        "host",
        "last",
        "over",
        "port",
        "slot",
    )

    def __init__(self, association: Owner, head: bytes, host: str, port: int) -> None:
        self._association = association
        self.head, self.host, self.port = head, host, port
        self.answer = b""
        """The head of what comes back."""
        self._flow: DatagramFlow | None = None
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self.over = False
        self.last = 0.0
        """When a datagram came or went, on the clock of timeouts."""
        self.deadline = 0.0
        self.slot = 0
        self._task = Task(self._open(), self._opened)

    @property
    def address(self) -> str:
        """The address that datagrams go to; "" while it is looked for."""
        return self._flow.path.address if self._flow is not None else ""

    def begin(self) -> None:
        """Find the place, for which datagrams wait."""
        self._association.arm(self)
        self._task.resume()

    async def _open(self) -> None:
        association = self._association
        try:
            flow = await association.open(self)
        except (DialError, Stopped) as no:
            association.refused(no.refusal.reason)
            self.close("")
            return
        if self.over:
            flow.close("")
            return
        association.disarm(self)
        self._flow = flow
        while self._waiting and not self.over:
            self._up(self._next())

    def _opened(self, error: BaseException | None) -> None:
        if error is not None:
            self._association.failed(error)
            self.close("")

    def came(self, data: memoryview) -> None:
        """Pass on a datagram of the client's."""
        self.last = self._association.seconds()
        if self._flow is not None:
            self._up(data)
        elif len(self._waiting) < WAITING and self._association.waiting + len(data) <= WAITING_BYTES:
            self._waiting.append(bytes(data))
            self._association.waiting += len(data)

    def _next(self) -> bytes:
        data = self._waiting.popleft()
        self._association.waiting -= len(data)
        return data

    def _up(self, data: bytes | memoryview) -> None:
        assert self._flow is not None
        if self._flow.send(data):
            self._association.sent()

    def deliver(self, data: memoryview) -> bool:
        self.last = self._association.seconds()
        return self._association.deliver(self.answer, data)

    @property
    def paused(self) -> bool:
        """Whether what comes from there waits for `resume`."""
        return self._flow is not None and self._flow.paused

    def resume(self) -> None:
        """Go on, since the meter has room again."""
        if self._flow is not None:
            self._flow.resume()

    def expired(self) -> None:
        """Look for the place no longer."""
        self._task.throw(Stopped(Refusal(TIMEOUT)))

    def close(self, reason: str) -> None:
        """Send there no longer; calling it again changes nothing."""
        if self.over:
            return
        self.over = True
        association = self._association
        association.left(self)
        association.disarm(self)
        if reason:
            association.refused(reason)
        while self._waiting:
            self._next()
        flow, self._flow = self._flow, None  # or both would keep each other alive until a collection
        if flow is not None:
            flow.close("")
        self._task.throw(Stopped(OVER))  # where it is still looked for
