"""The file of the key that passwords are sealed with which are told again: made where there is none, then only read.

Whoever has the store alone cannot open them.  Several processes on one store need the same file; what one of them has
sealed by another key is told as unknown.
"""

from __future__ import annotations

import os
from pathlib import Path

from meshd.auth.sealing import KEY_BYTES, Seals
from meshd.tls.newfile import create


class BadKey(OSError):
    """The file is no key of ours; one line that says what to do."""


class Vault:
    """Opens the file when it is first needed, and once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seals: Seals | None = None

    def seals(self) -> Seals:
        """What the key seals with.  Raises: BadKey, OSError."""
        if self._seals is None:
            self._seals = Seals(self._key())
        return self._seals

    def _key(self) -> bytes:
        if not self._path.exists():
            create(self._path, os.urandom(KEY_BYTES), 0o600)
        with self._path.open("rb") as file:  # as another process may have made it first
            key = file.read(KEY_BYTES + 1)
        if len(key) != KEY_BYTES:
            raise BadKey(f"{self._path} is no key of {KEY_BYTES} bytes: put the file back that was there, or remove it")
        return key
