"""Passwords that the slow hash found right within the last day, so that a restart need not hash all of them again.

What is kept is a keyed digest of the encoded hash and the password, and when it was found.  A fast digest must not fall
into anybody's hands beside what it was made of, so digests and their key are in one file in memory (tmpfs) alone:
whoever has the data folder, a backup of it or the disk (but for swap) has neither.  A changed password has another
encoded hash, which no digest fits.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from itertools import chain
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from meshd import wholefile
from meshd.bounded import Bounded

DAY = 86_400
"""Seconds for which a finding holds."""
MOST = 20_000
"""Findings kept: 400 kB of the file, 4 MB of the process."""
SECONDS = 10.0
"""How long a finding may wait to be written: what is found in between is hashed again after a crash."""

_HEAD = b"meshd proven 1\n"
_KEY, _DIGEST, _TIME = 32, 16, 4
_ROW = _DIGEST + _TIME
LARGEST = len(_HEAD) + _KEY + MOST * _ROW
"""Most bytes of the file, and of what `state` gives."""

_log = Logger()


class Proven:
    """What is kept for the next process in `path`; with None in this process alone."""

    def __init__(
        self,
        path: Path | None,
        clock: IReactorTime,
        now: Callable[[], float],
        random: Callable[[int], bytes] = os.urandom,
        known: bytes = b"",
    ) -> None:
        """known: what another process of the daemon knows, as `state` gives it; its key is this one's too."""
        self._path = path
        self._clock = clock
        self._now = now
        self._found: Bounded[bytes, bytes] = Bounded(lambda: MOST)
        """When, in epoch seconds as the file has them, by digest."""
        self._timer: IDelayedCall | None = None
        self.told: Callable[[bytes], None] = lambda row: None
        """Called with each finding of this process, for the others of the daemon."""
        self._key = self._read(known) or self._load() or random(_KEY)

    def __len__(self) -> int:
        return len(self._found)

    def knows(self, encoded: str, password: str) -> bool:
        """Whether the password was found to be that of the encoded hash within the last day."""
        when = self._found.get(self._digest(encoded, password))
        return when is not None and 0 <= self._now() - int.from_bytes(when, "big") < DAY

    def note(self, encoded: str, password: str) -> None:
        """Remember that the slow hash has found the password right."""
        row = self._digest(encoded, password) + int(self._now()).to_bytes(_TIME, "big")
        self.learn(row)
        self.told(row)

    def learn(self, row: bytes) -> None:
        """Remember a finding, perhaps of another process with the same key; nothing where it is none."""
        if len(row) != _ROW:
            return
        self._found.put(row[:_DIGEST], row[_DIGEST:])
        if self._path is not None and self._timer is None:
            self._timer = self._clock.callLater(SECONDS, self._write)

    def state(self) -> bytes:
        """All that is known, and the key: for another process of the daemon, and for nobody else."""
        return _HEAD + self._key + b"".join(chain.from_iterable(self._found.items()))

    def leave(self) -> None:
        """Write no more: another process has the file now, and all that was known here."""
        self._path = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Write what is not written yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._write()

    def _digest(self, encoded: str, password: str) -> bytes:
        data = f"{encoded}\0{password}".encode("utf-8", "surrogatepass")
        return blake2b(data, key=self._key, digest_size=_DIGEST).digest()

    def _load(self) -> bytes:
        """Read what another process has left; its key, b"" where there is none that may be trusted."""
        if self._path is None:
            return b""
        with suppress(OSError), open(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            about = os.fstat(file.fileno())
            if about.st_uid == os.geteuid() and not about.st_mode & 0o077:
                return self._read(file.read(LARGEST))
        return b""

    def _read(self, data: bytes) -> bytes:
        begin = len(_HEAD) + _KEY
        if not data.startswith(_HEAD) or len(data) < begin or (len(data) - begin) % _ROW:
            return b""
        for row in range(begin, len(data), _ROW):
            self._found[data[row : row + _DIGEST]] = data[row + _DIGEST : row + _ROW]
        return data[len(_HEAD) : begin]

    def _write(self) -> None:
        """Put a new file in the place of the old one; one that cannot be written costs hashes, and nothing else."""
        self._timer = None
        assert self._path is not None
        try:
            wholefile.put(self._path, self.state())
        except OSError as error:
            _log.warn(
                "passwords are hashed again after a restart: {path} cannot be written: {error}",
                path=str(self._path),
                error=error.strerror,
            )
