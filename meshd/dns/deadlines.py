"""Many calls that are due after one of a few spans of time, and most of which are called off before.

A timer of the reactor's for each look-up, each question and each caller would cost more than a question does.  Here
each span has a row in order of time, and one timer for the first in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

Call = Callable[[], None]

TOGETHER = 64
"""Calls in one turn of the reactor: each may ask again, and a silent server makes thousands due at once."""


class Deadlines:
    """Calls each armed call once, when its span is over; equal calls of one span are one.  Bounded by its callers."""

    log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._rows: dict[float, dict[Call, float]] = {}
        """By span, in seconds: calls, and when each is due."""
        self._timers: dict[float, Any] = {}

    def arm(self, call: Call, span: float) -> None:
        """Have call called in so many seconds; it must not be armed for that span already."""
        row = self._rows.get(span)
        if row is None:
            row = self._rows[span] = {}
        row[call] = self._clock.seconds() + span
        if span not in self._timers:
            self._timers[span] = self._clock.callLater(span, self._due, span)

    def disarm(self, call: Call, span: float) -> None:
        """Call it off, if it is still to come.  The timer goes on, for the next in the row."""
        row = self._rows.get(span)
        if row is not None:
            row.pop(call, None)

    def stop(self) -> None:
        """Call off everything."""
        for timer in self._timers.values():
            if timer.active():
                timer.cancel()
        self._timers.clear()
        for row in self._rows.values():
            row.clear()
        self._rows.clear()

    def _due(self, span: float) -> None:
        """Call what is due, some of it in the reactor's next turns; then wait for the next, or forget the row."""
        row = self._rows[span]
        for _ in range(TOGETHER):  # and the timer that has fired stays in its place, so that no call begins another
            call, due = next(iter(row.items()), (None, 0.0))
            if call is None or due > self._clock.seconds():
                break
            del row[call]
            try:
                call()
            except Exception:  # one look-up's fault, which would stop the clock for all
                self.log.failure("a call of a look-up failed")
        if self._rows.get(span) is not row:  # a call has stopped everything
            return
        if row:
            rest = max(next(iter(row.values())) - self._clock.seconds(), 0)
            self._timers[span] = self._clock.callLater(rest, self._due, span)
        else:
            del self._timers[span], self._rows[span]
