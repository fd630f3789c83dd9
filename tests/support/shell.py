"""A shell that tests type into, and programs whose output is read while they run."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

STEP = 180.0
"""Seconds for one example."""

MARK = "an-example-has-ended"


class Shell:
    """A process whose output is read line by line while it runs; ended with all that it began."""

    def __init__(
        self, command: Sequence[str], cwd: Path, environ: Mapping[str, str], *, user: str | None = None
    ) -> None:
        self.lines: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            user=user,
            extra_groups=[] if user else None,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            with self._news:
                self.lines.append(line)
                self._news.notify_all()

    def wait_for(self, wanted: str, since: int, deadline: float) -> int:
        """The position of the first line from since on with this in it.  AssertionError with what came instead."""
        end = time.monotonic() + deadline
        with self._news:
            while True:
                for at, line in enumerate(self.lines[since:], since):
                    if wanted in line:
                        return at
                if time.monotonic() > end or not self._reader.is_alive():
                    raise AssertionError(
                        f"no {wanted!r} within {deadline} s, or before the end:\n{''.join(self.lines[since:])}"
                    )
                self._news.wait(0.2)

    def type(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def close(self) -> None:
        """Its whole group, which it leads."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._reader.join(60)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


class Examples:
    """One bash that carries out example after example, as a reader does who types them in."""

    def __init__(self, cwd: Path, environ: Mapping[str, str], *, wrap: Sequence[str] = ()) -> None:
        """wrap: words before the shell's command, such as those that begin it in another place."""
        self._shell = Shell([*wrap, "bash", "--norc"], cwd, environ)

    def run(self, commands: str, patience: float = STEP) -> str:
        """What they print within so many seconds, errors included."""
        since = len(self._shell.lines)
        self._shell.type(f"{commands}\nprintf '\\n{MARK}\\n'\n")
        at = self._shell.wait_for(MARK, since, patience)
        return "".join(self._shell.lines[since:at])

    def close(self) -> None:
        self._shell.close()
