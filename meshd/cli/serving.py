"""The daemon, as `meshd move --live` speaks to it: at a socket in the data folder, word by word."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from meshd.cli.daemon import holder
from meshd.cli.errors import Refused
from meshd.daemon.moving import SOCKET, socket_path
from meshd.daemon.pidfile import PID_FILE
from meshd.store.interface import StoreError, StoreUnavailable

CONNECT_SECONDS, ANSWER_SECONDS = 15.0, 30.0
"""For the daemon to come, which may be reading its settings, and to answer."""


class Served:
    """The connection; a Serving of `store.moving.live`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._answers = connection.makefile("r")

    def prepare(self, url: str) -> None:
        self._ask("prepare", url=url)

    def freeze(self) -> None:
        try:
            self._ask("freeze")
        except StoreError as error:
            raise StoreUnavailable(str(error)) from error

    def go_on(self) -> None:
        self._ask("go on")

    def cut(self) -> None:
        self._ask("cut")

    def _ask(self, word: str, **facts: str) -> None:
        """Raises: StoreError with what the daemon says."""
        try:
            self._connection.sendall(json.dumps({"do": word, **facts}).encode() + b"\n")
            answer = json.loads(self._answers.readline() or "{}")
        except OSError as error:
            raise StoreError(
                f"the daemon does not answer ({word}): its log says with which store it goes on"
            ) from error
        if answer.get("done") != word:
            raise StoreError(answer.get("refused") or f"the daemon has ended ({word})")


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Have the daemon on the data folder connect.  Raises: Refused."""
    pid = holder(folder / PID_FILE)
    if pid is None:
        raise Refused(f"no daemon runs on {folder}: leave out --live")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another `meshd move --live` works on {folder}") from None
        with socket_path(folder) as path, _listening(path) as listener, _connected(listener, pid) as connection:
            os.unlink(path)
            yield Served(connection)
    finally:
        os.close(descriptor)


@contextmanager
def _listening(path: str) -> Iterator[socket.socket]:
    with suppress(FileNotFoundError):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        try:
            os.chmod(path, 0o600)
            listener.listen(1)
            yield listener
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)


def _connected(listener: socket.socket, pid: int) -> socket.socket:
    """Raises: Refused."""
    try:
        os.kill(pid, signal.SIGHUP)
    except OSError as error:
        raise Refused(f"process {pid} cannot be told: {error.strerror}") from error
    listener.settimeout(CONNECT_SECONDS)
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        raise Refused(f"process {pid} has not come to {SOCKET}: its log may say why") from None
    connection.settimeout(ANSWER_SECONDS)
    return connection
