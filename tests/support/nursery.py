"""Daemons that are forked from a process which has imported everything already: up in a quarter of the time.

What runs is `twistd`'s own `run` with the arguments, environment, folder and output of a command, in a session of its
own; only the imports are shared, and `/proc/PID/cmdline` is the nursery's.  A test has hundreds of daemons started, and
four fifths of a start are imports.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TextIO

ROOT = Path(__file__).resolve().parents[2]
MOST = 64 * 1024
"""Bytes of a request: arguments and environment."""
REACTOR = "twisted.internet.reactor"
RECORD = 16
"""Bytes of a number that is told of a child: its own, then its status."""


class Nursery:
    """One process for each that runs tests; it ends with that one, since its standard input does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def fork(self, argv: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> Child:
        """argv: twistd's own, without its name."""
        request = json.dumps({"argv": list(argv), "cwd": str(cwd), "environ": dict(environ)}).encode()
        ours, theirs = zip(*(os.pipe() for _ in range(3)), strict=True)
        try:
            with self._lock:
                socket.send_fds(self._opened(), [request], theirs)
        finally:
            for end in theirs:
                os.close(end)
        return Child(*ours)

    def _opened(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", "from tests.support.nursery import main; main()"],
                    env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
                    stdin=theirs,
                )
        return self._socket


class Child:
    """As much of `subprocess.Popen` as a daemon needs."""

    def __init__(self, stdout: int, stderr: int, report: int) -> None:
        self.stdout, self.stderr = _text(stdout), _text(stderr)
        self._report = os.fdopen(report, "rb", buffering=0)
        self._lock = threading.Lock()
        self.returncode: int | None = None
        number = self._report.read(RECORD)
        assert number, "the nursery ended"
        self.pid = int(number)

    def poll(self) -> int | None:
        return self._status(0)

    def wait(self, timeout: float = 60.0) -> int:
        status = self._status(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("twistd meshd", timeout)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, which we are about to be told
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _has_reported(self, timeout: float) -> bool:
        """Whether the child's end is told within so many seconds.  By poll, for a descriptor may be beyond 1,023."""
        waiting = select.poll()
        waiting.register(self._report, select.POLLIN)
        return bool(waiting.poll(timeout * 1000))

    def _status(self, timeout: float) -> int | None:
        if not self._lock.acquire(timeout=timeout):
            return None  # another thread waits for it
        try:
            if self.returncode is None and self._has_reported(timeout):
                with self._report:
                    self.returncode = int(self._report.read(RECORD) or -signal.SIGKILL)
        finally:
            self._lock.release()
        return self.returncode


def _text(descriptor: int) -> TextIO:
    return os.fdopen(descriptor, "r", errors="replace")


# In the nursery


def main() -> None:
    """Fork whatever standard input asks for, until it ends."""
    _imports()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in a shell's background
    with socket.socket(fileno=os.dup(0)) as door:
        while True:
            request, descriptors, _, _ = socket.recv_fds(door, MOST, 3)
            if not request:
                return
            if os.fork() == 0:
                break
            for descriptor in descriptors:
                os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _keep(json.loads(request), *descriptors)


def _imports() -> None:
    """All that a daemon imports on its way up, but no reactor: each has its own; and its API's documents, read.

    Klein asks for one as it is imported, for a function that meshd does not call; it gets an empty module.
    """
    sys.modules[REACTOR] = ModuleType(REACTOR)
    import twisted.internet.epollreactor
    import twisted.scripts._twistd_unix

    import meshd.daemon.assembly
    import meshd.tap  # noqa: F401
    from meshd.web.openapi import document

    for package in ("meshd.web.api", "meshd.web.admin", "meshd.web.v1"):
        document(package)
    del sys.modules[REACTOR]
    vars(twisted.internet).pop("reactor", None)


def _keep(request: dict[str, object], stdout: int, stderr: int, report: int) -> None:
    """Be the daemon, in a child; tell its number and its status, and end with it."""
    pid = os.fork()
    if pid == 0:
        os.close(report)
        _become(request, stdout, stderr)
        return
    os.close(stdout)
    os.close(stderr)
    os.write(report, b"%*d" % (RECORD, pid))
    _, status = os.waitpid(pid, 0)
    os.write(report, b"%*d" % (RECORD, os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _become(request: dict[str, object], stdout: int, stderr: int) -> None:
    os.setsid()
    os.chdir(str(request["cwd"]))
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((nothing, stdout, stderr)):
        os.dup2(descriptor, number)
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update(request["environ"])  # type: ignore[arg-type]
    time.tzset()
    sys.argv = ["twistd", *request["argv"]]  # type: ignore[misc]
    from twisted.scripts.twistd import run

    run()
