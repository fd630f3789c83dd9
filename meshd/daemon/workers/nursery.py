"""`python -m meshd.daemon.workers.nursery`: a process that has imported all that a worker needs, and forks workers.

So a worker is there in some hundredths of a second, and shares the memory of the program's code with the others.  The
nursery has one thread, no reactor and nothing open but its own channel, as what has those cannot be forked soundly.

Its standard input is the channel to the daemon.  Each frame asks for a worker, and brings the worker's own channel; the
answers are JSON: `{"forked": pid}` in the order of the asking, `{"ended": pid, "status": n}`.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from meshd.daemon.workers import channel
from meshd.daemon.workers.messages import FORK
from meshd.daemon.workers.serving import serve

REACTOR = "twisted.internet.reactor"


def main() -> None:
    """Fork whatever is asked for, until the daemon ends."""
    if REACTOR in sys.modules:
        raise RuntimeError("a reactor would be shared by all workers")
    call_yourself("meshd-nursery")
    faulthandler.enable()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=os.dup(0)) as daemon:
        given = _attend(daemon)
    if given is not None:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        serve(given)


def _attend(daemon: socket.socket) -> socket.socket | None:
    """Fork until the daemon ends; in a worker, its channel."""
    awake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    waiting = select.poll()
    waiting.register(daemon, select.POLLIN)
    waiting.register(awake, select.POLLIN)
    try:
        while True:
            ready = {descriptor for descriptor, _ in waiting.poll()}
            if awake in ready:
                os.read(awake, 4096)
                _tell_ended(daemon)
            if daemon.fileno() in ready:
                asked, descriptors = _asked(daemon)
                if not asked:
                    return None
                if (forked := _fork(daemon, descriptors[0])) is not None:
                    return forked
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(awake)
        os.close(wake)


def _asked(daemon: socket.socket) -> tuple[bytes, list[int]]:
    """What the daemon asks for, with its descriptors; nothing where it has ended."""
    try:
        asked, descriptors, _ = channel.receive(daemon, channel.SIZE + len(FORK), 1, socket.MSG_WAITALL)
    except ConnectionError:  # it has ended without hearing all that was told
        return b"", []
    return asked, descriptors


def _fork(daemon: socket.socket, descriptor: int) -> socket.socket | None:
    """Fork; the channel in the child, None in the nursery."""
    pid = os.fork()
    if pid == 0:
        call_yourself("meshd-worker")
        return socket.socket(fileno=descriptor)
    os.close(descriptor)
    _tell(daemon, forked=pid)
    return None


def _tell_ended(daemon: socket.socket) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _tell(daemon, ended=ended[0], status=os.waitstatus_to_exitcode(ended[1]))


def _tell(daemon: socket.socket, **what: int) -> None:
    with suppress(OSError):  # the daemon has ended: that is read next
        daemon.sendall(channel.frame(json.dumps(what).encode()))


def call_yourself(name: str) -> None:
    """Have this process called so by ps and top: 15 characters at most."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name)


if __name__ == "__main__":
    main()
