"""Signals that come before the event loop can handle them.

While a start makes files, a signal to stop interrupts the start, and the files are removed again.  Once they are
made, signals wait for the event loop, which then stops or reloads as usual.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT)
LATER = (signal.SIGHUP, signal.SIGUSR2)
WAITING = (*STOPS, *LATER)


class StopAsked(BaseException):
    """A signal asks the program to stop; raised wherever the program is."""

    @property
    def status(self) -> int:
        """The exit status: 0 for SIGTERM, as to be stopped is no failure; else 128 and the signal, as in shells."""
        number: int = self.args[0]
        return 0 if number == signal.SIGTERM else 128 + number


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the context, a signal to stop raises StopAsked until `hold` is called; others wait."""
    before = {number: signal.signal(number, _raise) for number in STOPS}
    signal.pthread_sigmask(signal.SIG_BLOCK, LATER)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def hold() -> None:
    """Block all signals that `WAITING` names until `release`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITING)


def release() -> None:
    """Let signals in again; those that came since `hold` come now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITING)


def _raise(number: int, frame: FrameType | None) -> None:
    raise StopAsked(number)
