"""What the kernel says of this process: processor time, memory, descriptors."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable
from contextlib import suppress

from meshd.values.samples import Sample

DESCRIPTORS = "/proc/self/fd"
MEMORY = "/proc/self/statm"

_PAGE = resource.getpagesize()


class ProcessFigures:
    """Of the process that asks."""

    def __init__(self, process: str) -> None:
        """process: its name among those of the daemon."""
        self._labels = (("process", process),)

    def samples(self) -> Iterable[Sample]:
        """A few system calls' work; what a kernel does not tell is left out."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        yield "process_cpu_seconds_total", self._labels, used.ru_utime + used.ru_stime
        with suppress(OSError, ValueError, IndexError):
            yield "process_resident_memory_bytes", self._labels, float(resident())
        with suppress(OSError):
            yield "process_open_fds", self._labels, float(open_descriptors())
        yield "process_max_fds", self._labels, float(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def resident() -> int:
    """Bytes.  Raises: OSError, ValueError, IndexError."""
    with open(MEMORY, encoding="ascii") as file:
        return int(file.read().split()[1]) * _PAGE


def open_descriptors() -> int:
    """From Linux 6.2 on one system call tells; before, a folder is read, of which one entry is its own.
    Raises: OSError.
    """
    return os.stat(DESCRIPTORS).st_size or len(os.listdir(DESCRIPTORS)) - 1
