"""Judges the clock: against the store's, against itself while we look, and against other processes' words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshd.doctor.findings import Finding

SKEW = 2.0
"""Seconds.  Periods, ends of tokens and codes of second factors are told by the clock of each machine."""
JUMP = 0.5
BUILT = 1_760_000_000
"""A time that has passed: a clock before it was never set."""
MEND = "let one program set the clock of every machine: chrony, or systemd-timesyncd"


class Clock(NamedTuple):
    now: float
    jumped: float
    """Seconds that the wall clock went farther than the monotonic one while we looked; below 0 where it fell behind."""
    ahead: float | None = None
    """Seconds by which the store's server is ahead of us; None where it has no clock of its own, or is away."""
    doubt: float = 0.0
    """Seconds that its answer took, by which that may be wrong."""
    future: Sequence[tuple[str, int]] = ()
    """Processes whose last word the store has from a time that is still to come, and by how many seconds."""


def judge(clock: Clock) -> Iterator[Finding]:
    if clock.now < BUILT:
        yield Finding("clock", "the clock says a year that is over", MEND)
    if abs(clock.jumped) > JUMP:
        yield Finding("clock", f"the clock was moved by {clock.jumped:+.1f} s while it was looked at", MEND)
    if clock.ahead is not None and abs(clock.ahead) > SKEW + clock.doubt:
        how = "ahead of" if clock.ahead > 0 else "behind"
        yield Finding("clock", f"the store's clock is {abs(clock.ahead):.1f} s {how} this machine's", MEND)
    for name, seconds in clock.future:
        if seconds > SKEW:
            yield Finding("clock", f"the clock of {name} is {seconds} s ahead of this machine's", MEND)
