"""A network namespace of a test's own, with addresses and routes that this machine need not have."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

from tests.support.daemon import at_end_of

NEWNET = 0x4000_0000
"""CLONE_NEWNET of setns(2)."""

IP = shutil.which("ip", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])) or ""

_libc = ctypes.CDLL(None, use_errno=True)


def why_not() -> str:
    """Why there can be none here; "" where there can."""
    if not IP:
        return "there is no ip command (iproute2)"
    if os.geteuid() != 0:
        return "only root makes network namespaces"
    name = _name()
    made = subprocess.run([IP, "netns", "add", name], check=False, capture_output=True, text=True)
    if made.returncode:
        return f"this machine makes no network namespaces: {made.stderr.strip()}"
    _ip("netns", "del", name)
    return ""


class Namespace:
    """Stands from the constructor on, its loopback interface up; gone with the test or class that owns it."""

    def __init__(self, owner: Any) -> None:
        self.name = _name()
        _ip("netns", "add", self.name)
        at_end_of(owner, self.close)
        self.ip("link", "set", "lo", "up")

    @property
    def wrap(self) -> tuple[str, ...]:
        """Words before a command that is to run in it; the process is the command's own."""
        return IP, "netns", "exec", self.name

    def ip(self, *words: str) -> None:
        _ip("-n", self.name, *words)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets and threads that this thread makes meanwhile are in it, and stay there."""
        with open("/proc/thread-self/ns/net") as own, open(f"/run/netns/{self.name}") as inner:
            _set(inner.fileno())
            try:
                yield
            finally:
                _set(own.fileno())

    def close(self) -> None:
        _ip("netns", "del", self.name)


def _name() -> str:
    return f"meshd-{os.getpid()}-{secrets.token_hex(3)}"


def _ip(*words: str) -> None:
    done = subprocess.run([IP, *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stderr)


def _set(fd: int) -> None:
    if _libc.setns(fd, NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
