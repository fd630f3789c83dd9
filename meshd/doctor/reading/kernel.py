"""What the kernel says of processes, locks and listening sockets, by /proc (proc(5))."""

from __future__ import annotations

import fcntl
import os
import resource
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from meshd.config.endpoints import BACKLOG
from meshd.doctor.limits import Machine
from meshd.doctor.listeners import Owner
from meshd.topology import Limits

PROC = Path("/proc")
_LISTENING = "0A"
_CAP_NET_BIND_SERVICE = 1 << 10
_ANY_DEVICE = 0
"""The major number of file systems without a device, which the table of locks and `stat` number differently."""


def word(path: str) -> int | None:
    """The first number of a file of /proc; None where it cannot be read."""
    try:
        return int((PROC / path).read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


# Locks


def locked(status: os.stat_result, table: str) -> bool:
    """Whether somebody has a lock on the file, by the text of /proc/locks."""
    for line in table.splitlines():
        words = line.replace("-> ", "").split()
        if len(words) < 6 or words[5].count(":") != 2:
            continue
        major, minor, inode = words[5].split(":")
        device = os.makedev(int(major, 16), int(minor, 16))
        if int(inode) == status.st_ino and (device == status.st_dev or int(major, 16) == _ANY_DEVICE):
            return True
    return False


def held(path: Path) -> bool:
    """The same by trying to share the lock for a moment, for where the table hides processes of other namespaces.
    Raises: OSError.
    """
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def locks() -> str:
    with suppress(OSError):
        return (PROC / "locks").read_text()
    return ""


# Processes


def family(pid: int) -> list[int]:
    """The process and its living descendants."""
    found = [pid]
    for parent in found:
        with suppress(OSError):
            for task in (PROC / str(parent) / "task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def descriptors(pid: int) -> tuple[int, int] | None:
    """How many descriptors a process may open, and how many it has open; None where that may not be seen."""
    try:
        limits = (PROC / str(pid) / "limits").read_text()
        return soft_limit(limits), len(os.listdir(PROC / str(pid) / "fd"))
    except (OSError, ValueError):
        return None


def soft_limit(limits: str) -> int:
    """Of open files, in the text of /proc/PID/limits.  Raises: ValueError."""
    for line in limits.splitlines():
        if line.startswith("Max open files"):
            return int(line.split()[3])
    raise ValueError


def may_bind(pid: int) -> bool:
    """Whether the process has the capability to listen at privileged ports."""
    with suppress(OSError, ValueError, IndexError):
        for line in (PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) & _CAP_NET_BIND_SERVICE)
    return False


# The machine


def machine(limits: Limits, workers: int, daemon: int) -> Machine:
    """workers: 0 for as many as there are cores; daemon: its process id; 0 where it does not run."""
    of_daemon = descriptors(daemon) if daemon else None
    most, opened = of_daemon or (resource.getrlimit(resource.RLIMIT_NOFILE)[0], None)
    return Machine(
        most,
        opened,
        of_daemon is not None,
        limits.connections,
        limits.descriptor_reserve,
        limits.window_bytes,
        BACKLOG,
        available(),
        word("sys/net/core/somaxconn"),
        _ports(),
        word("sys/net/core/rmem_max"),
        word("sys/net/netfilter/nf_conntrack_count"),
        word("sys/net/netfilter/nf_conntrack_max"),
        workers,
        cores(daemon),
    )


def cores(pid: int) -> int | None:
    """How many a process may use, 0 for this one; None where it has ended, or that may not be seen."""
    with suppress(OSError):
        return len(os.sched_getaffinity(pid))
    return None


def available() -> int | None:
    """Bytes of memory that can be had without swapping."""
    with suppress(OSError, ValueError, IndexError):
        for line in (PROC / "meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _ports() -> int | None:
    with suppress(OSError, ValueError):
        first, last = (PROC / "sys/net/ipv4/ip_local_port_range").read_text().split()
        return int(last) - int(first) + 1
    return None


# Sockets


def listening() -> Mapping[int, set[int]]:
    """By each TCP port that is listened at, the inodes of the sockets."""
    found: dict[int, set[int]] = defaultdict(set)
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for port, inode in listeners((PROC / "net" / name).read_text()):
                found[port].add(inode)
    return found


def listeners(table: str) -> Iterator[tuple[int, int]]:
    """Port and inode of each listening socket in the text of /proc/net/tcp or tcp6."""
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) > 9 and words[3] == _LISTENING:
            yield int(words[1].rpartition(":")[2], 16), int(words[9])


def owners(inodes: Collection[int]) -> Mapping[int, list[Owner]]:
    """Who has each of these sockets open, as far as that may be seen."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, list[Owner]] = defaultdict(list)
    for folder in PROC.iterdir() if wanted else ():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):
            held = {wanted[link] for fd in os.listdir(folder / "fd") if (link := _link(folder / "fd" / fd)) in wanted}
            for inode in held:
                found[inode].append(Owner(int(folder.name), (folder / "comm").read_text().strip()))
    return found


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
