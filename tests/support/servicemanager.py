"""What systemd does for a service with `Type=notify` and a store of descriptors: hears, keeps, and starts with them."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from pathlib import Path

from tests.support.daemon import LiveDaemon, until

ACTIVATE = """
import os, sys
count, names, *command = sys.argv[1:]
held = [os.dup2(int(number), 200 + at) for at, number in enumerate(command[:int(count)])]
for at, number in enumerate(held):
    os.dup2(number, 3 + at)
    os.close(number)
os.environ.update(LISTEN_FDS=count, LISTEN_FDNAMES=names, LISTEN_PID=str(os.getpid()))
os.environ["WATCHDOG_PID"] = str(os.getpid())
os.execvp(command[int(count)], command[int(count):])
"""


class ServiceManager:
    """Listens at a socket of its own, an abstract one where told so."""

    def __init__(self, owner: object, folder: Path, *, abstract: bool = False) -> None:
        self.address = f"@meshd-test-{os.getpid()}-{id(self)}" if abstract else str(folder / "notify")
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(f"\0{self.address[1:]}" if abstract else self.address)
        self._lock = threading.Lock()
        self._heard: list[str] = []
        self.kept: list[tuple[str, int]] = []
        """Names and descriptors."""
        threading.Thread(target=self._listen, daemon=True).start()
        getattr(owner, "addCleanup")(self.close)  # noqa: B009

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, descriptors, _, _ = socket.recv_fds(self._sock, 4096, 253)
                if not data:
                    return
                with self._lock:
                    self._take(data.decode().split("\n"), descriptors)

    def _take(self, lines: list[str], descriptors: list[int]) -> None:
        self._heard.append(" ".join(lines))
        said = dict(line.partition("=")[::2] for line in lines)
        if "FDSTORE" in said:
            for descriptor in descriptors:
                self._keep(said["FDNAME"], descriptor)
        elif "FDSTOREREMOVE" in said:
            for _, descriptor in [each for each in self.kept if each[0] == said["FDNAME"]]:
                os.close(descriptor)
            self.kept = [each for each in self.kept if each[0] != said["FDNAME"]]

    def _keep(self, name: str, descriptor: int) -> None:
        """Keep it, unless that is kept already."""
        if any(os.path.sameopenfile(descriptor, other) for _, other in self.kept):
            os.close(descriptor)
        else:
            self.kept.append((name, descriptor))

    @property
    def heard(self) -> list[str]:
        """Each notice, its lines with blanks between them."""
        with self._lock:
            return list(self._heard)

    def names(self) -> list[str]:
        """Of what is kept."""
        with self._lock:
            return sorted(name for name, _ in self.kept)

    def wait_for(self, begin: str, since: int = 0) -> str:
        """The first notice that begins so.  AssertionError where none comes."""
        return until(lambda: next((each for each in self.heard[since:] if each.startswith(begin)), ""), begin)

    def supervise(self, daemon: LiveDaemon, watchdog: float = 0.0) -> None:
        """Have the daemon's next start be one of this service manager's.  watchdog: seconds, 0 for none."""
        daemon.environ["NOTIFY_SOCKET"] = self.address
        if watchdog:
            daemon.environ["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        with self._lock:
            names, numbers = [name for name, _ in self.kept], [str(descriptor) for _, descriptor in self.kept]
            for _, descriptor in self.kept:
                os.set_inheritable(descriptor, True)
        words = [str(len(names)), ":".join(names), *numbers]
        daemon._wrap = [sys.executable, "-c", ACTIVATE, *words]
        daemon.passed_on = [descriptor for _, descriptor in self.kept]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        with self._lock:
            for _, descriptor in self.kept:
                os.close(descriptor)
            self.kept = []
