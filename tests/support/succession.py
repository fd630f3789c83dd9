"""A daemon that is replaced by its own successors, one after the other, which are no children of the test's."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from pathlib import Path

from tests.support.daemon import PATIENCE, STOPPING, LiveDaemon


class SucceededDaemon(LiveDaemon):
    """One that `meshd restart` is for; `pid` is that of the process which serves now."""

    @property
    def pid(self) -> int:
        return int((self.data_dir / "meshd.pid").read_text())

    def hand_on(self) -> int:
        """`meshd restart`; the process before.  CommandError where it refuses."""
        return int(self.cli("restart")["before"])

    def wait_for(self, pid: int, deadline: float = STOPPING) -> None:
        """Until that process has ended.  AssertionError where it has not in time."""
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                assert select.select([descriptor], [], [], deadline)[0], f"process {pid} has not ended"
            finally:
                os.close(descriptor)
        if self._process is not None and self._process.pid == pid:
            self._process.wait(deadline)

    def finish(self) -> None:
        """SIGTERM for the process that serves now, until it has ended."""
        pid = self.pid
        os.kill(pid, signal.SIGTERM)
        self.wait_for(pid)

    def close(self) -> None:
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            if (pid := self.pid) != os.getpid():
                os.kill(pid, signal.SIGKILL)
                self.wait_for(pid)
        super().close()


def children_of(pid: int) -> list[int]:
    """Processes that the process has begun and that are there."""
    return [
        int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()
    ]


def descendants(pid: int) -> list[int]:
    """Those, and what they have begun in their turn."""
    return [each for child in children_of(pid) for each in (child, *descendants(child))]


def resident(pid: int) -> int:
    """Bytes of memory of the process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    """How many the process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def settled(pid: int, bound: int, deadline: float = PATIENCE) -> int:
    """Its descriptors, as soon as they are no more than the bound; what they are at last otherwise."""
    end = time.monotonic() + deadline
    while (now := descriptors(pid)) > bound and time.monotonic() < end:
        time.sleep(0.05)
    return now
