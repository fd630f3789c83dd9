"""An exit at work: how much leaves by it now, and whether it can be used.

What fails several times in a row rests, for longer each time; then one request tries it, and it is back or rests again.
Pure: times are the caller's, of a clock that only goes forward.
"""

from __future__ import annotations

from meshd.topology import Exit

FAILURES = 3
"""In a row; fewer is chance."""
REST = 5.0
"""Seconds of the first rest; each further one is twice as long."""
LONGEST_REST = 600.0


class Outlet:
    """One exit of this process; it keeps its history over a reload that leaves its settings as they are."""

    __slots__ = ("drained", "exit", "failures", "open", "reason", "resting", "rests", "trying", "until")

    def __init__(self, exit_: Exit) -> None:
        self.exit = exit_
        self.open = 0
        """Requests and tunnels that are under way."""
        self.drained = False
        """The operator wants nothing new to leave by it."""
        self.failures = 0
        """In a row."""
        self.reason = ""
        """Of the latest failure, in a word or two."""
        self.resting = False
        self.rests = 0
        """In a row."""
        self.until = 0.0
        """When the rest ends and it may be tried."""
        self.trying = False
        """Whether a request is trying it."""

    def usable(self, now: float) -> bool:
        """Whether the next request may leave by it."""
        if self.drained:
            return False
        return not self.resting or (now >= self.until and not self.trying)

    def taken(self) -> bool:
        """A request is about to leave by it, and `released` will be called; whether it tries one that rested."""
        self.open += 1
        if not self.resting:
            return False
        self.trying = True
        return True

    def released(self, trial: bool = True) -> None:
        """It is over; what became of it was said before, or nobody can tell.  trial: what `taken` said."""
        self.open -= 1
        if trial:
            self.trying = False

    def succeeded(self) -> bool:
        """It carried something; whether that is news."""
        self.failures = 0
        if not self.resting:
            return False
        self.resting = self.trying = False
        self.rests = 0
        return True

    def failed(self, now: float, reason: str = "exit-failed") -> bool:
        """It could not be reached, or refused to serve us; whether it rests from now on and did not before."""
        self.failures += 1
        self.reason = reason
        if not self.resting and self.failures < FAILURES:
            return False
        if self.resting and now < self.until:
            return False  # one that was under way when the rest began
        news = not self.resting
        self.resting = True
        self.until = now + min(REST * 2**self.rests, LONGEST_REST)
        self.rests = min(self.rests + 1, 16)
        return news
