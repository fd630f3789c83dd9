"""What the service manager is told of this process (sd_notify(3)), where it asked for that by NOTIFY_SOCKET.

Nobody waits for the service manager: what its queue has no room for is sent a moment later, in its order.
"""

from __future__ import annotations

import os
import socket
from array import array
from collections import deque
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

VARIABLE = "NOTIFY_SOCKET"
AGAIN = 0.05
"""Seconds until what the queue had no room for is tried again; Linux queues eleven datagrams by default."""
MOST = 2048
"""Notices that wait: one for each port that is kept, and some more.  Then it is taken for dead."""

log = Logger()


class _Notice(NamedTuple):
    text: bytes
    descriptors: tuple[int, ...]
    """Copies, closed when the notice is sent or given up."""


class Notices:
    """Sends notices in their order.  Without an address nothing is sent."""

    def __init__(self, address: str, clock: IReactorTime) -> None:
        """address: the path of a Unix socket; one that begins with @ is abstract."""
        self._to = f"\0{address[1:]}" if address.startswith("@") else address
        self._clock = clock
        self._waiting: deque[_Notice] = deque()
        self._timer: IDelayedCall | None = None
        self._sock: socket.socket | None = None
        if address:
            self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    @classmethod
    def take(cls, environ: MutableMapping[str, str], clock: IReactorTime) -> Notices:
        """Those of this process; no child of it is to send any."""
        return cls(environ.pop(VARIABLE, ""), clock)

    def __bool__(self) -> bool:
        """Whether anybody wants to hear."""
        return self._sock is not None

    def tell(self, *assignments: str, descriptors: Sequence[int] = ()) -> None:
        """Send assignments such as `READY=1` in one datagram, with copies of these descriptors."""
        if self._sock is None or len(self._waiting) >= MOST:
            return
        text = "\n".join(each.replace("\n", " ") for each in assignments).encode("utf-8", "replace")
        self._waiting.append(_Notice(text, tuple(map(os.dup, descriptors))))
        if self._timer is None:
            self._send()

    def close(self) -> None:
        """Send what waits, as far as there is room; nothing is sent afterwards."""
        if self._timer is not None:
            self._timer.cancel()
        if self._sock is not None:
            self._send()
            if self._timer is not None:
                self._timer.cancel()
            self._sock.close()
            self._sock = None
        while self._waiting:
            _close(self._waiting.popleft())

    def _send(self) -> None:
        self._timer = None
        assert self._sock is not None
        while self._waiting:
            notice = self._waiting[0]
            try:
                self._sock.sendmsg([notice.text], _rights(notice.descriptors), 0, self._to)
            except (BlockingIOError, InterruptedError):
                self._timer = self._clock.callLater(AGAIN, self._send)
                return
            except OSError as error:
                log.warn("the service manager is not told {text}: {error}", text=_shown(notice), error=error.strerror)
            _close(self._waiting.popleft())


def _rights(descriptors: Sequence[int]) -> list[tuple[int, int, array[int]]]:
    """The control message that carries them; `socket.send_fds` takes an address and forgets it."""
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))] if descriptors else []


def _shown(notice: _Notice) -> str:
    return notice.text.decode("utf-8", "replace").replace("\n", " ")


def _close(notice: _Notice) -> None:
    for descriptor in notice.descriptors:
        with suppress(OSError):
            os.close(descriptor)
