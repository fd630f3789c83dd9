"""A daemon with workers, as tests look at it: which process is at which station, and who is connected to which."""

from __future__ import annotations

import os
import re
import signal

from tests.support.daemon import LiveDaemon, until

SERVES = re.compile(r"worker (\d+) serves: process (\d+)")


def workers(daemon: LiveDaemon) -> dict[int, int]:
    """By number, the newest process that the log has told of."""
    return {int(number): int(pid) for number, pid in SERVES.findall(daemon.log_text())}


def lives(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(daemon: LiveDaemon, number: int) -> int:
    """kill -9 of one worker; its process."""
    pid = workers(daemon)[number]
    os.kill(pid, signal.SIGKILL)
    return pid


def has(pid: int, inodes: set[int]) -> bool:
    """Whether the process has one of these sockets."""
    return not _sockets(pid).isdisjoint(f"socket:[{inode}]" for inode in inodes)


def filled(daemon: LiveDaemon, number: int, before: int) -> int:
    """The process at a station, once it is another one than before."""
    return until(lambda: (now := workers(daemon)[number]) != before and now, f"worker {number} is replaced")


def at(port: int) -> dict[int, int]:
    """By the port of each client that is connected to this port: the inode of the socket that serves it."""
    found = {}
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(path) as file:
            for line in list(file)[1:]:
                words = line.split()
                local, remote, state = (words[at].rpartition(":")[2] for at in (1, 2, 3))
                if int(local, 16) == port and state == "01":
                    found[int(remote, 16)] = int(words[9])
    return found


def waiting(port: int) -> list[int]:
    """Of each socket that listens at this port: how many clients have come that nobody has accepted."""
    found = []
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(path) as file:
            for line in list(file)[1:]:
                words = line.split()
                if int(words[1].rpartition(":")[2], 16) == port and words[3] == "0A":
                    found.append(int(words[4].rpartition(":")[2], 16))
    return found


def owner(daemon: LiveDaemon, port: int, client: int) -> int:
    """The number of the worker that serves the client with this port; 0 for none."""
    inode = at(port).get(client)
    for number, pid in workers(daemon).items():
        if inode is not None and f"socket:[{inode}]" in _sockets(pid):
            return number
    return 0


def _sockets(pid: int) -> set[str]:
    folder, found = f"/proc/{pid}/fd", set()
    try:
        for name in os.listdir(folder):
            try:
                found.add(os.readlink(f"{folder}/{name}"))
            except OSError:
                continue
    except OSError:
        pass
    return found
