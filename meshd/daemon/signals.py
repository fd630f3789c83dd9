"""Signals before the event loop can handle them.

While things are being made, a stop interrupts that and they are taken away again.  From the moment on that they are
whole, signals wait for the loop, which then stops, or reloads, as ever.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT)
WAITING = (*STOPS, signal.SIGHUP)


class StopAsked(BaseException):
    """Raised wherever the program is when somebody stops it."""

    @property
    def status(self) -> int:
        """To exit with: to be stopped is no failure; from a terminal it is said as shells have it."""
        number: int = self.args[0]
        return 0 if number == signal.SIGTERM else 128 + number


@contextmanager
def interruptible() -> Iterator[None]:
    """Within it a stop raises StopAsked, until `hold`; a reload waits."""
    before = {number: signal.signal(number, _raise) for number in STOPS}
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def hold() -> None:
    """All of them wait from now on, until `release`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITING)


def release() -> None:
    """Those that have come meanwhile come now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITING)


def _raise(number: int, frame: FrameType | None) -> None:
    raise StopAsked(number)
