"""The progress of a long command on stderr, shown from one second after its beginning on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

EVERY = 0.2
"""Seconds between two updates of the line on a terminal; elsewhere a new line is written each second."""


class Progress:
    """A line that shows how many things are done; total 0 means that nobody knows how many there are."""

    def __init__(self, err: TextIO, doing: str, total: int, *, wanted: bool, clock: Callable[[], float]) -> None:
        self._err = err
        self._doing = doing
        self._total = total
        self._wanted = wanted
        self._clock = clock
        self._alive = err.isatty()
        self._begun = clock()
        self._next = self._begun + 1.0
        self._shown = ""
        self.done = 0

    def step(self, count: int = 1) -> None:
        """Count so many more as done, and show the line if that is due."""
        self.done += count
        if self._wanted and self._clock() >= self._next:
            self._show()
            self._next = self._clock() + (EVERY if self._alive else 1.0)

    def close(self) -> None:
        """Blank the line on a terminal."""
        if self._shown and self._alive:
            self._err.write("\r" + " " * len(self._shown) + "\r")
            self._err.flush()
        self._shown = ""

    def _show(self) -> None:
        text = self._text()
        self._err.write("\r" + text.ljust(len(self._shown)) if self._alive else text + "\n")
        self._err.flush()
        self._shown = text

    def _text(self) -> str:
        rate = self.done / max(self._clock() - self._begun, 0.001)
        if not self._total:
            return f"{self._doing} {self.done:,} ({rate:,.0f} a second)"
        share = 100 * self.done // self._total
        left = (self._total - self.done) / rate if rate else 0
        return f"{self._doing} {self.done:,} of {self._total:,} ({share} %, {_duration(left)} left)"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
