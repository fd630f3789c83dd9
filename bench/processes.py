"""What the kernel says of a process and all its descendants: CPU time and memory."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")
CPUCLOCK_SCHED = 2
"""The kind of a process's clock that counts what it ran, in the kernel's number of that clock."""


def family(pid: int) -> list[int]:
    """The process and its living descendants; a process of several workers is measured as one."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in (PROC / str(parent) / "task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def cpu_ticks(stat: str) -> tuple[int, int]:
    """User and system time of a `/proc/PID/stat` line, with those of children that have ended."""
    user, system, user_of_children, system_of_children = _times(stat)
    return user + user_of_children, system + system_of_children


def _times(stat: str) -> list[int]:
    return [int(field) for field in stat[stat.rindex(")") + 2 :].split()[11:15]]


def cpu_parts(pid: int) -> tuple[float, float]:
    """Seconds of the whole family so far, in user space and in the kernel."""
    user = system = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            ticks = cpu_ticks((PROC / str(member) / "stat").read_text())
            user, system = user + ticks[0], system + ticks[1]
    return user / TICKS, system / TICKS


def cpu_seconds(pid: int) -> float:
    """The same in all, to the nanosecond: ticks are a hundredth, which is a twentieth of a short round."""
    return sum(_spent(member) for member in family(pid))


def _spent(pid: int) -> float:
    """By its own clock (`clock_getcpuclockid(3)`), and by ticks for its ended children; 0 where it has ended."""
    with contextlib.suppress(OSError):
        ended = _times((PROC / str(pid) / "stat").read_text())[2:]
        return time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED) + sum(ended) / TICKS
    return 0.0


def smaps_bytes(rollup: str, *names: str) -> int:
    """The sum of those lines of a `/proc/PID/smaps_rollup`."""
    lines = (line.split() for line in rollup.splitlines())
    return sum(int(words[1]) * 1024 for words in lines if words[0].rstrip(":") in names)


def memory(pid: int) -> int:
    """Bytes of the family: proportional set size, so that a page shared by workers counts once."""
    total = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            total += smaps_bytes((PROC / str(member) / "smaps_rollup").read_text(), "Pss")
    return total


def busy_ticks(stat: str) -> int:
    """Of all processors since the machine started, from the first line of `/proc/stat`; stolen time too, idling not."""
    user, nice, system, _idle, _waiting, *rest = (int(field) for field in stat.splitlines()[0].split()[1:9])
    return user + nice + system + sum(rest)


class Bystanders:
    """How much of the machine went to processes that are no part of this run."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.start = (time.monotonic(), self._others())

    def _others(self) -> float:
        return busy_ticks((PROC / "stat").read_text()) / TICKS - cpu_seconds(self.pid)

    def share(self) -> float:
        """Since the start, of all processors."""
        began, others = self.start
        available = (time.monotonic() - began) * (os.cpu_count() or 1)
        return max(self._others() - others, 0.0) / available
