"""What the kernel says of a process and all its descendants: CPU time and memory."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def family(pid: int) -> list[int]:
    """The process and its living descendants; a process of several workers is measured as one."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in (PROC / str(parent) / "task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def cpu_ticks(stat: str) -> int:
    """User and system time of a `/proc/PID/stat` line, with that of children that have ended."""
    fields = stat[stat.rindex(")") + 2 :].split()
    return sum(int(field) for field in fields[11:15])


def cpu_seconds(pid: int) -> float:
    """Of the whole family so far."""
    ticks = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            ticks += cpu_ticks((PROC / str(member) / "stat").read_text())
    return ticks / TICKS


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
