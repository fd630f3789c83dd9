"""Files that hold one secret: read where a setting names one, and refused where others could read it too."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from meshd.config.errors import ConfigError, place

LEAST, MOST = 16, 4096
"""Bytes of a secret: fewer could be guessed; more were another file than was meant."""


def read_secret(path: Path, key: str, origins: Mapping[str, str], least: int = LEAST) -> bytes:
    """The file's content without blanks around it, `least` bytes or more.  Raises: ConfigError."""
    where = f"{place(origins[key])}: {key}: {path}"
    try:
        if not path.is_file():  # opening a pipe would wait for its other end
            raise FileNotFoundError(2, "there is no such file")
        mode = stat.S_IMODE(path.stat().st_mode)
        with path.open("rb") as file:
            secret = file.read(MOST + 1).strip()
    except OSError as error:
        raise ConfigError(f"{where} cannot be read: {error.strerror}") from error
    if mode & 0o027:
        raise ConfigError(f"{where} is open to others (mode {mode:04o}): chmod 640 or 600")
    if not least <= len(secret) <= MOST:
        made = "; `openssl rand -hex 32` makes some" if least == LEAST else ""
        raise ConfigError(f"{where} must hold {least} to {MOST} bytes{made}")
    return secret
