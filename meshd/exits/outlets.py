"""An exit at work: how many exchanges leave by it now, and whether it can be used.

An exit that fails several times in a row rests, for longer each time; then one request tries the exit, which is back or
rests again.  Pure: callers give the time, in seconds of a monotonic clock.
"""

from __future__ import annotations

from meshd.topology import Exit

FAILURES = 3
"""Failures in a row after which an exit rests; fewer is chance."""
REST = 5.0
"""Seconds of the first rest; each further one is twice as long, up to LONGEST_REST."""
LONGEST_REST = 600.0
SMOOTHING = 0.3
"""The part of a new measurement in an exit's latency; the rest is what was measured before."""
SHORTEST = 0.0001
"""Seconds that a probe takes at least, whatever the clock says."""


class Outlet:
    """The state of one exit in this process; a reload that does not change the exit's settings keeps it."""

    __slots__ = (
        "drained",
        "exit",
        "failed_ever",
        "failures",
        "is_asked_itself",
        "latency",
        "measured_at",
        "open",
        "reason",
        "resting",
        "rests",
        "source",
        "trying",
        "until",
        "vouched_until",
    )

    def __init__(self, exit_: Exit) -> None:
        self.exit = exit_
        self.source, self.is_asked_itself = exit_.source, exit_.is_asked_itself
        self.open = 0
        """Requests and tunnels that leave by this exit now."""
        self.drained = False
        """Whether the operator wants nothing new to leave by this exit."""
        self.failures = 0
        """Failures in a row."""
        self.failed_ever = 0
        """Failures in all."""
        self.reason = ""
        """The latest failure in a word or two; "" for none."""
        self.resting = False
        self.rests = 0
        """Rests in a row."""
        self.until = 0.0
        """When the rest ends and a request may try the exit."""
        self.vouched_until = 0.0
        """Until when the upstream proxy is taken to accept our credentials, without being asked."""
        self.latency = 0.0
        """Seconds from the beginning of a probe to its answer, smoothed; 0 where no probe has been answered."""
        self.measured_at = 0.0
        """When the last probe was answered."""
        self.trying = False
        """Whether a request is trying the exit after its rest."""

    def succeed(self, before: Outlet) -> None:
        """Take over what is known of the exit of this name in former settings: that it is drained; and how it does,
        where it differs in its cost or in what a database of places tells, and in nothing else.
        """
        self.drained = before.drained
        if self.exit.as_said == before.exit.as_said:
            self.failures, self.reason = before.failures, before.reason
            self.resting, self.rests, self.until = before.resting, before.rests, before.until
            self.latency, self.measured_at = before.latency, before.measured_at

    def usable(self, monotonic: float) -> bool:
        """Whether the next request may leave by this exit."""
        if self.drained:
            return False
        return not self.resting or (monotonic >= self.until and not self.trying)

    def take(self) -> bool:
        """Count a request that will leave by this exit, until `released`; whether it is the trial after a rest."""
        self.open += 1
        if not self.resting:
            return False
        self.trying = True
        return True

    def release(self, trial: bool = True) -> None:
        """Stop counting a request, after any `succeeded` or `failed` of it; trial: what `taken` gave for it."""
        self.open -= 1
        if trial:
            self.trying = False

    def measured(self, seconds: float, monotonic: float) -> None:
        """Note how long the answer to a probe took."""
        seconds = max(seconds, SHORTEST)
        self.latency += (seconds - self.latency) * (SMOOTHING if self.latency else 1)
        self.measured_at = monotonic

    def succeeded(self) -> bool:
        """Note that the exit works; whether that ends a rest."""
        self.failures = 0
        if not self.resting:
            return False
        self.resting = self.trying = False
        self.rests = 0
        return True

    def failed(self, monotonic: float, reason: str = "exit-failed") -> bool:
        """Note that the exit could not be reached or refused to serve us; whether a rest begins that did not go on."""
        self.failures += 1
        self.failed_ever += 1
        self.reason = reason
        if not self.resting and self.failures < FAILURES:
            return False
        if self.resting and monotonic < self.until:
            return False  # a request that was under way when the rest began
        news = not self.resting
        self.resting = True
        self.until = monotonic + min(REST * 2**self.rests, LONGEST_REST)
        self.rests = min(self.rests + 1, 16)
        return news
