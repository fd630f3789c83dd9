"""A log of lines: records wait for a moment, and many of them are one write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from meshd.logs.linefile import LineFile
from meshd.values.samples import Sample

SECONDS = 1.0
"""Most seconds that a line waits while the file can be written."""

R = TypeVar("R")


class LineLog(ABC, Generic[R]):
    """Appends to `path`.  Nothing here raises into the work that is logged, but `open`.

    An outage of the file is told once when it begins, and once, with the number of lines lost by it, when it is over.
    """

    def __init__(self, title: str, path: str, clock: IReactorTime, log: Logger, *, many: int, kept: int) -> None:
        """title: what the log is called; many: records to a write.

        kept: records that wait while the file cannot be written; with 0, what a write does not take is given up.
        """
        self._file = LineFile(path, self._failed, self._healed)
        self._title = title
        self._clock = clock
        self._log = log
        self._many = many
        self._kept = kept
        self._waiting: list[R] = []
        self._timer: IDelayedCall | None = None
        self.dropped = 0
        """Records given up since the file could last be written."""
        self._lost = 0
        """Those that were given up before."""

    @property
    def failing(self) -> bool:
        """Whether the last write did not succeed."""
        return self._file.failing

    def samples(self) -> Iterable[Sample]:
        """Whether the log can be written, and how many records were given up."""
        labels = (("log", self._title),)
        yield "log_failing", labels, float(self.failing)
        yield "log_lines_lost_total", labels, float(self._lost + self.dropped)

    def open(self) -> None:
        """Open the file at a start, so that a wrong path is said then and not later.  Raises: OSError."""
        self._file.open()

    def reopen(self) -> None:
        """Write what waits, then begin a new file: this one was moved away, as log rotation does."""
        self.flush()
        self._file.reopen()

    def close(self) -> None:
        self.flush()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._file.close()

    def flush(self) -> None:
        """Write what waits, as far as that is possible."""
        while self._waiting:
            some = self._waiting[: self._many]
            written = self._write(some)
            del self._waiting[:written]
            if written < len(some):
                break
        lost = len(self._waiting) - self._kept
        if lost > 0:
            del self._waiting[:lost]
            self.dropped += lost

    def _put(self, record: R, /) -> None:
        """Have a record written soon."""
        waiting = self._waiting
        if len(waiting) >= self._kept > 0:
            self.dropped += 1
            return
        waiting.append(record)
        if self._timer is None:
            self._timer = self._clock.callLater(SECONDS, self._due)
        if len(waiting) >= self._many and not (self._kept and self._file.failing):
            self.flush()

    @abstractmethod
    def _write(self, records: list[R]) -> int:
        """Append the records' lines to the file; how many of them, from the first on, are written."""

    def _due(self) -> None:
        self._timer = None
        self.flush()
        if self._waiting:
            self._timer = self._clock.callLater(SECONDS, self._due)

    def _failed(self, error: OSError) -> None:
        text = f"{self._title} {{path}} cannot be written: {{error}}"
        self._log.error(text, path=self._file.path, error=str(error))

    def _healed(self) -> None:
        lost, self.dropped = self.dropped, 0
        self._lost += lost
        text = f"{self._title} {{path}} is written again; {{lost}} lines are lost"
        self._log.info(text, path=self._file.path, lost=lost)
