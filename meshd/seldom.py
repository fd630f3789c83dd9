"""Lines of the log that somebody outside can bring about, bounded: a flood must not flood the log too.

Each kind of line is said at once, and when it comes again, at most once a minute, with how many were left out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from meshd.bounded import Bounded

EVERY = 60.0
"""Seconds between two lines of a kind."""

KINDS = 200
"""Kinds that are remembered; there are fewer, since they are places in the code."""


@dataclass(slots=True)
class _Said:
    monotonic: float
    left_out: int = 0


class Seldom:
    """Bounds log lines by kind: the text before its facts are put in and, of a failure, where it was raised."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._said: Bounded[Hashable, _Said] = Bounded(lambda: KINDS)

    def due(self, kind: Hashable) -> int | None:
        """How many lines of the kind were left out since the last one; None where that was within the last minute."""
        monotonic = self._seconds()
        said = self._said.get(kind)
        if said is not None and monotonic - said.monotonic < EVERY:
            said.left_out += 1
            return None
        self._said.put(kind, _Said(monotonic))
        return said.left_out if said is not None else 0

    def say(self, tell: Callable[..., None], text: str, **facts: object) -> None:
        """Log a line unless its kind was logged within the last minute.

        tell: a logger's method, such as `log.warn`; the text has its facts in braces.
        """
        left_out = self.due(text)
        if left_out is not None:
            tell(_with(text, left_out), left_out=left_out, **facts)

    def failure(self, log: Logger, text: str, failure: Failure | None = None, **facts: Any) -> None:
        """Log an exception with its traceback: the failure given, or the exception that is being handled."""
        failure = failure or Failure()
        left_out = self.due((text, failure.type, _place(failure)))
        if left_out is not None:
            log.failure(_with(text, left_out), failure, left_out=left_out, **facts)


def _with(text: str, left_out: int) -> str:
    return f"{text} ({{left_out}} more of these were left out)" if left_out else text


def _place(failure: Failure) -> tuple[str, int] | None:
    """The file and line that an exception was raised in; None for one that was never raised."""
    trace = failure.getTracebackObject()
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno
