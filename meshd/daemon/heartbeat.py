"""Signs of life for the service manager: its watchdog is fed, and it is told what people may want to see."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import suppress

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.daemon.notices import Notices
from meshd.running.regularly import Regularly

STATUS = 5.0
"""Seconds between two looks at what is told, where the watchdog does not want to hear sooner."""

log = Logger()


def watchdog(environ: MutableMapping[str, str], pid: int) -> float:
    """Seconds within which the service manager wants to hear of this process again and again; 0 where it does not."""
    usec, whose = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
    with suppress(ValueError):
        return max(int(usec), 0) / 1e6 if whose in ("", str(pid)) else 0.0
    return 0.0


class Heartbeat:
    """Beats in the event loop: where that hangs, the service manager hears nothing any more."""

    def __init__(
        self,
        notices: Notices,
        clock: IReactorTime,
        seconds: float,
        alive: Callable[[], bool],
        status: Callable[[], str],
    ) -> None:
        """seconds: of the watchdog, 0 for none; alive: whether all other processes of the daemon's have answered."""
        self._notices = notices
        self._watched = seconds > 0
        self._alive = alive
        self._status = status
        self._told = ""
        beat = min(seconds / 2, STATUS) if seconds else STATUS
        away = "the service manager is told no status"
        self._beats = Regularly(clock, self._beat, lambda: beat, log=log, away=away)

    def start(self) -> None:
        if self._notices:
            self._beats.start(at_once=True)

    async def stop(self) -> None:
        await self._beats.stop()

    def _beat(self) -> None:
        if self._watched and self._alive():
            self._notices.tell("WATCHDOG=1")
        status = self._status()
        if status != self._told:
            self._told = status
            self._notices.tell(f"STATUS={status}")
