"""The sender and the sink of flood.c: compiled once, run against a live daemon."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from tests.support.daemon import end_with_input

SOURCE = Path(__file__).with_name("flood.c")
SECONDS = 10.0
"""After which a sender ends that was not stopped."""


@functools.cache
def program() -> str:
    """The compiled program.  SkipTest where the machine has no compiler."""
    if shutil.which("cc") is None:
        raise unittest.SkipTest("there is no C compiler to build the sender with")
    target = Path(tempfile.gettempdir()) / f"meshd-flood-{SOURCE.stat().st_mtime_ns}-{SOURCE.stat().st_uid}"
    if not target.exists():
        draft = tempfile.mkdtemp(prefix="meshd-flood-")
        subprocess.run(["cc", "-O2", "-pthread", "-o", f"{draft}/flood", str(SOURCE)], check=True)
        Path(draft, "flood").replace(target)
        Path(draft).rmdir()
    return str(target)


class Origin:
    """Gone with the test, or when `close` is called.  kind: "sink" reads for ever, "source" sends; neither answers."""

    def __init__(self, test: Any, kind: str) -> None:
        """test: None where nobody but the caller closes it."""
        self._process = subprocess.Popen([program(), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if test is not None:
            test.addCleanup(self.close)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def body(self) -> int:
        """Bytes of bodies that a sink got until now."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline().partition("=")[2])

    def close(self) -> None:
        end_with_input(self._process)


def send(port: int, head: bytes, *, conns: int, kind: str = "raw") -> dict[str, int]:
    """Each connection sends head and a body without end: what was sent, and how many got an answer."""
    return _run("send", port, head, conns, kind)


def repeat(port: int, head: bytes, *, conns: int, times: int) -> dict[str, int]:
    """Each connection sends these bytes, which are whole requests, so many times."""
    return _run("repeat", port, head, conns, str(times))


def pull(port: int, head: bytes, *, conns: int, most: int) -> tuple[int, float]:
    """Bytes read through tunnels, so many at most, or until they were ended; and the seconds that it took."""
    done = _run("pull", port, head, conns, str(most))
    return done["body"], done["microseconds"] / 1e6


def _run(mode: str, port: int, head: bytes, conns: int, last: str) -> dict[str, int]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(head)
        file.flush()
        command = [program(), mode, str(port), file.name, str(conns), str(SECONDS), last]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS + 30)
    return {name: int(value) for name, value in (word.split("=") for word in done.stdout.split())}
