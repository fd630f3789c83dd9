"""More workers than cores: one that wakes up waits until the one that runs has done what it found.

By itself the kernel has a process that was asleep interrupt another one of the same core.  Each worker then handles the
one event that woke it up, where a moment later it would find several: of four on two cores each does less in a second
of CPU time than each of two (docs/benchmarks.md).
"""

from __future__ import annotations

import os
from contextlib import suppress


def give_way(workers: int) -> bool:
    """Have this thread, and those that it begins, interrupt nobody (SCHED_BATCH, sched(7)) where the workers are more
    than the cores that they may use.  Nothing changes where somebody has chosen how it is scheduled, or the system
    does not say, or a sandbox forbids it.

    Returns whether it gives way.
    """
    with suppress(OSError):  # musl has the call that asks, and it always fails
        if workers > len(os.sched_getaffinity(0)) and os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            return True
    return False
