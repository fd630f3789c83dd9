"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import re
import resource
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path


def cpu_model(cpuinfo: str) -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def description() -> str:
    """Cores, processor, kernel, Python, Twisted: one line."""
    cores = len(os.sched_getaffinity(0))
    model = cpu_model(Path("/proc/cpuinfo").read_text())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{cores} cores ({model}), Linux {platform.release()}, {python}, Twisted {version('twisted')}"


def descriptors(wanted: int) -> int:
    """Raise this process's limit, which its children inherit, to what is wanted if that may be; what it is then."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # Only root may raise the hard limit.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, hard), max(wanted, hard)))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
